"""pytest tests/report/test_report.py"""

import base64
import csv
import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.metrics.table import headlines, metric_info
from sfr_eval.report.page import SCRIPTS, script_json
from sfr_eval.report.report import write_report
from sfr_eval.report.verdict import (
    QUALITY,
    STYLE,
    VALID_VARIETY,
    VARIETY,
    assess,
    finding,
    matched_temperature,
)
from sfr_eval.store.manifest import Manifest, StoredConfig
from sfr_eval.store.results import Notes, Results, SuiteResults
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.types import Estimate
from tests.support.report_data import TEMPERATURES, draw, estimate, small_suite, write_run

HOSTILE = "</script><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>\u2028"


class Page(HTMLParser):
    """Everything that a page could load, run or show as a number."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.cells: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name.split(":")[-1] in ("src", "href", "action", "data", "poster", "srcset"):
                (self.links if tag == "a" else self.loads).append(value or "")
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
    manifest = Manifest.load(opened.path)
    opened.write_manifest(manifest.model_copy(update={"name": "<b>model</b>"}))
    write_report(opened, images=True)
    return opened


@pytest.fixture
def copied(folder: RunFolder, tmp_path: Path) -> RunFolder:
    """The run to be changed."""
    shutil.copytree(folder.path, tmp_path / "run")
    return RunFolder(tmp_path / "run")


@pytest.fixture(scope="module")
def html(folder: RunFolder) -> str:
    return (folder.path / "report.html").read_text(encoding="utf-8")


def test_every_estimate_in_the_tables_is_one_of_the_results(folder: RunFolder, html: str) -> None:
    results = folder.read_results().stored()
    known = {
        (row["metric"], row["persona"], repr(row["value"]))
        for row in results["estimates"] + results["truth"]["persona"]
    }
    cells = Page(html).cells
    shown = {(c["data-metric"], c["data-persona"], c["data-value"]) for c in cells}
    assert shown <= known
    metrics = {row["metric"] for row in results["estimates"] if row["value"] is not None}
    # 7 metrics, three temperatures, (all, reference, three personas); then every metric over all
    numbers = html.split('aria-label="All metrics"')[0]
    assert len(Page(numbers).cells) == 7 * 3 * 5
    assert {c["data-metric"] for c in cells} == metrics


def test_no_undefined_number_leaks(html: str) -> None:
    visible = re.sub(r"<(style|script|svg).*?</\1>", "", html, flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", " ", visible)
    assert not re.search(r"\b(nan|inf|None|null|undefined)\b", text.split("Methods")[0])
    data = re.findall(r'<script type="application/json">(.*?)</script>', html, flags=re.DOTALL)
    drawings = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    assert data
    assert drawings
    for text in (*data, *drawings):
        assert not re.search(r"\b(NaN|nan|Infinity)\b", text)


def test_hostile_text_stays_text(html: str) -> None:
    page = Page(html)
    assert html.count("<script>") == 1 + len(SCRIPTS)  # and nothing but ours
    data = html.count('<script type="application/json">')
    assert page.tags.count("script") == 1 + len(SCRIPTS) + data
    assert "img" not in page.tags
    assert not page.handlers
    assert "<b>model</b>" not in html
    assert "&lt;b&gt;model&lt;/b&gt;" in html
    assert "alert(1)<" not in html
    stored = re.findall(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)
    assert not set("<>&\u2028\u2029") & {character for data in stored for character in data}
    texts = [r.get("text") for p in json.loads(stored[-1])["prompts"] for r in p["replies"]]
    assert HOSTILE in texts


def test_the_page_loads_nothing_and_links_only_to_its_folder(folder: RunFolder, html: str) -> None:
    page = Page(html)
    assert all(load.startswith(("#", "data:")) for load in page.loads)  # "#": parts of a plot
    outside = [link for link in page.links if not link.startswith("#")]
    assert "samples.parquet" in outside
    assert all((folder.path / link).exists() for link in outside)
    styles = "".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL))
    assert "url(" not in styles
    assert "@import" not in styles


def test_the_policy_allows_these_scripts_alone(html: str) -> None:
    script = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(script) == 1 + len(SCRIPTS)
    digests = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in script]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    assert f"default-src 'none'; script-src {allowed};" in html


def test_equal_runs_have_equal_pages(folder: RunFolder, copied: RunFolder, html: str) -> None:
    assert write_report(copied, images=True).read_text(encoding="utf-8") == html
    assert len(html.encode()) < 3_000_000
    assert not list(folder.path.glob("**/*.part"))


def test_the_plots_are_there_as_files_with_their_numbers(folder: RunFolder) -> None:
    plots = folder.path / "plots"
    kinds = ("trade_off", "frontier", "over_temperature", "similarity")
    assert {p.name for p in plots.iterdir()} == {"persona-clusters.csv"} | {
        f"persona-{kind}.{suffix}" for kind in kinds for suffix in ("png", "svg", "csv")
    }
    header = (plots / "persona-trade_off.png").read_bytes()[:200]
    metres = int.from_bytes(header.split(b"pHYs")[1][:4], "big")  # pixels in a metre
    assert round(metres * 0.0254) == 300
    results = folder.read_results().stored()
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
    results = folder.read_results().stored()
    folder.seal(samples)
    partial = {"status": "partial", "config": StoredConfig(limit=5)}
    folder.write_manifest(Manifest.load(folder.path).model_copy(update=partial))
    for row in results["estimates"]:
        if row["metric"] == "style_accuracy":
            row |= {"value": None, "low": None, "high": None, "reason": "no style probe: few"}
    folder.write_results(Results.model_validate(results))
    text = write_report(folder).read_text(encoding="utf-8")
    warnings = re.findall(
        r"<li>(.*?)</li>", text.split('aria-label="Warnings"')[1].split("</ul>")[0]
    )
    assert f"4 warnings: <span>{warnings[0]}</span>" in text
    assert warnings == [
        "This run is partial: only the first 5 queries were asked.",
        "1 of 90 requests failed and are left out; repeat the run command to draw them again.",
        "4% of the replies were cut at max_tokens; lengths and variety are those of cut texts.",
        "Style is not measured: no style probe: few.",
    ]


def test_a_run_without_a_reference_is_only_described(copied: RunFolder) -> None:
    results = copied.read_results().stored()
    del results["truth"]
    results["estimates"] = [
        row
        for row in results["estimates"]
        if not row["metric"].startswith("oracle") and row["metric"] != "distinct_valid"
    ]
    copied.write_results(Results.model_validate(results))
    text = write_report(copied).read_text(encoding="utf-8")
    assert "Two replies to a prompt lie 0.31 ± 0.02 apart in meaning at T = 1" in text
    assert "For a verdict, add `--references FILE`" in text
    assert "recognised as the requested persona in 71 ± 2 % of cases (chance 33 %" in text


def test_a_folder_that_is_not_a_scored_run_is_a_user_error(copied: RunFolder) -> None:
    folder = copied
    with pytest.raises(UserError, match="no such folder"):
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
        notes={"style_accuracy": Notes(chance_accuracy=0.1)},
        similarity={},
    )


REFERENCE = [
    estimate("oracle_valid", 1.0, 0.0),
    estimate("style_accuracy", 0.9, 0.03),
    estimate("embed_distance", 0.4, 0.02),
    estimate("distinct_valid", 4.0, 0.0),
]


def against_reference(style: float, variety: float, half: float = 0.01, valid: float = 1.0) -> Any:
    rows = [
        estimate(metric, value, 0.0 if metric == "oracle_valid" else half, temperature=t)
        for t in TEMPERATURES
        for metric, value in (
            ("style_accuracy", style),
            ("embed_distance", variety),
            ("oracle_valid", valid),
        )
    ]
    return finding(suite(rows, REFERENCE))


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
    found = against_reference(style, variety, half, valid)
    assert (found.tone, found.headline.split(":")[0]) == (tone, headline)


def test_a_loss_by_a_low_temperature_alone_is_not_called() -> None:
    rows = [
        estimate(metric, value, 0.01, temperature=t)
        for t, valid, style, variety in ((0.4, 0.95, 0.9, 0.1), (1.0, 0.6, 0.9, 0.4))
        for metric, value in (
            ("oracle_valid", valid),
            ("style_accuracy", style),
            ("embed_distance", variety),
        )
    ]
    found = finding(replace(suite(rows, REFERENCE), temperatures=(0.4, 1.0)))
    assert (found.temperature, found.tone) == (0.4, "unsure")
    assert "variety is lower here, but not clearly so at T = 1" in found.sentences[-1]


def test_variety_is_called_by_valid_replies_where_measured() -> None:
    # All replies together are as far apart as the reference's, because half of them are wrong.
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
    reference = [*REFERENCE, estimate("valid_embed_distance", 0.4, 0.02)]
    found = finding(suite(rows, reference))
    assert (found.tone, found.headline.split(":")[0]) == ("bad", "Loss of variety")
    assert "Two valid replies" in found.sentences[-1]
    assert finding(suite(rows, REFERENCE)).tone == "unsure"  # without the gate it cannot be seen


def test_kept_is_within_a_tenth_of_the_references_range() -> None:
    reference = estimate("style_accuracy", 0.9, 0.01)
    # room .9 - .1 = .8, so .82 is the limit
    assert assess(estimate("style_accuracy", 0.84, 0.015), reference, floor=0.1) == "kept"
    assert assess(estimate("style_accuracy", 0.84, 0.025), reference, floor=0.1) == "lost"
    assert assess(estimate("style_accuracy", 0.84, 0.06), reference, floor=0.1) == "undecided"
    assert assess(estimate("style_accuracy", 0.5, None), reference, floor=0.1) == "undecided"
    assert assess(None, reference, floor=0.1) == "undecided"
    # lower is better: nothing is left at 1, room .4 - 1 = -.6, so .46 is the limit
    overlap = estimate("self_bleu_4", 0.4, 0.01)
    assert assess(estimate("self_bleu_4", 0.44, 0.01), overlap, floor=1.0) == "kept"
    assert assess(estimate("self_bleu_4", 0.6, 0.01), overlap, floor=1.0) == "lost"


def test_the_matched_temperature_is_where_quality_comes_nearest() -> None:
    def at(*values: tuple[float, float]) -> float:
        pairs = zip(TEMPERATURES, values, strict=True)
        rows = [estimate("oracle_valid", v, half, temperature=t) for t, (v, half) in pairs]
        return matched_temperature(suite(rows, REFERENCE))

    assert at((1.0, 0.0), (1.0, 0.0), (1.0, 0.0)) == 1.0  # all the same: its own distribution
    assert at((0.9, 0.01), (0.7, 0.01), (0.4, 0.01)) == 0.4
    assert at((0.9, 0.05), (0.87, 0.05), (0.4, 0.01)) == 1.0  # 0.4 and 1 cannot be told apart
    assert matched_temperature(suite([estimate("length", 5.0)], REFERENCE)) == 1.0


# Headline metrics


def test_headlines_are_metrics_that_include_the_verdicts() -> None:
    ids = headlines()
    assert len(set(ids)) == len(ids)
    assert all(metric_info(metric) for metric in ids)
    assert {QUALITY, STYLE, VARIETY, VALID_VARIETY} <= set(ids)
    assert set(headlines("style")) < set(ids)


def test_no_headline_is_one_that_calibrate_failed() -> None:
    file = Path(__file__).parents[2] / "docs" / "calibration" / "calibration.json"
    measured = json.loads(file.read_text())["metrics"]
    tested = set(headlines("style", "variety")) & set(measured)
    assert len(tested) >= 5
    failed = {m: measured[m]["reasons"] for m in tested if not measured[m]["headline"]}
    assert not failed
    # What claims to see no collapse is a fact or a quality, not a measure of variety.
    others = set(headlines("quality", "facts")) & set(measured)
    assert all(not measured[metric]["claims"] for metric in others)


def test_the_table_has_every_metric_the_curves_only_headlines(folder: RunFolder, html: str) -> None:
    metrics = {row["metric"] for row in folder.read_results().stored()["estimates"]}
    assert "self_bleu_4" in metrics
    table = html.split('aria-label="All metrics"')[1].split("</table>")[0]
    shown = re.findall(r'<tr><th scope="row"><a class="metric" href="#metric-(\w+)"', table)
    assert set(shown) == metrics
    assert len(shown) == len(metrics)
    with (folder.path / "plots" / "persona-over_temperature.csv").open() as stream:
        drawn = {row["metric"] for row in csv.DictReader(stream)}
    assert drawn <= set(headlines())
    assert "rouge_l_homogenization" in drawn


def test_json_in_a_script_is_inert() -> None:
    assert script_json([HOSTILE]).count("<") == 0
    assert json.loads(script_json({"a": HOSTILE})) == {"a": HOSTILE}
