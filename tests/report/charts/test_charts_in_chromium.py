"""The interactive charts as a reader has them: hovered, brushed and typed at in a real Chromium.

Numbers are those of a real results.json."""

from pathlib import Path

import pytest

from sfr_eval.store.results import SuiteResults
from tests.report.charts.conftest import chart, draw_all, place, press_menu, texts, tip, view
from tests.support.chromium import Page

CURVES = "embed_distance"


def legend(page: Page, title: str) -> dict[str, str]:
    found: dict[str, str] = page.run(
        f"Object.fromEntries([...document.querySelectorAll('{chart(title)} .chart-legend button')]"
        ".map(e => [e.textContent, e.getAttribute('aria-pressed')]))"
    )
    return found


def entry(page: Page, title: str, name: str) -> tuple[float, float]:
    number = list(legend(page, title)).index(name)
    return page.place(f"{chart(title)} .chart-legend button:nth-child({number + 1})")


def drawn(page: Page, title: str) -> list[str]:
    """The series that have marks."""
    found: list[str] = page.run(f"[...new Set({view(title)}.marks.map(one => one.title))]")
    return found


def domain(page: Page, title: str) -> list[float]:
    """The places of the marks on the x axis that are in the picture."""
    found: list[float] = page.run(
        f"[...new Set({view(title)}.marks.filter(one => one.place !== undefined)"
        ".map(one => one.place))].sort((a, b) => a - b)"
    )
    return found


def test_hovering_shows_the_value_of_results_json(page: Page, suite: SuiteResults) -> None:
    for number, (temperature, estimate) in enumerate(suite.sweep(CURVES).items()):
        page.move(place(page, CURVES, number))
        title, value, at, *_ = tip(page, CURVES)
        assert estimate.value is not None
        assert estimate.low is not None
        assert estimate.high is not None
        assert title == "model"
        rounded = f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"
        assert value == f"embed_distance: {rounded}"
        assert at == f"temperature: {temperature:g}"
        exact = page.run(f"document.querySelector('{chart(CURVES)} .chart-tip [title]').title")
        numbers = exact.removeprefix("embed_distance: ").replace("[", "").strip("]")
        first, low, high = numbers.replace(",", "").split()
        assert (float(first), float(low), float(high)) == (
            estimate.value,
            estimate.low,
            estimate.high,
        )


def test_away_from_all_marks_nothing_is_shown(page: Page) -> None:
    page.move(place(page, CURVES, 0))
    assert tip(page, CURVES)
    page.move((1, 1))
    assert tip(page, CURVES) == []


def test_the_cursor_is_shared_with_the_other_panels(page: Page, suite: SuiteResults) -> None:
    page.move(place(page, "style_accuracy", 1))
    other = suite.at(CURVES, list(suite.sweep(CURVES))[1])
    assert other is not None
    assert other.value is not None
    assert len(texts(page, ".chart-cursor")) == 4
    readings = texts(page, f"{chart(CURVES)} .chart-reading")
    assert readings == [f"{other.value:.2f}", f"{other.value * 0.9:.2f}"]
    assert texts(page, f"{chart('Seeds')} .chart-cursor") == []
    page.move((1, 1))
    assert texts(page, ".chart-cursor") == []


def test_the_legend_switches_a_series_in_all_panels(page: Page) -> None:
    assert drawn(page, CURVES) == ["model", "other", "reference"]
    page.click(entry(page, CURVES, "other"))
    assert legend(page, CURVES) == {"model": "true", "other": "false", "reference": "true"}
    assert drawn(page, CURVES) == ["model", "reference"]
    assert drawn(page, "length") == ["model", "reference"]  # the same cursor
    assert drawn(page, "Seeds") == ["sft 0", "sft 1", "sft 2", "sfr 0", "sfr 1", "sfr 2"]
    page.click(entry(page, CURVES, "other"))
    assert drawn(page, CURVES) == ["model", "other", "reference"]


