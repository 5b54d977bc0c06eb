"""pytest tests/test_report.py"""

import base64
import csv
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.browser import MAX_SAMPLES, embedded, script_json
from sfr_eval.errors import UserError
from sfr_eval.report import write_report
from sfr_eval.results import SuiteResults, percent, plain
from sfr_eval.store import RunFolder
from sfr_eval.types import Estimate, Sample
from sfr_eval.verdict import judge, matched_temperature, verdict
from tests.report_data import TEMPERATURES, draw, estimate, small_suite, write_run

CHROMIUM = shutil.which("chromium")
BROWSER_FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-sync", "--disable-background-networking", "--disable-component-update"),
    *("--enable-logging=stderr", "--v=0", "--dump-dom"),
]
HOSTILE = "</script><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>\u2028"


class Page(HTMLParser):
    """Everything that a page could load, run or show as a number."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.cells: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name.split(":")[-1] in ("src", "href", "action", "data", "poster", "srcset"):
                self.loads.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)
        if tag == "td" and "data-value" in dict(attrs):
            self.cells.append(dict(attrs))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run in which one reply attacks the page and another failed."""
    samples = draw(small_suite())
    samples[0] = replace(samples[0], text=HOSTILE)
    samples[1] = replace(samples[1], text=HOSTILE + " ")
    samples[5] = replace(samples[5], status="error", text="", error=HOSTILE)
    opened = write_run(tmp_path_factory.mktemp("report") / "run", samples=samples)
    manifest = opened.read_manifest()
    assert manifest is not None
    manifest["name"] = "<b>model</b>"
    opened.write_manifest(manifest)
    write_report(opened)
    return opened


@pytest.fixture
def copied(folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """The run to be changed; its plots are not drawn into files, which takes seconds."""
    monkeypatch.setattr("sfr_eval.report.files", lambda panels: [])
    shutil.copytree(folder.path, tmp_path / "run")
    return RunFolder(tmp_path / "run")


@pytest.fixture(scope="module")
def html(folder: RunFolder) -> str:
    return (folder.path / "report.html").read_text(encoding="utf-8")


def test_every_estimate_in_the_tables_is_the_one_of_the_results(
    folder: RunFolder, html: str
) -> None:
    results = folder.read_results()
    known = {
        (row["metric"], row["persona"], repr(row["value"]))
        for row in results["estimates"] + results["truth"]["persona"]
    }
    cells = Page(html).cells
    shown = {(c["data-metric"], c["data-persona"], c["data-value"]) for c in cells}
    assert shown <= known
    # 7 metrics, three temperatures, (all, truth, three personas); made-up truths have no persona
    assert len(cells) == 7 * 3 * 5


def test_no_undefined_number_leaks(html: str) -> None:
    visible = re.sub(r"<(style|script|svg).*?</\1>", "", html, flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", " ", visible)
    assert not re.search(r"\b(nan|inf|None|null|undefined)\b", text.split("Methods")[0])
    assert "NaN" not in html
    assert " nan" not in html


def test_hostile_text_stays_text(html: str) -> None:
    page = Page(html)
    assert page.tags.count("script") == 2  # the data and ours
    assert "img" not in page.tags
    assert not page.handlers
    assert "<b>model</b>" not in html
    assert "&lt;b&gt;model&lt;/b&gt;" in html
    assert "alert(1)<" not in html
    data = re.search(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)
    assert data is not None
    assert not set("<>&\u2028\u2029") & set(data[1])
    texts = [r["text"] for p in json.loads(data[1])["prompts"] for r in p["replies"]]
    assert HOSTILE in texts


def test_the_page_loads_nothing(html: str) -> None:
    assert all(load.startswith(("#", "data:")) for load in Page(html).loads)
    styles = "".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL))
    assert "url(" not in styles
    assert "@import" not in styles


def test_the_policy_allows_this_script_alone(html: str) -> None:
    script = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(script) == 1
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    assert f"default-src 'none'; script-src 'sha256-{digest}';" in html


def test_equal_runs_have_equal_pages(folder: RunFolder, copied: RunFolder, html: str) -> None:
    assert write_report(copied).read_text(encoding="utf-8") == html
    assert len(html.encode()) < 3_000_000
    assert not list(folder.path.glob("**/*.part"))


