"""The index as a reader has it: opened in a real Chromium, from disk and served.

Screenshots go to artefacts/ (or $TEST_ARTEFACTS)."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.run_index.index import index
from sfr_eval.run_index.server import make_server
from sfr_eval.store.manifest import Manifest
from sfr_eval.util.lock import Owner
from tests.support.axe import violations
from tests.support.chromium import ARTEFACTS, Browser, Page
from tests.support.index_data import (
    QUALITY,
    SIX,
    VARIETY,
    Value,
    change,
    copy_run,
    owned_by,
    write_many,
    write_training,
)

SFR: dict[int, Value] = {100: (0.21, 0.2, 0.22), 800: (0.23, 0.22, 0.25)}


@pytest.fixture(scope="module")
def folder(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two trainings, a run of other settings, one that stopped, and one that is damaged."""
    root = tmp_path_factory.mktemp("index") / "runs"
    write_training(source, root / "sft", SIX)
    write_training(source, root / "sfr", SFR)
    plan = Manifest.load(source).stored()["plan"]
    copy_run(source, root / "other k", about={"plan": [plan[0] | {"samples": 8}]})
    copy_run(source, root / "stopped", about={"status": "partial", "samples": 100})
    (root / "broken").mkdir()
    (root / "broken" / "manifest.json").write_text("{")
    index(root)
    return root


@pytest.fixture
def page(chromium: Browser, folder: Path) -> Iterator[Page]:
    """The index, freshly opened; at the end nothing was said or asked that should not be."""
    tab = chromium.page()
    tab.look(width=1400)
    address = (folder / "index.html").as_uri()
    tab.open(address)
    tab.run("localStorage.clear()")
    tab.requests.clear()
    tab.open(address)
    yield tab
    settle(tab)
    assert tab.troubles == []
    assert {request.split("#")[0] for request in tab.requests} <= {address, "about:blank"}
    tab.close()


def settle(page: Page) -> None:
    page.run("new Promise(done => setTimeout(done, 250))")


def places(page: Page) -> list[str]:
    """The runs that are shown, in order."""
    found: list[str] = page.run(
        '[...document.querySelectorAll("#runs-table tbody tr")]'
        ".filter(row => row.offsetParent !== null).map(row => row.dataset.place)"
    )
    return found


def texts(page: Page, selector: str) -> list[str]:
    found: list[str] = page.run(
        f"[...document.querySelectorAll({selector!r})].map(e => e.textContent.trim())"
    )
    return found


def pick(page: Page, *names: str) -> None:
    for name in names:
        page.run(f"document.querySelector('tr[data-place=\"{name}\"] .run-pick').click()")
    settle(page)


def charts(page: Page, within: str) -> list[dict[str, Any]]:
    """What the charts in an element of the page are drawn from."""
    found: list[dict[str, Any]] = page.run(
        "sfr.charts.views.filter(view => view.figure.closest("
        f"{within!r})).map(view => JSON.parse(JSON.stringify(view.chart)))"
    )
    return found


def test_a_column_is_sorted_by_its_numbers(page: Page) -> None:
    head = "#runs-table thead .c-variety"
    page.run(f"document.querySelector('{head} button').click()")
    assert page.run(f"document.querySelector('{head}').getAttribute('aria-sort')") == "ascending"
    first = places(page)[:3]
    assert first == ["sft/checkpoint-0", "sfr/checkpoint-100", "sft/checkpoint-100"]
    page.run(f"document.querySelector('{head} button').click()")
    assert places(page)[0] == "sft/checkpoint-1600"
    assert places(page)[-1] == "broken"  # without a value, last in either way


def test_steps_are_sorted_as_numbers(page: Page) -> None:
    page.run("document.querySelector('#runs-table thead .c-step button').click()")
    steps = texts(page, '#runs-table tr[data-place^="sft"] td.c-step')
    assert steps == ["0", "100", "200", "400", "800", "1,600"]


def test_text_and_choosers_filter_the_runs(page: Page) -> None:
    assert texts(page, ".run-said") == ["Showing 11 of 11 rows."]
    page.set('.run-choice[data-key="status"]', "complete")
    assert texts(page, ".run-said") == ["Showing 9 of 11 rows."]
    page.set("#runs .tools input", "sfr")
    assert places(page) == ["sfr/checkpoint-100", "sfr/checkpoint-800"]
    settle(page)
    assert texts(page, ".run-said") == ["Showing 2 of 11 rows."]
    page.set('.run-choice[data-key="status"]', "damaged")
    assert places(page) == []


