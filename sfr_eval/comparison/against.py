"""A run against reference replies, or against the run of its base model, as its own report says it.

The rule, the family and the words are those of `compare`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

from sfr_eval.comparison.compare import compare_runs
from sfr_eval.comparison.differences import DifferenceRow, decided, headlines, measured_row
from sfr_eval.comparison.family import MARGIN, family
from sfr_eval.comparison.lengths import unequal_lengths
from sfr_eval.comparison.pairing import pair_up, unit_of
from sfr_eval.comparison.summary import Summary, summarise
from sfr_eval.metrics.metric import PrimaryRole
from sfr_eval.report.numbers import Interval, number
from sfr_eval.store.against import Against, AgainstRow, Opponent
from sfr_eval.store.primary import PrimaryFamily
from sfr_eval.types import PromptKey

Values = Mapping[PromptKey, float]


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The values of a run and of its references at equal numbers of replies, metric by metric."""

    suite: str
    model: Mapping[str, Mapping[float, Values]]  # metric -> temperature -> prompt -> value
    references: Mapping[str, Values]
    replies: int | None  # to each prompt; None: not the same everywhere


def against_references(
    sides: Sides, *, model: str, references: str, declared: PrimaryFamily | None
) -> Against:
    """Compare a run with reference replies at each of its temperatures. One primary family, at the
    temperature nearest to 1, is decided about; `declared` is the suite's."""
    temperatures = sorted({t for values in sides.model.values() for t in values})
    names = [metric for metric in sides.model if metric in sides.references]
    measured = {
        t: [m for m in names if sides.model[m].get(t, {}).keys() & sides.references[m].keys()]
        for t in temperatures
    }
    chosen = family(measured, declared=declared)
    roles = {metric: role for role, metric in chosen.measures.items()}
    shown = set(headlines(names))
    rows = decided(
        [
            measured_row(
                pair_up(
                    sides.references[metric],
                    sides.model[metric][t],
                    unit=unit_of(metric),
                    unequal={},
                ),
                suite=sides.suite,
                metric=metric,
                temperature=t,
                k=sides.replies or 1,
                role=roles.get(metric) if t == chosen.temperature else None,
                headline=metric in shown,
                margin=MARGIN,
            )
            for metric in names
            for t in temperatures
            if metric in measured[t]
        ]
    )
    lengths = None
    if (t := chosen.temperature) is not None:

        def of_references(metric: str) -> Mapping[float, Values]:
            return {t: sides.references.get(metric, {})}

        lengths = unequal_lengths(of_references, lambda m: sides.model.get(m, {}), t)
    summary = summarise(rows, first=references, second=model, lengths=lengths)
    return _against(rows, summary, kind="references", name=references, replies=sides.replies)


def against_base(run: Path, base: Path) -> dict[str, Against]:
    """Compare a scored run with that of its base model. Returns suite -> what is said. Raises
    UserError if `compare` would."""
    comparison = compare_runs(base, run)
    (pair,) = comparison.pairs
    return {
        suite.id: _against(suite.rows, suite.summary, kind="base model", name=pair.first)
        for suite in pair.suites
    }


def _against(
    rows: Sequence[DifferenceRow],
    summary: Summary,
    *,
    kind: Opponent,
    name: str,
    replies: int | None = None,
) -> Against:
    roles = get_args(PrimaryRole)
    primary = sorted(
        (row for row in rows if row.role is not None), key=lambda row: roles.index(row.role)
    )
    others = [row for row in rows if row.role is None]
    return Against(
        kind=kind,
        name=name,
        tone=summary.tone,
        headline=summary.headline,
        sentences=tuple(_sentence(row) for row in primary if row.n),
        temperature=summary.temperature,
        replies=replies,
        rows=tuple(
            AgainstRow.model_validate(
                {key: value for key, value in asdict(row).items() if key in AgainstRow.model_fields}
            )
            for row in (*primary, *others)
        ),
    )


def _sentence(row: DifferenceRow) -> str:
    """Return `embed_distance .41 against .62, -.21 [-.25, -.17]: less varied.`"""
    difference = Interval(row.delta, row.low, row.high).text("+.3g")
    return (
        f"{row.metric} {row.where}: {number(row.second)} against {number(row.first)}, "
        f"{difference}: {row.words}."
    )
