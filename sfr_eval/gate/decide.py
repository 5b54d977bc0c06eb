"""Has the candidate got worse? One row for each check, suite, temperature and group.

Regression rows are decided by the rule of `compare` (`comparison.decision`), as one family, so that
the two agree on every row that they share. Non-inferiority passes if a loss beyond the tolerance is
ruled out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

from sfr_eval.comparison.decision import Decision, FamilyRow, words
from sfr_eval.comparison.decision import decide as decide_family
from sfr_eval.comparison.family import margin_of
from sfr_eval.comparison.looks import alpha_after
from sfr_eval.gate.evidence import GateEvidence, gather, largest_loss
from sfr_eval.gate.floor import Floor, fallen
from sfr_eval.gate.outcome import GateDecision, GateRow, RowVerdict
from sfr_eval.gate.places import places
from sfr_eval.gate.snapshot import Snapshot
from sfr_eval.gate.spec import Check
from sfr_eval.gate.trade import judged_together
from sfr_eval.gate.warnings import unequal_lengths_of
from sfr_eval.stats.noninferiority import (
    patchy_loss_p,
    positive_mean_p,
    smallest_patch_tolerance,
)
from sfr_eval.stats.permutation import FLIPS, sign_flip_p_values

FEW = 10
"""With fewer changed queries, counts of right and wrong are held to the exact binomial bound."""

LISTED = 5


def decide(
    checks: Sequence[Check], baseline: Snapshot, candidate: Snapshot, *, flips: int = FLIPS
) -> list[GateRow]:
    """Return all rows with their verdicts.

    The regression rows are one family: if nothing differs, anything is called in at most alpha of
    cases (less what earlier looks at a growing run have spent), and checks that a user wrote, which
    can only find a loss, fail in at most alpha of cases. Non-inferiority needs no
    correction, since every row has to be shown.
    """
    spent = alpha_after(max(baseline.looks, candidate.looks), alpha=1.0)
    evidence = [gather(place, baseline, candidate) for place in places(checks, baseline)]
    decisions = {i: one.untestable for i, one in enumerate(evidence) if one.untestable}

    def positions(mode: str) -> list[int]:
        return [
            i for i, one in enumerate(evidence) if one.untestable is None and one.check.mode == mode
        ]

    regressions = positions("regression")
    rules = _regressions([evidence[i] for i in regressions], spent=spent, flips=flips)
    decisions.update(zip(regressions, rules, strict=True))
    others = positions("non-inferiority")
    rules = list(_non_inferiorities([evidence[i] for i in others], flips=flips))
    decisions.update(zip(others, rules, strict=True))
    floors = _floors(evidence, baseline, candidate)
    rows = [_row(one, _floored(one, decisions[i], floors[i])) for i, one in enumerate(evidence)]
    lengths = unequal_lengths_of(checks, baseline, candidate)
    return judged_together(rows, [one.check.role for one in evidence], lengths=lengths)


def _floors(
    evidence: Sequence[GateEvidence], baseline: Snapshot, candidate: Snapshot
) -> list[Floor]:
    """Return what falls below each row's floor; all floors share alpha."""
    number = sum(one.check.floor is not None for one in evidence)
    return [
        Floor()
        if one.untestable
        else fallen(
            one.place,
            baseline.suites[one.place.suite],
            candidate.suites[one.place.suite],
            alpha=one.check.alpha / max(1, number),
        )
        for one in evidence
    ]


def _regressions(
    evidence: Sequence[GateEvidence], *, spent: float, flips: int
) -> list[GateDecision]:
    family = [
        FamilyRow(
            suite=one.place.suite,
            metric=one.check.metric,
            role=one.check.role,
            evidence=one.paired,
            lower_is_better=one.place.sign < 0,
            margin=margin_of(one.check.metric),
            tolerance=one.check.tolerance or 0.0,
            # A check that a user wrote can only find a loss: its alpha is one-sided.
            alpha=spent * one.check.alpha * (2 if one.check.role is None else 1),
        )
        for one in evidence
    ]
    return [
        _regression(one, row, decision)
        for one, row, decision in zip(
            evidence, family, decide_family(family, flips=flips), strict=True
        )
    ]


