"""The checks of a calibration: plain arrays in, results out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sfr_eval.calibration.design import NOMINAL, POWER, TOLERANCE
from sfr_eval.stats.arrays import Floats
from sfr_eval.stats.intervals import BCA_FROM, mean_interval, t_half_factor


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """Whether a metric passed a check; `reason` says why not, or why it could not be tested."""

    passed: bool | None
    reason: str = ""


def dose_response(curve: Floats, *, higher_is_better: bool) -> CheckResult:
    """Check that a metric gets worse with every turn of the dial, and clearly worse in the end.

    `curve` is (settings, queries), from no collapse to full. The check fails if the paired 95%
    interval over queries shows an improvement at some step, or if the one of last minus first does
    not lie entirely on the worse side of zero.
    """
    if curve.shape[1] < 2:
        return CheckResult(passed=False, reason="undefined at some setting of the dial")
    worse = -curve if higher_is_better else curve
    for number, step in enumerate(np.diff(worse, axis=0)):
        high = mean_interval(step.tolist()).high
        if high is not None and high < 0:
            return CheckResult(passed=False, reason=f"turns back at step {number + 1} of the dial")
    low = mean_interval((worse[-1] - worse[0]).tolist()).low
    if low is None or low <= 0:
        return CheckResult(passed=False, reason="does not see full collapse")
    return CheckResult(passed=True)


def pairs_of_runs(values: Floats, *, partners: int) -> Floats:
    """Return differences of whole runs: each of `values`, (runs, queries), minus each of the
    `partners` runs after it, wrapping around. These are more than the runs / 2 pairs without a
    common run: the average over them is the same, with a smaller standard error."""
    steps = range(1, partners + 1)
    return np.concatenate([values - np.roll(values, -step, axis=0) for step in steps])


def pairs_by_query(values: Floats, *, repeats: int, generator: np.random.Generator) -> Floats:
    """Return differences of two runs assembled query by query from the few in `values`,
    (runs, queries): two different ones, drawn anew for each query. Valid only if values are
    independent between queries, which pairs of whole runs show."""
    runs, queries = values.shape
    first = generator.integers(0, runs, (repeats, queries))
    second = (first + generator.integers(1, runs, (repeats, queries))) % runs
    places = np.arange(queries)
    differences: Floats = values[first, places] - values[second, places]
    return differences


def null_coverage(differences: Floats) -> tuple[float, str]:
    """Return (share of 95% intervals that cover zero, method) for pairs of runs of one source.

    `differences` is (pairs, queries). The interval of the mean difference over queries should cover
    zero for 95% of the pairs. Standard error of the share at 400 pairs without a common run: 1.1%.
    """
    pairs, queries = differences.shape
    if queries < BCA_FROM:
        half = t_half_factor(queries) * differences.std(axis=1, ddof=1) / math.sqrt(queries)
        return float((np.abs(differences.mean(axis=1)) <= half).mean()), "t"
    hits = 0
    for row in differences:
        mean = mean_interval(row.tolist())
        hits += mean.low is not None and mean.high is not None and mean.low <= 0 <= mean.high
    return hits / pairs, "BCa"


def runs_differ(values: Floats) -> bool:
    """Return whether there are two runs and two queries, and runs differ in a quarter of these.

    `values` is (runs, queries). An interval around a rare event nearly always covers zero, which
    proves nothing.
    """
    if min(values.shape) < 2:
        return False
    # Sums in a different order differ by less than 1e-12.
    differ = np.abs(values - np.roll(values, -1, axis=0)) > 1e-12
    return bool(differ.mean() >= 0.25)


def null_result(shares: Mapping[str, float | None]) -> CheckResult:
    """Check that all shares that could be measured lie within 95 +- 2%."""
    measured = {where: share for where, share in shares.items() if share is not None}
    if not measured:
        why = "hardly varies between runs of the world: nothing to test"
        return CheckResult(passed=None, reason=why)
    for where, share in measured.items():
        if not NOMINAL[0] <= share <= NOMINAL[1]:
            kind = "narrow" if share < NOMINAL[0] else "wide"
            why = f"null intervals are too {kind}: {share:.1%} cover zero ({where})"
            return CheckResult(passed=False, reason=why)
    return CheckResult(passed=True)


def count_stability(
    by_count: Mapping[int, float], *, scale: float
) -> tuple[int | None, CheckResult]:
    """Return (smallest k from which a metric is stable, check that it is at every k tried).

    `by_count` maps k to the mean value. It is stable while it differs from the one at the largest k
    by at most TOLERANCE times `scale` (what full collapse does to the metric); None if it never is.
    """
    counts = sorted(by_count)
    last = by_count[counts[-1]]
    stable: int | None = None
    for k in reversed(counts[:-1]):
        if abs(by_count[k] - last) > TOLERANCE * scale:
            break
        stable = k
    if stable == counts[0]:
        return stable, CheckResult(passed=True)
    moved = (by_count[counts[0]] - last) / scale if scale > 0 else math.inf
    where = f"stable from k = {stable}" if stable else "stable at no smaller k"
    return stable, CheckResult(
        passed=False,
        reason=f"moves with k: by {abs(moved):.0%} of its range from {counts[0]} to {counts[-1]}"
        f" replies ({where})",
    )


def moved_by_length(by_words: Mapping[int, float], *, scale: float) -> float:
    """Return the largest distance of a metric's mean over cut replies from that over whole ones, as
    a part of `scale` (what full collapse does to it). `by_words` maps the number of first words to
    the mean, 0 to that of whole replies. Cut replies also lack their ends, so some of this is due
    to what was said there."""
    return max(abs(mean - by_words[0]) for mean in by_words.values()) / scale


def noise(values: Floats) -> float:
    """Return the standard deviation, within a query, of the difference of two runs of one source.
    `values` is (sets, queries) with at least two sets."""
    return math.sqrt(2 * float(values.var(axis=0, ddof=1).mean()))


def unevenness(curve: Floats, *, noise_of_query: float) -> float:
    """Return the spread of the true drop over queries relative to the mean drop, sqrt(max(0, var -
    noise^2)) / mean, from first to last setting of `curve`, (settings, queries)."""
    drop = curve[-1] - curve[0]
    mean = abs(float(drop.mean()))
    if not mean:
        return 0.0
    return math.sqrt(max(0.0, float(drop.var(ddof=1)) - noise_of_query**2)) / mean


def detectable(noise_of_query: float, queries: int, *, uneven: float = 0.0) -> float | None:
    """Return the smallest mean drop that a paired t test over queries detects with 80% power.

    The test is two-sided. Differences have standard deviation sqrt(noise^2 + (uneven drop)^2). With
    c the noncentrality that gives this power, drop = c sd / sqrt(n). None if no drop is large
    enough, since its unevenness grows with it.
    """
    from scipy.optimize import brentq
    from scipy.stats import nct

    degrees = queries - 1
    limit = t_half_factor(queries)

    def missing_power(c: float) -> float:
        return float(nct.sf(limit, degrees, c) + nct.cdf(-limit, degrees, c)) - POWER

    c = float(brentq(missing_power, 0.0, limit + 6))  # far above that, scipy's nct returns NaN
    effective = queries - (c * uneven) ** 2
    return c * noise_of_query / math.sqrt(effective) if effective > 0 else None


def dial_of(drop: float, curve: Sequence[float], settings: Sequence[float]) -> float | None:
    """Return the setting of the dial at which the mean curve has first fallen by `drop`, linear
    between settings; None if it never does. `curve` begins at no collapse."""
    points = [(setting, abs(v - curve[0])) for setting, v in zip(settings, curve, strict=True)]
    for (start, before), (end, after) in pairwise(points):
        if after >= drop:
            part = (drop - before) / (after - before) if after > before else 1.0
            return float(start + max(0.0, part) * (end - start))
    return None
