"""check.yaml: which metrics of a candidate may not get worse, and by how much."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, field_validator

from sfr_eval.errors import did_you_mean
from sfr_eval.metrics.table import largest_ks, metric_info, metric_table, shown_ks
from sfr_eval.util.reading import read_model, read_yaml_mapping

Mode = Literal["regression", "non-inferiority"]
Direction = Literal["higher", "lower"]

ALPHA = 0.05


class Check(BaseModel, frozen=True, extra="forbid"):
    """One metric that may not get worse; without suite, temperature or slice, in all of them.

    regression fails if a drop beyond `tolerance` is shown. non-inferiority passes only if such a
    drop is ruled out.
    """

    metric: str
    suite: str | None = None
    slice: str | None = Field(None, description="difficulty, or one group: difficulty=hard")
    temperature: float | None = Field(None, ge=0)
    direction: Direction | None = Field(None, description="which way is better; the metric's own")
    tolerance: float = Field(0.0, ge=0, allow_inf_nan=False)
    alpha: float = Field(ALPHA, gt=0, lt=0.5)
    mode: Mode = "regression"
    floor: float | None = Field(
        None, allow_inf_nan=False, description="no prompt may get worse than this"
    )

    @field_validator("metric")
    @classmethod
    def _known(cls, value: str) -> str:
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


_LARGEST_K = 10


def default_checks(
    metrics: Mapping[str, Sequence[str]], temperatures: Mapping[str, float]
) -> tuple[Check, ...]:
    """Return the checks made without --config, at one temperature a suite. `metrics`: suite -> ids.

    Each metric whose entry has a default for the gate, and pass@k at the largest k up to 10 that
    tables show.
    """
    return tuple(
        Check(metric=name, suite=suite, temperature=temperatures[suite], tolerance=tolerance)
        for suite, names in metrics.items()
        for name, tolerance in _defaults(names)
    )


def _defaults(names: Sequence[str]) -> Iterator[tuple[str, float]]:
    """Yield (metric, tolerance) for what was measured."""
    gated = [(metric, metric.gate) for metric in metric_table().values() if metric.gate]
    gated.sort(key=lambda pair: pair[1].place)
    for metric, gate in gated:
        for name in (metric.first_id, gate.otherwise):
            if name in names:
                yield name, gate.tolerance
                break
    largest = largest_ks(names)
    for metric, gate in gated:
        ks = [k for k in shown_ks(largest.get(metric.id, 1)) if 1 < k <= _LARGEST_K]
        if ks and (name := metric.at(ks[-1]).id) in names:
            yield name, gate.tolerance


def read_checks(file: Path) -> tuple[Check, ...]:
    """Read the checks of a check.yaml. Raises UserError that names file and field."""
    return read_model(CheckFile, read_yaml_mapping(file), where=str(file)).checks
