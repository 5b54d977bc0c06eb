"""A comparison on the terminal."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sfr_eval.comparison.differences import Row
from sfr_eval.util.terminal import print_json, print_table

if TYPE_CHECKING:
    from sfr_eval.comparison.result import Comparison, Pair, SuiteComparison


SHOWN_PART = 0.8
"""Part of the lower best quality at which the terminal shows diversity; the files hold all."""


def show_comparison(comparison: "Comparison", *, as_json: bool) -> list[str]:
    """Print the tables, or JSON; returns the lines that belong beside them (differences that were
    allowed, cautions), to be printed to stderr with JSON and to stdout else."""
    if as_json:
        print_json(comparison.as_dict())
        return list(_notes(comparison))
    letters = {run.label: chr(ord("A") + i) for i, run in enumerate(comparison.runs)}
    for pair in comparison.pairs:
        for suite in pair.suites:
            _table(pair, suite, letters)
            _matched(pair, suite)
    return [*_notes(comparison), *_summaries(comparison)]


def _table(pair: "Pair", suite: "SuiteComparison", letters: Mapping[str, str]) -> None:
    """Headline metrics at every shared temperature; the rest is in the files."""
    rows = [row for row in suite.rows if row.headline] or list(suite.rows)
    print_table(
        f"{suite.id}: {letters[pair.first]} = {pair.first}, {letters[pair.second]} = "
        f"{pair.second}; paired by prompt, {max((row.n for row in rows), default=0)} queries",
        ["metric", "T", letters[pair.first], letters[pair.second], "difference [95 %]", "p", ""],
        [
            [
                row.metric,
                f"{row.temperature:g}",
                number(row.first),
                number(row.second),
                difference(row),
                p_text(row.p_holm),
                row.words if row.delta is not None else f"{row.words}: {row.reason}",
            ]
            for row in rows
        ],
    )


def _matched(pair: "Pair", suite: "SuiteComparison") -> None:
    rows = [row for of in suite.matched for row in of.rows() if row["part"] in (None, SHOWN_PART)]
    if not rows:
        return
    print_table(
        f"{suite.id}: {pair.second} minus {pair.first} at equal quality, whole curves",
        ["diversity", "", "difference [95 %]", ""],
        [
            [
                row["diversity"]
                if row["diversity_is"] == "the value"
                else f"1 - {row['diversity']}",
                _where(row),
                _interval(row),
                row["words"],
            ]
            for row in rows
        ],
    )


def _where(row: Mapping[str, Any]) -> str:
    if row["level"] is None:
        return f"hypervolume with {row['quality']}"
    return f"at {row['quality']} {row['level']:.3g}"


def _notes(comparison: "Comparison") -> Iterator[str]:
    for pair in comparison.pairs:
        for found in pair.mismatches:
            yield f"not alike: {found} ({pair.first} and {pair.second})"
        for line in pair.cautions:
            yield f"note: {line}"


def _summaries(comparison: "Comparison") -> Iterator[str]:
    for pair in comparison.pairs:
        for suite in pair.suites:
            yield f"{suite.id}: {suite.summary.headline}."
            yield from suite.summary.sentences


def difference(row: Row) -> str:
    """`+0.043 [0.02, 0.07]`."""
    if row.delta is None:
        return "-"
    if row.low is None or row.high is None:
        return f"{row.delta:+.3g}"
    return f"{row.delta:+.3g} [{row.low:.3g}, {row.high:.3g}]"


def _interval(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return "-"
    if row["low"] is None:
        return f"{row['value']:+.3g}"
    return f"{row['value']:+.3g} [{row['low']:.3g}, {row['high']:.3g}]"


def number(value: float | None) -> str:
    """A value in a cell."""
    return "-" if value is None else f"{value:.3g}"


def p_text(p: float | None) -> str:
    """A p-value: `.003`, `<.001`."""
    if p is None:
        return "-"
    return "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")
