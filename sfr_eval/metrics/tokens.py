"""How sure is the model of its next token, and where along a reply does its freedom end?

Entropy and log-probability are those of the undistorted model (temperature 1) on the replies that
were drawn, at whatever temperature. A fork is a position where the base checkpoint sees several
ways to go on: the fifth of all reply tokens with the highest base entropy; a lock is one of the
half with the lowest. Fine-tuning that keeps diversity keeps the entropy of forks and may lower that
of locks; collapse lowers both. Source of fork and lock: arXiv 2604.01193.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sfr_eval.metrics.context import Context, metric_result
from sfr_eval.stats.intervals import t_interval
from sfr_eval.types import Cell, MetricResult, Sample, Value

if TYPE_CHECKING:
    from sfr_eval.models.states_on_disk import States

VERSION = "1"

FORKS, LOCKS = 0.2, 0.5  # shares of all reply tokens, by base entropy from above and from below
MIN_QUERIES = 2  # behind a point of the curve

Floats = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]

NO_BASE = "no base checkpoint to tell forks from locks; give --base-model"
_NO_TOKEN = "reply without a token"


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Base entropies, in nats, above which a token is a fork and up to which it is a lock."""

    fork: float
    lock: float

    def forks(self, entropy: Floats) -> Mask:
        """Which positions are forks."""
        found: Mask = entropy > self.fork
        return found

    def locks(self, entropy: Floats) -> Mask:
        """Which positions are locks; no position is both."""
        found: Mask = (entropy <= self.lock) & ~self.forks(entropy)
        return found


def thresholds(entropies: Floats) -> Thresholds:
    """Quantiles 0.8 and 0.5 of the base's entropies at all reply tokens, at least one. With many
    equal values there can be fewer forks than a fifth, and more locks than half."""
    return Thresholds(
        fork=float(np.quantile(entropies, 1 - FORKS, method="inverted_cdf")),
        lock=float(np.quantile(entropies, LOCKS, method="inverted_cdf")),
    )


def mean_at(values: Floats, mask: Mask | None = None) -> float | None:
    """Mean over a reply's tokens, or over those of a kind; None without one. In nats a token, it
    does not depend on length by itself."""
    chosen = values if mask is None else values[mask]
    return float(chosen.mean(dtype=np.float64)) if len(chosen) else None


def shared_prefix(texts: Sequence[Sequence[Any]], length: int) -> float | None:
    """Chance that two different replies are the same up to `length` tokens, the end included: a
    shorter reply is the same as its equal only.

    Never rises with the length, from 1 at length 0 to the share of equal pairs. None below two
    replies. Unbiased at every k.
    """
    if len(texts) < 2:
        return None
    counts = Counter(tuple(text[:length]) for text in texts)
    pairs = sum(count * (count - 1) for count in counts.values())
    return pairs / (len(texts) * (len(texts) - 1))


def compute(context: Context) -> list[MetricResult]:
    """Six metrics of each reply; the curves over the position are in the notes of the entropy."""
    states, base = context.readings.model, context.readings.base
    places = range(len(context.replies))
    cut: Thresholds | None = None
    if base is not None:
        known = [base.entropy(place) for place in places]
        together = np.concatenate(known) if known else np.zeros(0)
        cut = thresholds(together) if len(together) else None
    kinds: dict[str, list[Value]] = {metric: [] for metric in METRIC_IDS}
    for place, reply in zip(places, context.replies, strict=True):
        masks: dict[str, Mask | None] = {"token": None}
        if base is not None and cut is not None:
            of_base = base.entropy(place)
            masks |= {"fork": cut.forks(of_base), "lock": cut.locks(of_base)}
        for name, numbers in (
            ("entropy", states.entropy(place)),
            ("logprob", states.log_probability(place)),
        ):
            for kind in ("token", "fork", "lock"):
                number = mean_at(numbers, masks[kind]) if kind in masks else None
                reason = _reason(kind, states.has_token(place), base is not None)
                value = _value(context, reply, number, reason)
                kinds[f"{kind}_{name}"].append(value)
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
            metric,
            version=VERSION,
            values=values,
            signature=signature,
            notes=notes if metric == "token_entropy" else {},
        )
        for metric, values in kinds.items()
    ]


METRIC_IDS = tuple(
    f"{kind}_{name}" for name in ("entropy", "logprob") for kind in ("token", "fork", "lock")
)


def _reason(kind: str, has_token: bool, has_base: bool) -> str:
    if not has_token:
        return _NO_TOKEN
    return NO_BASE if not has_base else f"no {kind} in this reply"


def _value(context: Context, reply: Sample, number: float | None, reason: str) -> Value:
    return Value(
        suite=context.suite.id,
        temperature=reply.temperature,
        query=reply.query,
        persona=reply.persona,
        sample_id=reply.sample_id,
        value=number,
        reason=reason if number is None else "",
    )


def _base_means(context: Context, base: "States", cut: Thresholds) -> dict[str, Any]:
    """Temperature -> the base's own mean entropy at forks and at locks of the same replies."""
    sums: dict[float, Floats] = {}
    for place, reply in enumerate(context.replies):
        entropy = base.entropy(place).astype(np.float64)
        forks, locks = cut.forks(entropy), cut.locks(entropy)
        row = [entropy[forks].sum(), forks.sum(), entropy[locks].sum(), locks.sum()]
        sums[reply.temperature] = sums.get(reply.temperature, np.zeros(4)) + row
    return {
        f"{temperature:g}": {
            "fork_entropy": fork / forks if forks else None,
            "lock_entropy": lock / locks if locks else None,
        }
        for temperature, (fork, forks, lock, locks) in sorted(
            (t, row.tolist()) for t, row in sums.items()
        )
    }


def bins(longest: int) -> list[tuple[int, int]]:
    """Positions [start, end) of the curve: single tokens up to 16, then doubling widths."""
    found, start = [], 0
    while start < longest:
        width = 1 if start < 16 else 2 ** (start.bit_length() - 4)
        found.append((start, min(start + width, longest)))
        start += width
    return found


def _curves(
    context: Context, states: "States", base: "States | None"
) -> dict[str, list[dict[str, Any]]]:
    """Temperature -> a row for each bin of positions: entropy of the model and of the base, and
    the chance that two replies to one prompt are the same up to its end. Means over queries of
    means over personas and replies that are so long, with a 95% t interval over queries."""
    rows: dict[Cell, list[int]] = {}
    for place, reply in enumerate(context.replies):
        rows.setdefault(reply.cell, []).append(place)
    prompts: dict[float, list[tuple[str, list[int]]]] = {}
    for (temperature, query, _), places in rows.items():
        prompts.setdefault(temperature, []).append((query, places))
    return {
        f"{temperature:g}": _curve(of_temperature, context, states, base)
        for temperature, of_temperature in sorted(prompts.items())
    }


def _curve(
    prompts: Sequence[tuple[str, Sequence[int]]],
    context: Context,
    states: "States",
    base: "States | None",
) -> list[dict[str, Any]]:
    lengths = [len(states.entropy(place)) for _, places in prompts for place in places]
    sources: dict[str, States] = {"entropy": states} | ({"base_entropy": base} if base else {})
    curve = []
    for start, end in bins(max(lengths, default=0)):
        row: dict[str, Any] = {"start": start, "end": end}
        row["replies"] = sum(length > start for length in lengths)
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
    """Mean over replies of their mean."""
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
