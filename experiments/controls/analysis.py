"""Paired contrasts over worlds: what two arms differ by, with t intervals and Holm's correction."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student

from sfr_eval.stats.frontier import diversity_at
from sfr_eval.stats.permutation import holm

LEVELS = (0.3, 0.4, 0.5, 0.6)  # of validity, at which frontiers are compared
Row = Mapping[str, Any]  # a cell's measures at one stopping rule


@dataclass(frozen=True)
class Measure:
    """A number of a checkpoint. sign: +1 if higher is better, -1 if lower is, 0 if neither."""

    label: str
    sign: int


MEASURES: dict[str, Measure] = {
    "forward_kl": Measure("forward KL", -1),
    "distinct_valid": Measure("distinct valid at matched validity", 1),
    "reverse_kl": Measure("reverse KL inside", -1),
    "share": Measure("share a persona can say", 1),
    "style_strength": Measure("style strength", 1),
    "cs_self_bleu_2": Measure("cs self-BLEU 2", 0),
    "validation": Measure("validation", -1),
    "left_out_kl": Measure("forward KL, left out", -1),
    "left_out_distinct": Measure("distinct valid, left out", 1),
    "unseen_valid": Measure("valid, tenth", 1),
    "unseen_distinct": Measure("distinct valid, tenth", 1),
}
PRIMARY_MEASURES = ("forward_kl", "distinct_valid")


@dataclass(frozen=True)
class Interval:
    """Mean over worlds, half width of the 95% t interval, two-sided p of the t test; None with a
    single world. worlds: how many have the value."""

    mean: float
    half: float | None
    p: float | None
    worlds: int


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """One arm minus another, world by world. p_holm: within the family of its setting's primary
    contrasts; None for any other."""

    setting: str
    rule: str
    first: str
    second: str
    measure: str
    difference: Interval | None
    p_holm: float | None = None

    @property
    def better(self) -> bool | None:
        """Whether the first arm is better: by the corrected test if there is one, else by its
        interval; None if undecided, or if the measure has no direction."""
        sign = MEASURES[self.measure].sign
        if self.difference is None or self.difference.half is None or sign == 0:
            return None
        excluded = (
            self.p_holm < 0.05
            if self.p_holm is not None
            else abs(self.difference.mean) > self.difference.half
        )
        return self.difference.mean * sign > 0 if excluded else None

    def row(self) -> dict[str, Any]:
        """The contrast as a row of a table file."""
        values = asdict(self.difference) if self.difference else dict.fromkeys(_PARTS)
        names = ("setting", "rule", "first", "second", "measure")
        return {n: getattr(self, n) for n in names} | values | {"p_holm": self.p_holm}


_PARTS = ("mean", "half", "p", "worlds")


def interval(values: Sequence[float]) -> Interval | None:
    """The t interval and test of a mean; None without a value."""
    if not values:
        return None
    mean, count = statistics.mean(values), len(values)
    if count == 1:
        return Interval(mean, None, None, 1)
    error = statistics.stdev(values) / math.sqrt(count)
    half = float(student.ppf(0.975, count - 1)) * error
    # Equal differences in every world have no spread; the test is then as decided as it can be.
    p = float(2 * student.sf(abs(mean) / error, count - 1)) if error else float(mean == 0)
    return Interval(mean, half, p, count)


def value(row: Row, measure: str, *, level: float | None = None) -> float | None:
    """A measure of one checkpoint. distinct_valid needs a level of validity: the most distinct
    valid replies at a validity of at least that, over temperature, linear between neighbours; None
    if the checkpoint does not reach it."""
    if measure == "distinct_valid":
        assert level is not None
        points = row["sampled"] if "sampled" in row else row["trained"]["sampled"]
        valid = np.array([point["valid"] for point in points])
        distinct = np.array([point["distinct_valid"] for point in points])
        reached = float(diversity_at(valid, distinct, level))
        return None if math.isnan(reached) else reached
    if "trained" not in row:  # a filter at inference has samples alone
        return None
    trained = row["trained"]
    readers = {
        "forward_kl": lambda: trained["forward_kl"],
        "reverse_kl": lambda: trained["reverse_kl"]["inside"],
        "share": lambda: trained["reverse_kl"]["share"],
        "style_strength": lambda: _middle(trained)["style_strength"],
        "cs_self_bleu_2": lambda: _middle(trained)["cs_self_bleu_2"],
        "validation": lambda: row["validation"],
        "left_out_kl": lambda: row["left_out"]["forward_kl"],
        "left_out_distinct": lambda: row["left_out"]["sampled"][0]["distinct_valid"],
        "unseen_valid": lambda: row["unseen"]["sampled"][0]["valid"],
        "unseen_distinct": lambda: row["unseen"]["sampled"][0]["distinct_valid"],
    }
    number: float | None = readers[measure]()
    return number


def _middle(trained: Row) -> Row:
    """The samples at the temperature at which the other groups are sampled too."""
    row: Row = next(point for point in trained["sampled"] if point["temperature"] == 0.5)
    return row


def difference(first: Row, second: Row, measure: str) -> float | None:
    """First minus second in one world. distinct_valid: the mean over the levels of validity that
    both reach; None if they share none."""
    levels = LEVELS if measure == "distinct_valid" else (None,)
    pairs = [(value(first, measure, level=v), value(second, measure, level=v)) for v in levels]
    apart = [a - b for a, b in pairs if a is not None and b is not None]
    return statistics.mean(apart) if apart else None


def contrast(ours: Mapping[int, Row], theirs: Mapping[int, Row], **names: str) -> Contrast:
    """Compare two arms over the worlds that both have. names: setting, rule, first, second,
    measure."""
    worlds = sorted(set(ours) & set(theirs))
    apart = [difference(ours[world], theirs[world], names["measure"]) for world in worlds]
    return Contrast(**names, difference=interval([a for a in apart if a is not None]))


def with_holm(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """Correct a family of primary contrasts; those without a p-value count as 1, so that a family
    that is not complete is never easier."""
    ps = [c.difference.p if c.difference and c.difference.p is not None else 1.0 for c in contrasts]
    return [Contrast(**{**vars(c), "p_holm": p}) for c, p in zip(contrasts, holm(ps), strict=True)]
