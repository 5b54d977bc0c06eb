"""check.yaml: what a gate asks of a candidate."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sfr_eval.errors import did_you_mean
from sfr_eval.metrics.table import METRICS, metric_info, shown_ks
from sfr_eval.util.reading import read_model, read_yaml_mapping

Mode = Literal["regression", "non-inferiority"]
Direction = Literal["higher", "lower"]

ALPHA = 0.05


class Check(BaseModel):
    """One metric that may not get worse. Without suite, temperature or group: each that there is.

    regression: fails when a drop beyond `tolerance` is shown. non-inferiority: passes only when it
    is shown that there is none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

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
        if metric_info(value) is None or value in ("pass_at_k", "distinct_correct_at_k"):
            hint = (
                "write a number for k" if value.endswith("_at_k") else did_you_mean(value, METRICS)
            )
            raise ValueError(f"unknown metric; {hint}")
        return value

    @property
    def better(self) -> Direction | None:
        """Which way is better; None where the metric has no direction and none was given."""
        if self.direction is not None:
            return self.direction
        info = metric_info(self.metric)
        return None if info is None or info.direction == "neither" else info.direction

    @property
    def group(self) -> tuple[str, str | None] | None:
        """(by, group) of the slice; group None for every group."""
        if self.slice is None:
            return None
        by, separator, group = self.slice.partition("=")
        return by.strip(), group.strip() if separator else None


class CheckFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checks: tuple[Check, ...] = Field(min_length=1)


DEFAULTS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("pass_at_1",), 0.02),
    (("style_accuracy",), 0.02),
    (("oracle_valid",), 0.02),
    (("valid_embed_distance", "embed_distance"), 0.02),
    (("cs_self_bleu_4",), 0.02),
    (("judge_ctx",), 0.1),
    (("judge_rel",), 0.1),
    (("judge_flu",), 0.1),
)
"""(the metrics to take the first of that is there, tolerance), without --config."""

_LARGEST_K = 10


def default_checks(
    metrics: Mapping[str, Sequence[str]], temperatures: Mapping[str, float]
) -> tuple[Check, ...]:
    """What is asked without --config, at one temperature a suite. `metrics`: suite -> ids.

    The headline metrics of DEFAULTS, and pass@k at the largest k up to 10 that tables show.
    """
    found = []
    for suite, names in metrics.items():
        chosen = [
            (next((name for name in options if name in names), None), tolerance)
            for options, tolerance in DEFAULTS
        ]
        chosen.append((_largest_pass(names), 0.02))
        found += [
            Check(metric=name, suite=suite, temperature=temperatures[suite], tolerance=tolerance)
            for name, tolerance in chosen
            if name is not None
        ]
    return tuple(found)


def read_checks(file: Path) -> tuple[Check, ...]:
    """The checks of a check.yaml; UserError names file and field."""
    return read_model(CheckFile, read_yaml_mapping(file), where=str(file)).checks


def _largest_pass(names: Sequence[str]) -> str | None:
    ks = [int(m[1]) for name in names if (m := re.fullmatch(r"pass_at_(\d+)", name))]
    shown = [k for k in shown_ks(max(ks, default=1)) if 1 < k <= _LARGEST_K]
    return f"pass_at_{shown[-1]}" if shown and shown[-1] in ks else None


def describe(check: Check) -> dict[str, Any]:
    """A check as baseline.json keeps it: only what was set."""
    return check.model_dump(exclude_none=True, exclude_defaults=True)