def test_columns_are_chosen_and_remembered(page: Page, folder: Path) -> None:
    def shown(name: str) -> bool:
        found: bool = page.run(f"document.querySelector('th.c-{name}').offsetParent !== null")
        return found

    assert shown("step")
    assert not shown("suite")  # all of one suite
    for name in ("step", "suite"):
        page.run(f"document.querySelector('.run-column[value={name}]').click()")
    assert (shown("step"), shown("suite")) == (False, True)
    page.open("about:blank")
    page.open((folder / "index.html").as_uri())
    assert (shown("step"), shown("suite")) == (False, True)


def test_picked_runs_are_overlaid_and_stand_side_by_side(page: Page, folder: Path) -> None:
    pick(page, "sft/checkpoint-0", "sft/checkpoint-1600")
    xy, plane = charts(page, ".overlay")
    assert [series["name"] for series in xy["series"]] == [
        "sft/checkpoint-0",
        "sft/checkpoint-1600",
    ]
    at_one = [next(p for p in s["points"] if p["x"] == 1) for s in xy["series"]]
    assert [(p["y"], p["y_low"], p["y_high"]) for p in at_one] == [SIX[0], SIX[1600]]
    assert (plane["x"]["metric"], plane["y"]["metric"]) == (VARIETY, QUALITY)
    rows = page.run(
        '[...document.querySelectorAll(".overlay-table tr")].map(r => '
        "[...r.cells].map(c => c.textContent.trim()))"
    )
    assert rows[0] == ["T = 1", "sft/checkpoint-0", "sft/checkpoint-1600"]
    assert rows[1] == ["ROUGE-L of two replies ↓", "0.20 [0.18, 0.23]", "0.45 [0.43, 0.48]"]
    command = f"sfr-eval compare {folder}/sft/checkpoint-0 {folder}/sft/checkpoint-1600"
    assert texts(page, ".command") == [command]
    assert page.run("document.querySelector('.mismatch').hidden") is True
    page.clipboard()  # allows copying
    page.run("document.querySelector('.copy-command').click()")
    settle(page)
    assert page.clipboard() == command


def test_the_overlaid_metric_and_temperature_are_chosen(page: Page) -> None:
    pick(page, "sft/checkpoint-0", "sfr/checkpoint-100")
    page.set(".overlay-metric", "oracle_valid")
    assert charts(page, ".overlay")[1]["title"] == "Valid replies over temperature"
    page.set(".overlay-temperature", "0.6")
    assert texts(page, ".overlay-table thead th")[0] == "T = 0.6"


def test_runs_of_other_settings_are_named_as_such(page: Page) -> None:
    pick(page, "sft/checkpoint-0", "other k")
    assert texts(page, ".mismatch") == ["Not measured alike. k: 4 and 8."]
    assert "'" in texts(page, ".command")[0]  # a blank in the folder's name
    page.run("document.querySelector('.picked button').click()")
    settle(page)
    assert texts(page, ".command") == ["Pick a second run."]
    page.run("document.querySelector('.pick-none').click()")
    assert page.run("document.querySelector('.overlay').hidden") is True


def test_trainings_are_drawn_over_their_steps(page: Page) -> None:
    page.run("document.querySelector('#history').scrollIntoView()")
    settle(page)
    first, *others = charts(page, "#history")
    assert len(others) == 2
    series = {one["name"]: one["points"] for one in first["series"]}
    values = {p["x"]: (p["y"], p["y_low"], p["y_high"]) for p in series["sft"]}
    assert values == SIX
    assert {p["x"] for p in series["sfr"]} == set(SFR)
    page.set(".history-temperature", "1.4")
    settle(page)
    again = charts(page, "#history")[0]["series"]
    assert len({p["y"] for one in again for p in one["points"]}) == 1  # of the copied run
    page.run("document.querySelector('#history details').open = true")
    cells = texts(page, "#history table")[0]
    assert "0.45" in cells


def test_a_chart_of_steps_says_its_values_by_keyboard(page: Page) -> None:
    page.run("document.querySelector('#history').scrollIntoView()")
    settle(page)
    page.run("document.querySelector('#history .chart svg[tabindex]').focus()")
    page.press("ArrowRight")
    said = page.run("document.querySelector('#history .chart-live').textContent")
    assert "0.2" in said


def test_the_leaderboard_ranks_as_far_as_intervals_tell(page: Page) -> None:
    rows = page.run(
        '[...document.querySelectorAll(".board tbody tr")].map(r => '
        "[r.cells[0].textContent.trim(), r.cells[1].textContent.trim()])"
    )
    ranks = dict(rows)
    assert rows[0][0] in ("sft/checkpoint-0", "sfr/checkpoint-100")
    assert ranks["sft/checkpoint-200"] == "5"
    assert ranks["sft/checkpoint-1600"] == "6-8"
    assert ranks["stopped partial"] == "-"
    assert "other k" not in ranks


