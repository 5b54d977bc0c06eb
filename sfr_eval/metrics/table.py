"""Which metrics exist, collected from their families, and what the entries say of each id.

Light to import: the families are loaded when the table is first used.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cache

from sfr_eval.metrics.families import FAMILIES, load_family
from sfr_eval.metrics.metric import Metric, Pairs, PrimaryRole, Role

_NEVER_NEGATIVE = frozenset(
    {
        *("length", "token_entropy", "fork_entropy", "lock_entropy"),
        *("answer_entropy_ratio", "answer_coverage_ratio"),
    }
)
"""Metrics whose range has no upper end."""

HEADLINE_ROLES: tuple[Role, ...] = ("quality", "style", "variety", "inside", "facts")


@cache
def metric_table() -> Mapping[str, Metric]:
    """Return id -> entry of every metric, family by family."""
    return {
        id: replace(metric, family=family)
        for family in FAMILIES
        for id, metric in load_family(family).metrics.items()
    }


def metric_info(metric: str) -> Metric | None:
    """Return the entry of an id; None if there is none. pass_at_5 has the entry pass_at_k."""
    return metric_table().get(metric) or metric_table().get(re.sub(r"_at_\d+$", "_at_k", metric))


def possible(metric: str) -> tuple[float | None, float | None]:
    """Return the smallest and the largest possible value of a metric; None where there is none."""
    info = metric_info(metric)
    if info is not None and info.range is not None:
        return info.range
    return (0.0, None) if metric in _NEVER_NEGATIVE else (None, None)


def family_of(name: str) -> str:
    """Return the family of a metric id; any other name as it is."""
    info = None if name in FAMILIES else metric_info(name)
    return name if info is None else info.family


def point_of(metric: str) -> tuple[str, int] | None:
    """Return the curve and the k of a metric with a value for each k: pass_at_5 is
    ("pass_at_k", 5). None for any other metric."""
    info = metric_info(metric)
    if info is None or not info.curve or metric == info.id:
        return None
    return info.id, int(metric.rpartition("_")[2])


def pass_k(metric: str) -> int | None:
    """Return the k of pass@k; None for any other metric."""
    point = point_of(metric)
    return point[1] if point and point[0] == "pass_at_k" else None


def largest_ks(ids: Collection[str]) -> dict[str, int]:
    """Return curve -> the largest k that is among the ids."""
    largest: dict[str, int] = {}
    for metric in ids:
        if point := point_of(metric):
            curve, k = point
            largest[curve] = max(k, largest.get(curve, k))
    return largest


def shown_ks(n: int) -> list[int]:
    """The k of pass@k that tables show: 1, 2, 5, 10, 20, 50, 100 and n itself."""
    return sorted({k for k in (1, 2, 5, 10, 20, 50, 100) if k < n} | {max(1, n)})


def headlines(*roles: Role) -> tuple[str, ...]:
    """Return the headline metrics of some roles, or of all, in the order in which they are shown:
    on the terminal, in curves, in tables of personas, in the summary."""
    return tuple(
        metric
        for role in roles or HEADLINE_ROLES
        for _, metric in sorted(
            (metric.headline[1], metric.first_id)
            for metric in metric_table().values()
            if metric.headline and metric.headline[0] == role
        )
    )


def primary_metrics(role: PrimaryRole, ids: Collection[str]) -> list[str]:
    """Return those of the ids that may be the primary measure of a role, the first choice first. Of
    a curve over k this is pass@1 as quality, and the largest k as variety."""
    largest = largest_ks(ids)
    choices = sorted(
        (metric.primary[1], metric.at(largest.get(metric.id, 1) if role == "variety" else 1).id)
        if metric.curve
        else (metric.primary[1], metric.id)
        for metric in metric_table().values()
        if metric.primary and metric.primary[0] == role
    )
    return [metric for _, metric in choices if metric in ids]


def shown_metrics(ids: Collection[str]) -> list[str]:
    """Return those of the ids that a table shows, in its order: curves over k, then headlines."""
    largest = largest_ks(ids)
    points = [
        curve.at(k).id
        for curve in curves()
        if curve.id in largest
        for k in shown_ks(largest[curve.id])
        if k > 1 or curve.headline  # at k = 1 the others say the same as pass@1
    ]
    return [metric for metric in dict.fromkeys((*points, *headlines())) if metric in ids]


def curves() -> list[Metric]:
    """Return the metrics with a value for each k."""
    return [metric for metric in metric_table().values() if metric.curve]


def trade_offs() -> list[tuple[str, Pairs]]:
    """Return the measures of quality and style that are read against diversity, in order."""
    pairs = [(metric.first_id, metric.pairs) for metric in metric_table().values() if metric.pairs]
    return sorted(pairs, key=lambda pair: pair[1].place)


def label(metric: str) -> str:
    """Return the name of a metric in plain words; its id if it has none."""
    info = metric_info(metric)
    return info.label if info and info.label and metric == info.first_id else metric


def direction(metric: str) -> str:
    """Return `higher is better`, `lower is better`, or "" if neither is."""
    info = metric_info(metric)
    return f"{info.direction} is better" if info and info.direction != "neither" else ""


def inside_sentence(metric: str) -> str:
    """Return the label as it stands inside a sentence."""
    name = label(metric)
    return name if name[:2].isupper() else name[0].lower() + name[1:]
