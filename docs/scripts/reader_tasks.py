"""Four readers' tasks on real pages in headless Chromium: every click, and how long the page takes.

python docs/scripts/reader_tasks.py COMPARE.html REPORT.html

COMPARE.html compares three checkpoints, REPORT.html is the report of one. Clicks are mouse clicks
at the place of the element on the screen. Seconds are the page's: from opening it until its answer
is there. docs/reader-tasks.md holds what this prints.
"""
# ruff: noqa: T201  (what this script prints is its result)

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.chromium import Page, browser

WIDTH, HEIGHT = 1400, 900
PATIENCE = 20.0


@dataclass
class Reader:
    """Somebody at a page: counts what is clicked and chosen."""

    page: Page
    clicks: list[str] = field(default_factory=list)

    def click(self, selector: str, what: str) -> None:
        """Click the middle of an element."""
        self.page.click(self.page.place(selector))
        self.clicks.append(what)

    def click_text(self, within: str, text: str) -> None:
        """Click the first element of `within` that says `text`, once it is there."""
        found = (
            f"[...document.querySelectorAll({within!r})].find(function (e) {{"
            f" return e.textContent.trim() === {text!r}; }})"
        )
        self.wait(f"!!{found}")
        self.page.run(f"{found}.dataset.wanted = 1")
        self.click("[data-wanted]", text)
        self.page.run("delete document.querySelector('[data-wanted]').dataset.wanted")

    def wait(self, condition: str) -> None:
        """Wait until a JavaScript expression is true."""
        start = time.monotonic()
        while not self.page.run(condition):
            if time.monotonic() - start > PATIENCE:
                raise SystemExit(f"never true: {condition}")
            time.sleep(0.02)

    def text(self, selector: str) -> str:
        """What an element says."""
        found: str = self.page.run(f"document.querySelector({selector!r}).innerText")
        return " ".join(found.split())


def most_varied(reader: Reader) -> str:
    """Which of three checkpoints is most varied at equal quality?"""
    reader.wait("document.querySelectorAll('table.board tbody tr').length === 3")
    return " | ".join(reader.text(f"table.board tbody tr:nth-child({row})") for row in range(1, 4))


def most_collapsed(reader: Reader) -> str:
    """Show me the most collapsed question."""
    reader.click_text("a", "most repeated first")
    reader.wait("/most repeated first/.test(document.querySelector('.browser').innerText)")
    return reader.text(".browser article")


def temperature_or_model(reader: Reader) -> str:
    """Is it the temperature or the model?"""
    chart = "figure[data-asked]"
    reader.page.run(
        "[...document.querySelectorAll('#temperature-1 ~ .plots figure')].find(function (e) {"
        " return /Style strength/.test(e.textContent); }).dataset.asked = 1"
    )
    reader.page.place(chart)
    reader.wait(f"!!document.querySelector('{chart} .chart')")
    seen = []
    for across in (0.2, 0.5, 0.9):
        reader.page.move(reader.page.place(f"{chart} svg", across=across))
        reader.wait(f"!!document.querySelector('{chart} .chart-tip').innerText.trim()")
        seen.append(reader.text(f"{chart} .chart-tip"))
    return " | ".join(seen)


def frontier(reader: Reader) -> str:
    """Put the frontier into my paper."""
    figure = "#trade-off-1 ~ .plots figure"
    with tempfile.TemporaryDirectory() as folder:
        reader.page.downloads(Path(folder))
        reader.page.place(figure)
        reader.wait(f"!!document.querySelector('{figure} .chart-menu')")
        reader.click(f"{figure} .chart-menu summary", "...")
        reader.click_text(f"{figure} .chart-actions button", "Save as SVG")
        start = time.monotonic()
        while not (files := list(Path(folder).glob("*.svg"))):
            if time.monotonic() - start > PATIENCE:
                raise SystemExit("no SVG was saved")
            time.sleep(0.02)
        return f"{files[0].name}, {files[0].stat().st_size:,} bytes"


TASKS: dict[str, tuple[str, Callable[[Reader], str]]] = {
    "varied": ("compare", most_varied),
    "collapsed": ("report", most_collapsed),
    "temperature": ("compare", temperature_or_model),
    "paper": ("compare", frontier),
}


def main() -> None:
    """Do the tasks and print what was clicked, how long it took, and what was there."""
    pages = dict(zip(("compare", "report"), map(Path, sys.argv[1:3]), strict=True))
    with tempfile.TemporaryDirectory() as folder, browser(Path(folder)) as chromium:
        for name, (page_name, task) in TASKS.items():
            page = chromium.page()
            page.look(width=WIDTH, height=HEIGHT)
            start = time.monotonic()
            loaded = page.open(pages[page_name].resolve().as_uri())
            reader = Reader(page)
            answer = task(reader)
            seconds = time.monotonic() - start
            print(f"{name}: {task.__doc__}")
            print(f"  {len(reader.clicks)} clicks: {', then '.join(reader.clicks) or '-'}")
            print(f"  page open after {loaded:.2f} s, answer after {seconds:.2f} s")
            print(f"  {answer}")
            if page.troubles:
                raise SystemExit(f"console: {page.troubles}")
            page.close()


if __name__ == "__main__":
    main()
