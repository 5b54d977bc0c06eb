"""Why variety fell: fewer good replies, or good replies that are more alike.

The variety that a prompt gets through its good replies is share x distance: the share of replies
that pass the gate (`valid_share`) times the mean distance between two of them
(`valid_embed_distance`). In other words, each reply contributes its mean distance to the other good
ones if it is good itself, and nothing otherwise. A difference between two runs then has two parts,
each factor's change at the mean of the other one (Kitagawa 1955, the Shapley values of the two
factors), whose sum is the whole difference, prompt by prompt and on average:

    fewer good   = (share_2 - share_1) (distance_1 + distance_2) / 2
    more alike   = (distance_2 - distance_1) (share_1 + share_2) / 2
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sfr_eval.comparison.pairing import shared_temperatures
from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.report.numbers import Interval as Shown
from sfr_eval.stats.intervals import Interval, difference_interval
from sfr_eval.types import PromptKey

SHARE = "valid_share"
DISTANCE = "valid_embed_distance"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodVariety:
    """Both factors of one run at one temperature. Where fewer than two replies to a prompt are
    good, `distances` lacks it."""

    shares: Mapping[PromptKey, float]
    distances: Mapping[PromptKey, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LossOfVariety:
    """The difference second minus first and its two parts, each with its paired interval over
    queries. total = fewer_good + more_alike; a negative part is a loss."""

    total: Interval
    fewer_good: Interval
    more_alike: Interval
    n: int  # queries

    @property
    def sentence(self) -> str:
        """The split as a comparison says it."""
        total, number, likeness = (
            Shown(part.value, part.low, part.high).text("+.3g")
            for part in (self.total, self.fewer_good, self.more_alike)
        )
        return (
            f"Variety through good replies (their share times their distance) changed by {total}: "
            f"{number} because of how many are good, {likeness} because of how different the good "
            "ones are"
        )


def losses_of_variety(
    first: ScoredRun, second: ScoredRun, suite: str
) -> dict[float, LossOfVariety]:
    """Return the split at each shared temperature; {} unless both runs have both factors, behind
    the same gate."""
    runs = (first, second)
    if any(not {SHARE, DISTANCE} <= set(run.suites[suite].metrics) for run in runs):
        return {}
    if len({run.estimate(suite, SHARE).signature for run in runs}) > 1:
        return {}
    sides = [(run.values(suite, SHARE), run.values(suite, DISTANCE)) for run in runs]
    splits = {
        t: loss_of_variety(
            *(
                GoodVariety(shares=shares.get(t, {}), distances=distances.get(t, {}))
                for shares, distances in sides
            )
        )
        for t in shared_temperatures(runs, suite)
    }
    return {t: split for t, split in splits.items() if split is not None}


def loss_of_variety(first: GoodVariety, second: GoodVariety) -> LossOfVariety | None:
    """Split the difference in variety between two runs into the part that comes from the number of
    good replies and the part that comes from their likeness.

    Prompts of which both have a share take part. A prompt without a distance has no variety: its
    good replies, one at most, count as none, so that all that it lost is laid to their number.
    Averaged over the personas of a query, then over queries. None if no prompt is in both.
    """
    parts: dict[str, list[tuple[float, float]]] = {}
    for prompt in first.shares:
        if prompt in second.shares:
            parts.setdefault(prompt[0], []).append(_parts(prompt, first, second))
    if not parts:
        return None
    number, likeness = (
        [math.fsum(pair[side] for pair in pairs) / len(pairs) for pairs in parts.values()]
        for side in (0, 1)
    )
    return LossOfVariety(
        total=difference_interval([a + b for a, b in zip(number, likeness, strict=True)]),
        fewer_good=difference_interval(number),
        more_alike=difference_interval(likeness),
        n=len(parts),
    )


def _parts(prompt: PromptKey, first: GoodVariety, second: GoodVariety) -> tuple[float, float]:
    """Return what the number of good replies and their likeness add to the difference."""
    distances = [run.distances.get(prompt) for run in (first, second)]
    shares = [
        0.0 if distance is None else run.shares[prompt]
        for run, distance in zip((first, second), distances, strict=True)
    ]
    known = [distance for distance in distances if distance is not None]
    if not known:
        return 0.0, 0.0
    before, after = (known[0] if distance is None else distance for distance in distances)
    # known[0] is the other run's: with one of the two undefined, the distance has not changed.
    return (
        (shares[1] - shares[0]) * (before + after) / 2,
        (after - before) * (shares[0] + shares[1]) / 2,
    )