def test_the_plots_are_there_as_files_with_their_numbers(folder: RunFolder) -> None:
    plots = folder.path / "plots"
    names = {f"persona-{kind}" for kind in ("trade_off", "over_temperature", "similarity")}
    assert {p.name for p in plots.iterdir()} == {
        f"{n}.{suffix}" for n in names for suffix in ("png", "svg", "csv")
    }
    results = folder.read_results()
    known = {
        (r["metric"], "model", r["temperature"]): (r["value"], r["low"], r["high"])
        for r in results["estimates"]
        if not r["persona"]
    }
    known |= {
        (r["metric"], "truth", r["temperature"]): (r["value"], r["low"], r["high"])
        for r in results["truth"]["persona"]
        if not r["persona"]
    }
    with (plots / "persona-over_temperature.csv").open() as stream:
        for row in csv.DictReader(stream):
            drawn = tuple(float(row[key]) for key in ("value", "low", "high"))
            assert drawn == known[row["metric"], row["who"], float(row["temperature"])]


def test_what_a_reader_must_know_stands_on_top(copied: RunFolder) -> None:
    folder = copied
    samples = draw(small_suite())
    for number in range(4):
        samples[number] = replace(samples[number], status="truncated")
    samples[4] = replace(samples[4], status="error", text="", error="no answer")
    folder.seal(samples)
    manifest = folder.read_manifest() or {}
    folder.write_manifest({**manifest, "status": "partial", "config": {"limit": 5}})
    results = folder.read_results()
    for row in results["estimates"]:
        if row["metric"] == "style_accuracy":
            row |= {"value": None, "low": None, "high": None, "reason": "no style probe: few"}
    folder.write_results(results)
    text = write_report(folder).read_text(encoding="utf-8")
    warnings = re.findall(r"<li>(.*?)</li>", text.split("</ul>")[0])
    assert warnings == [
        "This run is partial: only the first 5 queries were asked.",
        "1 of 90 requests failed and are left out; repeat the run command to draw them again.",
        "4% of the replies were cut at max_tokens; lengths and variety are those of cut texts.",
        "Style is not measured: no style probe: few.",
    ]


def test_a_run_without_truth_is_described_not_judged(copied: RunFolder) -> None:
    results = copied.read_results()
    del results["truth"]
    results["estimates"] = [
        row
        for row in results["estimates"]
        if not row["metric"].startswith("oracle") and row["metric"] != "distinct_valid"
    ]
    copied.write_results(results)
    text = write_report(copied).read_text(encoding="utf-8")
    assert "No verdict: nothing to compare with" in text
    assert "run a baseline" in text
    assert "recognised as the asked persona in 71 ± 2 % of cases (chance 33 %" in text


def test_a_folder_that_is_no_scored_run_is_a_user_error(copied: RunFolder) -> None:
    folder = copied
    with pytest.raises(UserError, match="not a run folder"):
        write_report(RunFolder(folder.path / "missing"))
    folder.results_file.write_text('{"estimates": [{"suite": "persona"}]}')
    with pytest.raises(UserError, match="not of this version"):
        write_report(folder)
    folder.results_file.write_text('{"estimates": []}')
    with pytest.raises(UserError, match="no estimate"):
        write_report(folder)
    folder.results_file.unlink()
    with pytest.raises(UserError, match=r"no results\.json"):
        write_report(folder)


# The verdict


def suite(rows: Sequence[Estimate], truth: Sequence[Estimate] = ()) -> SuiteResults:
    return SuiteResults(
        id="persona",
        title="Test",
        personas={"a": "Anna", "b": "Bert"},
        temperatures=TEMPERATURES,
        samples=4,
        estimates={(e.metric, e.temperature, e.persona): e for e in rows},
        truth={(e.metric, e.persona): e for e in truth},
        notes={"style_accuracy": {"chance_accuracy": 0.1}},
        counts=(),
        similarity={},
    )


TRUTH = [
    estimate("oracle_valid", 1.0, 0.0),
    estimate("style_accuracy", 0.9, 0.03),
    estimate("embed_distance", 0.4, 0.02),
    estimate("distinct_valid", 4.0, 0.0),
]


def against_truth(style: float, variety: float, half: float = 0.01, valid: float = 1.0) -> Any:
    rows = [
        estimate(metric, value, 0.0 if metric == "oracle_valid" else half, temperature=t)
        for t in TEMPERATURES
        for metric, value in (
            ("style_accuracy", style),
            ("embed_distance", variety),
            ("oracle_valid", valid),
        )
    ]
    return verdict(suite(rows, TRUTH))