def test_the_leaderboard_is_copied_as_a_table(page: Page) -> None:
    page.clipboard()  # allows copying
    page.run("document.querySelector('#leaderboard .menu').open = true")
    for text, sign in (("Markdown", "| Run | Rank |"), ("LaTeX", "\\begin{tabular}")):
        page.run(
            f"[...document.querySelectorAll('#leaderboard .menu button')]"
            f".find(b => b.textContent.includes('{text}')).click()"
        )
        settle(page)
        assert sign in page.clipboard()


def test_the_page_needs_no_script(chromium: Browser, folder: Path) -> None:
    tab = chromium.page()
    tab.send("Emulation.setScriptExecutionDisabled", {"value": True})
    tab.send("Page.navigate", {"url": (folder / "index.html").as_uri()})
    time.sleep(0.5)
    text = tab.send("Runtime.evaluate", {"expression": "document.body.innerText"})
    assert "sft/checkpoint-1600" in text["result"]["value"]
    assert "0.45" in text["result"]["value"]
    tab.close()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1400])
def test_readers_of_all_kinds_are_served(page: Page, dark: bool, width: int) -> None:
    page.look(width=width, height=900, dark=dark)
    pick(page, "sft/checkpoint-0", "other k")
    page.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    page.run("document.querySelector('#history').scrollIntoView()")
    settle(page)
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.run("scrollTo(0, 0)")
    name = f"index-{width}-{'dark' if dark else 'light'}.png"
    page.screenshot(ARTEFACTS / name, whole=True)


def test_everything_is_reached_by_keyboard(page: Page) -> None:
    page.run("document.querySelector('tr[data-place=\"sft/checkpoint-0\"] .run-pick').focus()")
    page.press("Space")
    settle(page)
    assert page.run("document.querySelector('.overlay').hidden") is False
    assert texts(page, ".pick-count") == ["1 picked."]
    page.run("document.querySelector('#runs-table thead .c-variety button').focus()")
    page.press("Enter")
    assert places(page)[0] == "sft/checkpoint-0"


def test_many_runs_are_shown_when_something_is_looked_for(
    chromium: Browser, source: Path, tmp_path: Path
) -> None:
    address = index(write_many(source, tmp_path / "runs", 120)).page.as_uri()
    tab = chromium.page()
    tab.open(address)
    assert (len(places(tab)), texts(tab, ".run-said")) == (100, ["Showing 100 of 120 rows."])
    tab.run("document.querySelector('.run-all').click()")
    assert (len(places(tab)), texts(tab, ".run-said")) == (120, ["Showing 120 of 120 rows."])
    tab.open(address)
    tab.set("#runs .tools input", "run-12")
    settle(tab)
    assert places(tab) == ["run-12", "run-120"]
    tab.open(address)
    tab.run("document.querySelector('#runs-table thead th button').click()")
    settle(tab)
    assert places(tab)[-1] == "run-120"
    assert tab.troubles == []
    tab.close()


def test_a_served_page_follows_a_running_run(
    chromium: Browser, source: Path, tmp_path: Path
) -> None:
    run = copy_run(source, tmp_path / "runs" / "grows")
    results = (run / "results.json").read_bytes()
    (run / "results.json").unlink()
    change(run, status="running", samples=None)
    owned_by(run, Owner.of_this_process())
    rows = run / "samples" / "0001.jsonl"
    rows.parent.mkdir()
    rows.write_text("{}\n" * 20)
    server = make_server(tmp_path / "runs", host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    tab = chromium.page()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        tab.open(f"{address}/")
        assert texts(tab, ".c-status .status") == ["running"]
        assert texts(tab, ".progress") == ["20 of 216"]
        rows.write_text("{}\n" * 120)
        tab.until("document.querySelector('.progress').textContent === '120 of 216'")
        assert tab.run("document.querySelector('.live').hidden") is True
        (run / "results.json").write_bytes(results)
        change(run, status="complete", samples=216)
        tab.until("!document.querySelector('.live').hidden")
        tab.open(f"{address}/")
        assert texts(tab, "tbody .c-status .status") == ["complete"]
        tab.follow("document.querySelector('#runs-table tbody a').click()")
        assert tab.run("document.title") == "runs/grows"
        assert tab.troubles == []
        assert all(request.startswith((address, "about:")) for request in tab.requests)
    finally:
        tab.close()
        server.shutdown()
        thread.join()
        server.server_close()
