"""The report as a reader has it: opened from disk in a real Chromium, driven by keys and controls.

Screenshots and a print go to artefacts/ (or $TEST_ARTEFACTS)."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sfr_eval.report.report import write_report
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.run_folder import RunFolder
from tests.support.chromium import ARTEFACTS, Browser, Page
from tests.support.report_data import draw, small_suite, write_run

HOSTILE = (
    "</script><script>alert(1)</script></style></td></table>"
    "<img src=http://evil.example/x onerror=alert(2)><svg onload=alert(3)>"
    '<a href="javascript:alert(4)">javascript:alert(5)</a><!-- \u2028 ${alert(6)} {{ 7*7 }} '
)
MEGABYTE = HOSTILE + "all work and no play " * 50_000
# The world answers in the personas' voices; these words are the pirate's.
PIRATES = "matey"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run with hostile replies, one of them a megabyte, and one that failed."""
    samples = draw(small_suite())
    samples[0] = replace(samples[0], text=HOSTILE)
    samples[1] = replace(samples[1], text=HOSTILE)
    samples[2] = replace(samples[2], text=MEGABYTE, status="truncated")
    samples[5] = replace(samples[5], status="error", text="", error=HOSTILE)
    opened = write_run(tmp_path_factory.mktemp("report") / "run", samples=samples)
    manifest = Manifest.load(opened.path)
    opened.write_manifest(manifest.model_copy(update={"name": f"model {HOSTILE}"}))
    write_report(opened)
    return opened


@pytest.fixture
def page(chromium: Browser, folder: RunFolder) -> Iterator[Page]:
    """The report, freshly opened; at the end nothing was said, asked or run that should not be."""
    tab = chromium.page()
    tab.look()
    address = (folder.path / "report.html").as_uri()
    tab.open(address)
    tab.run("localStorage.clear()")
    tab.requests.clear()
    tab.open(address)
    yield tab
    tab.run("1")  # whatever is still on its way has arrived
    assert tab.troubles == []
    assert {request.split("#")[0] for request in tab.requests} <= {address, "about:blank"}
    assert tab.dialogs == 0
    tab.close()


def said(page: Page) -> str:
    found: str = page.run('document.querySelector(".said").textContent')
    return found


def shown(page: Page, selector: str) -> int:
    found: int = page.run(
        f"[...document.querySelectorAll({selector!r})].filter(e => e.offsetParent !== null).length"
    )
    return found


def test_the_page_is_ready_and_hostile_text_is_inert(page: Page) -> None:
    assert page.run("document.documentElement.dataset.ready") == "yes"
    assert page.run('document.querySelectorAll("img, main a[href^=javascript]").length') == 0
    assert page.run("document.title").startswith("model </script>")
    page.set('[data-key="text"]', "ALERT(1)")
    assert said(page).startswith("Showing 3 of 3 prompts.")
    texts = page.run('[...document.querySelectorAll(".prompt .text")].map(e => e.textContent)')
    assert HOSTILE in texts
    cut = f"[cut here; {len(MEGABYTE):,} characters in all]"
    assert any(text.endswith(cut) for text in texts)
    # The same reply twice is a cluster of its temperature, in the page as text.
    assert HOSTILE.strip() in page.run(
        '[...document.querySelectorAll(".clusters td.text")].map(e => e.textContent.trim())'
    )


def test_the_theme_follows_the_system_until_it_is_chosen(page: Page) -> None:
    back = "getComputedStyle(document.body).backgroundColor"
    light = page.run(back)
    page.look(dark=True)
    dark = page.run(back)
    assert light != dark
    page.set("select.choose-theme", "light")
    assert page.run(back) == light
    page.open(page.run("location.href"))
    assert page.run(back) == light  # it is remembered
    page.set("select.choose-theme", "")
    assert page.run(back) == dark
    page.look()
    page.set("select.choose-theme", "dark")
    assert page.run(back) == dark
    page.set("select.choose-theme", "")


def test_one_temperature_of_a_table_is_seen_at_a_time(page: Page) -> None:
    tables = '[aria-label^="Numbers at temperature"]'
    assert shown(page, tables) == 1
    page.set(f".cases:has({tables}) select", "1.6")
    visible = page.run(
        f"[...document.querySelectorAll('{tables}')].filter(e => !e.hidden)"
        ".map(e => e.dataset.case)"
    )
    assert visible == ["1.6"]


def test_everything_can_be_reached_and_used_with_the_keyboard(page: Page) -> None:
    focus = "document.activeElement"
    page.press("Tab")
    assert page.run(f"{focus}.className") == "skip"
    assert page.run(f"{focus}.getBoundingClientRect().left") >= 0  # it comes into sight
    page.press("Tab")
    assert page.run(f"{focus}.className") == "choose-theme"
    page.press("ArrowDown", times=2)
    assert page.run("document.documentElement.dataset.theme") == "dark"
    page.press("ArrowUp", times=2)
    reached = []
    for _ in range(120):
        page.press("Tab")
        reached.append(page.run(f"{focus}.dataset.key || {focus}.className || {focus}.tagName"))
        if reached[-1] == "text":
            break
    # The contents, every scrolling table, every summary and the filters before this one.
    for name in ("A", "choose-case", "scroll", "SUMMARY", "query", "persona", "temperature"):
        assert name in reached
    outline = page.run(f"getComputedStyle({focus}).outlineStyle")
    assert outline == "solid"
    for letter in PIRATES:
        page.press(letter)
    found = said(page)
    assert found.startswith("Showing ")
    assert found != "Showing 12 of 45 prompts."
    page.run(f'{focus}.value = ""; {focus}.dispatchEvent(new Event("input"))')
    page.run('document.querySelector(".more").focus()')
    page.press("Enter")
    assert said(page) == "Showing 24 of 45 prompts."
    place = f"[...document.querySelectorAll('.prompt')].indexOf({focus})"
    assert page.run(place) == 12  # the focus is on the first of the new ones


