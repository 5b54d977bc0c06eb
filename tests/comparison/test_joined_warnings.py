"""pytest tests/comparison/test_joined_warnings.py"""

from types import SimpleNamespace
from typing import cast

import pytest

from sfr_eval.comparison.joined_warnings import JoinedWarning, joined_warnings, listed
from sfr_eval.comparison.mismatch import Mismatch
from sfr_eval.comparison.result import Comparison, Pair


def comparison(
    *lines: list[str], mismatch: Mismatch | None = None, notes: tuple[str, ...] = ()
) -> Comparison:
    """`base` against the runs b, c, ..., with these warnings of each pair."""
    names = ["b", "c", "d"][: len(lines)]
    pairs = [
        Pair(
            first="base",
            second=name,
            mismatches=(mismatch,) if mismatch else (),
            warnings=tuple(warnings),
            suites=(),
            notes=notes,
        )
        for name, warnings in zip(names, lines, strict=True)
    ]
    runs = [SimpleNamespace(label=name) for name in ("base", *names)]
    found = SimpleNamespace(pairs=pairs, runs=runs, groups=(), names=["base", *names])
    return cast(Comparison, found)


def texts(*lines: list[str]) -> list[str]:
    return [one.text for one in joined_warnings(comparison(*lines))]


def test_what_all_pairs_say_is_said_once() -> None:
    assert texts(["No judge."], ["No judge."]) == ["No judge."]


def test_what_some_pairs_say_names_them() -> None:
    same = "The dtype differs."
    assert texts([same], [same], []) == ["b and c: The dtype differs."]


def test_lines_that_differ_in_one_name_are_joined() -> None:
    one, two = (f"{name} is partial: 8 queries." for name in "bc")
    assert texts([one], [two], []) == ["b and c are partial: 8 queries."]


def test_a_line_about_every_run_says_all() -> None:
    base = "base: 3 requests failed."
    lines = [[base, f"{name}: 3 requests failed."] for name in "bcd"]
    assert texts(*lines) == ["All 4 runs: 3 requests failed."]


def test_other_numbers_are_other_lines() -> None:
    assert texts(["b: 3 failed."], ["c: 4 failed."]) == ["b: 3 failed.", "c: 4 failed."]


@pytest.mark.parametrize("line", ["a bc", "base and b differ"])
def test_a_part_of_a_word_and_two_names_are_no_name(line: str) -> None:
    assert texts([line], []) == ([f"b: {line}"] if line == "a bc" else [line])


def test_mismatches_come_first_notes_last_and_say_so() -> None:
    mismatch = Mismatch(what="suite x: k", first="4", second="8")
    found = joined_warnings(
        comparison(["No judge."], ["No judge."], mismatch=mismatch, notes=("Other seeds.",))
    )
    assert [one.kind for one in found] == ["mismatch", "warning", "note"]
    assert found[0].line.startswith("mismatch: suite x: k")
    assert found[1] == JoinedWarning(text="No judge.")
    assert found[2].line == "note: Other seeds."


def test_names_are_listed_as_a_person_writes_them() -> None:
    assert [listed(list(names)) for names in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]
