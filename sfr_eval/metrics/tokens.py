"""How certain a model is of its next token, by position in the reply.

Entropy and log-probability are those of the model at temperature 1, on the replies that were drawn
at any temperature. A fork is a position where the base checkpoint sees several continuations: the
fifth of all reply tokens with the highest base entropy. A lock is one of the half with the lowest.
Fine-tuning that preserves diversity preserves the entropy of forks and may lower that of locks;
collapse lowers both. Forks and locks are from arXiv 2604.01193.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sfr_eval.metrics.context import Context, metric_result, sample_value
from sfr_eval.metrics.metric import Metric, by_id
from sfr_eval.stats.arrays import Floats, Mask
from sfr_eval.stats.intervals import t_interval
from sfr_eval.types import MetricResult, Value

if TYPE_CHECKING:
    from sfr_eval.models.states_on_disk import States

VERSION = "2"

METRICS = by_id(
    Metric("token_entropy", "neither", "Mean entropy of the next token along a reply, nats.",
           unit="sample", label="Entropy of the next token", headline=("inside", 5)),
    Metric("fork_entropy", "higher", "The same where the base sees several ways to go on.",
           unit="sample", label="Entropy at forks", headline=("inside", 6)),
    Metric("lock_entropy", "lower", "The same where the base sees one way to go on.", unit="sample",
           label="Entropy at locks", headline=("inside", 7)),
    Metric("token_logprob", "neither", "Mean log-probability of a reply's tokens, nats.",
           unit="sample", label="Log-probability of a token"),
    Metric("fork_logprob", "neither", "The same at forks.", unit="sample"),
    Metric("lock_logprob", "neither", "The same at locks.", unit="sample"),
    Metric("base_logprob", "neither",
           "Mean log-probability of a reply's tokens under the base model, nats.", unit="sample",
           label="Log-probability under the base"),
)  # fmt: skip

FORKS, LOCKS = 0.2, 0.5  # shares of all reply tokens with the highest and lowest base entropy
MIN_QUERIES = 2  # for a point of the curve


NO_BASE = "no base checkpoint; give --base-model"


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Base entropies, in nats: above `fork` a token is a fork, up to `lock` it is a lock."""

    fork: float
    lock: float

    def forks(self, entropy: Floats) -> Mask:
        """Return a mask of the forks."""
        mask: Mask = entropy > self.fork
        return mask

    def locks(self, entropy: Floats) -> Mask:
        """Return a mask of the locks; no position is both."""
        mask: Mask = (entropy <= self.lock) & ~self.forks(entropy)
        return mask


def thresholds(entropies: Floats) -> Thresholds:
    """Return the quantiles 0.8 and 0.5 of the base's entropies at all reply tokens (one or more).
    With many equal values, fewer than a fifth are forks and more than half locks."""
    return Thresholds(
        fork=float(np.quantile(entropies, 1 - FORKS, method="inverted_cdf")),
        lock=float(np.quantile(entropies, LOCKS, method="inverted_cdf")),
    )


def mean_at(values: Floats, mask: Mask | None = None) -> float | None:
    """Average over a reply's tokens, or over those in `mask`; None without one. In nats per token,
    so it does not depend on length as such."""
    numbers = values if mask is None else values[mask]
    return float(numbers.mean(dtype=np.float64)) if len(numbers) else None


def shared_prefix(texts: Sequence[Sequence[Any]], length: int) -> float | None:
    """Chance that two replies agree in their first `length` tokens, where the end counts as a
    token: a shorter reply agrees only with its equal.

    Never increases with the length, from 1 at length 0 to the share of equal pairs. None below two
    replies. Unbiased at every k.
    """
    if len(texts) < 2:
        return None
    counts = Counter(tuple(text[:length]) for text in texts)
    pairs = sum(count * (count - 1) for count in counts.values())
    return pairs / (len(texts) * (len(texts) - 1))


