"""pytest tests/comparison/test_page_of_many_runs.py"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sfr_eval.comparison.compare import compare_runs
from sfr_eval.comparison.compare_groups import compare_groups
from sfr_eval.comparison.files import write_comparison
from sfr_eval.comparison.result import Comparison
from tests.support.axe import violations
from tests.support.chromium import ARTEFACTS, Browser, Page
from tests.support.compare_data import write_world_run

NAMES = ("base", "sft", "dpo", "ppo", "grpo", "sfr", "sfr-long", "mix")
TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three runs are simulated, the others are copies that call themselves otherwise."""
    folder = tmp_path_factory.mktemp("runs")
    made = [
        write_world_run(
            folder / NAMES[number],
            {"cross": 0.0, "within": dial},
            seed=number,
            queries=8,
            samples=8,
            temperatures=TEMPERATURES,
        )
        for number, dial in enumerate((0.3, 0.0, 0.8))
    ]
    for number in range(3, 8):
        copy = Path(shutil.copytree(made[number % 3], folder / NAMES[number]))
        manifest = json.loads((copy / "manifest.json").read_text())
        manifest["name"] = copy.name
        (copy / "manifest.json").write_text(json.dumps(manifest))
        made.append(copy)
    return made


@pytest.fixture(scope="module")
def comparison(runs: list[Path]) -> Comparison:
    return compare_runs(*runs)


