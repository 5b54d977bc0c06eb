"""Differences between groups of trainings: what holds for another training and other queries.

The rows are those of a comparison of two runs, with means over the trainings of a group on either
side. Where both groups have two or more trainings, trainings and queries are both sampled
(`stats.hierarchical`); where one has a single training, only queries are, and the result is about
that training alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sfr_eval.comparison.decision import ALPHA
from sfr_eval.comparison.differences import DifferenceRow, headlines
from sfr_eval.comparison.evidence import PairedEvidence
from sfr_eval.comparison.family import Family, margin_of
from sfr_eval.comparison.group_estimates import method_of, table_of
from sfr_eval.comparison.groups import RunGroup
from sfr_eval.comparison.matched_pairs import match
from sfr_eval.comparison.pairing import (
    Aligned,
    Paired,
    align,
    at,
    shared_temperatures,
    unit_of,
)
from sfr_eval.metrics.table import metric_info
from sfr_eval.stats.hierarchical import Crossed, crossed_difference
from sfr_eval.stats.power import lattice_step
from sfr_eval.types import Cell


@dataclass(frozen=True, kw_only=True)
class Replicated:
    """A row before anything is decided."""

    row: DifferenceRow
    evidence: PairedEvidence  # of the means over each group's trainings
    crossed: Crossed | None  # None where a group is one training, or there are fewer than 2 queries
    trainings: int  # of the larger group


def measure_groups(
    first: RunGroup,
    second: RunGroup,
    suite: str,
    *,
    metrics: Sequence[str],
    family: Family,
    unequal: Mapping[Cell, int],
    margin: float,
) -> Iterator[Replicated]:
    """Yield all rows of a suite, the one at matched quality first; nothing is decided yet. `margin`
    is a part of each metric's span."""
    runs = (*first.runs, *second.runs)
    draft = _Draft(first=first, second=second, suite=suite, family=family, margin=margin)
    if family.matched:
        quality, variety = family.matched
        info = metric_info(variety)
        matched = match(
            [(run.values(suite, quality), run.values(suite, variety)) for run in runs],
            lower_is_better=info is not None and info.direction == "lower",
        )
        aligned = Aligned(
            queries=matched.queries,
            means=matched.values or tuple(() for _ in runs),
            prompts=0,
            unpaired=matched.left_out,
            unequal=0,
        )
        row = draft.row(variety, None, aligned, headline=True)
        yield draft.replicated(row, aligned, step=0.0, reason=matched.reason)
    chosen = set(headlines(metrics))
    k = runs[0].suites[suite].samples
    for metric in metrics:
        sides = [run.values(suite, metric, most=unequal) for run in runs]
        if not any(sides):
            continue
        unit = unit_of(metric)
        for t in shared_temperatures(runs, suite):
            aligned = align([side.get(t, {}) for side in sides], unit=unit, unequal=at(t, unequal))
            step = 0.0
            if unit in ("sample", "prompt"):
                values = [value for means in aligned.means for value in means]
                step = lattice_step(values, size=k * aligned.prompts)
            row = draft.row(metric, t, aligned, headline=metric in chosen)
            yield draft.replicated(row, aligned, step=step)


@dataclass(frozen=True, kw_only=True)
class _Draft:
    """Two groups in one suite: what is the same for all of its rows."""

    first: RunGroup
    second: RunGroup
    suite: str
    family: Family
    margin: float

    def row(
        self, metric: str, temperature: float | None, aligned: Aligned, *, headline: bool
    ) -> DifferenceRow:
        """Return a row without values."""
        info = metric_info(metric)
        roles = {name: role for role, name in self.family.measures.items()}
        role = roles.get(metric) if temperature == self.family.temperature else None
        return DifferenceRow(
            suite=self.suite,
            metric=metric,
            temperature=temperature,
            matched=self.family.measures["quality"] if temperature is None else "",
            role="variety" if temperature is None else role,
            headline=headline,
            higher_is_better=info.higher_is_better if info else None,
            n=len(aligned.queries),
            unpaired=aligned.unpaired,
            unequal=aligned.unequal,
            margin=margin_of(metric, part=self.margin),
        )

    def replicated(
        self, row: DifferenceRow, aligned: Aligned, *, step: float, reason: str = ""
    ) -> Replicated:
        """Return the row with its values and its own 95 % interval."""
        table, number = table_of(aligned), len(self.first.runs)
        sides = table[:number], table[number:]
        paired = Paired(
            queries=aligned.queries,
            first=tuple(sides[0].mean(axis=0).tolist()),
            second=tuple(sides[1].mean(axis=0).tolist()),
            prompts=aligned.prompts,
            unpaired=aligned.unpaired,
            unequal=aligned.unequal,
        )
        evidence = PairedEvidence(paired=paired, step=step)
        one = self.first.is_one_training or self.second.is_one_training
        crossed = None if one or row.n < 2 else crossed_difference(*sides)
        interval = evidence.interval
        if interval is None:
            if not reason:
                reason = "no query has a value in all runs"
            if row.unequal:
                reason = "every prompt has a different number of replies in another run"
            row = replace(row, call="not compared", words="not compared", reason=reason)
        else:
            low, high = (interval.low, interval.high) if one else (None, None)
            method = f"paired {interval.method}" if one and row.n > 1 else interval.method
            if crossed is not None:
                low, high = crossed.ends(level=ALPHA)
                method = method_of(crossed)
            row = replace(
                row,
                first=evidence.first,
                second=evidence.second,
                delta=interval.value,
                low=low,
                high=high,
                method=method,
                reason="" if row.n > 1 else "one query",
            )
        return Replicated(
            row=row,
            evidence=evidence,
            crossed=crossed,
            trainings=max(len(self.first.runs), len(self.second.runs)),
        )