@pytest.mark.parametrize(
    ("style", "variety", "half", "valid", "tone", "headline"),
    [
        (0.90, 0.40, 0.01, 1.0, "good", "No collapse found"),
        (0.50, 0.19, 0.01, 1.0, "bad", "Collapse"),
        (0.70, 0.30, 0.01, 1.0, "bad", "Partial collapse"),
        (0.20, 0.40, 0.01, 1.0, "bad", "Style collapse"),
        (0.70, 0.40, 0.01, 1.0, "bad", "Partial style collapse"),
        (0.90, 0.19, 0.01, 1.0, "bad", "Loss of variety"),
        (0.80, 0.35, 0.30, 1.0, "unsure", "Undecided"),  # intervals too wide
        (0.90, 0.40, 0.01, 0.5, "unsure", "Undecided"),  # varied, but half of it is wrong
        (0.90, 0.19, 0.01, 0.5, "bad", "Loss of variety"),  # wrong replies can only add
    ],
)
def test_verdicts(
    style: float, variety: float, half: float, valid: float, tone: str, headline: str
) -> None:
    found = against_truth(style, variety, half, valid)
    assert (found.tone, found.headline.split(":")[0]) == (tone, headline)


def test_what_is_lost_only_because_a_low_temperature_sharpens_is_not_called_lost() -> None:
    rows = [
        estimate(metric, value, 0.01, temperature=t)
        for t, valid, style, variety in ((0.4, 0.95, 0.9, 0.1), (1.0, 0.6, 0.9, 0.4))
        for metric, value in (
            ("oracle_valid", valid),
            ("style_accuracy", style),
            ("embed_distance", variety),
        )
    ]
    found = verdict(replace(suite(rows, TRUTH), temperatures=(0.4, 1.0)))
    assert (found.temperature, found.tone) == (0.4, "unsure")
    assert "variety is lower here, but not surely so at T = 1" in found.sentences[-1]


def test_variety_is_called_by_the_valid_replies_where_they_can_be_told_apart() -> None:
    # All replies together are as far apart as the truth's, because half of them are wrong.
    rows = [
        estimate(metric, value, 0.01, temperature=t)
        for t in TEMPERATURES
        for metric, value in (
            ("oracle_valid", 0.5),
            ("style_accuracy", 0.9),
            ("embed_distance", 0.4),
            ("valid_embed_distance", 0.15),
        )
    ]
    truth = [*TRUTH, estimate("valid_embed_distance", 0.4, 0.02)]
    found = verdict(suite(rows, truth))
    assert (found.tone, found.headline.split(":")[0]) == ("bad", "Loss of variety")
    assert "Two valid replies" in found.sentences[-1]
    assert verdict(suite(rows, TRUTH)).tone == "unsure"  # without the gate it cannot be seen


def test_kept_is_within_a_tenth_of_the_truths_room() -> None:
    truth = estimate("style_accuracy", 0.9, 0.01)
    # room .9 - .1 = .8, so .82 is the limit
    assert judge(estimate("style_accuracy", 0.84, 0.015), truth, floor=0.1) == "kept"
    assert judge(estimate("style_accuracy", 0.84, 0.025), truth, floor=0.1) == "lost"
    assert judge(estimate("style_accuracy", 0.84, 0.06), truth, floor=0.1) == "undecided"
    assert judge(estimate("style_accuracy", 0.5, None), truth, floor=0.1) == "undecided"
    assert judge(None, truth, floor=0.1) == "undecided"
    # lower is better: nothing is left at 1, room .4 - 1 = -.6, so .46 is the limit
    overlap = estimate("self_bleu_4", 0.4, 0.01)
    assert judge(estimate("self_bleu_4", 0.44, 0.01), overlap, floor=1.0) == "kept"
    assert judge(estimate("self_bleu_4", 0.6, 0.01), overlap, floor=1.0) == "lost"


def test_the_comparison_is_made_where_quality_comes_nearest_to_the_truths() -> None:
    def at(*values: tuple[float, float]) -> float:
        pairs = zip(TEMPERATURES, values, strict=True)
        rows = [estimate("oracle_valid", v, half, temperature=t) for t, (v, half) in pairs]
        return matched_temperature(suite(rows, TRUTH))

    assert at((1.0, 0.0), (1.0, 0.0), (1.0, 0.0)) == 1.0  # all the same: its own distribution
    assert at((0.9, 0.01), (0.7, 0.01), (0.4, 0.01)) == 0.4
    assert at((0.9, 0.05), (0.87, 0.05), (0.4, 0.01)) == 1.0  # 0.4 and 1 cannot be told apart
    assert matched_temperature(suite([estimate("length", 5.0)], TRUTH)) == 1.0


