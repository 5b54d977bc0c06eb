"""What the scores of a trial say about the judge: accuracy, response to faults, and biases.

Every number is a mapping {value, low, high} with a 95 % interval; None is undefined.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sfr_eval.judges.judge import Case, preference
from sfr_eval.judges.rubric import GOOD, JudgeSpec
from sfr_eval.judges.trial_items import ItemKey, TrialItem
from sfr_eval.judges.votes import Judgement, JudgementKey
from sfr_eval.stats.correction import wilson
from sfr_eval.stats.intervals import t_half_factor, t_interval
from sfr_eval.suites.world.faults import FAULTS

Scores = Mapping[ItemKey, float]


def accuracy(rated: Sequence[TrialItem], scores: Scores) -> dict[str, Any]:
    """Return the share of right calls among good and bad replies, and the mean score of each."""
    labelled = [(item.good, scores.get(item.key)) for item in rated if item.good is not None]
    good = [score for is_good, score in labelled if score is not None and is_good]
    bad = [score for is_good, score in labelled if score is not None and not is_good]
    positives = (sum(score >= GOOD for score in good), len(good))
    negatives = (sum(score < GOOD for score in bad), len(bad))
    sensitivity, specificity = (_share(*counts) for counts in (positives, negatives))
    shares = [share["value"] for share in (sensitivity, specificity) if share["value"] is not None]
    return {
        "positives": positives,
        "negatives": negatives,
        "accuracy": _share(positives[0] + negatives[0], len(good) + len(bad)),
        "balanced_accuracy": sum(shares) / 2 if len(shares) == 2 else None,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "mean_of_good": sum(good) / len(good) if good else None,
        "mean_of_bad": sum(bad) / len(bad) if bad else None,
        "unread": len(labelled) - len(good) - len(bad),
    }


def dose_response(
    rated: Sequence[TrialItem], scores: Scores, specs: Sequence[JudgeSpec]
) -> list[dict[str, Any]]:
    """Return, for each fault and axis, the mean score at each rate of the fault and the points lost
    from rate 0 to 1 by least squares over replies.

    A judge should see a fault on its own axes (`own`) and on no other.
    """
    rows = []
    for fault, own_axes in FAULTS.items():
        for spec in specs:
            points = [
                (item.specimen.dose, scores[item.key])
                for item in rated
                if item.spec.id == spec.id
                and item.specimen is not None
                and item.specimen.fault in ("", fault)
                and item.key in scores
            ]
            row = {"fault": fault, "axis": spec.id, "own": spec.id in own_axes}
            rows.append({**row, "means": _means(points), "slope": _slope(points)})
    return rows


def length_gain(
    pairs: Sequence[tuple[TrialItem, TrialItem]], scores: Scores, specs: Sequence[JudgeSpec]
) -> dict[str, Any]:
    """Return, for each axis, the points that a reply gains by being twice as long and no better."""
    return {
        spec.id: _mean(
            [
                scores[longer.key] - scores[short.key]
                for short, longer in pairs
                if short.spec.id == spec.id and longer.key in scores and short.key in scores
            ]
        )
        for spec in specs
    }


def position_bias(
    cases: Sequence[tuple[Case, Case]], judgements: Mapping[JudgementKey, Judgement]
) -> dict[str, Any]:
    """Return how often the reply shown first is chosen, the verdict flips with the order, and the
    good reply wins. Each pair holds the case with the good reply first and its swapped twin."""
    firsts, flips, right = [], 0, 0
    for pair in cases:
        first, swapped = (judgements[case.key] for case in pair)
        outcome = preference(first, swapped)
        if outcome is None or first.score is None or swapped.score is None:
            continue
        flips += first.score != 1 - swapped.score
        right += outcome == 1
        firsts.append((first.score + swapped.score) / 2)
    return {
        "pairs": len(cases),
        "read": len(firsts),
        "first_chosen": _mean(firsts),  # 0.5 without bias
        "flips": _share(flips, len(firsts)),
        "accuracy": _share(right, len(firsts)),
    }


def _share(right: int, total: int) -> dict[str, float | None]:
    value, low, high = wilson(right, total) or (None, None, None)
    return {"value": value, "low": low, "high": high}


def _mean(numbers: Sequence[float]) -> dict[str, float | int | None]:
    if len(numbers) < 2:
        value = numbers[0] if numbers else None
        return {"value": value, "low": None, "high": None, "n": len(numbers)}
    mean, low, high = t_interval(numbers)
    return {"value": mean, "low": low, "high": high, "n": len(numbers)}


def _means(points: Sequence[tuple[float, float]]) -> list[dict[str, float | int | None]]:
    """Return the mean score at each dose."""
    rows = []
    for dose in sorted({dose for dose, _ in points}):
        mean = _mean([score for other, score in points if other == dose])
        rows.append({"dose": dose, "n": mean.pop("n"), **mean})
    return rows


def _slope(points: Sequence[tuple[float, float]]) -> dict[str, float] | None:
    """Return the least-squares slope of independent points. The variance is the sandwich estimate,
    since scores are a mixture whose spread changes with the dose."""
    n = len(points)
    if n < 3:
        return None
    mean_x = sum(x for x, _ in points) / n
    mean_y = sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if spread == 0:
        return None
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    residuals = ((x - mean_x, y - mean_y - slope * (x - mean_x)) for x, y in points)
    error = math.sqrt(sum((x * e) ** 2 for x, e in residuals) * n / (n - 2)) / spread
    half = t_half_factor(n - 1) * error
    return {"value": slope, "low": slope - half, "high": slope + half}