def test_shift_or_a_double_click_isolates_a_series(page: Page) -> None:
    page.click(entry(page, CURVES, "other"), holding="Shift")
    assert drawn(page, CURVES) == ["other"]
    page.click(entry(page, CURVES, "other"), holding="Shift")
    assert drawn(page, CURVES) == ["model", "other", "reference"]
    page.click(entry(page, CURVES, "model"), times=2)
    assert drawn(page, CURVES) == ["model"]
    page.click(entry(page, CURVES, "model"))  # nothing would be left: all come back
    assert drawn(page, CURVES) == ["model", "other", "reference"]


def test_the_legend_switches_a_group_together(page: Page) -> None:
    assert list(legend(page, "Seeds")) == ["sft", "sfr"]
    page.click(entry(page, "Seeds", "sft"))
    assert drawn(page, "Seeds") == ["sfr 0", "sfr 1", "sfr 2"]


def test_a_brush_zooms_and_three_ways_lead_back(page: Page) -> None:
    whole = domain(page, CURVES)
    assert len(whole) == 3
    reset = f"!document.querySelector('{chart(CURVES)} .chart-reset').hidden"

    def brush() -> None:
        x, y = place(page, CURVES, 0)
        page.drag((x - 8, y + 3), (x + 40, y + 5))
        assert domain(page, CURVES) == whole[:1]
        assert page.run(reset)

    brush()
    page.click(page.place(f"{chart(CURVES)} .chart-reset"))
    assert domain(page, CURVES) == whole
    assert not page.run(reset)
    brush()
    page.click(page.place(f"{chart(CURVES)} > svg", across=0.7, down=0.95), times=2)
    assert domain(page, CURVES) == whole
    brush()
    page.move((1, 1))
    page.run(f"document.querySelector('{chart(CURVES)} > svg').focus()")
    page.press("Escape")
    assert domain(page, CURVES) == whole
    page.press("+")
    assert page.run(reset)


def test_a_brush_zooms_both_axes_where_it_is_a_box(page: Page) -> None:
    x, y = place(page, CURVES, 0)
    page.drag((x - 12, y - 12), (x + 12, y + 12))
    zoom = page.run(f"{view(CURVES)}.zoom")
    point = page.run(f"{view(CURVES)}.marks[0].point")
    assert zoom["x"][0] < point["x"] < zoom["x"][1]
    assert zoom["y"][0] < point["y"] < zoom["y"][1]


def test_an_axis_turns_logarithmic_only_above_zero(page: Page) -> None:
    def actions(title: str) -> list[str]:
        page.click(page.place(f"{chart(title)} .chart-menu summary"))
        page.run("new Promise(done => setTimeout(done, 50))")
        found = texts(page, f"{chart(title)} .chart-actions button")
        page.press("Escape")
        return [one for one in found if "axis" in one]

    assert actions("Seeds") == ["Logarithmic x axis", "Logarithmic y axis"]
    before = page.run(f"{view('Seeds')}.marks.slice(0, 3).map(one => one.x)")
    press_menu(page, "Seeds", "Logarithmic x axis")
    after = page.run(f"{view('Seeds')}.marks.slice(0, 3).map(one => one.x)")
    assert after[1] - before[1] > 50
    assert abs((after[1] - after[0]) - (after[2] - after[1])) < 0.01  # 1, 10, 100
    assert actions("Seeds") == ["Linear x axis", "Logarithmic y axis"]
    assert actions("Differences at T = 1") == []


def test_the_reader_chooses_both_axes_of_the_plane(page: Page, suite: SuiteResults) -> None:
    title = "Quality against variety"
    groups = page.run(
        f"[...document.querySelectorAll('{chart(title)} select')[0].children].map(e => e.label)"
    )
    assert groups == ["variety", "style", "length"]
    page.set(f"{chart(title)} label:nth-child(2) select", "length")
    t, length = next(iter(suite.sweep("length").items()))
    accuracy = suite.at("style_accuracy", t)
    assert accuracy is not None
    point = page.run(f"{view(title)}.marks[0].point")
    assert (point["x"], point["y"]) == (length.value, accuracy.value)
    assert (point["x_low"], point["y_high"]) == (length.low, accuracy.high)
    page.move(place(page, title, 0))
    assert tip(page, title)[2] == "Length: " + (
        f"{length.value:.0f} [{length.low:.0f}, {length.high:.0f}]"
    )
    # Lower is better: the axis is reversed, and the better corner is still above on the right.
    assert texts(page, f"{chart(title)} .chart-better") == ["better \u2197"]
    assert page.run(f"{view(title)}.plot.x.reversed")
    page.click(page.place(f"{chart(title)} .chart-swap"))
    swapped = page.run(f"{view(title)}.marks[0].point")
    assert (swapped["x"], swapped["y"]) == (accuracy.value, length.value)
    assert texts(page, f"{chart(title)} .chart-label")[0].startswith("T=")


