"""A judge's error rates, as `sfr-eval calibrate --judge` measured them, and the correction."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, model_validator

from sfr_eval.errors import UserError
from sfr_eval.stats.bounded import effective_n
from sfr_eval.stats.correction import corrected_share
from sfr_eval.store.manifest import JudgingRecord
from sfr_eval.types import Estimate
from sfr_eval.util.reading import read_versioned

FORMAT = 1
GOOD_SUFFIX, CORRECTED_SUFFIX = "_good", "_good_corrected"


class JudgeErrors(BaseModel, frozen=True, extra="forbid"):
    """Counts (judged correctly, all) among good and among bad replies whose verdict is known."""

    rubric: str
    positives: tuple[int, int]
    negatives: tuple[int, int]

    @model_validator(mode="after")
    def _check(self) -> "JudgeErrors":
        for name in ("positives", "negatives"):
            right, total = getattr(self, name)
            if not 0 <= right <= total:
                raise ValueError(f"{name}: must be [judged correctly, all]")
        return self


class CalibrationFile(BaseModel, frozen=True, extra="forbid"):
    """The calibration of one judge."""

    format: int
    judge: str = Field(min_length=1)
    votes: int = Field(ge=1)
    labels: str = Field(description="where the true verdicts come from")
    axes: dict[str, JudgeErrors] = Field(min_length=1)
    report: dict[str, Any] = Field(default_factory=dict, description="for readers only")


def read_calibration(file: Path) -> CalibrationFile:
    """Read a calibration. Raises UserError if the file is not one."""
    remedy = "create it with `sfr-eval calibrate --judge`"
    return read_versioned(
        CalibrationFile, file, version=FORMAT, what="a calibration", remedy=remedy, where=str(file)
    )


def matched(file: Path, record: JudgingRecord) -> dict[str, JudgeErrors]:
    """Return the errors of exactly this judge, asked this way. Raises UserError if the file is of
    another judge, judge file or number of votes."""
    calibration = read_calibration(file)
    axes, where = calibration.axes, f"--judge-calibration {file}"
    if record.judges != (calibration.judge,):
        judges = ", ".join(record.judges)
        raise UserError(f"{where}: is for judge {calibration.judge}, not {judges}")
    if record.votes != calibration.votes:
        raise UserError(f"{where}: was made with {calibration.votes} votes, not {record.votes}")
    for axis, rubric in record.rubrics.items():
        if axis in axes and axes[axis].rubric != rubric:
            raise UserError(f"{where}: the judge file of {axis} has changed since; calibrate again")
    return {axis: axes[axis] for axis in record.rubrics if axis in axes}


def corrected_estimates(
    estimates: Sequence[Estimate], errors: Mapping[str, JudgeErrors]
) -> Iterator[Estimate]:
    """Yield, for each estimated share of good replies, the share corrected for the judge's
    errors."""
    by_metric = {f"judge_{axis}{GOOD_SUFFIX}": rates for axis, rates in errors.items()}
    for estimate in estimates:
        if estimate.metric in by_metric:
            yield _corrected(estimate, by_metric[estimate.metric])


def _corrected(estimate: Estimate, errors: JudgeErrors) -> Estimate:
    correction = replace(
        estimate,
        metric=estimate.metric.removesuffix(GOOD_SUFFIX) + CORRECTED_SUFFIX,
        standard_error=None,  # the interval includes the uncertainty of the judge's error rates
        method="Rogan-Gladen, interval of Lang & Reiczigel",
    )
    if estimate.value is None or estimate.standard_error is None:
        return replace(correction, value=None, low=None, high=None, method="none: one query")
    share = corrected_share(
        estimate.value,
        effective_n=effective_n(estimate.value, estimate.standard_error, estimate.n),
        positives=errors.positives,
        negatives=errors.negatives,
    )
    if share is None:
        reason = "the judge is no better than chance on this axis, so nothing can be corrected"
        return replace(correction, value=None, low=None, high=None, method="none", reason=reason)
    value, low, high = share
    return replace(correction, value=value, low=low, high=high)
