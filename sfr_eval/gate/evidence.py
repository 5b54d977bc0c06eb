"""What the two snapshots show at one place, before anything is decided."""

from collections.abc import Mapping
from dataclasses import dataclass

from sfr_eval.comparison.evidence import PairedEvidence
from sfr_eval.comparison.family import margin_of
from sfr_eval.comparison.matched_pairs import pair_curves
from sfr_eval.comparison.pairing import fewer_replies, pair_up
from sfr_eval.gate.outcome import GateDecision, RowVerdict
from sfr_eval.gate.places import Place
from sfr_eval.gate.snapshot import Snapshot, SuiteSnapshot, stored_unit
from sfr_eval.gate.spec import Check
from sfr_eval.metrics.table import metric_info, pass_k
from sfr_eval.stats.power import lattice_step
from sfr_eval.types import PromptKey


@dataclass(frozen=True, kw_only=True)
class GateEvidence:
    """A place and its evidence; `untestable` says why there is nothing to test."""

    place: Place
    paired: PairedEvidence
    untestable: GateDecision | None

    @property
    def check(self) -> Check:
        """The check that is made."""
        return self.place.check

    @property
    def gains(self) -> list[float]:
        """Change of each query, positive where it is better."""
        return [self.place.sign * d for d in self.paired.differences]

    @property
    def tolerance(self) -> float:
        """The loss that is accepted: the check's own, else what is small in this metric."""
        if self.check.tolerance is not None:
            return self.check.tolerance
        return margin_of(self.check.metric) or 0.0

    @property
    def shifted_gains(self) -> list[float]:
        """Gains beyond the loss that is tolerated; without a stated one, the gains."""
        non_inferiority = self.check.mode == "non-inferiority"
        shift = self.tolerance if non_inferiority else self.check.tolerance or 0.0
        return [gain + shift for gain in self.gains]


def largest_loss(metric: str) -> float | None:
    """Return how much a query may lose: what full collapse does to the metric, and at most half of
    its scale; None if neither is known."""
    info = metric_info(metric)
    if info is None:
        return None
    sizes = [] if info.span is None else [info.span]
    if info.range is not None:
        sizes.append((info.range[1] - info.range[0]) / 2)
    return min(sizes, default=None)


def gather(place: Place, baseline: Snapshot, candidate: Snapshot) -> GateEvidence:
    """Pair the values of both sides at one place."""
    metric, t = place.check.metric, place.temperature
    before, after = baseline.suites[place.suite], candidate.suites[place.suite]
    if t is None:
        return _at_matched_quality(place, before, after)
    values = [_values(place, suite, t) for suite in (before, after)]
    from_counts = pass_k(metric) is not None  # unbiased for every number of programs
    unequal = {} if from_counts else fewer_replies(before.replies_at(t), after.replies_at(t))
    paired = pair_up(*values, unit=stored_unit(metric), unequal=unequal)
    means = (*paired.first, *paired.second)
    replies = max(before.replies_at(t).values(), default=0)
    step = lattice_step(means, size=replies * paired.prompts) if means else 0.0
    if from_counts and means:
        step = step or 1.0  # pass@k of a problem can fall from 1 to 0, whatever its steps are
    n = len(paired.first)
    return GateEvidence(
        place=place,
        paired=PairedEvidence(paired=paired, step=step),
        untestable=None if n > 1 else _untestable(n, place, t, after),
    )


def _at_matched_quality(place: Place, before: SuiteSnapshot, after: SuiteSnapshot) -> GateEvidence:
    metric, quality = place.check.metric, place.check.matched
    assert quality is not None
    sides = [(side.curve(quality), side.curve(metric)) for side in (before, after)]
    paired, reason = pair_curves(sides[0], sides[1], lower_is_better=place.sign < 0)
    verdict: RowVerdict = "skipped"
    if missing := [name for name in (metric, quality) if name not in after.metrics]:
        verdict, reason = "error", f"the candidate has no {missing[0]}"
    return GateEvidence(
        place=place,
        paired=PairedEvidence(paired=paired, step=0.0),
        untestable=None if len(paired.first) > 1 else GateDecision(verdict=verdict, reason=reason),
    )


def _untestable(n: int, place: Place, t: float, candidate: SuiteSnapshot) -> GateDecision:
    """Say whether the candidate lacks the metric, or only data."""
    metric = place.check.metric
    if metric not in candidate.metrics:
        return GateDecision(verdict="error", reason=f"the candidate has no {metric}")
    if t not in candidate.temperatures(metric):
        return GateDecision(verdict="error", reason=f"the candidate was not sampled at T = {t:g}")
    if not any(candidate.replies_at(t).values()):
        return GateDecision(
            verdict="skipped", reason=f"no reply at T = {t:g}: unsupported or refused"
        )
    queries = "no query has" if n == 0 else "only one query has"
    return GateDecision(verdict="skipped", reason=f"{queries} a value on both sides")


def _values(place: Place, suite: SuiteSnapshot, t: float) -> Mapping[PromptKey, float]:
    values = suite.values_at(place.check.metric, t)
    if place.group is None:
        return values
    return {key: value for key, value in values.items() if suite.is_in_group(key, *place.group)}