def test_the_skip_link_leads_to_the_results(page: Page) -> None:
    page.press("Tab")
    page.press("Enter")
    assert page.run("document.activeElement.id") == "main"


def test_every_control_and_region_has_a_name(page: Page) -> None:
    nameless = page.run(
        """[...document.querySelectorAll("select, input, button, [role=region], nav, section")]
        .filter(e => !(e.labels && e.labels.length && e.labels[0].textContent.trim())
          && !e.getAttribute("aria-label") && !e.getAttribute("aria-labelledby")
          && !(e.tagName === "BUTTON" && e.textContent.trim()))
        .map(e => e.outerHTML.slice(0, 90))"""
    )
    assert nameless == []
    assert page.run('document.querySelectorAll("h1").length') == 1
    ids = page.run('[...document.querySelectorAll("[id]")].map(e => e.id)')
    assert len(ids) == len(set(ids))
    targets = page.run('[...document.querySelectorAll("a[href^=\\"#\\"]")].map(e => e.hash)')
    assert {target[1:].split("?")[0] for target in targets} <= set(ids)


@pytest.mark.parametrize(
    ("name", "width", "height", "dark"),
    [("light", 1280, 900, False), ("dark", 1280, 900, True), ("phone", 390, 844, False)],
)
def test_screenshots_and_nothing_sticks_out(
    page: Page, name: str, width: int, height: int, dark: bool
) -> None:
    page.look(width=width, height=height, dark=dark)
    assert page.run("document.documentElement.scrollWidth") <= width
    if name == "light":
        assert page.run("document.documentElement.scrollHeight") < 6_000
        first = page.run("document.querySelector('.scoreboard').getBoundingClientRect().bottom")
        assert first < height  # the cards are on the first screen
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(ARTEFACTS / f"report-{name}.png", whole=True)
    assert (ARTEFACTS / f"report-{name}.png").stat().st_size > 50_000


def test_the_print_is_whole(page: Page) -> None:
    page.look(dark=True)  # paper is white all the same
    ARTEFACTS.mkdir(exist_ok=True)
    page.pdf(ARTEFACTS / "report-print.pdf")
    assert (ARTEFACTS / "report-print.pdf").read_bytes().startswith(b"%PDF")
    assert page.run(
        "[...document.querySelectorAll('details:not(.menu, .chart-menu)')].every(e => e.open)"
    )


def test_a_card_leads_to_the_replies_behind_its_number(page: Page) -> None:
    links = {
        role: page.run(f"document.querySelector('[data-role={role}] .value a').hash")
        for role in ("variety", "style", "quality")
    }
    assert links == {
        "variety": "#replies-1?temperature=1&sort=repetition",
        "style": "#replies-1?temperature=1",
        "quality": "#replies-1?temperature=1&sort=quality",
    }
    page.run("document.querySelector('[data-role=quality] .value a').click()")
    page.run("new Promise(done => setTimeout(done, 30))")
    assert said(page).startswith("Showing 12 of 15 prompts at T = 1, lowest quality first")


def test_a_temperature_stands_beside_the_tools_of_its_table(page: Page) -> None:
    cases = ".cases:has([aria-label^='Numbers at temperature'])"
    # At once: charts that are drawn meanwhile move what is below them.
    apart = page.run(
        "(function () {"
        " var middle = function (e) { var r = e.getBoundingClientRect();"
        "   return (r.top + r.bottom) / 2; };"
        f' var tools = [...document.querySelectorAll("{cases} .tools")];'
        " var shown = tools.find(e => e.offsetParent !== null).querySelector('.menu');"
        f' return middle(document.querySelector("{cases} select")) - middle(shown);'
        "})()"
    )
    assert abs(apart) < 4


def test_the_groups_of_a_table_keep_their_names_in_print(page: Page) -> None:
    page.run("dispatchEvent(new Event('beforeprint'))")
    page.print()
    assert shown(page, "button.fold") > 1


def test_without_storage_the_theme_lasts_as_long_as_the_page(page: Page) -> None:
    page.run("Storage.prototype.setItem = function () { throw new Error('forbidden'); }")
    page.set("select.choose-theme", "dark")
    assert page.run("document.documentElement.dataset.theme") == "dark"


def test_ci_has_a_browser() -> None:
    """What `required` decides is not left to chance: as root on Linux there is a package."""
    if shutil.which("apt-get") is None or sys.platform != "linux":
        pytest.skip("not a Debian machine: chromium cannot be had by a package")
    script = Path(__file__).parents[2] / "scripts" / "system-packages.sh"
    assert "chromium" in script.read_text()