@pytest.fixture(scope="module")
def file(comparison: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_comparison(comparison, tmp_path_factory.mktemp("out"))


@pytest.fixture
def page(chromium: Browser, file: Path) -> Iterator[Page]:
    """The page at 1,400 pixels; at the end nothing was logged and nothing requested."""
    page = chromium.page()
    page.look(width=1400)
    page.open(file.as_uri())
    yield page
    assert page.troubles == []
    assert {request.split("#")[0] for request in page.requests} == {file.as_uri()}
    page.close()


def texts(page: Page, selector: str) -> list[str]:
    found: list[str] = page.run(
        f"[...document.querySelectorAll({json.dumps(selector)})].filter(e => e.checkVisibility())"
        ".map(e => e.textContent.replace(/\\s+/g, ' ').trim())"
    )
    return found


TABLE = ".scroll:not([hidden]) > table.differences"


def test_the_page_is_short_and_small(page: Page, file: Path) -> None:
    assert page.run("document.documentElement.scrollHeight") < 8_000
    assert page.run("document.documentElement.scrollWidth") == 1_400
    assert file.stat().st_size < 2_500_000
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(ARTEFACTS / "compare-8-runs.png", whole=True)


def test_the_scoreboard_has_a_row_for_each_run(page: Page, comparison: Comparison) -> None:
    assert texts(page, ".board tbody th") == list(NAMES)
    assert page.run("document.querySelector('.board').getBoundingClientRect().top") < 400
    said = texts(page, ".board .said")
    summaries = [pair.suites[0].summary for pair in comparison.pairs]
    for shown, summary in zip(said, summaries, strict=True):
        assert shown.lower() in summary.headline.lower()
    counts = texts(page, ".board td.words .quiet")
    assert counts == ["base", *(summary.counts for summary in summaries)]


def test_one_table_has_all_runs(page: Page, comparison: Comparison) -> None:
    heads = texts(page, f"{TABLE} thead th")
    assert [head.split()[0].rstrip("⇅") for head in heads] == ["Metric", *NAMES]
    row = next(row for pair, row in comparison.rows if pair.second == "dpo" and row.role)
    cells = f"{TABLE} tr[data-metric='{row.metric}'] td"
    values = page.run(
        f"[...document.querySelectorAll({json.dumps(cells)})].map(e => e.dataset.value)"
    )
    assert repr(row.delta) in values


def test_the_forest_plot_is_the_first_figure(page: Page) -> None:
    assert page.run("document.querySelector('figure').dataset.chart") == "forest"
    page.run("document.querySelector('figure').scrollIntoView()")
    kinds = page.run("[...document.querySelectorAll('figure')].map(e => e.dataset.chart)")
    assert kinds[1] == "plane"
    assert set(kinds[2:]) <= {"xy", "plane", "heat", "forest"}


def test_groups_fold_and_another_temperature_is_chosen(page: Page) -> None:
    rows = f"{TABLE} tbody tr:not(.part)"
    folded = len(texts(page, rows))
    fold = f"document.querySelector({json.dumps(TABLE + ' tbody[data-folded] button.fold')})"
    page.run(f"{fold}.click()")
    assert len(texts(page, rows)) > folded
    assert page.run(f"{fold}.getAttribute('aria-expanded')") == "true"
    parts = texts(page, f"{TABLE} tr.part")
    assert parts[0] == "Primary family at T = 1"
    assert "at T = 1" in parts[1]
    page.set("select.choose-case", "0.2")
    parts = texts(page, f"{TABLE} tr.part")
    assert parts[0] == "Primary family at T = 1"
    assert "at T = 0.2" in parts[1]


def test_a_column_sorts_by_its_differences(page: Page) -> None:
    script = (
        f"(() => {{ const t = document.querySelector({json.dumps(TABLE)});"
        "t.tHead.rows[0].cells[3].click();"
        "return [...t.tBodies[0].rows].slice(1).map(r => Number(r.cells[3].dataset.value)); })()"
    )
    values = page.run(script)
    assert len(values) >= 3
    assert values == sorted(values)


def test_a_metric_leads_to_its_replies(page: Page) -> None:
    page.run(f"document.querySelector({json.dumps(TABLE + ' a.metric')}).click()")
    assert page.run("location.hash").startswith("#replies-1?temperature=1")
    assert page.run("document.querySelector('[data-key=temperature]').value") in ("1.0", "1")


def test_pairs_are_folded_and_hold_the_test(page: Page, comparison: Comparison) -> None:
    boxes = "document.querySelectorAll('details.pair')"
    assert page.run(f"{boxes}.length") == len(comparison.pairs)
    assert not page.run(f"[...{boxes}].some(e => e.open)")
    page.run(f"{boxes}[0].open = true")
    assert any("step-down max-t" in text for text in texts(page, "details.pair[open] td.words"))
    assert "At equal quality" in texts(page, "details.pair[open] h4")


def test_a_warning_about_several_runs_is_said_once(page: Page) -> None:
    page.run("document.querySelector('details.warnings').open = true")
    warnings = texts(page, "details.warnings li")
    assert len(warnings) == len(set(warnings))
    assert page.run("document.querySelector('details.warnings summary').textContent").startswith(
        f"{len(warnings)} warning"
    )


def test_on_a_phone_nothing_is_wider_than_the_screen(page: Page, file: Path) -> None:
    page.look(width=390, height=844)
    page.open(file.as_uri())
    assert page.run("document.documentElement.scrollWidth") == 390
    assert page.run("document.documentElement.scrollHeight") < 14_000
    assert texts(page, ".board .side-name") == list(NAMES)


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious(page: Page, file: Path, dark: bool) -> None:
    page.look(width=1400, dark=dark)
    page.open(file.as_uri())
    page.run("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    for part in (".board", ".cases", "details.warnings", "details.pair", ".browser"):
        assert violations(page, within=part) == []


def test_print_opens_what_is_folded(page: Page, tmp_path: Path) -> None:
    page.pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").stat().st_size > 50_000
    assert page.run("[...document.querySelectorAll('details.pair')].every(e => e.open)")


def test_three_seeds_of_four_methods_are_four_columns(
    runs: list[Path], chromium: Browser, tmp_path: Path
) -> None:
    """Two runs are left to the last two groups: single trainings stand beside groups of three."""
    groups = {"sft": runs[:3], "rl": runs[3:6], "sfr": runs[6:7], "mix": runs[7:]}
    found = compare_groups(groups, allow_mismatch=True, base="rl")
    page = chromium.page()
    page.look(width=1400)
    page.open(write_comparison(found, tmp_path / "out").as_uri())
    assert texts(page, ".board tbody th") == ["rl", "sft", "sfr", "mix"]
    assert page.run("document.documentElement.scrollHeight") < 8_000
    chart = page.run(
        "JSON.parse(document.querySelector('.over_temperature script').textContent).series"
    )
    bold = [one["name"] for one in chart if not one.get("thin")]
    assert bold == ["rl", "sft", "sfr", "mix"]
    assert all(one.get("band") for one in chart if not one.get("thin"))
    assert page.troubles == []
    page.close()


def test_runs_of_one_colour_differ_in_their_edges(page: Page) -> None:
    edges = page.run(
        "[...document.querySelectorAll('.board tbody .side-name')].map(one => {"
        " const style = getComputedStyle(one);"
        " return style.borderLeftColor + ' ' + style.borderLeftStyle; })"
    )
    assert len(edges) == len(set(edges)) == 8
    for place in (".differences thead .side-name", ".browser .sides .side"):
        looks = page.run(
            f"[...document.querySelectorAll({json.dumps(place)})].slice(6, 8)"
            ".map(one => one.className)"
        )
        assert ["run-0 turn-1" in looks[0], "run-1 turn-1" in looks[1]] == [True, True]
