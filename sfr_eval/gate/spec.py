"""check.yaml: which metrics of a candidate may not get worse, and by how much."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, field_validator

from sfr_eval.comparison.decision import ALPHA
from sfr_eval.comparison.family import Family
from sfr_eval.errors import did_you_mean
from sfr_eval.metrics.metric import PrimaryRole
from sfr_eval.metrics.table import metric_info, metric_table
from sfr_eval.util.reading import read_model, read_yaml_mapping

Mode = Literal["regression", "non-inferiority"]
Direction = Literal["higher", "lower"]


class Check(BaseModel, frozen=True, extra="forbid"):
    """One metric that may not get worse; without suite, temperature or slice, in all of them.

    regression fails if a loss beyond `tolerance` is shown; without a tolerance, if a loss is shown
    that is not shown to be small. non-inferiority passes only if a loss beyond it is ruled out.
    """

    metric: str
    suite: str | None = None
    slice: str | None = Field(None, description="difficulty, or one group: difficulty=hard")
    temperature: float | None = Field(None, ge=0)
    direction: Direction | None = Field(None, description="which way is better; the metric's own")
    tolerance: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="loss that is accepted; default: what is small, 5 % of the metric's span",
    )
    matched: str | None = Field(
        None, description="quality at whose equal level the curves over temperature are compared"
    )
    role: PrimaryRole | None = Field(
        None, description="how the row is read: a loss of variety may be traded for quality"
    )
    alpha: float = Field(ALPHA, gt=0, lt=0.5)
    mode: Mode = "regression"
    floor: float | None = Field(
        None, allow_inf_nan=False, description="no prompt may get worse than this"
    )

    @field_validator("metric", "matched")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is None:
            return None
        info = metric_info(value)
        if info is None:
            raise ValueError(f"unknown metric; {did_you_mean(value, metric_table())}")
        if info.curve and value == info.id:
            raise ValueError("unknown metric; write a number for k")
        return value

    @property
    def better(self) -> Direction | None:
        """Which way is better; None if the metric has no direction and none was given."""
        if self.direction is not None:
            return self.direction
        info = metric_info(self.metric)
        return None if info is None or info.direction == "neither" else info.direction

    @property
    def group(self) -> tuple[str, str | None] | None:
        """(by, group) of the slice; the group is None for every group."""
        if self.slice is None:
            return None
        by, separator, group = self.slice.partition("=")
        return by.strip(), group.strip() if separator else None


class CheckFile(BaseModel, frozen=True, extra="forbid"):
    """A whole check.yaml."""

    checks: tuple[Check, ...] = Field(min_length=1)


def default_checks(families: Mapping[str, Family]) -> tuple[Check, ...]:
    """Return the checks made without --config: the primary family of each suite, which is also
    what `compare` decides about."""
    return tuple(check for suite, family in families.items() for check in _family(suite, family))


def _family(suite: str, family: Family) -> Iterator[Check]:
    if family.matched:
        quality, variety = family.matched
        yield Check(metric=variety, suite=suite, matched=quality, role="variety")
    for role, metric in family.measures.items():
        yield Check(metric=metric, suite=suite, temperature=family.temperature, role=role)


def read_checks(file: Path) -> tuple[Check, ...]:
    """Read the checks of a check.yaml. Raises UserError that names file and field."""
    return read_model(CheckFile, read_yaml_mapping(file), where=str(file)).checks
