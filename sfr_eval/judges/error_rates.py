"""How often a judge errs, as `sfr-eval calibrate --judge` measured it, and what corrects for it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sfr_eval.errors import UserError
from sfr_eval.stats.correction import corrected_share
from sfr_eval.types import Estimate
from sfr_eval.util.reading import read_model

FORMAT = 1
GOOD_SUFFIX, CORRECTED_SUFFIX = "_good", "_good_corrected"


class JudgeErrors(BaseModel):
    """Counts on replies whose true verdict is known: (judged rightly, all) of good and bad ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rubric: str
    positives: tuple[int, int]
    negatives: tuple[int, int]

    @model_validator(mode="after")
    def _check(self) -> "JudgeErrors":
        for name in ("positives", "negatives"):
            right, total = getattr(self, name)
            if not 0 <= right <= total:
                raise ValueError(f"{name}: must be [judged rightly, all]")
        return self


class CalibrationFile(BaseModel):
    """A calibration of one judge."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    judge: str = Field(min_length=1)
    votes: int = Field(ge=1)
    labels: str = Field(description="where the true verdicts come from")
    axes: dict[str, JudgeErrors] = Field(min_length=1)
    report: dict[str, Any] = Field(default_factory=dict, description="for readers, not for us")


def read_calibration(file: Path) -> CalibrationFile:
    """Read a calibration; UserError if it is none."""
    try:
        loaded = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise UserError(f"{file}: is not JSON; make it with `sfr-eval calibrate --judge`") from None
    if not isinstance(loaded, dict) or loaded.get("format") != FORMAT:
        raise UserError(f"{file}: not a calibration; make it with `sfr-eval calibrate --judge`")
    return read_model(CalibrationFile, loaded, where=str(file))


def matched(
    file: Path, *, judges: Sequence[str], rubrics: Mapping[str, str], votes: int
) -> dict[str, JudgeErrors]:
    """The errors of exactly this judge, asked this way; UserError where they are of another."""
    found = read_calibration(file)
    where = f"--judge-calibration {file}"
    if list(judges) != [found.judge]:
        raise UserError(f"{where}: is of judge {found.judge}, not of {', '.join(judges)}")
    if votes != found.votes:
        raise UserError(f"{where}: was made with {found.votes} votes, not {votes}")
    for axis, rubric in rubrics.items():
        if axis in found.axes and found.axes[axis].rubric != rubric:
            raise UserError(f"{where}: the judge file of {axis} has changed since; calibrate again")
    return {axis: found.axes[axis] for axis in rubrics if axis in found.axes}


def corrected_estimates(
    estimates: Sequence[Estimate], errors: Mapping[str, JudgeErrors]
) -> Iterator[Estimate]:
    """For each estimate of a share of good replies, the share corrected for the judge's errors."""
    by_metric = {f"judge_{axis}{GOOD_SUFFIX}": found for axis, found in errors.items()}
    for estimate in estimates:
        if estimate.metric in by_metric:
            yield _corrected(estimate, by_metric[estimate.metric])


def _corrected(estimate: Estimate, errors: JudgeErrors) -> Estimate:
    made = replace(
        estimate,
        metric=estimate.metric.removesuffix(GOOD_SUFFIX) + CORRECTED_SUFFIX,
        standard_error=None,  # the interval also holds what is not known of the judge's errors
        method="Rogan-Gladen, interval of Lang & Reiczigel",
    )
    if estimate.value is None or estimate.standard_error is None:
        return replace(made, value=None, low=None, high=None, method="none: one query")
    found = corrected_share(
        estimate.value,
        effective_n=_effective_n(estimate),
        positives=errors.positives,
        negatives=errors.negatives,
    )
    if found is None:
        reason = "the judge is no better than chance on this axis, so nothing can be corrected"
        return replace(made, value=None, low=None, high=None, method="none", reason=reason)
    value, low, high = found
    return replace(made, value=value, low=low, high=high)


def _effective_n(estimate: Estimate) -> float:
    """Independent replies that would give this share its standard error over queries."""
    assert estimate.value is not None
    assert estimate.standard_error is not None
    error = estimate.standard_error
    spread = estimate.value * (1 - estimate.value)
    # All replies alike: nothing is known beyond the number of queries.
    return spread / error**2 if error > 0 and spread > 0 else float(estimate.n)
