"""Each metric at each shared temperature: difference, interval, p, and the call they allow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sfr_eval.comparison.evidence import PairedEvidence
from sfr_eval.comparison.pairing import Paired, at, pair_up, shared_temperatures, unit_of
from sfr_eval.comparison.runs import ScoredRun, common
from sfr_eval.metrics import table
from sfr_eval.metrics.table import curves, largest_ks, metric_info, point_of, shown_ks
from sfr_eval.stats.permutation import holm, mcnemar_exact, sign_flip_p_values, smallest_p
from sfr_eval.stats.power import lattice_step
from sfr_eval.types import Cell

ALPHA = 0.05
MARGIN = 0.10
"""Share of the first run's value below which a difference does not matter."""

Call = Literal[
    "better", "worse", "higher", "lower", "no difference seen", "cannot tell", "not compared"
]
"""As comparison.json has it; pages and the terminal show `shown_call`."""


@dataclass(frozen=True, kw_only=True)
class DifferenceRow:
    """One metric at one temperature, second run minus first. Means are over the same prompts in
    both, so `delta` is their difference; undefined fields are None and `reason` says why."""

    suite: str
    metric: str
    temperature: float
    headline: bool
    higher_is_better: bool | None
    first: float | None = None
    second: float | None = None
    delta: float | None = None
    low: float | None = None
    high: float | None = None
    method: str = "none"  # of the interval
    test: str = "none"
    p_value: float | None = None
    p_holm: float | None = None
    n: int  # queries
    unpaired: int  # prompts with a value in one run only
    unequal: int  # prompts left out for unequal numbers of replies
    smallest_visible: float | None = None  # true difference that is called in 80 % of cases
    margin: float | None = None  # below this a difference counts as none
    call: Call = "not compared"
    words: str = "not compared"
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A row before its p-value, which is computed for all rows together."""

    row: DifferenceRow
    evidence: PairedEvidence


def shown_call(words: str) -> str:
    """Return stored words as a reader sees them: `inconclusive: ...` for `cannot tell: ...`."""
    return words.replace("cannot tell", "inconclusive", 1)


def compared_metrics(runs: Sequence[ScoredRun], suite: str) -> list[str]:
    """Return the metrics that all runs have values of, in the order of the first run; of those with
    a value for every k only the k that tables show."""
    names = common([run.suites[suite].metrics for run in runs])
    largest = largest_ks(names)

    def shown(name: str) -> bool:
        point = point_of(name)
        return point is None or point[1] in shown_ks(largest[point[0]])

    return [name for name in names if shown(name) and not name.endswith("_corrected")]


def headlines(metrics: Sequence[str]) -> list[str]:
    """Return the metrics that a summary is made of: quality, style and variety as in the report,
    pass@k and the different correct programs at the largest k."""
    largest = largest_ks(metrics)
    points = {
        metric.at(largest[metric.id]).id
        for metric in curves()
        if metric.summarised and metric.id in largest
    }
    chosen = {*table.headlines("quality", "style", "variety"), *points}
    return [name for name in metrics if name in chosen]


def measure(
    first: ScoredRun,
    second: ScoredRun,
    suite: str,
    *,
    metrics: Sequence[str],
    unequal: Mapping[Cell, int],
    margin: float = MARGIN,
) -> Iterator[Measured]:
    """Yield all rows of a suite, without p-values."""
    k = first.suites[suite].samples
    chosen = set(headlines(metrics))
    for metric in metrics:
        sides = [run.values(suite, metric, most=unequal) for run in (first, second)]
        unit = unit_of(metric)
        for t in shared_temperatures((first, second), suite):
            here = [side.get(t, {}) for side in sides]
            if not any(here) and not any(sides):
                continue
            paired = pair_up(here[0], here[1], unit=unit, unequal=at(t, unequal))
            evidence = PairedEvidence(paired=paired, step=_step(paired, k=k, unit=unit))
            info = metric_info(metric)
            row = DifferenceRow(
                suite=suite,
                metric=metric,
                temperature=t,
                headline=metric in chosen,
                higher_is_better=info.higher_is_better if info else None,
                n=evidence.n,
                unpaired=paired.unpaired,
                unequal=paired.unequal,
            )
            yield Measured(row=_described(row, evidence, margin=margin), evidence=evidence)


def decided(measured: Sequence[Measured], *, alpha: float = ALPHA) -> list[DifferenceRow]:
    """Return the rows with p-values and the call that they allow.

    Holm's correction is within the headline metrics and within the others. A metric of which
    neither direction is better is never a headline.
    """
    p_values = sign_flip_p_values([one.evidence.differences for one in measured])
    rows = [one.row for one in measured]
    for headline in (True, False):
        places = [
            place
            for place, row in enumerate(rows)
            if row.headline == headline and row.delta is not None and row.n > 1
        ]
        raw = []
        for place in places:
            counts = measured[place].evidence.right_or_wrong
            raw.append(p_values[place] if counts is None else mcnemar_exact(*counts))
        for place, p, corrected in zip(places, raw, holm(raw), strict=True):
            one = measured[place]
            rows[place] = _called(one, p=p, corrected=corrected, alpha=alpha, tests=len(places))
    return rows


def _described(row: DifferenceRow, evidence: PairedEvidence, *, margin: float) -> DifferenceRow:
    interval, first = evidence.interval, evidence.first
    if interval is None or first is None:
        reason = "no query has a value in both runs"
        if row.unequal:
            reason = "every prompt has a different number of replies in the other run"
        return replace(row, reason=reason)
    return replace(
        row,
        first=first,
        second=evidence.second,
        delta=interval.value,
        low=interval.low,
        high=interval.high,
        method=f"paired {interval.method}" if row.n > 1 else interval.method,
        margin=margin * abs(first),
        reason="" if row.n > 1 else "one query",
    )


def _called(
    measured: Measured, *, p: float, corrected: float, alpha: float, tests: int
) -> DifferenceRow:
    row, evidence, level = measured.row, measured.evidence, alpha / tests
    visible = evidence.smallest_visible(alpha=level) if smallest_p(row.n) <= level else None
    call = _call(row, corrected=corrected, alpha=alpha)
    words: str = call
    if call == "cannot tell":
        words += (
            f": smallest visible difference is {visible:.2g}"
            if visible is not None
            else f": with {row.n} queries no difference would be seen"
        )
    test = "sign flip" if evidence.right_or_wrong is None else "exact McNemar"
    return replace(
        row,
        p_value=p,
        p_holm=corrected,
        test=test,
        smallest_visible=visible,
        call=call,
        words=words,
    )


def _call(row: DifferenceRow, *, corrected: float, alpha: float) -> Call:
    assert row.delta is not None
    if corrected <= alpha and row.delta != 0:
        if row.higher_is_better is None:
            return "higher" if row.delta > 0 else "lower"
        return "better" if (row.delta > 0) == row.higher_is_better else "worse"
    if row.low is None or row.high is None or row.margin is None:
        return "cannot tell"
    inside = -row.margin <= row.low and row.high <= row.margin
    return "no difference seen" if inside else "cannot tell"


def _step(paired: Paired, *, k: int, unit: str) -> float:
    """Return the smallest change of a query's mean, for shares of k replies to each prompt."""
    if unit not in ("sample", "prompt"):
        return 0.0
    return lattice_step((*paired.first, *paired.second), size=k * paired.prompts)
