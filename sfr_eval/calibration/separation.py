"""How well a distance tells pairs labelled different from pairs labelled the same.

Pairs of one prompt resemble each other, so everything is resampled and cross-validated by prompt.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sfr_eval.stats.arrays import Floats, Integers

DRAWS = 500
FOLDS = 5
_SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """A number with its 95% bootstrap interval over prompts; no interval below two prompts."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """AUC: chance that a different pair is farther apart than a same one, ties half; .5 is a coin.

    `cut`: the distance up to which pairs are best called the same (largest sensitivity plus
    specificity). `sensitivity` is the share of same pairs called the same, `specificity` that of
    different pairs called different, both at the cut that is best on the prompts of other folds.
    Where these have no pairs of one kind, as with a single prompt, the cut is that of all prompts.
    """

    pairs: int
    prompts: int
    auc: Estimated
    cut: Estimated
    sensitivity: Estimated
    specificity: Estimated


def separation(distances: Floats, same: Sequence[bool], prompts: Sequence[str]) -> Separation:
    """Return how well the distances, shape (pairs,), agree with the labels. Raises ValueError if
    all pairs are labelled alike."""
    labels = np.asarray(same, dtype=bool)
    if labels.all() or not labels.any():
        raise ValueError("separation: needs pairs of both kinds")
    owner = np.unique(np.asarray(prompts), return_inverse=True)[1]
    curve = _Curve(distances, labels, owner)
    called_same = _called_same(curve, distances, owner)

    def of_prompts(mask: np.ndarray) -> Floats:
        return np.bincount(owner[mask], minlength=curve.prompts).astype(np.float64)

    hits, positives = of_prompts(labels & called_same), of_prompts(labels)
    rejections, negatives = of_prompts(~labels & ~called_same), of_prompts(~labels)

    def numbers(weights: Floats) -> tuple[float, float, float, float]:
        return (
            *curve.auc_and_cut(weights),
            float(weights @ hits / (weights @ positives)),
            float(weights @ rejections / (weights @ negatives)),
        )

    point = numbers(np.ones(curve.prompts))
    resampled = [numbers(draw) for draw in _resamples(curve.prompts) if curve.has_both(draw)]
    if not resampled:
        auc, cut, sensitivity, specificity = (Estimated(value=value) for value in point)
    else:
        low, high = np.quantile(np.array(resampled), (0.025, 0.975), axis=0).tolist()
        auc, cut, sensitivity, specificity = (
            Estimated(value=value, low=low[i], high=high[i]) for i, value in enumerate(point)
        )
    return Separation(
        pairs=len(distances),
        prompts=curve.prompts,
        auc=auc,
        cut=cut,
        sensitivity=sensitivity,
        specificity=specificity,
    )


class _Curve:
    """Shares of same and of different pairs up to each distance, under any weights of prompts."""

    def __init__(self, distances: Floats, labels: np.ndarray, owner: Integers) -> None:
        self.prompts = int(owner.max()) + 1
        order = np.argsort(distances, kind="stable")
        self._owner, self._labels = owner[order], labels[order]
        ordered = np.asarray(distances, dtype=np.float64)[order]
        self._ends = np.flatnonzero(np.append(np.diff(ordered) > 0, True))  # of equal distances
        values = ordered[self._ends]
        # A cut between two distances, not on one, so that rounding cannot move a pair across it.
        self._cuts = np.append((values[:-1] + values[1:]) / 2, values[-1])

    def has_both(self, weights: Floats) -> bool:
        """Return whether pairs of both kinds have weight."""
        pairs = weights[self._owner]
        return bool(pairs[self._labels].any() and pairs[~self._labels].any())

    def auc_and_cut(self, weights: Floats) -> tuple[float, float]:
        """Return the area under same against different pairs, by trapezoids, and the cut with the
        largest sensitivity plus specificity."""
        pairs = weights[self._owner]
        same = np.cumsum(np.where(self._labels, pairs, 0.0))[self._ends]
        different = np.cumsum(np.where(self._labels, 0.0, pairs))[self._ends]
        same, different = same / same[-1], different / different[-1]
        before = np.append(0.0, same[:-1])
        area = float((np.diff(different, prepend=0.0) * (same + before) / 2).sum())
        return area, float(self._cuts[np.argmax(same - different)])


def _called_same(curve: _Curve, distances: Floats, owner: Integers) -> np.ndarray:
    """Call each pair by the cut that is best on the prompts of the other folds."""
    fold = np.random.default_rng(_SEED).permutation(curve.prompts) % FOLDS
    called = np.zeros(len(distances), dtype=bool)
    for number in np.unique(fold):
        others = (fold != number).astype(np.float64)
        weights = others if curve.has_both(others) else np.ones(curve.prompts)
        inside = fold[owner] == number
        called[inside] = distances[inside] <= curve.auc_and_cut(weights)[1]
    return called


def _resamples(prompts: int) -> list[Floats]:
    """Return how often each prompt is drawn in each of the resamples; none below two prompts."""
    if prompts < 2:
        return []
    generator = np.random.default_rng(_SEED)
    draws = generator.integers(prompts, size=(DRAWS, prompts))
    return [np.bincount(draw, minlength=prompts).astype(np.float64) for draw in draws]