def test_the_heat_map_has_temperature_order_and_values(page: Page) -> None:
    title = "Similarity"
    names = f"{view(title)}.marks.slice(0, 3).map(one => one.names[1])"
    assert page.run(names) == ["butler", "pirate", "sergeant"]  # alike together, as in the files
    page.set(f"{chart(title)} label:nth-child(3) select", "suite")
    assert page.run(names) == ["pirate", "sergeant", "butler"]
    page.move(place(page, title, 1))
    assert tip(page, title)[:3] == ["pirate and sergeant", "0.41", "T = 0.4"]
    page.set(f"{chart(title)} input", "1")
    page.move(place(page, title, 1))
    assert tip(page, title)[:3] == ["pirate and sergeant", "0.21", "T = 1"]
    exact = f"document.querySelector('{chart(title)} .chart-tip [title]').title"
    assert page.run(exact) == "0.2125"
    assert len(texts(page, f"{chart(title)} .chart-diagonal")) == 3
    assert texts(page, f"{chart(title)} .chart-scale") == ["0.100", "0.73"]
    page.set(f"{chart(title)} label:nth-child(2) select", "all")
    assert texts(page, f"{chart(title)} .chart-scale") == ["0.100", "0.93"]
    page.set(f"{chart(title)} label:nth-child(3) select", "like")
    page.move((1, 1))
    page.run(f"document.querySelector('{chart(title)} > svg').focus()")
    page.press("ArrowRight")
    page.press("ArrowDown")
    page.press("ArrowRight")
    said = texts(page, f"{chart(title)} .chart-live")[0]
    assert said.startswith("pirate, among themselves, 0.71, T = 1. Enter opens")


def test_a_click_on_a_cell_opens_its_replies(page: Page) -> None:
    page.click(place(page, "Similarity", 5))
    assert page.run("location.hash") == (
        "#replies-1?persona=pirate&temperature=0.4&beside=persona%3Asergeant"
    )
    page.click(place(page, "Similarity", 4))
    assert page.run("location.hash") == "#replies-1?persona=pirate&temperature=0.4"


def test_the_forest_is_sorted_and_says_its_words(page: Page) -> None:
    title = "Differences at T = 1"
    names = f"{chart(title)} .chart-row"
    assert texts(page, names) == ["Distance \u2191", "Self-BLEU \u2193", "Length"]
    assert texts(page, f"{chart(title)} .chart-part") == ["Primary", "Other"]
    assert texts(page, f"{chart(title)} .chart-words")[0].startswith("-0.10 [-0.15, -0.05]")
    page.set(f"{chart(title)} select", "size")
    assert texts(page, names) == ["Self-BLEU \u2193", "Distance \u2191", "Length"]
    page.move(place(page, title, 0))
    assert tip(page, title) == [
        "Self-BLEU",
        "sft: +0.30 [0.25, 0.35]",
        "worse",
        "lower is better",
    ]
    page.click(entry(page, title, "sft"))
    assert texts(page, names) == ["Distance \u2191", "Self-BLEU \u2193", "Length"]


def test_the_forest_is_stacked_on_a_phone(page: Page, file: Path) -> None:
    page.look(width=390, height=800)
    page.open(file.as_uri())
    draw_all(page)
    rows = page.run(
        "[...document.querySelectorAll('.chart-row, .chart-words')].map(e => e.getBBox().x)"
    )
    assert max(rows) < 20  # all begin at the left