def test_numbers_are_written_as_precisely_as_they_are_known() -> None:
    assert plain(estimate("length", 0.4567, 0.031)) == "0.46 ± 0.03"
    assert plain(estimate("length", 38.12, 2.6)) == "38 ± 3"
    assert percent(estimate("length", 0.574, 0.031)) == "57 ± 3 %"
    assert plain(estimate("length", 4.0, 0.0)) == "4.0 ± 0.0"
    assert plain(estimate("length", 0.5, None)) == "0.50 (no interval)"
    lopsided = replace(estimate("length", 0.5), low=0.48, high=0.6)
    assert plain(lopsided) == "0.50 [0.48, 0.60]"


# The samples in the page


def sample(t: float, query: str, persona: str, index: int, **others: Any) -> Sample:
    fields = {"status": "ok", "text": f"{t} {query} {persona} {index}", **others}
    return Sample(
        sample_id="x",
        suite="s",
        query=query,
        persona=persona,
        temperature=t,
        index=index,
        seed=0,
        prompt_tokens=1,
        completion_tokens=1,
        **fields,
    )


def test_whole_prompts_are_taken_from_everywhere() -> None:
    samples = [
        sample(t, f"q{q}", persona, index)
        for t in (0.5, 1.0, 1.5)
        for q in range(100)
        for persona in "ab"
        for index in range(4)
    ]
    chosen = embedded(samples)
    assert sum(len(prompt["replies"]) for prompt in chosen) == MAX_SAMPLES
    assert all(len(prompt["replies"]) == 4 for prompt in chosen)
    assert {prompt["temperature"] for prompt in chosen} == {0.5, 1.0, 1.5}
    assert len({prompt["query"] for prompt in chosen}) == 75  # 600 / (4 replies x 2 personas)
    assert chosen == embedded(samples)
    assert len(embedded(samples[:64])) == 16  # all, where there are few
    assert len(embedded([sample(1.0, "q", "a", i) for i in range(900)])[0]["replies"]) == 900


def test_duplicates_are_marked_and_long_texts_cut() -> None:
    texts = ["same", "other", "same ", "x" * 5000]
    (prompt,) = embedded([sample(1, "q", "a", i, text=text) for i, text in enumerate(texts)])
    assert [reply["same"] for reply in prompt["replies"]] == [0, 0, 1, 0]
    assert prompt["replies"][3]["text"].endswith("[cut here; 5,000 characters in all]")


def test_json_in_a_script_is_inert() -> None:
    assert script_json([HOSTILE]).count("<") == 0
    assert json.loads(script_json({"a": HOSTILE})) == {"a": HOSTILE}


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
def test_in_a_browser_the_filters_work_and_nothing_is_fetched(html: str, tmp_path: Path) -> None:
    actions = """
    var out = {};
    function change(select, value) {
      var e = document.querySelector(select); e.value = value;
      e.dispatchEvent(new Event(e.tagName === "INPUT" ? "input" : "change"));
    }
    function shown() { return document.querySelectorAll(".prompt").length; }
    out.all = document.querySelector(".said").textContent;
    change(".by-persona", "pirate"); out.pirate = document.querySelector(".said").textContent;
    change(".by-temperature", "0.4"); out.cold = shown();
    change(".by-text", "ALERT(1)"); out.hostile = shown();
    out.text = document.querySelector(".prompt li .text").textContent;
    change(".by-text", "zzzz"); out.none = document.querySelector(".said").textContent;
    change(".table-temperature", "1.6");
    out.tables = [...document.querySelectorAll("[data-table]")].filter(b => !b.hidden)
      .map(b => b.dataset.table);
    out.fetched = performance.getEntriesByType("resource").map(e => e.name)
      .filter(n => !n.startsWith("data:"));
    out.ready = document.documentElement.dataset.ready;
    document.title = "OUT" + JSON.stringify(out) + "END";
    """
    digest = base64.b64encode(hashlib.sha256(actions.encode()).digest()).decode()
    page = tmp_path / "page.html"
    changed = html.replace("script-src '", f"script-src 'sha256-{digest}' '")
    page.write_text(changed.replace("</body>", f"<script>{actions}</script></body>"))
    command = [
        str(CHROMIUM),
        *BROWSER_FLAGS,
        f"--user-data-dir={tmp_path / 'profile'}",
        page.as_uri(),
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "CONSOLE" not in run.stderr
    found = re.search(r"OUT(.*?)END", run.stdout)
    assert found is not None, run.stderr
    out = json.loads(unescape(found[1]))
    assert out == {
        "all": "Showing 12 of 45 prompts.",
        "pirate": "Showing 12 of 15 prompts.",
        "cold": 5,
        "hostile": 1,
        "text": HOSTILE,
        "none": "No prompt matches.",
        "tables": ["1.6"],
        "fetched": [],
        "ready": "yes",
    }
