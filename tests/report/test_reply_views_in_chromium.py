"""Collapse at a glance and the map of replies in a real Chromium, and the replies of two runs."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.comparison.compare import compare_runs
from sfr_eval.comparison.files import write_comparison
from sfr_eval.report.report import write_report
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.types import Sample
from tests.support.axe import violations
from tests.support.chromium import ARTEFACTS, Browser, Page
from tests.support.compare_data import write_world_run
from tests.support.reply_page import data_of, embed, go, opened, said, texts, write_special_run
from tests.support.report_data import draw, small_suite, write_run

BOX = "replies-1"
GLANCE = (
    ("The sea is calm today.", "The sea is calm tonight."),
    ("The sea is calm today.", "A storm is near."),
    ("same", "same"),
    ("\u4eca\u5929\u5929\u6c14\u5f88\u597d", "\u4eca\u5929\u5929\u6c14\u4e0d\u597d"),
    ("\u0645\u0631\u062d\u0628\u0627 \u0628\u0643", "\u0645\u0631\u062d\u0628\u0627 \u0647"),
    ("", "only this"),
    ("caf\u0065\u0301s", "caf\u0065s"),  # an accent as a character of its own
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("views")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SFR_EVAL_CACHE", str(folder / "cache"))
        yield folder


def by_prompt(samples: list[Sample]) -> dict[tuple[float, str, str], list[int]]:
    rows: dict[tuple[float, str, str], list[int]] = {}
    for number, sample in enumerate(samples):
        rows.setdefault(sample.cell, []).append(number)
    return rows


@pytest.fixture(scope="module")
def glance_file(folder: Path) -> Path:
    """The first prompts are answered as GLANCE says, one by a single reply."""
    samples = draw(small_suite())
    for texts_, rows in zip(GLANCE, by_prompt(samples).values(), strict=False):
        for text, row in zip(texts_, rows, strict=True):
            samples[row] = replace(samples[row], text=text)
    last = list(by_prompt(samples).values())[-1]
    samples[last[1]] = replace(samples[last[1]], status="error", text="", error="lost")
    return write_report(write_run(folder / "glance", samples=samples))


@pytest.fixture(scope="module")
def map_file(folder: Path) -> Path:
    return write_report(write_special_run(folder / "map", cache=folder / "cache"))


@pytest.fixture(scope="module")
def compare_file(folder: Path) -> Path:
    def collapsed(samples: list[Sample]) -> list[Sample]:
        for row in next(iter(by_prompt(samples).values())):
            samples[row] = replace(samples[row], text="Always the same old song.")
        return samples

    dials = {"cross": 1.0, "within": 1.0}
    runs = [
        write_world_run(folder / "base", dials),
        write_world_run(folder / "tuned", dials, change=collapsed, seed=1),
    ]
    for path in runs:
        run = RunFolder(path)
        embed(run, run.sealed_samples(), cache=folder / "cache")
    comparison = compare_runs(*runs)
    write_comparison(comparison, folder / "compared")
    return folder / "compared" / "compare.html"


def column(page: Page, text: str) -> dict[str, Any]:
    """What the column says that has a reply with this text."""
    found: dict[str, Any] = page.run(
        f"""(function () {{
          var own = [...document.querySelectorAll('.glance .text')]
            .find(e => e.textContent === {json.dumps(text)});
          var side = own.closest('.side');
          return {{
            summary: side.querySelector('.summary').textContent,
            all: [...side.querySelectorAll('.prefix.all')].map(e => e.textContent),
            some: [...side.querySelectorAll('.prefix')].map(e => e.textContent),
            forks: side.querySelectorAll('.fork').length,
            after: side.querySelector('.fork') && side.querySelector('.fork').nextSibling.data,
            dir: own.closest('li').dir,
            numbers: [...side.querySelectorAll('li')].map(e => e.value)
          }};
        }})()"""
    )
    return found


def test_the_common_beginning_is_grey_and_the_parting_marked(
    chromium: Browser, glance_file: Path
) -> None:
    with opened(chromium, glance_file) as page:
        go(page, f"#{BOX}?view=glance")
        while page.run("!document.querySelector('.more').hidden"):
            page.run("document.querySelector('.more').click()")
        found = column(page, "The sea is calm tonight.")
        assert found["summary"] == (
            "2 replies, 2 different; all begin with the same 4 words, then 2 continuations."
        )
        assert found["all"] == ["The sea is calm"] * 2
        assert (found["forks"], found["after"]) == (2, " today.")
        found = column(page, "A storm is near.")
        assert found["summary"] == "2 replies, 2 different; no common beginning."
        assert (found["some"], found["forks"]) == ([], 0)
        found = column(page, "same")
        assert found["summary"] == "2 replies, all the same text."
        assert (found["all"], found["forks"]) == (["same", "same"], 0)


def test_chinese_parts_by_characters_and_arabic_from_the_right(
    chromium: Browser, glance_file: Path
) -> None:
    with opened(chromium, glance_file) as page:
        go(page, f"#{BOX}?view=glance")
        while page.run("!document.querySelector('.more').hidden"):
            page.run("document.querySelector('.more').click()")
        found = column(page, GLANCE[3][0])
        assert "the same 4 characters" in found["summary"]
        assert found["all"] == [GLANCE[3][0][:4]] * 2
        found = column(page, GLANCE[4][0])
        assert "the same 1 word," in found["summary"]
        assert (found["dir"], found["all"]) == ("rtl", [GLANCE[4][0].split()[0]] * 2)
        # A letter is not parted from its accent.
        assert column(page, GLANCE[6][0])["some"] == []


def test_one_reply_an_empty_one_and_a_failed_one_are_said(
    chromium: Browser, glance_file: Path
) -> None:
    with opened(chromium, glance_file) as page:
        go(page, f"#{BOX}?view=glance&text=only+this")
        found = column(page, "only this")
        assert found["summary"] == "1 reply with text: nothing to compare it with; 1 empty."
        assert found["numbers"] == [2, 1]  # those with text first
        assert "(empty)" in texts(page, ".glance .text")
        go(page, f"#{BOX}?view=glance&status=error")
        assert any(text.endswith("; 1 without text.") for text in texts(page, ".summary"))


def test_personas_stand_side_by_side_and_below_one_another_on_a_phone(
    chromium: Browser, glance_file: Path
) -> None:
    tops = (
        "[...document.querySelector('.glance').querySelectorAll('.side')]"
        ".map(e => Math.round(e.getBoundingClientRect().top))"
    )
    with opened(chromium, glance_file) as page:
        go(page, f"#{BOX}?view=glance&temperature=1")
        assert said(page) == "Showing 5 of 5 questions at T = 1."
        names = [persona.name for persona in small_suite().personas.values()]
        assert texts(page, ".glance:first-of-type .side h5") == names
        assert len(set(page.run(tops))) == 1
        ARTEFACTS.mkdir(exist_ok=True)
        page.screenshot(ARTEFACTS / "replies-glance.png")
        page.look(width=390, height=844)
        assert len(set(page.run(tops))) == 3


def test_questions_at_a_glance_are_in_the_order_of_their_first_prompt(
    chromium: Browser, glance_file: Path
) -> None:
    data = data_of(glance_file)
    order = [data["prompts"][key] for key in data["orders"]["repetition"]]
    places = list(dict.fromkeys((p["query"], p["temperature"]) for p in order))
    with opened(chromium, glance_file) as page:
        go(page, f"#{BOX}?view=glance&sort=repetition")
        heads = texts(page, ".glance h4 + p")
        assert heads == [f"T = {t:g} \u00b7 {query}" for query, t in places[: len(heads)]]


def dots(page: Page) -> int:
    count: int = page.run("document.querySelectorAll('.map .canvas .dot').length")
    return count


def middle(page: Page, number: int) -> tuple[float, float]:
    """The middle of a point of the map in the window."""
    page.place(".map .canvas")
    x, y = page.run(
        f"(function () {{ var r = document.querySelectorAll('.map .canvas .dot')[{number}]"
        ".getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; })()"
    )
    return x, y


def settle(page: Page) -> None:
    page.run("new Promise(done => requestAnimationFrame(() => setTimeout(done, 60)))")


def test_the_map_tells_what_a_point_is_and_opens_it(chromium: Browser, map_file: Path) -> None:
    data = data_of(map_file)
    places = [
        (prompt, reply)
        for prompt in data["prompts"]
        for reply in prompt["replies"]
        if "at" in reply
    ]
    with opened(chromium, map_file) as page:
        go(page, f"#{BOX}?view=map")
        settle(page)
        assert said(page) == f"{len(places)} replies on the map."
        assert dots(page) == len(places)
        # The leftmost point has no other on it.
        first = min(range(len(places)), key=lambda i: places[i][1]["at"][0])
        prompt, reply = places[first]
        page.move(middle(page, first))
        tip = texts(page, ".tip")[0]
        name = data["personas"][prompt["persona"]]
        number = prompt["replies"].index(reply) + 1
        assert tip.startswith(f"{name} \u00b7 T = {prompt['temperature']:g} \u00b7 reply {number}")
        assert " ".join(reply["text"].split())[:60] in tip
        page.click(middle(page, first))
        settle(page)
        assert texts(page, "li.target .text") == [reply["text"]]
        page.run("document.querySelector('.back').click()")
        settle(page)
        assert page.run("location.hash") == f"#{BOX}?view=map"
        assert dots(page) == len(places)


def test_the_map_works_by_keyboard(chromium: Browser, map_file: Path) -> None:
    with opened(chromium, map_file) as page:
        go(page, f"#{BOX}?view=map")
        settle(page)
        page.run("document.querySelector('.map .canvas svg').focus()")
        at = "Number(document.querySelector('.ring').getAttribute('cx'))"
        page.press("Home")
        seen = {texts(page, ".tip")[0]}
        for _ in range(60):
            before = page.run(at)
            page.press("ArrowRight")
            if texts(page, ".tip")[0] in seen:
                break
            assert page.run(at) >= before
            seen.add(texts(page, ".tip")[0])
        assert len(seen) > 5
        largest = page.run(
            "Math.max(...[...document.querySelectorAll('.canvas .dot')].map(e => "
            "Number(e.getAttribute('transform').match(/[-0-9.]+/)[0])))"
        )
        assert page.run(at) > 0.8 * largest
        page.press("Enter")
        settle(page)
        assert len(texts(page, "li.target")) == 1


def test_classes_colour_the_map_and_are_switched(chromium: Browser, map_file: Path) -> None:
    with opened(chromium, map_file) as page:
        go(page, f"#{BOX}?view=map")
        settle(page)
        whole = dots(page)
        names = [persona.name for persona in small_suite().personas.values()]
        assert texts(page, ".legend button") == names
        fills = page.run(
            "[...document.querySelectorAll('.canvas .dot')].map(e => getComputedStyle(e).fill)"
        )
        assert len(set(fills)) == 3
        page.run("document.querySelector('.legend button').click()")
        assert 0 < dots(page) < whole
        page.set('[data-key="colour"]', "temperature")
        settle(page)
        assert texts(page, ".legend button") == ["T = 0.4", "T = 1", "T = 1.6"]
        assert dots(page) == whole
        page.set('[data-key="colour"]', "meaning")
        settle(page)
        assert "within a cosine distance of 0.2" in texts(page, ".map p")[0]
        page.set('[data-key="persona"]', "pirate")
        settle(page)
        assert 0 < dots(page) < whole
        page.set('[data-key="text"]', "zzzz")
        assert said(page) == "No reply on the map matches."


def test_two_runs_are_compared_in_every_view(chromium: Browser, compare_file: Path) -> None:
    data = data_of(compare_file)
    assert [prompt["run"] for prompt in data["prompts"][:2]] == [0, 1]
    with opened(chromium, compare_file) as page:
        go(page, f"#{BOX}?sort=gap")
        assert said(page).endswith(" prompts, largest difference of repetition between runs first.")
        assert "Always the same old song." in texts(page, ".prompt:first-of-type .text")
        for order in ("disagreement", "gap"):
            go(page, f"#{BOX}?sort={order}")
            first = data["prompts"][2 * data["orders"][order][0]]
            head = texts(page, ".prompt h4 + p")[0]
            assert head.split(" \u00b7 ")[2] == first["query"]
        go(page, f"#{BOX}?sort=gap&view=glance")
        heads = texts(page, ".glance:first-of-type .side h5")
        assert heads == data["runs"]
        assert texts(page, ".glance:first-of-type .summary")[1].endswith(" all the same text.")
        go(page, f"#{BOX}?view=map")
        settle(page)
        assert texts(page, ".legend button") == data["runs"]
        assert violations(page, within=".browser") == []
        page.set('[data-key="run"]', data["runs"][1])
        settle(page)
        assert said(page).endswith(f" replies on the map of {data['runs'][1]}.")
        assert len(set(texts(page, ".legend button"))) == len(data["personas"])


def test_a_reply_of_the_second_run_has_its_link(chromium: Browser, compare_file: Path) -> None:
    runs = data_of(compare_file)["runs"]
    with opened(chromium, compare_file) as page:
        go(page, f"#{BOX}?text=old+song")
        assert "1 of 1 prompts" in said(page)
        page.run("document.querySelector('.side.run-1 a.link').click()")
        settle(page)
        assert f"run={runs[1]}" in page.run("decodeURIComponent(location.hash)")
        assert texts(page, "li.target .text") == ["Always the same old song."]


def test_what_is_not_in_the_page_is_shown_by_a_command(
    chromium: Browser, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sfr_eval.report.reply_browser.SPACE", 12_000)
    file = write_report(write_run(folder / "large"))
    data = data_of(file)
    assert data["shown"] < data["total"]
    cells = {(p["query"], p["persona"], p["temperature"]) for p in data["prompts"]}
    queries = {query for query, _, _ in cells}
    query, persona, t = next(
        (q, p, t)
        for q in queries
        for p in ("pirate", "sergeant", "butler")
        for t in (0.4, 1.0, 1.6)
        if (q, p, t) not in cells
    )
    with opened(chromium, file) as page:
        go(page, f"#{BOX}?query={query}&persona={persona}&temperature={t}")
        assert said(page).startswith("This page has no replies of ")
        (line,) = texts(page, ".elsewhere")
        assert line.startswith(f"{data['shown']} of 90 replies are in this page.")
        (command,) = texts(page, ".elsewhere code")
        go(page, f"#{BOX}?query=');print(1);('")
        assert "print(1)" not in texts(page, ".elsewhere code")[0]
    code = command.removeprefix("python -c '").removesuffix("'")
    monkeypatch.chdir(file.parent)
    shown: list[str] = []
    exec(code, {"print": lambda *rows, sep: shown.extend(rows)})
    expected = [s for s in draw(small_suite()) if s.cell == (t, query, persona)]
    assert shown == [s.text for s in expected]
