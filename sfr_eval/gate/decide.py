"""Has the candidate got worse? One row for each check, suite, group and temperature.

Everything is turned so that a gain is positive. regression fails where it is shown that the mean
gain lies below -tolerance, non-inferiority passes where it is shown that it lies above.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sfr_eval.comparison.pairing import Paired, pair_up
from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.gate.baseline import (
    Snapshot,
    SuiteSnapshot,
    groups,
    inside,
    slices,
    stored_unit,
    unequal,
)
from sfr_eval.gate.outcome import GateRow, RowVerdict
from sfr_eval.gate.spec import Check, Direction
from sfr_eval.metrics.table import pass_k
from sfr_eval.stats.intervals import mean_interval
from sfr_eval.stats.permutation import (
    FLIPS,
    holm,
    mcnemar_exact,
    sign_flip_p_values,
    smallest_p,
)
from sfr_eval.stats.power import lattice_step, smallest_visible
from sfr_eval.types import PromptKey

FEW = 10
"""Below so many changed queries of right/wrong counts the exact binomial bound is used."""

LISTED = 5


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A check at one place. `group` is (by, group), or None for all queries."""

    check: Check
    suite: str
    temperature: float
    group: tuple[str, str] | None
    better: Direction


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The row of a place before its p-value, and what it is computed from."""

    asked: Asked
    row: GateRow
    paired: Paired
    step: float  # smallest change of one query; 0 for any size
    below: tuple[str, ...]  # prompts that fell through the floor

    @property
    def gains(self) -> list[float]:
        """Change of each query, positive where it is better."""
        sign = 1 if self.asked.better == "higher" else -1
        return [sign * difference for difference in self.paired.differences]


def places(checks: Sequence[Check], baseline: Snapshot) -> Iterator[Asked]:
    """Every place that the checks name, in their order; UserError for what the baseline lacks."""
    for check in checks:
        better = check.better
        if better is None:
            raise UserError(
                f"check {check.metric}: neither direction of it is better; set `direction: higher` "
                "or `lower`"
            )
        suites = [
            id
            for id, of in baseline.suites.items()
            if check.suite in (None, id) and check.metric in of.metrics
        ]
        if not suites:
            raise UserError(_lacks(check, baseline))
        for suite in suites:
            of = baseline.suites[suite]
            held = of.temperatures(check.metric)
            if check.temperature is not None and check.temperature not in held:
                shown = ", ".join(f"{t:g}" for t in held)
                raise UserError(
                    f"check {check.metric}: the baseline has no T = {check.temperature:g} (only "
                    f"{shown}); write it again with these checks in --config"
                )
            for t in held if check.temperature is None else [check.temperature]:
                for group in _groups(check, suite, of):
                    yield Asked(check=check, suite=suite, temperature=t, group=group, better=better)


def judge(
    checks: Sequence[Check], baseline: Snapshot, candidate: Snapshot, *, flips: int = FLIPS
) -> list[GateRow]:
    """All rows with their verdicts."""
    found = [_evidence(asked, baseline, candidate) for asked in places(checks, baseline)]
    return decide(found, flips=flips)


def decide(found: Sequence[Evidence], *, flips: int = FLIPS) -> list[GateRow]:
    """Verdicts of rows whose evidence is gathered. Holm's correction is over all regression rows,
    so that the whole gate fails in at most alpha of cases when nothing got worse; non-inferiority
    needs none, since every row has to be shown."""
    rows: list[GateRow] = [of.row for of in found]
    regression = [
        place
        for place, of in enumerate(found)
        if of.row.verdict == "pass" and of.row.mode == "regression"
    ]
    shifted = [[gain + found[p].row.tolerance for gain in found[p].gains] for p in regression]
    raw = sign_flip_p_values(shifted, alternative="less", flips=flips)
    for i, place in enumerate(regression):
        counts = _right_or_wrong(found[place])
        if counts is not None and found[place].row.tolerance == 0:
            raw[i] = mcnemar_exact(*counts, alternative="less")
    for place, p, corrected in zip(regression, raw, holm(raw), strict=True):
        rows[place] = _regression(found[place], p=p, corrected=corrected, tests=len(regression))
    shown = [
        place
        for place, of in enumerate(found)
        if of.row.verdict == "pass" and of.row.mode == "non-inferiority"
    ]
    shifted = [[gain + found[p].row.tolerance for gain in found[p].gains] for p in shown]
    for place, p in zip(
        shown, sign_flip_p_values(shifted, alternative="greater", flips=flips), strict=True
    ):
        rows[place] = _non_inferiority(found[place], p=max(p, _few_changes(found[place])))
    return [
        _floored(row, of) if row.verdict in ("pass", "skipped") else row
        for row, of in zip(rows, found, strict=True)
    ]


def _regression(of: Evidence, *, p: float, corrected: float, tests: int) -> GateRow:
    row, level = of.row, of.row.alpha / tests
    visible = smallest_visible(of.gains, alpha=level, sides=1, step=of.step)
    row = replace(
        row,
        p_value=p,
        p_corrected=corrected,
        minimum_detectable=None if visible is None else row.tolerance + visible,
    )
    if corrected <= row.alpha:
        return replace(row, verdict="fail", reason=f"got worse, p = {corrected:.3g}{_margin(row)}")
    if smallest_p(row.n, alternative="less") > level:
        reason = f"{row.n} queries are too few to show any drop at alpha {level:.3g}"
        return replace(row, verdict="skipped", reason=reason, minimum_detectable=None)
    return replace(row, reason=_seen(row))


def _non_inferiority(of: Evidence, *, p: float) -> GateRow:
    row = of.row
    visible = smallest_visible(of.gains, alpha=row.alpha, sides=1, step=of.step)
    row = replace(row, p_value=p, p_corrected=p, minimum_detectable=visible)
    if p <= row.alpha:
        return replace(row, reason=f"not worse by {row.tolerance:g} or more, p = {p:.3g}")
    needs = f"; equal runs would show a tolerance of {visible:.2g}" if visible is not None else ""
    reason = f"not shown to be within {row.tolerance:g}, p = {p:.3g}{needs}"
    return replace(row, verdict="fail", reason=reason)


def _few_changes(of: Evidence) -> float:
    """For counts of right and wrong: the chance to see so few queries get worse if a share of
    `tolerance` of them were lost. With few changes the spread says little: 50 queries of which none
    changed do not show that fewer than 2% are lost. 0 where it does not matter."""
    from scipy.special import bdtr

    gains = of.gains
    changed = sum(gain != 0 for gain in gains)
    if not of.step or changed >= FEW:
        return 0.0
    lost = sum(gain < 0 for gain in gains)
    return float(bdtr(lost, len(gains), min(1.0, of.row.tolerance)))


def _floored(row: GateRow, of: Evidence) -> GateRow:
    if not of.below:
        return row
    shown = ", ".join(of.below[:LISTED]) + (", ..." if len(of.below) > LISTED else "")
    floor = of.asked.check.floor
    reason = f"below the floor {floor:g}, and were not before: {len(of.below)} ({shown})"
    return replace(row, verdict="fail", reason=reason)


def _evidence(asked: Asked, baseline: Snapshot, candidate: Snapshot) -> Evidence:
    check = asked.check
    one, two = baseline.suites[asked.suite], candidate.suites[asked.suite]
    row = GateRow(
        suite=asked.suite,
        metric=check.metric,
        slice="=".join(asked.group) if asked.group else "",
        temperature=asked.temperature,
        mode=check.mode,
        direction=asked.better,
        baseline=None,
        candidate=None,
        delta=None,
        low=None,
        high=None,
        tolerance=check.tolerance,
        alpha=check.alpha,
        p_value=None,
        p_corrected=None,
        n=0,
        unequal=0,
        minimum_detectable=None,
        verdict="pass",
        reason="",
    )
    first, second = (
        _inside(of.values_at(check.metric, asked.temperature), one, asked.group)
        for of in (one, two)
    )
    counts = pass_k(check.metric) is not None  # unbiased for every number of programs
    odd = {} if counts else unequal(one, two, asked.temperature)
    paired = pair_up(first, second, unit=stored_unit(check.metric), unequal=odd)
    values = (*paired.first, *paired.second)
    size = max((n for key, n in one.replies_at(asked.temperature).items()), default=0)
    step = lattice_step(values, size=size * paired.prompts) if values else 0.0
    if counts and values:
        step = step or 1.0  # pass@k of a problem can fall from 1 to 0, whatever its steps are
    row = _measured(replace(row, unequal=paired.unequal), paired, two, asked)
    return Evidence(
        asked=asked,
        row=row,
        paired=paired,
        step=step,
        below=tuple(_below(asked, first, second)) if row.delta is not None else (),
    )


def _measured(row: GateRow, paired: Paired, candidate: SuiteSnapshot, asked: Asked) -> GateRow:
    n = len(paired.first)
    if n < 2:
        verdict, reason = _nothing(n, candidate, asked)
        return replace(row, n=n, verdict=verdict, reason=reason)
    found = mean_interval(paired.differences)
    first = sum(paired.first) / n
    return replace(
        row,
        n=n,
        baseline=first,
        candidate=first + found.value,
        delta=found.value,
        low=found.low,
        high=found.high,
    )


def _nothing(n: int, candidate: SuiteSnapshot, asked: Asked) -> tuple[RowVerdict, str]:
    """Why a row has no numbers: does the candidate lack the metric, or only data?"""
    metric, t = asked.check.metric, asked.temperature
    if metric not in candidate.metrics:
        return "error", f"the candidate has no {metric}"
    if t not in candidate.temperatures(metric):
        return "error", f"the candidate was not sampled at T = {t:g}"
    if not any(candidate.replies_at(t).values()):
        return "skipped", f"no reply at T = {t:g}: unsupported or refused"
    what = "no query has" if n == 0 else "only one query has"
    return "skipped", f"{what} a value on both sides"


def _below(
    asked: Asked, first: Mapping[PromptKey, float], second: Mapping[PromptKey, float]
) -> Iterator[str]:
    """Prompts that are worse than the floor now and were not before."""
    floor = asked.check.floor
    if floor is None:
        return
    sign = 1 if asked.better == "higher" else -1
    for key, value in second.items():
        if sign * value < sign * floor and sign * first.get(key, value) >= sign * floor:
            yield "/".join(part for part in key if part)


def _inside(
    values: Mapping[PromptKey, float], of: SuiteSnapshot, group: tuple[str, str] | None
) -> Mapping[PromptKey, float]:
    if group is None:
        return values
    return {key: value for key, value in values.items() if inside(of, key, *group)}


def _groups(check: Check, suite: str, of: SuiteSnapshot) -> Sequence[tuple[str, str] | None]:
    if check.group is None:
        return [None]
    by, group = check.group
    known = groups(of, by)
    if not known:
        raise UserError(
            f"check {check.metric}: slice `{by}` is not in the baseline of {suite}; it has "
            f"{', '.join(slices(of)) or 'none'} (written where the suite's data are at hand)"
        )
    if group is None:
        return [(by, name) for name in known]
    if group not in known:
        raise UserError(
            f"check {check.metric}: slice {by} has no group `{group}`; {did_you_mean(group, known)}"
        )
    return [(by, group)]


def _lacks(check: Check, baseline: Snapshot) -> str:
    if check.suite is not None and check.suite not in baseline.suites:
        return (
            f"check {check.metric}: the baseline has no suite `{check.suite}`; "
            f"{did_you_mean(check.suite, baseline.suites)}"
        )
    known = {metric for of in baseline.suites.values() for metric in of.metrics}
    return (
        f"check {check.metric}: not in the baseline, {did_you_mean(check.metric, known)}; write it "
        "again with these checks in --config"
    )


def _right_or_wrong(of: Evidence) -> tuple[int, int] | None:
    """(lost, gained) where each query is right or wrong once on both sides; else None."""
    paired = of.paired
    if paired.prompts != 1 or any(v not in (0.0, 1.0) for v in (*paired.first, *paired.second)):
        return None
    return sum(gain < 0 for gain in of.gains), sum(gain > 0 for gain in of.gains)


def _margin(row: GateRow) -> str:
    return f", beyond the tolerance of {row.tolerance:g}" if row.tolerance else ""


def _seen(row: GateRow) -> str:
    beyond = f" beyond {row.tolerance:g}" if row.tolerance else ""
    if row.minimum_detectable is None:
        return f"no drop{beyond} seen"
    return f"no drop{beyond} seen; one of {row.minimum_detectable:.2g} would be in 80 % of cases"
