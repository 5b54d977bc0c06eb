"""Tables as a reader uses them: sorted, filtered, folded, copied, by mouse, keys and on a phone."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from sfr_eval.report.report import write_report
from sfr_eval.store.results import Results
from sfr_eval.store.run_folder import RunFolder
from tests.support.axe import violations
from tests.support.chromium import ARTEFACTS, Browser, Page
from tests.support.printed import orphans, printed_lines
from tests.support.report_data import PERSONAS, estimate, write_run

NUMBERS = '[aria-label="Numbers at temperature 1"]'
ALL = '[aria-label="All metrics"]'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run in which a persona has no distance in meaning, with its questions in ten groups."""
    opened = write_run(tmp_path_factory.mktemp("tables") / "run")
    results = opened.read_results().stored()
    values: dict[str, float | None] = {"pirate": 0.31, "sergeant": 1.39e-17, "butler": None}
    for row in results["estimates"]:
        if row["metric"] == "embed_distance" and row["temperature"] == 1.0 and row["persona"]:
            value = values[row["persona"]]
            ends = (None, None) if value is None else (value - 0.02, value + 0.02)
            row |= {"value": value, "low": ends[0], "high": ends[1], "reason": "one reply"}
    groups: list[dict[str, Any]] = [
        asdict(estimate("embed_distance", 0.1 * n, 0.02)) | {"by": "topic", "group": f"group {n}"}
        for n in range(10)
    ]
    results["slices"] = groups
    opened.write_results(Results.model_validate(results))
    write_report(opened)
    return opened


@pytest.fixture
def page(chromium: Browser, folder: RunFolder) -> Iterator[Page]:
    """The report, freshly opened; at the end nothing was said or asked that should not be."""
    tab = chromium.page()
    tab.look(width=1400)
    address = (folder.path / "report.html").as_uri()
    tab.open(address)
    yield tab
    tab.run("1")
    assert tab.troubles == []
    assert {request.split("#")[0] for request in tab.requests} <= {address, "about:blank"}
    tab.close()


def names(page: Page, table: str = NUMBERS) -> list[str]:
    """The heads of the rows that are seen."""
    found: list[str] = page.run(
        f"[...document.querySelectorAll('{table} tbody tr')].filter(r => r.offsetParent !== null)"
        ".map(r => sfr.cellText(r.cells[0]))"
    )
    return found


def head(column: str, table: str = NUMBERS) -> str:
    heads = f"[...document.querySelectorAll('{table} thead th')]"
    return f"{heads}.find(h => h.textContent.includes('{column}'))"


def sort_by(page: Page, column: str) -> None:
    page.run(f"{head(column)}.querySelector('button.sort').click()")


def test_a_column_sorts_both_ways_with_the_undefined_last(page: Page) -> None:
    before = names(page)
    assert before[:5] == ["All", "Reference", "Captain Brine", "Sergeant Hale", "Hargreaves"]
    sort_by(page, "Distance in meaning")
    assert names(page)[:5] == ["All", "Reference", "Sergeant Hale", "Captain Brine", "Hargreaves"]
    assert page.run(f"{head('Distance in meaning')}.getAttribute('aria-sort')") == "ascending"
    sort_by(page, "Distance in meaning")
    assert names(page)[:5] == ["All", "Reference", "Captain Brine", "Sergeant Hale", "Hargreaves"]
    assert page.run(f"{head('Distance in meaning')}.getAttribute('aria-sort')") == "descending"
    sort_by(page, "Distance in meaning")
    assert names(page) == before
    assert page.run("document.querySelectorAll('[aria-sort]').length") == 0


def test_names_sort_as_words_by_a_click_on_the_head(page: Page) -> None:
    page.click(page.place(f"{NUMBERS} thead th:first-child"))
    assert names(page)[2:5] == ["Captain Brine", "Hargreaves", "Sergeant Hale"]


def test_a_filter_leaves_the_rows_that_match(page: Page) -> None:
    field = f".tabled:has({NUMBERS}) input"
    page.set(field, "BRINE")
    assert names(page) == ["Captain Brine"]
    said = page.run(f"document.querySelector('.tabled:has({NUMBERS}) [role=status]').textContent")
    assert said == "1 of 15 rows"
    page.set(field, "group 7")  # a folded group opens for what it holds
    assert names(page) == ["By topic", "group 7 (5)"]
    page.set(field, "nothing like it")
    assert names(page) == []


