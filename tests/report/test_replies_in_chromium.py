"""The reply browser in a real Chromium: filters, addresses, orders, search, links, the keyboard."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.metrics.tokenizers import words
from sfr_eval.report.replies import replies_address
from sfr_eval.report.report import write_report
from tests.support.axe import violations
from tests.support.chromium import ARTEFACTS, Browser, Page
from tests.support.reply_page import (
    ARABIC,
    CHINESE,
    HOSTILE,
    data_of,
    go,
    opened,
    said,
    texts,
    write_special_run,
)
from tests.support.report_data import small_suite

BOX = "replies-1"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replies")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SFR_EVAL_CACHE", str(folder / "cache"))
        return write_report(write_special_run(folder / "run", cache=folder / "cache"))


@pytest.fixture
def page(chromium: Browser, file: Path) -> Iterator[Page]:
    with opened(chromium, file) as tab:
        yield tab


@pytest.fixture(scope="module")
def data(file: Path) -> dict[str, Any]:
    return data_of(file)


def value(page: Page, key: str) -> str:
    found: str = page.run(f"document.querySelector('[data-key=\"{key}\"]').value")
    return found


def test_filters_narrow_the_replies_and_stand_in_the_address(page: Page) -> None:
    assert said(page) == "Showing 12 of 45 prompts."
    page.set('[data-key="persona"]', "pirate")
    assert said(page) == "Showing 12 of 15 prompts of Captain Brine."
    page.set('[data-key="temperature"]', "0.4")
    assert said(page) == "Showing 5 of 5 prompts of Captain Brine at T = 0.4."
    assert len(texts(page, ".prompt")) == 5
    query = page.run("document.querySelector('[data-key=\"query\"]').options[1].value")
    page.set('[data-key="query"]', query)
    assert said(page).startswith("Showing 1 of 1 prompts of Captain Brine at T = 0.4 to \u201c")
    assert page.run("location.hash") == f"#{BOX}?query={query}&persona=pirate&temperature=0.4"
    whole = page.run("location.href")
    page.set('[data-key="text"]', "zzzz")
    assert said(page) == "No prompt in this page matches."
    page.open("about:blank")  # away, and back by the link
    page.open(whole)
    assert said(page).startswith("Showing 1 of 1 prompts of Captain Brine")
    assert value(page, "persona") == "pirate"


def test_an_address_of_python_sets_every_filter_and_goes_there(page: Page, file: Path) -> None:
    address = replies_address(
        BOX, persona="butler", temperature=1.0, sort="repetition", view="glance"
    )
    page.run("scrollTo(0, 0)")
    go(page, address)
    assert said(page).startswith("Showing 5 of 5 questions of Hargreaves at T = 1, most repeated")
    assert [value(page, k) for k in ("persona", "temperature", "sort")] == [
        "butler",
        "1.0",
        "repetition",
    ]
    assert page.run('document.querySelector(".browser").getBoundingClientRect().top') < 200
    go(page, f"#{BOX}?temperature=1.60&nonsense=1&view=none")  # written in another way
    assert said(page) == "Showing 12 of 15 prompts at T = 1.6."


def test_a_repeated_text_leads_to_its_replies_and_back(page: Page) -> None:
    links = ".clusters a[href*='replies-1']"
    row = page.run(
        f"[...document.querySelectorAll({json.dumps(links)})]"
        ".findIndex(e => e.textContent.startsWith('The same words again.'))"
    )
    assert row >= 0
    page.run(
        f"var a = document.querySelectorAll({json.dumps(links)})[{row}];"
        "a.closest('[data-case]').hidden = false; a.scrollIntoView(); a.focus(); a.click()"
    )
    page.run("new Promise(done => setTimeout(done, 50))")
    assert "2 matches of \u201cThe same words again.\u201d" in said(page)
    assert texts(page, ".prompt mark.found") == ["The same words again."] * 2
    assert page.run("!document.querySelector('.back').hidden")
    page.run("document.querySelector('.back').click()")
    assert page.run("document.activeElement.textContent").startswith("The same words again.")
    assert page.run("document.querySelector('.back').hidden")


def test_the_most_repeated_prompts_are_one_click_from_the_top(
    page: Page, data: dict[str, Any]
) -> None:
    assert [link.strip() for link in texts(page, ".ways a")] == [
        "most repeated first",
        "lowest quality first (valid replies)",
        "collapse at a glance",
        "map",
    ]
    page.click(page.place(".ways a"))
    page.run("new Promise(done => setTimeout(done, 50))")
    assert said(page) == "Showing 12 of 45 prompts, most repeated first."
    shown = texts(page, ".prompt:first-of-type .text")
    first = data["prompts"][data["orders"]["repetition"][0]]
    assert first["replies"][0]["text"] in shown


@pytest.mark.parametrize("order", ["repetition", "variety", "quality"])
def test_each_order_is_that_of_python(page: Page, data: dict[str, Any], order: str) -> None:
    page.set('[data-key="sort"]', order)
    while page.run("!document.querySelector('.more').hidden"):
        page.run("document.querySelector('.more').click()")
    key = "quality" if order == "quality" else "repetition"
    sign = -1 if order == "repetition" else 1
    rows = data["prompts"]
    numbers = sorted(
        range(len(rows)),
        key=lambda i: (rows[i].get(key) is None, sign * rows[i].get(key, 0.0), i),
    )
    names = data["personas"]
    expected = [
        f"{names[rows[i]['persona']]} \u00b7 T = {rows[i]['temperature']:g} \u00b7 "
        f"{rows[i]['query']}"
        for i in numbers
    ]
    heads = [" \u00b7 ".join(t.split(" \u00b7 ")[:3]) for t in texts(page, ".prompt h4 + p")]
    assert heads == expected


def test_failed_replies_are_found_by_status(page: Page) -> None:
    page.set('[data-key="status"]', "error")
    assert said(page) == "Showing 1 of 1 prompts with status error."
    assert texts(page, ".prompt .mark") == ["error"]
    assert texts(page, ".prompt li .text") == ["connection lost"]


def test_every_match_is_marked_and_counted_whatever_its_case(page: Page) -> None:
    page.set('[data-key="text"]', "PLAIN   words")  # any white space for any other
    assert said(page) == (
        "Showing 1 of 1 prompts. 1 match of \u201cPLAIN   words\u201d.".replace("   ", " ")
    )
    assert texts(page, "mark.found") == ["Plain words"]
    page.set('[data-key="text"]', CHINESE[0][2:4])
    assert texts(page, "mark.found") == [CHINESE[0][2:4]] * 2
    page.set('[data-key="text"]', "")
    assert texts(page, "mark.found") == []


def test_hostile_text_is_found_and_stays_text(page: Page) -> None:
    page.set('[data-key="text"]', "<img src=http://evil.example/x onerror=alert(2)>")
    assert said(page).startswith("Showing 1 of 1 prompts.")
    assert texts(page, "mark.found") == ["<img src=http://evil.example/x onerror=alert(2)>"]
    assert (
        page.run('document.querySelectorAll(".browser img, .browser script:not([type])").length')
        == 0
    )
    assert HOSTILE in texts(page, ".prompt .text")
    go(page, f"#{BOX}?query=%22%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&persona=');alert(1);('")
    assert said(page).startswith("This page has no replies of ');alert(1);('")


def test_a_pattern_is_a_pattern_only_if_asked_for(page: Page) -> None:
    page.set('[data-key="text"]', "s[ame]+ w(o)rds")
    assert said(page) == "No prompt in this page matches."
    page.run("document.querySelector('[data-key=\"regex\"]').click()")
    assert said(page).startswith("Showing 1 of 1 prompts. 2 matches of")
    assert texts(page, "mark.found") == ["same words", "same words"]
    assert "regex=1" in page.run("location.hash")
    page.set('[data-key="text"]', "(")
    assert said(page).startswith("Not a regular expression: ")
    assert texts(page, ".prompt") == []
    for pattern in ("(zzz)*", "^", "\\b"):  # they match nothing at all, everywhere
        page.set('[data-key="text"]', pattern)
        assert said(page) == "No prompt in this page matches."
    page.set('[data-key="text"]', "\\p{Script=Arabic}+")
    assert [t for t in texts(page, "mark.found") if t == ARABIC[0].split()[0]]


def test_two_personas_side_by_side_have_shared_words_marked(page: Page) -> None:
    page.set('[data-key="persona"]', "pirate")
    page.set('[data-key="temperature"]', "0.4")
    page.set('[data-key="beside"]', "persona:butler")
    assert said(page) == "Showing 5 of 5 pairs of Captain Brine at T = 0.4."
    names = dict(small_suite().personas)
    heads = texts(page, ".side h5")
    assert heads[:2] == [f"{names[p].name} \u00b7 T = 0.4" for p in ("pirate", "butler")]
    # Every marked stretch is in the other side too, word for word, in runs of four words.
    sides = page.run(
        """[...document.querySelectorAll(".side")].map(side => [
          [...side.querySelectorAll(".text")].map(e => e.textContent),
          [...side.querySelectorAll("mark")].map(e => e.textContent)])"""
    )
    count = 0
    for number, (_, marks) in enumerate(sides):
        others = [tuple(words(text)) for text in sides[number ^ 1][0]]
        grams = {other[i : i + 4] for other in others for i in range(len(other) - 3)}
        for mark in marks:
            own = tuple(words(mark))
            assert len(own) >= 4
            assert all(own[i : i + 4] in grams for i in range(len(own) - 3))
            count += 1
    assert count > 3
    page.set('[data-key="beside"]', "persona:pirate")
    assert said(page) == "No prompt in this page matches on both sides."


def test_two_temperatures_stand_side_by_side(page: Page) -> None:
    page.set('[data-key="beside"]', "temperature:1.6")
    assert said(page) == "Showing 12 of 30 pairs."  # 45 prompts less the 15 at 1.6
    heads = texts(page, ".side h5")
    assert all(head.endswith("T = 1.6") for head in heads[1::2])
    assert not any(head.endswith("T = 1.6") for head in heads[::2])


def test_a_link_leads_to_one_reply_and_is_copied(page: Page, file: Path) -> None:
    page.clipboard()  # asks for the permission
    page.set('[data-key="status"]', "error")
    link = ".prompt a.link"
    page.click(page.place(link))
    page.run("new Promise(done => setTimeout(done, 50))")
    address = page.run("location.href")
    assert re.search(r"#replies-1\?query=.+&temperature=[0-9.]+&reply=[12]&persona=", address)
    assert page.clipboard() == address
    page.open("about:blank")
    page.open(address)
    assert texts(page, "li.target .text") == ["connection lost"]
    top = page.run("document.querySelector('li.target').getBoundingClientRect().top")
    assert 0 < top < 900
    page.set('[data-key="persona"]', "butler")  # another filter, and it is no target any more
    assert texts(page, "li.target") == []


def test_right_to_left_and_chinese_texts_read_as_they_should(page: Page) -> None:
    page.set('[data-key="text"]', ARABIC[0])
    assert page.run("document.querySelector('.prompt li mark').closest('li').dir") == "rtl"
    assert (
        page.run(
            "getComputedStyle(document.querySelector('.prompt li mark').parentElement).direction"
        )
        == "rtl"
    )
    go(page, f"#{BOX}?sort=repetition&text={CHINESE[0]}")
    marks = "document.querySelectorAll('.prompt li')[1].querySelectorAll('mark.shared')"
    assert page.run(f"[...{marks}].map(e => e.textContent)") == [CHINESE[0][:4]]


def test_everything_works_by_keyboard(page: Page) -> None:
    page.run("document.querySelector('[data-view=glance]').focus()")
    page.press("Enter")
    assert said(page) == "Showing 12 of 15 questions."
    page.run("document.querySelector('[data-view=\"\"]').focus()")
    page.press("Space")
    page.run("document.querySelector('[data-key=\"text\"]').focus()")
    for letter in "again":
        page.press(letter)
    assert "1 of 1 prompts. 2 matches" in said(page)
    page.run("document.querySelector('.prompt a.link').focus()")
    page.press("Enter")
    page.run("new Promise(done => setTimeout(done, 50))")
    assert "reply=1" in page.run("location.hash")
    assert len(texts(page, "li.target")) == 1


@pytest.mark.parametrize("dark", [False, True])
def test_the_browser_has_no_barriers(page: Page, dark: bool) -> None:
    page.look(dark=dark)
    for view in ("", "view=glance", "view=map", "text=the&sort=repetition"):
        go(page, f"#{BOX}?{view}")
        assert violations(page, within=".browser") == []


@pytest.mark.parametrize("view", ["", "view=glance", "view=map", "beside=persona:butler"])
def test_nothing_sticks_out_on_a_phone(page: Page, view: str) -> None:
    page.look(width=390, height=844)
    go(page, f"#{BOX}?{view}&sort=repetition")
    assert page.run("document.documentElement.scrollWidth") <= 390
    wide = page.run(
        "[...document.querySelectorAll('.browser *')].filter(e => e.offsetParent && "
        "e.getBoundingClientRect().right > 391).map(e => e.outerHTML.slice(0, 90))"
    )
    assert wide == []
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(ARTEFACTS / f"replies-phone-{view[5:] or 'list'}.png".replace(":", "-"))