def compute(context: Context) -> list[MetricResult]:
    """Return all metrics of each reply; the notes of the entropy have the curves over positions."""
    states, base = context.readings.model, context.readings.base
    places = range(len(context.replies))
    cut: Thresholds | None = None
    if base is not None and context.replies:
        entropies = np.concatenate([base.entropy(place) for place in places])
        cut = thresholds(entropies) if len(entropies) else None
    values: dict[str, list[Value]] = {metric: [] for metric in METRICS}
    for place, reply in zip(places, context.replies, strict=True):
        masks: dict[str, Mask | None] = {"token": None}
        if base is not None and cut is not None:
            of_base = base.entropy(place)
            masks |= {"fork": cut.forks(of_base), "lock": cut.locks(of_base)}
        numbers = {"entropy": states.entropy(place), "logprob": states.log_probability(place)}
        if base is not None:
            masks["base"], numbers["base_logprob"] = None, base.log_probability(place)
        for metric in METRICS:
            kind, name = metric.split("_")
            row = numbers.get(metric, numbers[name])
            number = mean_at(row, masks[kind]) if kind in masks else None
            reason = _reason(kind, states.has_token(place), base is not None)
            values[metric].append(sample_value(reply, number, reason=reason))
    signature = {
        **states.signature,
        "layers": None,
        "base": dict(base.signature)["model"] if base is not None else None,
        "unit": "nats a token, temperature 1",
        "fork": f"highest {FORKS:.0%} of base entropy",
        "lock": f"lowest {LOCKS:.0%} of base entropy",
    }
    notes: dict[str, Any] = {"curve": _curves(context, states, base)}
    if cut is not None and base is not None:
        notes |= {"fork_above": cut.fork, "lock_up_to": cut.lock}
        notes["base"] = _base_means(context, base, cut)
    return [
        metric_result(
            METRICS[metric],
            version=VERSION,
            values=values[metric],
            signature=signature,
            notes=notes if metric == "token_entropy" else {},
        )
        for metric in METRICS
    ]


def _reason(kind: str, has_token: bool, has_base: bool) -> str:
    if not has_token:
        return "reply without a token"
    return NO_BASE if not has_base else f"no {kind} in this reply"


def _base_means(context: Context, base: "States", cut: Thresholds) -> dict[str, Any]:
    """Return temperature -> the base's mean entropy at forks and at locks of the same replies."""
    sums: dict[float, Floats] = {}
    for place, reply in enumerate(context.replies):
        entropy = base.entropy(place).astype(np.float64)
        forks, locks = cut.forks(entropy), cut.locks(entropy)
        row = [entropy[forks].sum(), forks.sum(), entropy[locks].sum(), locks.sum()]
        sums[reply.temperature] = sums.get(reply.temperature, np.zeros(4)) + row
    rows = [(temperature, row.tolist()) for temperature, row in sums.items()]
    return {
        f"{temperature:g}": {
            "fork_entropy": fork / forks if forks else None,
            "lock_entropy": lock / locks if locks else None,
        }
        for temperature, (fork, forks, lock, locks) in sorted(rows)
    }


def bins(longest: int) -> list[tuple[int, int]]:
    """Return positions [start, end) of the curve: single tokens up to 16, then doubling widths."""
    ranges, start = [], 0
    while start < longest:
        width = 1 if start < 16 else 2 ** (start.bit_length() - 4)
        ranges.append((start, min(start + width, longest)))
        start += width
    return ranges


def _curves(
    context: Context, states: "States", base: "States | None"
) -> dict[str, list[dict[str, Any]]]:
    """Return temperature -> a row for each bin of positions: entropy of the model and of the base,
    and the chance that two replies to one prompt agree up to its end. Means over queries of means
    over personas and sufficiently long replies, with a 95% t interval over queries."""
    prompts: dict[float, list[tuple[str, list[int]]]] = {}
    for (temperature, query, _), rows in zip(context.by_prompt, context.prompt_rows(), strict=True):
        if len(rows):
            prompts.setdefault(temperature, []).append((query, rows.tolist()))
    return {
        f"{temperature:g}": _curve(of_temperature, states, base)
        for temperature, of_temperature in sorted(prompts.items())
    }


def _curve(
    prompts: Sequence[tuple[str, Sequence[int]]], states: "States", base: "States | None"
) -> list[dict[str, Any]]:
    lengths = [len(states.entropy(place)) for _, places in prompts for place in places]
    sources: dict[str, States] = {"entropy": states} | ({"base_entropy": base} if base else {})
    curve = []
    for start, end in bins(max(lengths, default=0)):
        replies = sum(length > start for length in lengths)
        row: dict[str, Any] = {"start": start, "end": end, "replies": replies}
        for name, source in sources.items():
            row[name] = _over_queries(
                (query, _mean(source.entropy(place)[start:end] for place in places))
                for query, places in prompts
            )
        row["same"] = _over_queries(
            (query, shared_prefix([states.token_ids(place) for place in places], end))
            for query, places in prompts
        )
        if row["entropy"] is None:
            break  # too few replies are this long
        curve.append(row)
    return curve


def _mean(parts: Iterable[Floats]) -> float | None:
    """Average the means of replies."""
    means = [float(part.mean(dtype=np.float64)) for part in parts if len(part)]
    return math.fsum(means) / len(means) if means else None


def _over_queries(pairs: Iterable[tuple[str, float | None]]) -> Mapping[str, Any] | None:
    queries: dict[str, list[float]] = {}
    for query, number in pairs:
        if number is not None:
            queries.setdefault(query, []).append(number)
    means = [math.fsum(numbers) / len(numbers) for numbers in queries.values()]
    if len(means) < MIN_QUERIES:
        return None
    mean, low, high = t_interval(means)
    return {"value": mean, "low": low, "high": high, "n": len(means)}