def test_a_long_group_is_folded_until_it_is_opened(page: Page) -> None:
    assert names(page)[-1] == "By topic"
    fold = f"document.querySelector('{NUMBERS} button.fold')"
    assert page.run(f"{fold}.getAttribute('aria-expanded')") == "false"
    page.run(f"{fold}.focus()")
    page.press("Enter")
    assert names(page)[-1] == "group 9 (5)"
    assert page.run(f"{fold}.getAttribute('aria-expanded')") == "true"
    page.press("Space")
    assert names(page)[-1] == "By topic"


def test_points_of_a_column_stand_below_each_other(page: Page) -> None:
    """The place of the point is measured in the drawn text of each cell."""
    places = page.run(
        f"""[...document.querySelectorAll('{NUMBERS} tbody tr')]
        .filter(r => r.offsetParent && r.cells.length > 1)
        .map(r => [...r.querySelectorAll('td.n')].map(function (cell) {{
          var walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), node = walk.nextNode();
          var at = node.data.indexOf('.');
          if (at < 0) return null;
          var range = document.createRange();
          range.setStart(node, at); range.setEnd(node, at + 1);
          return range.getBoundingClientRect().left;
        }}))"""
    )
    for column in zip(*places, strict=True):
        points = [place for place in column if place is not None] or [0]
        assert max(points) - min(points) < 1
    text = page.run(f"document.querySelector('{NUMBERS}').textContent")
    assert "e-17" not in text
    assert "0.00" in text


def test_a_cell_leads_to_the_replies_behind_it(page: Page) -> None:
    link = f"{NUMBERS} td[data-persona=pirate] a"
    page.run(f"document.querySelector('{link}').click()")
    assert page.run("location.hash") == "#replies-1?persona=pirate&temperature=1"
    assert page.run("document.querySelector('[data-key=persona]').value") == "pirate"
    assert page.run("document.querySelector('[data-key=temperature]').value") == "1.0"


def test_arrows_move_among_the_cells_of_one_tab_stop(page: Page) -> None:
    assert page.run(f"document.querySelectorAll('{NUMBERS} td a[tabindex=\"0\"]').length") == 1
    page.run(f"document.querySelector('{NUMBERS} td a').focus()")
    cell = "document.activeElement.closest('td')"
    page.press("ArrowRight")
    assert page.run(f"{cell}.cellIndex") == 2
    page.press("ArrowDown")
    assert page.run(f"{cell}.dataset.persona") == "pirate"  # the reference has no replies
    page.press("ArrowUp")
    page.press("ArrowLeft")
    assert page.run(f"[{cell}.cellIndex, {cell}.dataset.persona]") == [1, ""]
    page.press("ArrowLeft")
    assert page.run(f"{cell}.cellIndex") == 1


def copied(page: Page, form: str) -> str:
    page.run(f"document.querySelector('.tabled:has({NUMBERS}) .menu').open = true")
    button = f"[...document.querySelectorAll('.tabled:has({NUMBERS}) .menu button')]"
    page.run(
        "window.taken = ''; sfr.copy = t => { window.taken = t; return Promise.resolve(true); }"
    )
    page.run(f"{button}.find(b => b.textContent === '{form}').click()")
    text: str = page.run("window.taken")
    return text


def test_csv_has_unrounded_numbers_and_their_ends(page: Page, folder: RunFolder) -> None:
    rows = list(csv.DictReader(io.StringIO(copied(page, "CSV"))))
    assert len(rows) == 5  # the folded group is not seen
    results = folder.read_results()
    (pirate,) = (
        row
        for row in results.estimates
        if (row.metric, row.temperature, row.persona) == ("length", 1.0, "pirate")
    )
    assert float(rows[2]["Length in words"]) == pirate.value
    assert float(rows[2]["Length in words low"]) == pirate.low
    assert float(rows[2]["Length in words high"]) == pirate.high
    assert rows[4]["Distance in meaning"] == ""


def test_markdown_and_latex_are_as_the_table_is_seen(page: Page) -> None:
    sort_by(page, "Distance in meaning")
    lines = copied(page, "Markdown").splitlines()
    assert lines[0].startswith("| T = 1 | Valid replies ↑ |")
    assert set(lines[1]) <= set("|-: ")
    assert [line.split(" | ")[0] for line in lines[4:7]] == [
        "| Sergeant Hale",
        "| Captain Brine",
        "| Hargreaves",
    ]
    assert "0.31 ± 0.02" in lines[5]
    assert len({line.count("|") for line in lines}) == 1
    latex = copied(page, "LaTeX")
    assert latex.startswith("\\begin{tabular}{l")
    assert "\\toprule" in latex
    assert "0.31 $\\pm$ 0.02" in latex
    assert "Valid replies $\\uparrow$" in latex
    assert "±" not in latex