def test_all_is_done_by_keyboard(page: Page, suite: SuiteResults) -> None:
    for _ in range(60):
        page.press("Tab")
        if page.run(f"document.activeElement === document.querySelector('{chart(CURVES)} > svg')"):
            break
    page.press("ArrowRight")
    page.press("ArrowRight")
    t = list(suite.sweep(CURVES))[1]
    value = suite.sweep(CURVES)[t].value
    assert value is not None
    said = texts(page, f"{chart(CURVES)} .chart-live")[0]
    assert said.startswith(f"model, embed_distance: {value:.2f} [")
    assert f"temperature: {t:g}" in said
    page.press("ArrowDown")
    said = texts(page, f"{chart(CURVES)} .chart-live")[0]
    assert said.startswith("other, ")
    assert f"temperature: {t:g}, made up" in said
    page.press("ArrowUp")
    page.press("End")
    page.press("Enter")
    assert page.run("location.hash") == f"#replies-1?temperature={list(suite.sweep(CURVES))[-1]:g}"
    page.press("Escape")
    assert tip(page, CURVES) == []
    page.press("Tab")  # to the legend
    page.press("Space")
    assert legend(page, CURVES)["model"] == "false"
    assert page.run("document.activeElement.textContent") == "model"


def test_a_finger_shows_a_value_and_its_link(page: Page) -> None:
    page.tap(place(page, CURVES, 0))
    assert tip(page, CURVES)[-1] == "Open the replies"
    assert page.run("location.hash") == ""
    page.tap(page.place(f"{chart(CURVES)} .chart-tip a"))
    assert page.run("location.hash") == "#replies-1?temperature=0.4"


@pytest.mark.parametrize("key", ["+", "-"])
def test_a_key_that_is_held_neither_freezes_nor_loses_the_chart(page: Page, key: str) -> None:
    title = "embed_distance"
    page.run(f"document.querySelector('{chart(title)} > svg').focus()")
    page.press(key, times=80)
    zoom = page.run(f"{view(title)}.zoom")
    if key == "-":
        assert zoom == {}
    else:
        low, high = zoom["x"]
        assert 0 < high - low < 1e-5
    assert not page.run(f"/NaN|Infinity/.test({view(title)}.svg.outerHTML)")


def test_the_box_keeps_its_mark_when_others_go(page: Page) -> None:
    title = "embed_distance"
    page.move(place(page, title, 4))
    before = tip(page, title)
    page.run(f"{view(title)}.hidden.add('model'), sfr.charts.draw({view(title)})")
    assert tip(page, title)[:2] == before[:2]
    page.run(f"{view(title)}.hidden.delete('model')")


def test_axes_of_any_numbers_have_ticks_that_fit(page: Page) -> None:
    ticks = "sfr.charts.ticks({}).map(one => one[1])"
    assert page.run(ticks.format("1e-9, 1e6, 5, true")) == [
        "1e-9", "0.000001", "0.001", "1", "1000", "1000000",
    ]  # fmt: skip
    assert page.run(ticks.format("1, 40, 6, true")) == ["1", "2", "5", "10", "20"]
    assert page.run(ticks.format("1, 1, 5")) == ["1"]
    assert page.run("sfr.charts.extent({possible: [1, null]}, [])") == [1, 2]
    assert page.run("sfr.charts.extent({}, [0, 0])") == [-0.1, 0.1]
    low, high = page.run("sfr.charts.extent({}, [1e-9, 2e-9])")
    assert (low, high) == pytest.approx((0.94e-9, 2.06e-9))


def test_rows_without_an_axis_in_common_are_not_sorted(page: Page) -> None:
    """The values of a single run have units of their own; differences are in parts of a span."""
    orders = """(function (base) {
      const row = { label: "Length", metric: "length", part: "", marks: [] };
      const figure = document.querySelectorAll("figure[data-chart]")[0];
      sfr.drawChart(figure, { kind: "forest", title: "Values", base: base, rows: [row, row, row] });
      return figure.querySelectorAll(".chart-controls select").length;
    })(%s)"""
    assert page.run(orders % "''") == 0
    assert page.run(orders % "'base'") == 1
