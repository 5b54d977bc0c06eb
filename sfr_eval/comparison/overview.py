"""A comparison as one table: a row for each metric, a column for each run or group, and in it the
difference to the base.

Nothing is computed or decided here: the rows of the pairs are put side by side.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sfr_eval.comparison.differences import DifferenceRow
from sfr_eval.comparison.result import Comparison, Pair, SuiteComparison
from sfr_eval.comparison.summary import Summary
from sfr_eval.metrics.metric import Direction
from sfr_eval.metrics.table import label, metric_info

PRIMARY, HEADLINES = "Primary family", "Headline metrics"


@dataclass(frozen=True, kw_only=True)
class Side:
    """A run or a group of trainings."""

    name: str
    number: int  # its colour
    base: str = ""  # what it is compared with; "" for the base itself


@dataclass(frozen=True, kw_only=True)
class SideValue:
    """One metric of one side."""

    value: float | None
    row: DifferenceRow | None = None  # its difference to the base; None for the base itself


@dataclass(frozen=True, kw_only=True)
class MetricRow:
    """One metric at one place, in all sides."""

    metric: str
    temperature: float | None  # None: at matched quality
    matched: str
    part: str  # the group of the table that it stands in
    values: tuple[SideValue, ...]  # in the order of the sides

    @property
    def rows(self) -> list[DifferenceRow]:
        """The differences that there are."""
        return [one.row for one in self.values if one.row is not None]

    @property
    def is_primary(self) -> bool:
        """Whether it is decided about."""
        return self.part == PRIMARY

    @property
    def direction(self) -> Direction:
        """Which way is better."""
        info = metric_info(self.metric)
        return info.direction if info else "neither"

    @property
    def reach(self) -> float:
        """The largest end of an interval, by its size: where the axis of the bars ends."""
        ends = [end for row in self.rows for end in (row.delta, row.low, row.high)]
        return max((abs(end) for end in ends if end is not None), default=0.0)

    @property
    def bases_agree(self) -> bool:
        """Whether the base has one value, and not another one for the prompts of each pair."""
        firsts = [row.first for row in self.rows if row.first is not None]
        return not firsts or max(firsts) - min(firsts) <= 1e-9 * max(1.0, *map(abs, firsts))


@dataclass(frozen=True, kw_only=True)
class SuitePair:
    """One suite of one pair."""

    pair: Pair
    suite: SuiteComparison

    @property
    def summary(self) -> Summary:
        """What is said of it."""
        return self.suite.summary


def suite_pairs(comparison: Comparison, suite: str) -> list[SuitePair]:
    """Return the pairs that have a suite, in order."""
    return [
        SuitePair(pair=pair, suite=compared)
        for pair in comparison.pairs
        for compared in pair.suites
        if compared.id == suite
    ]


def suite_ids(comparison: Comparison) -> list[str]:
    """Return the suites, in order."""
    return list(dict.fromkeys(suite.id for pair in comparison.pairs for suite in pair.suites))


def sides_of(comparison: Comparison) -> list[Side]:
    """Return the columns: the base and all others; without a common base, only what is compared
    with one."""
    names = comparison.names
    others = [
        Side(name=pair.second, number=names.index(pair.second), base=pair.first)
        for pair in comparison.pairs
    ]
    if comparison.base is None:
        return others
    return [Side(name=comparison.base, number=names.index(comparison.base)), *others]


def metric_rows(comparison: Comparison, suite: str, temperature: float | None) -> list[MetricRow]:
    """Return the rows of the table at one temperature, part by part: the primary family, wherever
    it is decided about; the other headline metrics; and all others, by family of metrics."""
    pairs = suite_pairs(comparison, suite)
    has_base = comparison.base is not None
    places: dict[tuple[str, str, float | None, str], None] = {}  # in order of appearance
    at: dict[tuple[str, str, float | None, str, str], DifferenceRow] = {}
    for one in pairs:
        for row in _in_order(one.suite.rows):
            if row.role is None and row.temperature != temperature:
                continue
            key = (_part(row), row.metric, row.temperature, row.matched)
            places.setdefault(key)
            at[*key, one.pair.second] = row
    sides = [side for side in sides_of(comparison) if side.base]
    rows = []
    parts = list(dict.fromkeys((PRIMARY, HEADLINES, *(part for part, *_ in places))))
    for part, metric, t, matched in sorted(places, key=lambda key: parts.index(key[0])):
        found = [at.get((part, metric, t, matched, side.name)) for side in sides]
        values = [SideValue(value=row.second if row else None, row=row) for row in found]
        if has_base:
            first = next((row.first for row in found if row and row.first is not None), None)
            values.insert(0, SideValue(value=first))
        rows.append(
            MetricRow(
                metric=metric, temperature=t, matched=matched, part=part, values=tuple(values)
            )
        )
    return rows


def _in_order(rows: Sequence[DifferenceRow]) -> Iterator[DifferenceRow]:
    """Yield the primary rows first: variety, style, quality, form; at matched quality last."""
    order = ("variety", "style", "quality", "form")
    primary = [row for row in rows if row.role is not None]
    yield from sorted(
        primary, key=lambda row: (row.temperature is None, order.index(row.role or "form"))
    )
    yield from (row for row in rows if row.role is None)


def _part(row: DifferenceRow) -> str:
    if row.role is not None:
        return PRIMARY
    if row.headline:
        return HEADLINES
    info = metric_info(row.metric)
    family = info.family if info else ""
    return (family or "other").replace("_", " ").capitalize()


def needs(rows: Sequence[MetricRow]) -> list[str]:
    """Return, for each metric with inconclusive rows, what would show a difference: a line each,
    for the run that needs most."""
    lines = []
    for row in rows:
        unsure = [one for one in row.rows if one.call == "inconclusive" and ": " in one.words]
        if unsure:
            t = row.temperature
            most = max(unsure, key=lambda one: (one.questions or 0, one.smallest_visible or 0.0))
            text = most.words.partition(": ")[2]
            where = f"matched {label(row.matched)}" if t is None else f"T = {t:g}"
            lines.append(f"{label(row.metric)} at {where}: {text}")
    return lines
