"""pytest tests/report/test_reply_choice.py"""

from collections.abc import Sequence
from dataclasses import replace

from sfr_eval.report.page import script_json
from sfr_eval.report.reply_choice import MAX_REPLIES, MAX_TEXT, MIN_REPLIES, SPACE, Choice, choose
from sfr_eval.types import Cell, Sample
from tests.support.reply_data import reply

TEMPERATURES = (0.5, 1.0, 1.5)


def by_cell(samples: Sequence[Sample]) -> dict[Cell, list[Sample]]:
    cells: dict[Cell, list[Sample]] = {}
    for one in samples:
        cells.setdefault(one.cell, []).append(one)
    return cells


def large(text: str = "x" * 150, queries: int = 200) -> list[Sample]:
    return [
        reply(t, f"q{q}", persona, index, text=f"{text} {q} {index}")
        for q in range(queries)
        for t in TEMPERATURES
        for persona in "ab"
        for index in range(4)
    ]


def pick(*runs: Sequence[Sample], space: int = 100_000, **options: object) -> Choice:
    rank = options.pop("repetition", lambda _: 0.0)
    return choose([by_cell(run) for run in runs], space=space, repetition=rank, **options)  # type: ignore[arg-type]


def test_all_of_a_small_run_is_taken_in_the_order_of_the_suite() -> None:
    samples = large(queries=2)
    cells = pick(samples).cells
    assert list(cells) == sorted(by_cell(samples), key=lambda c: (c[1], c[0], c[2]))


def test_every_persona_at_every_temperature_is_there() -> None:
    cells = pick(large("x" * 4_000), space=100_000).cells
    assert {(t, p) for t, _, p in cells} == {(t, p) for t in TEMPERATURES for p in "ab"}


def test_some_questions_are_whole_and_others_come_from_everywhere() -> None:
    samples = large()
    cells = pick(samples).cells
    assert cells == pick(samples).cells
    queries = {query for _, query, _ in cells}
    whole = [q for q in queries if sum(cell[1] == q for cell in cells) == 6]
    assert len(whole) >= 8  # half of 100,000 bytes in questions of 24 replies of 200
    assert len(queries) > 2 * len(whole)


def test_both_ends_of_the_orders_are_there() -> None:
    samples = large()
    cells = list(by_cell(samples))
    number = {cell: float(i) for i, cell in enumerate(cells)}
    quality = {cell: float(i * 617 % len(cells)) for i, cell in enumerate(cells)}
    chosen = set(pick(samples, repetition=number.get, others=[quality.get]).cells)
    for rank in (number, quality):
        assert set(sorted(cells, key=lambda cell: -rank[cell])[:10]) <= chosen
    assert set(cells[:10]) <= chosen


def test_a_prompt_with_a_repeated_text_is_there_with_that_reply() -> None:
    samples = [reply(1.0, f"q{q}", "a", i, text="x" * 500) for q in range(99) for i in range(40)]
    wanted = samples[50 * 40 + 39]
    choice = pick(samples, wanted={wanted.sample_id: wanted.cell})
    assert wanted.cell in choice.cells
    shown = choice.of(by_cell(samples)[wanted.cell])
    assert choice.replies < 39
    assert shown[-1] == wanted
    assert len(shown) == choice.replies + 1
    # One of another suite, or of a prompt that is not there, is no trouble.
    assert pick(samples, wanted={"z": (9.0, "z", "z")}).cells


def test_replies_that_are_not_ok_are_there() -> None:
    samples = large(queries=400)
    samples[4_321] = replace(samples[4_321], status="error", text="", error="lost")
    assert samples[4_321].cell in pick(samples).cells


def test_of_two_runs_only_shared_prompts_count() -> None:
    one = [reply(1.0, q, "a", 0) for q in ("q1", "q2")]
    two = [reply(1.0, q, "a", 0) for q in ("q2", "q3")]
    assert pick(one, two).cells == ((1.0, "q2", "a"),)


def test_one_prompt_is_shown_however_large_it_is() -> None:
    samples = [reply(1.0, f"q{q}", "a", i, text="x" * 9_000) for q in range(3) for i in range(99)]
    choice = pick(samples, space=1_000)
    assert len(choice.cells) == 1
    assert choice.replies == MIN_REPLIES
    assert pick([reply(1.0, "q", "a", 0)]).replies == MAX_REPLIES
    assert pick([]).cells == ()


def test_the_json_fits_into_the_space_whatever_the_script() -> None:
    for text in (
        "word " * 40,
        "\u5b57" * 90,
        "\U0001f600" * 30,
        '<"\\\n>' * 40,
        "x" * 2 * MAX_TEXT,
    ):
        runs = by_cell(large(text))
        choice = choose([runs], repetition=lambda _: 0.0)
        rows = [{"text": one.text[:MAX_TEXT]} for c in choice.cells for one in choice.of(runs[c])]
        assert len(script_json(rows).encode()) <= SPACE
