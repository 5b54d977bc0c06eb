"""Which measures a comparison decides about: the primary family, chosen before looking.

One measure each of variety, style and quality, at one temperature, and the variety at matched
quality; where quality rests on relevance alone, a measure of form beside it. The choice depends on
what was measured, never on the values. Everything else is exploratory: shown with its interval, and
without a verdict.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import get_args

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.metrics.metric import PrimaryRole
from sfr_eval.metrics.table import metric_info, primary_metrics
from sfr_eval.store.primary import PrimaryFamily
from sfr_eval.temperature import OWN_TEMPERATURE, nearest

MARGIN = 0.05
"""Part of a metric's span below which a difference is small."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """The primary measures of one suite. A role that was not measured is absent."""

    measures: Mapping[PrimaryRole, str]
    temperature: float | None  # the shared one that they are read at; None if there is none
    swept: bool = True  # both sides share two temperatures or more
    along: str = ""
    """The variety along the whole curve: not of good replies alone, of which a hot setting may have
    too few, since quality is matched there anyhow. "" is the primary one."""
    missing: tuple[str, ...] = ()  # named by the suite, but not measured

    @property
    def matched(self) -> tuple[str, str] | None:
        """(quality, variety) of the comparison at matched quality; None without one of the two, or
        without a sweep."""
        quality = self.measures.get("quality")
        variety = self.along or self.measures.get("variety")
        return (quality, variety) if quality and variety and self.swept else None


def family(
    measured: Mapping[float, Collection[str]],
    *,
    declared: PrimaryFamily | None = None,
    wanted: PrimaryFamily | None = None,
) -> Family:
    """Choose the family from what both sides have values of: temperature -> metrics.

    `declared` is the suite's, `wanted` the user's. Raises UserError for a metric that the user
    names and that is not there; one that only the suite names is reported as missing.
    """
    choice = (wanted or PrimaryFamily()).over(declared or PrimaryFamily())
    at = OWN_TEMPERATURE if choice.temperature is None else choice.temperature
    temperature = nearest(tuple(measured), at) if measured else None
    ids = measured[temperature] if temperature is not None else ()
    for role in get_args(PrimaryRole):
        name: str | None = getattr(wanted, role, None)
        if name is not None and name not in ("none", *ids):
            raise UserError(f"--primary {role}={name}: not in both runs; {did_you_mean(name, ids)}")
    measures: dict[PrimaryRole, str] = {}
    missing = []
    for role in get_args(PrimaryRole):
        name = getattr(choice, role)
        if name == "none":
            continue
        if name is not None and name not in ids:
            missing.append(f"{role} by {name}")
            name = None
        if name is None:
            name = next(iter(primary_metrics(role, ids)), None)
        if name is not None:
            measures[role] = name
    quality = metric_info(measures.get("quality", ""))
    if quality is not None and quality.trust != "relevance" and choice.form is None:
        measures.pop("form", None)  # what is trusted more sees form, too
    return Family(
        measures=measures,
        temperature=temperature,
        swept=len(measured) > 1,
        along=_along(measures.get("variety", ""), ids),
        missing=tuple(missing),
    )


def _along(variety: str, ids: Collection[str]) -> str:
    info = metric_info(variety)
    if info is None or info.family != "gated":
        return variety
    others = (metric_info(name) for name in primary_metrics("variety", ids))
    return next((one.id for one in others if one and one.family != "gated"), variety)


def margin_of(metric: str, *, part: float = MARGIN) -> float | None:
    """Return the difference below which a change of a metric is small; None if its span is unknown:
    then no two runs are called equal in it."""
    info = metric_info(metric)
    return None if info is None or info.span is None else part * info.span
