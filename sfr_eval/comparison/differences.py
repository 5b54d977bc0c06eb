"""Each metric at each shared temperature: the difference, its interval, and what is called of it.

The primary family is decided about (`decision`); every other row is exploratory.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sfr_eval.comparison.decision import ALPHA, Call, FamilyRow, decide, words
from sfr_eval.comparison.evidence import PairedEvidence
from sfr_eval.comparison.family import Family, margin_of
from sfr_eval.comparison.matched_pairs import pair_curves
from sfr_eval.comparison.mismatch import compared_signature
from sfr_eval.comparison.pairing import Paired, at, pair_up, shared_temperatures, unit_of
from sfr_eval.comparison.runs import ScoredRun, common
from sfr_eval.metrics import table
from sfr_eval.metrics.metric import PrimaryRole
from sfr_eval.metrics.table import curves, largest_ks, metric_info, point_of, shown_ks
from sfr_eval.stats.power import lattice_step
from sfr_eval.types import Cell


@dataclass(frozen=True, kw_only=True)
class DifferenceRow:
    """One metric at one temperature, or at matched quality; second run minus first. Means are over
    the same prompts in both, so `delta` is their difference; undefined fields are None and `reason`
    says why. The interval of a primary row holds for the family, that of another for the row alone.
    """

    suite: str
    metric: str
    temperature: float | None  # None: at matched quality
    matched: str = ""  # the quality that is matched
    role: PrimaryRole | None = None  # in the primary family; None: exploratory
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
    p_adjusted: float | None = None
    n: int  # queries
    unpaired: int  # prompts with a value in one run only
    unequal: int  # prompts left out for unequal numbers of replies
    smallest_visible: float | None = None  # true difference that is called in 80 % of cases
    questions: int | None = None  # that a call needs, where there are fewer
    margin: float | None = None  # below this a difference is small
    small: bool = False
    call: Call = "exploratory"
    words: str = ""
    reason: str = ""

    @property
    def where(self) -> str:
        """`T = 1`, or `at matched oracle_valid`."""
        if self.temperature is None:
            return f"at matched {self.matched}"
        return f"T = {self.temperature:g}"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A row before anything is decided."""

    row: DifferenceRow
    evidence: PairedEvidence


def compared_metrics(runs: Sequence[ScoredRun], suite: str) -> list[str]:
    """Return the metrics that all runs have values of, in the order of the first run; of those with
    a value for every k only the k that tables show. Replies that passed different gates (an oracle
    here, relevance there), or that stand beside different references, are not compared."""
    names = common([run.suites[suite].metrics for run in runs])
    largest = largest_ks(names)

    def shown(name: str) -> bool:
        point = point_of(name)
        return point is None or point[1] in shown_ks(largest[point[0]])

    def same_judgement(name: str) -> bool:
        signatures = [compared_signature(run, suite, name) for run in runs]
        keys = ("gate", "references")
        return all(len({signature.get(key) for signature in signatures}) == 1 for key in keys)

    return [
        name
        for name in names
        if shown(name) and not name.endswith("_corrected") and same_judgement(name)
    ]


def measured_in(runs: Sequence[ScoredRun], suite: str) -> dict[float, list[str]]:
    """Return temperature -> the metrics that all runs have a value of there."""
    names = compared_metrics(runs, suite)
    return {
        t: [name for name in names if all(run.suites[suite].at(name, t) for run in runs)]
        for t in shared_temperatures(runs, suite)
    }


def headlines(metrics: Sequence[str]) -> list[str]:
    """Return the metrics that stand first: quality, style and variety as in the report, pass@k and
    the different correct programs at the largest k."""
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
    family: Family,
    unequal: Mapping[Cell, int],
    margin: float,
) -> Iterator[Measured]:
    """Yield all rows of a suite, the one at matched quality first; nothing is decided yet. `margin`
    is a part of each metric's span."""
    if family.matched:
        yield _matched(first, second, suite, family=family, margin=margin)
    k = first.suites[suite].samples
    chosen = set(headlines(metrics))
    roles = {metric: role for role, metric in family.measures.items()}
    for metric in metrics:
        sides = [run.values(suite, metric, most=unequal) for run in (first, second)]
        unit = unit_of(metric)
        for t in shared_temperatures((first, second), suite):
            here = [side.get(t, {}) for side in sides]
            if not any(here) and not any(sides):
                continue
            yield measured_row(
                pair_up(here[0], here[1], unit=unit, unequal=at(t, unequal)),
                suite=suite,
                metric=metric,
                temperature=t,
                k=k,
                role=roles.get(metric) if t == family.temperature else None,
                headline=metric in chosen,
                margin=margin,
            )