def _regression(evidence: GateEvidence, row: FamilyRow, decision: Decision) -> GateDecision:
    tolerance = evidence.check.tolerance
    n = evidence.paired.n
    visible = decision.smallest_visible
    detectable = None if visible is None else row.tolerance + visible
    text = words(decision, metric=row.metric, role=row.role, n=n, margin=row.margin)
    p_value, p_adjusted = decision.p_value, decision.p_adjusted
    if row.role is None:
        p_value, p_adjusted = (_of_a_loss(p, evidence) for p in (p_value, p_adjusted))
    verdict: RowVerdict = "pass"
    reason = text
    if decision.call == "loss" and tolerance is not None:
        verdict = "fail"
        beyond = f", beyond the tolerance of {tolerance:g}" if tolerance else ""
        reason = f"{text}{beyond}"
    elif decision.call == "loss" and not decision.small:
        verdict = "fail"
    elif decision.call == "loss":
        reason = f"{text}: within {row.margin:.2g}"
    elif decision.p_value is None:
        verdict, detectable = "skipped", None
    elif decision.call == "inconclusive" and detectable is not None:
        reason = f"no loss shown; one of {detectable:.2g} would be in 80 % of cases"
    return GateDecision(
        verdict=verdict,
        reason=f"{reason}, p = {p_adjusted:.3g}" if decision.call == "loss" else reason,
        call=decision.call,
        words=text,
        small=decision.small,
        low=decision.low,
        high=decision.high,
        p_value=p_value,
        p_adjusted=p_adjusted,
        minimum_detectable=detectable,
    )


def _of_a_loss(p: float | None, evidence: GateEvidence) -> float | None:
    """Return the p-value of a loss beyond the tolerance, given that of a difference."""
    if p is None:
        return None
    return p / 2 if sum(evidence.shifted_gains) < 0 else 1 - p / 2


def _non_inferiorities(evidence: Sequence[GateEvidence], *, flips: int) -> Iterator[GateDecision]:
    shifted = [one.shifted_gains for one in evidence]
    p_values = sign_flip_p_values(shifted, alternative="greater", flips=flips)
    for one, flipped in zip(evidence, p_values, strict=True):
        p = max(flipped, _chance_of_few_losses(one), _chance_of_skewed_losses(one))
        tolerance = one.tolerance
        visible = _tolerance_of_equal_runs(one)
        interval = one.paired.interval
        verdict: RowVerdict = "pass"
        reason = f"not worse by {tolerance:g} or more, p = {p:.3g}"
        if p > one.check.alpha:
            needed = f"; equal runs would show a tolerance of {visible:.2g}" if visible else ""
            verdict, reason = "fail", f"not shown to be within {tolerance:g}, p = {p:.3g}{needed}"
        yield GateDecision(
            verdict=verdict,
            reason=reason,
            call="exploratory",
            words="",
            low=interval.low if interval else None,
            high=interval.high if interval else None,
            p_value=p,
            p_adjusted=p,
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
    return float(bdtr(losses, len(gains), min(1.0, evidence.tolerance)))


def _chance_of_skewed_losses(evidence: GateEvidence) -> float:
    """Return the larger p-value of two tests that hold where a few queries lost much."""
    p = positive_mean_p(evidence.shifted_gains)
    largest = largest_loss(evidence.check.metric)
    if largest is None:
        return p
    patchy = patchy_loss_p(evidence.gains, tolerance=evidence.tolerance, largest=largest)
    return max(p, patchy)


def _tolerance_of_equal_runs(evidence: GateEvidence) -> float | None:
    """Return the smallest tolerance that runs without any difference would usually show."""
    alpha = evidence.check.alpha
    visible = evidence.paired.smallest_visible(alpha=alpha, sides=1)
    largest = largest_loss(evidence.check.metric)
    if largest is None:
        return visible
    least = smallest_patch_tolerance(evidence.paired.n, largest=largest, alpha=alpha)
    return max(visible or 0.0, least)


def _floored(evidence: GateEvidence, decision: GateDecision, floor: Floor) -> GateDecision:
    if floor.note and decision.verdict in ("pass", "skipped"):
        return replace(decision, reason=f"{decision.reason}; {floor.note}")
    below = floor.below
    if not below or decision.verdict not in ("pass", "skipped"):
        return decision
    shown = ", ".join(below[:LISTED]) + (", ..." if len(below) > LISTED else "")
    reason = f"fell below the floor {evidence.check.floor:g}: {len(below)} ({shown})"
    return replace(decision, verdict="fail", reason=reason)


def _row(evidence: GateEvidence, decision: GateDecision) -> GateRow:
    place, check, paired = evidence.place, evidence.check, evidence.paired
    interval = None if evidence.untestable else paired.interval
    return GateRow(
        suite=place.suite,
        metric=check.metric,
        slice="=".join(place.group) if place.group else "",
        temperature=place.temperature,
        matched=check.matched or "",
        mode=check.mode,
        direction=place.better,
        baseline=paired.first if interval else None,
        candidate=paired.second if interval else None,
        delta=interval.value if interval else None,
        tolerance=evidence.tolerance,
        alpha=check.alpha,
        n=paired.n,
        unequal=paired.paired.unequal,
        **asdict(decision),
    )
