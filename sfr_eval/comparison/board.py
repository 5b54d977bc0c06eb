"""The scoreboard of a comparison: a row for each run or group, with variety, style, quality, length
and cut, the difference to the base, and what is said of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sfr_eval.comparison.differences import DifferenceRow
from sfr_eval.comparison.overview import Side, suite_pairs
from sfr_eval.comparison.result import Comparison
from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.comparison.summary import Summary
from sfr_eval.metrics.metric import PrimaryRole
from sfr_eval.report.numbers import Interval
from sfr_eval.report.scoreboard import CUT, LENGTH

ColumnRole = Literal["variety", "style", "quality", "form", "length", "cut"]

_ROLES: tuple[PrimaryRole, ...] = ("variety", "style", "quality", "form")


@dataclass(frozen=True, kw_only=True)
class BoardColumn:
    """One score: a primary measure, or the length of the replies and the share that was cut."""

    role: ColumnRole
    metric: str


@dataclass(frozen=True, kw_only=True)
class BoardCell:
    """A score of one side, with its own 95 % interval, and its difference to the base."""

    value: Interval
    row: DifferenceRow | None = None
    is_best: bool = False  # shown to be ahead of all others


@dataclass(frozen=True, kw_only=True)
class BoardRow:
    """One side."""

    side: Side
    cells: tuple[BoardCell, ...]  # in the order of the columns
    summary: Summary | None = None  # None for a base


@dataclass(frozen=True, kw_only=True)
class Board:
    """The scoreboard of one suite, at the temperature that is decided about."""

    temperature: float | None
    columns: tuple[BoardColumn, ...]
    rows: tuple[BoardRow, ...]


def board(comparison: Comparison, suite: str) -> Board:
    """Return the scoreboard of one suite."""
    pairs = suite_pairs(comparison, suite)
    temperature = next(
        (t for one in pairs if (t := one.summary.temperature) is not None),
        next((t for one in pairs for t in one.suite.temperatures), None),
    )
    differences = {
        (one.pair.second, row.metric): row
        for one in pairs
        for row in one.suite.rows
        if row.temperature == temperature and row.n
    }
    columns = tuple(_columns(list(differences.values())))
    summaries = {one.pair.second: one.summary for one in pairs}
    bases = {one.pair.second: one.pair.first for one in pairs}
    rows = [
        BoardRow(
            side=Side(name=name, number=number, base=bases.get(name, "")),
            cells=tuple(
                BoardCell(
                    value=_value(comparison, name, suite, column.metric, temperature),
                    row=differences.get((name, column.metric)),
                )
                for column in columns
            ),
            summary=summaries.get(name),
        )
        for number, name in enumerate(comparison.names)
    ]
    if comparison.base is not None:
        rows.sort(key=lambda row: row.side.base != "")
        rows = _with_best(rows, columns)
    return Board(temperature=temperature, columns=columns, rows=tuple(rows))


def _columns(rows: Sequence[DifferenceRow]) -> Iterator[BoardColumn]:
    for role in _ROLES:
        for metric in dict.fromkeys(row.metric for row in rows if row.role == role):
            yield BoardColumn(role=role, metric=metric)
    metrics = {row.metric for row in rows}
    if LENGTH in metrics:
        yield BoardColumn(role="length", metric=LENGTH)
    if CUT in metrics:
        yield BoardColumn(role="cut", metric=CUT)


def _value(
    comparison: Comparison, name: str, suite: str, metric: str, temperature: float | None
) -> Interval:
    """Return the score of a run as its own report has it; of a group, its mean over trainings and
    queries."""
    for group in comparison.groups:
        if group.name == name:
            for one in group.estimates:
                if (one.suite, one.metric, one.temperature) == (suite, metric, temperature):
                    return Interval(one.value, one.low, one.high)
            runs = [run for run in comparison.runs if run.label in group.runs]
            values = [_of_run(run, suite, metric, temperature).value for run in runs]
            known = [value for value in values if value is not None]
            return Interval(sum(known) / len(known) if known else None)
    run = next(run for run in comparison.runs if run.label == name)
    return _of_run(run, suite, metric, temperature)


def _of_run(run: ScoredRun, suite: str, metric: str, temperature: float | None) -> Interval:
    if suite not in run.suites or temperature is None:
        return Interval(None)
    return Interval.of(run.suites[suite].at(metric, temperature))


def _with_best(rows: Sequence[BoardRow], columns: Sequence[BoardColumn]) -> list[BoardRow]:
    """Mark the best of each primary column."""
    cells = [list(row.cells) for row in rows]
    for place, column in enumerate(columns):
        if column.role in ("variety", "style", "quality"):
            number = best([row.cells[place].row for row in rows])
            if number is not None:
                cells[number][place] = replace(cells[number][place], is_best=True)
    return [replace(row, cells=tuple(cells[number])) for number, row in enumerate(rows)]


def best(rows: Sequence[DifferenceRow | None]) -> int | None:
    """Return the place of the side that is ahead of all others; None if no call says so. None in
    `rows` stands for the base.

    The intervals of a primary family hold together, so a side is ahead of another one if its whole
    interval lies beyond the other's, and ahead of the base if it is called a gain. The base is
    ahead if all others are called a loss.
    """
    ends = [_gain(row) for row in rows]
    for place, mine in enumerate(ends):
        others = [end for number, end in enumerate(ends) if number != place]
        if mine is None or None in others or not others:
            continue
        if all(mine[0] > other[1] for other in others if other is not None):
            return place
    return None


def _gain(row: DifferenceRow | None) -> tuple[float, float] | None:
    """Return the ends of what a side gains over the base, which gains 0; None if unknown."""
    if row is None:
        return 0.0, 0.0
    if row.low is None or row.high is None or row.higher_is_better is None:
        return None
    return (row.low, row.high) if row.higher_is_better else (-row.high, -row.low)
