"""Linear association of two numbers within groups that share everything else."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from sfr_eval.stats.intervals import t_half_factor


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """Change in y per unit of x, with a 95% interval over `clusters` clusters."""

    value: float
    low: float
    high: float
    clusters: int


def slope_within(
    x: Sequence[float],
    y: Sequence[float],
    *,
    groups: Sequence[Hashable],
    clusters: Sequence[Hashable],
) -> Slope | None:
    """Least-squares slope of y on x with a separate mean for each group (fixed effects).

    The interval is cluster-robust (Liang & Zeger 1986, factor G / (G - 1), t with G - 1 degrees of
    freedom), since replies to one question are not independent; each group must lie in one cluster.
    None if x does not vary within groups, or does so in fewer than two clusters.
    """
    sums: dict[Hashable, list[float]] = {}
    for a, b, group in zip(x, y, groups, strict=True):
        total = sums.setdefault(group, [0.0, 0.0, 0.0])
        total[0] += 1
        total[1] += a
        total[2] += b
    centred = [
        (a - sums[group][1] / sums[group][0], b - sums[group][2] / sums[group][0])
        for a, b, group in zip(x, y, groups, strict=True)
    ]
    spread = math.fsum(a * a for a, _ in centred)
    informative = {c for (a, _), c in zip(centred, clusters, strict=True) if a * a > 1e-18}
    count = len(informative)
    if spread <= 1e-12 or count < 2:
        return None
    slope = math.fsum(a * b for a, b in centred) / spread
    scores: dict[Hashable, float] = {}
    for (a, b), cluster in zip(centred, clusters, strict=True):
        scores[cluster] = scores.get(cluster, 0.0) + a * (b - slope * a)
    variance = math.fsum(s * s for s in scores.values()) / spread**2 * count / (count - 1)
    half = t_half_factor(count) * math.sqrt(variance)
    return Slope(value=slope, low=slope - half, high=slope + half, clusters=count)
