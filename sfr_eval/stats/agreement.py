"""Agreement of votes or judges beyond chance."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Literal

Level = Literal["nominal", "ordinal", "interval"]


def krippendorff_alpha(
    units: Sequence[Sequence[float | None]], *, level: Level = "interval"
) -> float | None:
    """Krippendorff's alpha: 1 - observed / expected disagreement (Krippendorff 2011, webpage
    "Computing Krippendorff's alpha-reliability").

    `units` holds the ratings of each rated item, one per rater, None where one is missing. Units
    with fewer than two ratings carry no information and are left out. 1 is full agreement, 0 is
    chance, below 0 is systematic disagreement. None if no unit has two ratings, or if all ratings
    are equal, since chance agreement is then full as well.

    Takes O(units + v^2) time for v distinct values.
    """
    pairs: dict[tuple[float, float], float] = defaultdict(float)
    for unit in units:
        counts = Counter(value for value in unit if value is not None)
        m = counts.total()
        if m < 2:
            continue
        for a, n_a in counts.items():
            for b, n_b in counts.items():
                # Ordered pairs of different raters, so that a unit's weight is its number of
                # ratings.
                pairs[a, b] += n_a * (n_b - (a == b)) / (m - 1)
    totals: dict[float, float] = defaultdict(float)
    for (a, _), weight in pairs.items():
        totals[a] += weight
    values = sorted(totals)
    n = sum(totals.values())
    distance = _distances(values, [totals[value] for value in values], level)
    place = {value: i for i, value in enumerate(values)}
    observed = sum(w * distance(place[a], place[b]) for (a, b), w in pairs.items())
    expected = sum(
        totals[a] * totals[b] * distance(place[a], place[b]) for a in values for b in values
    )
    return 1 - (n - 1) * observed / expected if expected > 0 else None


def _distances(
    values: Sequence[float], totals: Sequence[float], level: Level
) -> Callable[[int, int], float]:
    """Return the squared distance of two values, given by their ranks."""
    if level == "nominal":
        return lambda a, b: float(a != b)
    if level == "interval":
        return lambda a, b: (values[a] - values[b]) ** 2
    # Ordinal: the number of ratings between the two, with half of each end.
    middles = []
    below = 0.0
    for total in totals:
        middles.append(below + total / 2)
        below += total
    return lambda a, b: (middles[a] - middles[b]) ** 2
