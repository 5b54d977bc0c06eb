"""The floor of a check: prompts that fell below it, beyond chance.

Some prompt of many falls by chance whenever a run is repeated. A prompt counts if its values were
not below the floor in the baseline, are below it now, and the fall itself is shown: Fisher's exact
test of the two counts, one-sided, with Holm's correction over all prompts. So a gate without any
change fails in at most alpha of cases, whatever the number of samples.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sfr_eval.errors import UserError
from sfr_eval.gate.places import Place
from sfr_eval.gate.snapshot import SuiteSnapshot
from sfr_eval.metrics.table import metric_info, pass_k
from sfr_eval.stats.permutation import holm
from sfr_eval.types import PromptKey

Counts = Mapping[PromptKey, tuple[int, int]]
"""Prompt -> (good replies, all replies)."""

ROUNDED = 1e-3  # how far a rounded share of k replies may lie from a whole number of them


@dataclass(frozen=True, kw_only=True)
class Floor:
    """What a floor shows. `note` says why nothing can be shown."""

    below: tuple[str, ...] = ()
    note: str = ""


def fallen(
    place: Place, baseline: SuiteSnapshot, candidate: SuiteSnapshot, *, alpha: float
) -> Floor:
    """Return the prompts of a place that fell below the floor of its check.

    Raises UserError if the metric is not a share of right or wrong replies, since a single value to
    a prompt says nothing about its error.
    """
    check, t = place.check, place.temperature
    if check.floor is None:
        return Floor()
    if t is None:
        raise UserError(f"check {check.metric}: `floor` cannot be combined with `matched`")
    values = [
        {
            key: value
            for key, value in side.values_at(check.metric, t).items()
            if place.group is None or side.is_in_group(key, *place.group)
        }
        for side in (baseline, candidate)
    ]
    before, after = (_counts(place, side, t) for side in (baseline, candidate))
    if values[0] and not before:
        raise UserError(
            f"check {check.metric}: `floor` needs counts of replies, which pass@k and shares of "
            "good replies have; of a single value to a prompt nobody knows how much is chance"
        )
    shared = [key for key in values[0] if key in values[1] and key in before and key in after]
    floor = place.sign * check.floor
    p_values = [_p_of_a_fall(before[key], after[key], sign=place.sign) for key in shared]
    below = [
        "/".join(part for part in key if part)
        for key, p in zip(shared, holm(p_values), strict=True)
        if p <= alpha and place.sign * values[1][key] < floor <= place.sign * values[0][key]
    ]
    best = min((_best_p(before[key], after[key]) for key in shared), default=1.0)
    note = ""
    if shared and best * len(shared) > alpha:
        k = max(n for _, n in after.values())
        note = (
            f"the floor is not tested: with {k} replies to each of {len(shared)} prompts no fall "
            "of one of them is beyond chance"
        )
    return Floor(below=tuple(below), note=note)


def _counts(place: Place, suite: SuiteSnapshot, t: float) -> Counts:
    """Return the counts behind the values of a metric, where there are any."""
    metric = place.check.metric
    if pass_k(metric) is not None:
        programs = suite.programs_at.get(t)
        if programs is None:
            return {}
        pairs = zip(programs.right, programs.drawn, strict=True)
        return dict(zip(suite.keys["prompt"], pairs, strict=True))
    info = metric_info(metric)
    if info is None or not info.outcomes or info.range != (0, 1):
        return {}
    replies = suite.replies_at(t)
    counts: dict[PromptKey, tuple[int, int]] = {}
    for key, value in suite.values_at(metric, t).items():
        n = replies.get(key, 0)
        good = round(value * n)
        if n and abs(value * n - good) <= ROUNDED * n:
            counts[key] = good, n
    return counts


def _p_of_a_fall(before: tuple[int, int], after: tuple[int, int], *, sign: int) -> float:
    """Return the p-value of Fisher's exact test that the second share is not worse."""
    from scipy.stats import hypergeom

    (good_before, n_before), (good_after, n_after) = before, after
    if sign < 0:
        good_before, good_after = n_before - good_before, n_after - good_after
    total = n_before + n_after
    return float(hypergeom.cdf(good_after, total, good_before + good_after, n_after))


def _best_p(before: tuple[int, int], after: tuple[int, int]) -> float:
    """Return the smallest p-value that these numbers of replies can give: all good, then none."""
    return _p_of_a_fall((before[1], before[1]), (0, after[1]), sign=1)