def test_special_characters_are_escaped_for_latex(page: Page) -> None:
    name = json.dumps("a_b & 5 % of $x #1 {y} \\")
    page.run(f"document.querySelector('{NUMBERS} tbody th').textContent = {name}")
    latex = copied(page, "LaTeX")
    assert "a\\_b \\& 5 \\% of \\$x \\#1 \\{y\\} \\textbackslash{} &" in latex


def test_the_menu_closes_by_escape_and_copying_really_copies(page: Page) -> None:
    menu = f".tabled:has({NUMBERS}) .menu"
    page.click(page.place(f"{menu} summary"))
    page.click(page.place(f"{menu} button"))
    page.run("new Promise(done => setTimeout(done, 300))")
    said = page.run(f"document.querySelector('{menu} [role=status]').textContent")
    assert said == "Copied as Markdown"
    assert page.run(f"document.querySelector('{menu}').open")
    assert page.clipboard().startswith("| T = 1 |")
    page.press("Escape")
    assert page.run(f"document.querySelector('{menu}').open") is False


def test_a_name_leads_to_its_definition(page: Page) -> None:
    name = f"document.querySelector('{NUMBERS} thead a[href$=embed_distance]')"
    assert "cosine" in page.run(f"{name}.title").lower()
    page.run(f"{name}.click()")
    assert page.run("document.getElementById('definitions').open")
    place = page.run("document.getElementById('metric-embed_distance').getBoundingClientRect().top")
    assert 0 <= place < 900


def test_head_and_first_column_stay_in_sight(page: Page) -> None:
    page.look(width=390, height=844)
    assert page.run("document.documentElement.scrollWidth") <= 390
    box = f"document.querySelector('{NUMBERS}')"
    page.run(f"{box}.scrollIntoView()")
    assert page.run(f"{box}.parentElement.dataset.more") == "right"
    page.run(f"{box}.scrollLeft = 200")
    first = f"{box}.querySelector('tbody th')"
    gap = page.run(f"{first}.getBoundingClientRect().left - {box}.getBoundingClientRect().left")
    assert 0 <= gap <= 2
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(ARTEFACTS / "tables-phone.png")


def test_no_name_is_broken_inside_a_word(page: Page) -> None:
    page.look(width=390, height=844)
    page.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    broken = page.run(
        f"""[...document.querySelectorAll('{NUMBERS} th, {ALL} tbody th')]
        .filter(e => e.offsetParent).flatMap(function (cell) {{
          var walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), node, found = [];
          while ((node = walk.nextNode())) {{
            (node.data.match(/[A-Za-z0-9]+/g) || []).forEach(function (word) {{
              var at = node.data.indexOf(word), range = document.createRange();
              range.setStart(node, at); range.setEnd(node, at + word.length);
              if (range.getClientRects().length > 1) found.push(word);
            }});
          }}
          return found;
        }})"""
    )
    assert broken == []


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious(page: Page, dark: bool) -> None:
    page.look(width=1400, dark=dark)
    page.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert violations(page) == []


def test_the_first_sheet_has_verdict_and_cards(page: Page) -> None:
    headings = page.run(
        "[...document.querySelectorAll('h2, h3, h4')]"
        ".map(e => e.textContent.trim().replace(/\\s+/g, ' '))"
    )
    ARTEFACTS.mkdir(exist_ok=True)
    page.pdf(ARTEFACTS / "tables-print.pdf")
    lines = printed_lines(ARTEFACTS / "tables-print.pdf")
    first = " ".join(line.text for line in lines if line.sheet == 1)
    for words in (
        page.run("document.querySelector('.verdict h3').textContent"),
        "Variety",
        "Length",
    ):
        assert words in first
    assert orphans(lines, headings) == []
    methods = next(line for line in lines if line.text == "Methods")
    assert methods.top < 0.15  # the appendix begins on a sheet of its own


def test_every_persona_has_a_row(page: Page) -> None:
    rows = page.run(f"document.querySelectorAll('{NUMBERS} tbody:first-of-type tr').length")
    assert rows == len(PERSONAS) + 2
