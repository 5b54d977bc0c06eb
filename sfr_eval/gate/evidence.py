"""What the two snapshots show at one place, before anything is decided."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sfr_eval.comparison.evidence import PairedEvidence
from sfr_eval.comparison.pairing import fewer_replies, pair_up
from sfr_eval.gate.outcome import Decision
from sfr_eval.gate.places import Place
from sfr_eval.gate.snapshot import Snapshot, SuiteSnapshot, stored_unit
from sfr_eval.gate.spec import Check
from sfr_eval.metrics.table import pass_k
from sfr_eval.stats.power import lattice_step
from sfr_eval.types import PromptKey


@dataclass(frozen=True, kw_only=True)
class GateEvidence:
    """A place and its evidence; `untestable` says why there is nothing to test."""

    place: Place
    paired: PairedEvidence
    untestable: Decision | None
    below_floor: tuple[str, ...]  # prompts that were not below it in the baseline

    @property
    def check(self) -> Check:
        """The check that is made."""
        return self.place.check

    @property
    def gains(self) -> list[float]:
        """Change of each query, positive where it is better."""
        return [self.place.sign * d for d in self.paired.differences]

    @property
    def shifted_gains(self) -> list[float]:
        """Gains beyond the drop that is tolerated."""
        return [gain + self.check.tolerance for gain in self.gains]

    @property
    def lost_and_gained(self) -> tuple[int, int] | None:
        """How many queries were (lost, gained), where each is right or wrong once; else None."""
        counts = self.paired.right_or_wrong
        return counts if counts is None or self.place.sign > 0 else (counts[1], counts[0])


def gather(place: Place, baseline: Snapshot, candidate: Snapshot) -> GateEvidence:
    """Pair the values of both sides at one place."""
    metric, t = place.check.metric, place.temperature
    before, after = baseline.suites[place.suite], candidate.suites[place.suite]
    values = [_values(place, suite) for suite in (before, after)]
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
        untestable=None if n > 1 else _untestable(n, place, after),
        below_floor=tuple(_below_floor(place, *values)) if n > 1 else (),
    )


def _untestable(n: int, place: Place, candidate: SuiteSnapshot) -> Decision:
    """Say whether the candidate lacks the metric, or only data."""
    metric, t = place.check.metric, place.temperature
    if metric not in candidate.metrics:
        return Decision(verdict="error", reason=f"the candidate has no {metric}")
    if t not in candidate.temperatures(metric):
        return Decision(verdict="error", reason=f"the candidate was not sampled at T = {t:g}")
    if not any(candidate.replies_at(t).values()):
        return Decision(verdict="skipped", reason=f"no reply at T = {t:g}: unsupported or refused")
    queries = "no query has" if n == 0 else "only one query has"
    return Decision(verdict="skipped", reason=f"{queries} a value on both sides")


def _below_floor(
    place: Place, baseline: Mapping[PromptKey, float], candidate: Mapping[PromptKey, float]
) -> Iterator[str]:
    """Yield the prompts that are worse than the floor now and were not before."""
    if place.check.floor is None:
        return
    floor = place.sign * place.check.floor
    for key, value in candidate.items():
        if place.sign * value < floor <= place.sign * baseline.get(key, value):
            yield "/".join(part for part in key if part)


def _values(place: Place, suite: SuiteSnapshot) -> Mapping[PromptKey, float]:
    values = suite.values_at(place.check.metric, place.temperature)
    if place.group is None:
        return values
    return {key: value for key, value in values.items() if suite.is_in_group(key, *place.group)}
