"""Has the candidate got worse? One row for each check, suite, temperature and group.

Differences are turned so that a gain is positive. regression fails if the mean gain is shown to lie
below -tolerance, non-inferiority passes if it is shown to lie above.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

from sfr_eval.gate.evidence import GateEvidence, gather
from sfr_eval.gate.outcome import Decision, GateRow, RowVerdict
from sfr_eval.gate.places import places
from sfr_eval.gate.snapshot import Snapshot
from sfr_eval.gate.spec import Check
from sfr_eval.stats.permutation import FLIPS, holm, mcnemar_exact, sign_flip_p_values, smallest_p

FEW = 10
"""With fewer changed queries, counts of right and wrong are held to the exact binomial bound."""

LISTED = 5


def decide(
    checks: Sequence[Check], baseline: Snapshot, candidate: Snapshot, *, flips: int = FLIPS
) -> list[GateRow]:
    """Return all rows with their verdicts.

    Holm's correction is over all regression rows, so that the whole gate fails in at most alpha of
    cases when nothing got worse. Non-inferiority needs none, since every row has to be shown.
    """
    evidence = [gather(place, baseline, candidate) for place in places(checks, baseline)]
    decisions = {i: one.untestable for i, one in enumerate(evidence) if one.untestable}
    for mode, rule in (("regression", _regressions), ("non-inferiority", _non_inferiorities)):
        positions = [
            i for i, one in enumerate(evidence) if one.untestable is None and one.check.mode == mode
        ]
        rule_decisions = rule([evidence[i] for i in positions], flips=flips)
        decisions.update(zip(positions, rule_decisions, strict=True))
    return [_row(one, _floored(one, decisions[i])) for i, one in enumerate(evidence)]


def _regressions(evidence: Sequence[GateEvidence], *, flips: int) -> Iterator[Decision]:
    raw = sign_flip_p_values(
        [one.shifted_gains for one in evidence], alternative="less", flips=flips
    )
    for i, one in enumerate(evidence):
        if one.check.tolerance == 0 and (counts := one.lost_and_gained) is not None:
            raw[i] = mcnemar_exact(*counts, alternative="less")
    for one, p, corrected in zip(evidence, raw, holm(raw), strict=True):
        yield _regression(one, p=p, corrected=corrected, level=one.check.alpha / len(raw))


def _regression(evidence: GateEvidence, *, p: float, corrected: float, level: float) -> Decision:
    tolerance = evidence.check.tolerance
    beyond = f" beyond {tolerance:g}" if tolerance else ""
    visible = evidence.paired.smallest_visible(alpha=level, sides=1)
    detectable = None if visible is None else tolerance + visible
    verdict: RowVerdict = "pass"
    if corrected <= evidence.check.alpha:
        margin = f", beyond the tolerance of {tolerance:g}" if tolerance else ""
        verdict, reason = "fail", f"got worse, p = {corrected:.3g}{margin}"
    elif smallest_p(evidence.paired.n, alternative="less") > level:
        reason = f"{evidence.paired.n} queries are too few to show any drop at alpha {level:.3g}"
        verdict, detectable = "skipped", None
    elif detectable is None:
        reason = f"no drop{beyond} seen"
    else:
        reason = f"no drop{beyond} seen; one of {detectable:.2g} would be in 80 % of cases"
    return Decision(
        verdict=verdict,
        reason=reason,
        p_value=p,
        p_corrected=corrected,
        minimum_detectable=detectable,
    )


def _non_inferiorities(evidence: Sequence[GateEvidence], *, flips: int) -> Iterator[Decision]:
    shifted = [one.shifted_gains for one in evidence]
    p_values = sign_flip_p_values(shifted, alternative="greater", flips=flips)
    for one, flipped in zip(evidence, p_values, strict=True):
        p = max(flipped, _chance_of_few_losses(one))
        tolerance = one.check.tolerance
        visible = one.paired.smallest_visible(alpha=one.check.alpha, sides=1)
        verdict: RowVerdict = "pass"
        reason = f"not worse by {tolerance:g} or more, p = {p:.3g}"
        if p > one.check.alpha:
            needed = f"; equal runs would show a tolerance of {visible:.2g}" if visible else ""
            verdict, reason = "fail", f"not shown to be within {tolerance:g}, p = {p:.3g}{needed}"
        yield Decision(
            verdict=verdict,
            reason=reason,
            p_value=p,
            p_corrected=p,
            minimum_detectable=visible,
        )


def _chance_of_few_losses(evidence: GateEvidence) -> float:
    """Return the chance of so few losses if a share of `tolerance` of the queries were lost.

    It matters for counts of right and wrong with few changes, whose spread says little: 50
    unchanged queries do not show that fewer than 2 % are lost. 0 everywhere else.
    """
    from scipy.special import bdtr

    gains = evidence.gains
    if not evidence.paired.step or sum(gain != 0 for gain in gains) >= FEW:
        return 0.0
    losses = sum(gain < 0 for gain in gains)
    return float(bdtr(losses, len(gains), min(1.0, evidence.check.tolerance)))


def _floored(evidence: GateEvidence, decision: Decision) -> Decision:
    below = evidence.below_floor
    if not below or decision.verdict not in ("pass", "skipped"):
        return decision
    shown = ", ".join(below[:LISTED]) + (", ..." if len(below) > LISTED else "")
    floor = evidence.check.floor
    reason = f"below the floor {floor:g}, and were not before: {len(below)} ({shown})"
    return replace(decision, verdict="fail", reason=reason)


def _row(evidence: GateEvidence, decision: Decision) -> GateRow:
    place, check, paired = evidence.place, evidence.check, evidence.paired
    interval = None if evidence.untestable else paired.interval
    return GateRow(
        suite=place.suite,
        metric=check.metric,
        slice="=".join(place.group) if place.group else "",
        temperature=place.temperature,
        mode=check.mode,
        direction=place.better,
        baseline=paired.first if interval else None,
        candidate=paired.second if interval else None,
        delta=interval.value if interval else None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        tolerance=check.tolerance,
        alpha=check.alpha,
        n=paired.n,
        unequal=paired.paired.unequal,
        **asdict(decision),
    )