def measured_row(
    paired: Paired,
    *,
    suite: str,
    metric: str,
    temperature: float,
    k: int,
    role: PrimaryRole | None,
    headline: bool,
    margin: float,
) -> Measured:
    """Return the row of paired values, each of `k` replies; nothing is decided yet."""
    evidence = PairedEvidence(paired=paired, step=_step(paired, k=k, unit=unit_of(metric)))
    info = metric_info(metric)
    row = DifferenceRow(
        suite=suite,
        metric=metric,
        temperature=temperature,
        role=role,
        headline=headline,
        higher_is_better=info.higher_is_better if info else None,
        n=evidence.n,
        unpaired=paired.unpaired,
        unequal=paired.unequal,
        margin=margin_of(metric, part=margin),
    )
    return Measured(row=_described(row, evidence), evidence=evidence)


def decided(measured: Sequence[Measured], *, alpha: float = ALPHA) -> list[DifferenceRow]:
    """Return the rows with what is called of them. The primary rows of all suites and pairs are one
    family; the others keep their own intervals."""
    rows = [one.row for one in measured]
    places = [place for place, row in enumerate(rows) if row.role is not None]
    decisions = decide(
        [
            FamilyRow(
                suite=rows[place].suite,
                metric=rows[place].metric,
                role=rows[place].role,
                evidence=measured[place].evidence,
                lower_is_better=rows[place].higher_is_better is False,
                margin=rows[place].margin,
                alpha=alpha,
            )
            for place in places
        ]
    )
    for place, decision in zip(places, decisions, strict=True):
        row = rows[place]
        text = words(decision, metric=row.metric, role=row.role, n=row.n, margin=row.margin)
        rows[place] = replace(
            row,
            low=decision.low if decision.p_value is not None else None,
            high=decision.high if decision.p_value is not None else None,
            method="t, simultaneous" if decision.p_value is not None else "none",
            test="step-down max-t, sign flips" if decision.p_value is not None else "none",
            p_value=decision.p_value,
            p_adjusted=decision.p_adjusted,
            smallest_visible=decision.smallest_visible,
            questions=decision.questions,
            small=decision.small,
            call=decision.call,
            words=text,
        )
    return rows


def _matched(
    first: ScoredRun, second: ScoredRun, suite: str, *, family: Family, margin: float
) -> Measured:
    assert family.matched is not None
    quality, variety = family.matched
    info = metric_info(variety)
    sides = [(run.values(suite, quality), run.values(suite, variety)) for run in (first, second)]
    lower = info is not None and info.direction == "lower"
    paired, reason = pair_curves(sides[0], sides[1], lower_is_better=lower)
    evidence = PairedEvidence(paired=paired, step=0.0)
    row = DifferenceRow(
        suite=suite,
        metric=variety,
        temperature=None,
        matched=quality,
        role="variety",
        headline=True,
        higher_is_better=info.higher_is_better if info else None,
        n=evidence.n,
        unpaired=paired.unpaired,
        unequal=0,
        margin=margin_of(variety, part=margin),
    )
    return Measured(row=replace(_described(row, evidence), reason=reason), evidence=evidence)


def _described(row: DifferenceRow, evidence: PairedEvidence) -> DifferenceRow:
    interval, first = evidence.interval, evidence.first
    if interval is None or first is None:
        reason = "no query has a value in both runs"
        if row.unequal:
            reason = "every prompt has a different number of replies in the other run"
        return replace(row, call="not compared", words="not compared", reason=reason)
    return replace(
        row,
        first=first,
        second=evidence.second,
        delta=interval.value,
        low=interval.low,
        high=interval.high,
        method=f"paired {interval.method}" if row.n > 1 else interval.method,
        reason="" if row.n > 1 else "one query",
    )


def _step(paired: Paired, *, k: int, unit: str) -> float:
    """Return the smallest change of a query's mean, for shares of k replies to each prompt."""
    if unit not in ("sample", "prompt"):
        return 0.0
    return lattice_step((*paired.first, *paired.second), size=k * paired.prompts)
