"""pytest tests/comparison/test_page.py"""

import csv
import json
import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sfr_eval.comparison.compare import compare_runs
from sfr_eval.comparison.files import write_comparison
from sfr_eval.comparison.result import Comparison
from sfr_eval.errors import UserError
from sfr_eval.report.page import SCRIPTS, script_json
from sfr_eval.report.reply_choice import MAX_TEXT
from sfr_eval.types import Sample
from tests.support.chromium import Browser
from tests.support.chromium import Page as Tab
from tests.support.compare_data import write_world_run
from tests.support.reply_page import data_of

HOSTILE = "</script><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>\u2028"
SHARED = "these four words stay together in both"


class Page(HTMLParser):
    """What a page could load or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name.split(":")[-1] in ("src", "href", "action", "data", "poster", "srcset"):
                self.loads.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)


def attack(samples: list[Sample]) -> list[Sample]:
    """Of one prompt at T = 0.6 a reply attacks the page, one is long, one shares words."""
    first = samples[0]
    texts = {0: HOSTILE, 1: "y" * 1_000_000, 2: f"one {SHARED} a", 3: first.text}
    return [
        replace(s, text=texts[s.index])
        if (s.query, s.persona, s.temperature) == (first.query, first.persona, first.temperature)
        else s
        for s in samples
    ]


def echo(samples: list[Sample]) -> list[Sample]:
    return [replace(samples[0], text=f"another {SHARED} b"), *samples[1:]]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("page")
    first = write_world_run(
        folder / "a", {"cross": 0.0, "within": 0.0}, name="<b>first</b>", change=attack
    )
    second = write_world_run(folder / "b", {"cross": 0.5, "within": 0.0}, change=echo)
    return compare_runs(first, second)


@pytest.fixture(scope="module")
def written(comparison: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "compare"
    return write_comparison(comparison, folder, images=True).parent


def test_files_hold_every_row_in_full(comparison: Comparison, written: Path) -> None:
    loaded = json.loads((written / "comparison.json").read_text())
    assert loaded["format"] == 2
    (pair,) = loaded["pairs"]
    rows = pair["suites"][0]["rows"]
    with (written / "metrics.csv").open() as stream:
        table = list(csv.DictReader(stream))
    assert len(table) == len(rows) == len(list(comparison.rows))
    for row, line in zip(rows, table, strict=True):
        assert line["delta"] == ("" if row["delta"] is None else repr(row["delta"]))
    with (written / "matched_quality.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == len(pair["suites"][0]["matched_quality"]) > 0


def test_plots_are_for_print(written: Path) -> None:
    for kind in ("trade_off", "over_temperature"):
        for suffix in ("png", "svg", "csv"):
            assert (written / "plots" / f"persona-{kind}.{suffix}").stat().st_size > 500
    data = (written / "plots" / "persona-trade_off.png").read_bytes()
    place = data.index(b"pHYs") + 4
    assert round(struct.unpack(">I", data[place : place + 4])[0] * 0.0254) == 300
    with (written / "plots" / "persona-trade_off.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    points = [row for row in rows if row["kind"] == "point"]
    assert {row["run"] for row in points} == {"b>", "b"} or len({r["run"] for r in points}) == 2
    assert {row["beaten"] for row in points} <= {"True", "False"}
    assert all(float(r["diversity_low"]) <= float(r["diversity"]) for r in points)


def test_the_page_loads_nothing_and_hostile_text_is_inert(written: Path) -> None:
    text = (written / "compare.html").read_text()
    page = Page(text)
    assert not page.handlers
    assert "img" not in page.tags
    data = text.count('<script type="application/json">')
    assert page.tags.count("script") == 1 + len(SCRIPTS) + data
    outside = [link for link in page.loads if not link.startswith(("#", "data:"))]
    assert outside
    assert all((written / link).is_file() for link in outside)  # links to the plots' own files
    assert "<b>first</b>" not in text
    assert "default-src 'none'" in text
    assert len(text) < 4_000_000


def test_equal_comparisons_give_equal_pages(comparison: Comparison, tmp_path: Path) -> None:
    pages = [write_comparison(comparison, tmp_path / name) for name in ("x", "y")]
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_a_run_is_never_overwritten(comparison: Comparison) -> None:
    with pytest.raises(UserError, match="holds a run"):
        write_comparison(comparison, comparison.runs[0].folder)


def test_the_default_folder_is_named_after_the_runs(comparison: Comparison) -> None:
    folder = comparison.default_folder
    assert folder.parent == Path("runs")
    assert re.fullmatch(r"compare-[A-Za-z0-9._-]+-[0-9a-f]{8}", folder.name)


def test_replies_side_by_side_are_of_the_same_prompts(written: Path) -> None:
    prompts = data_of(written / "compare.html")["prompts"]
    places = [
        {(p["query"], p["persona"], p["temperature"]) for p in prompts if p["run"] == run}
        for run in (0, 1)
    ]
    assert places[0] == places[1]
    assert {temperature for _, _, temperature in places[0]} == {0.6, 1.0, 1.4}
    texts = [reply.get("text", "") for prompt in prompts for reply in prompt["replies"]]
    assert max(map(len, texts)) < MAX_TEXT + 60
    assert any("1,000,000 characters in all" in text for text in texts)


def test_json_for_a_script_cannot_leave_it() -> None:
    text = script_json({"x": HOSTILE})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"x": HOSTILE}


@pytest.fixture
def tab(chromium: Browser, written: Path) -> Iterator[Tab]:
    """The page, freshly opened; at the end nothing was logged, requested or run that should not."""
    tab = chromium.page()
    address = (written / "compare.html").as_uri()
    tab.open(address)
    yield tab
    assert tab.troubles == []
    assert {request.split("#")[0] for request in tab.requests} == {address}
    assert tab.dialogs == 0
    tab.close()


def texts(tab: Tab, selector: str) -> list[str]:
    found: list[str] = tab.run(
        f"[...document.querySelectorAll({selector!r})].map(e => e.textContent)"
    )
    return found


def test_a_browser_shows_all_runs_of_a_prompt_side_by_side(
    tab: Tab, comparison: Comparison
) -> None:
    assert tab.run("document.documentElement.dataset.ready") == "yes"
    assert tab.run("document.querySelectorAll('img').length") == 0
    assert texts(tab, ".browser .said")[0].startswith("Showing 12 of ")
    labels = [run.label for run in comparison.runs]
    assert texts(tab, ".prompt:first-child .side h5") == labels
    assert tab.run("document.querySelectorAll('.side.run-1').length") == 12
    tab.set('[data-key="text"]', SHARED)
    assert texts(tab, ".browser .said")[0].startswith("Showing 1 of 1 prompts. 2 matches of ")
    assert texts(tab, ".side mark").count(SHARED) == 2


def test_within_a_run_two_temperatures_stand_side_by_side(tab: Tab, comparison: Comparison) -> None:
    tab.set('[data-key="persona"]', "pirate")
    tab.set('[data-key="temperature"]', "0.6")
    tab.set('[data-key="beside"]', "temperature:1.4")
    heads = texts(tab, ".side h5")
    assert [head.rsplit(" ", 1)[1] for head in heads] == ["0.6", "1.4"] * (len(heads) // 2)
    runs = [head.split(" \u00b7 ")[0] for head in heads]
    assert runs[::2] == runs[1::2]
    assert set(runs) == {run.label for run in comparison.runs}
    assert tab.run("location.hash").startswith("#replies-1?persona=pirate&temperature=0.6&beside=")
