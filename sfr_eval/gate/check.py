"""Compare a candidate with a baseline, for CI.

from sfr_eval.gate.check import check
result = check("baseline.json", "runs/new")
result.verdict, result.exit_code, result.rows
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sfr_eval.comparison.differences import measured_in
from sfr_eval.comparison.family import family
from sfr_eval.comparison.mismatch import mismatches
from sfr_eval.comparison.runs import ScoredRun, open_runs
from sfr_eval.decoders.decoder import NO_FILTERS
from sfr_eval.errors import RunError, UserError, did_you_mean
from sfr_eval.gate.baseline import read_snapshot, require_complete, save_snapshot, take_snapshot
from sfr_eval.gate.decide import decide
from sfr_eval.gate.outcome import FAILED, RESERVED, GateResult, GateRow, Side, conclude
from sfr_eval.gate.places import places
from sfr_eval.gate.snapshot import Snapshot
from sfr_eval.gate.spec import Check, default_checks, read_checks
from sfr_eval.gate.warnings import warnings
from sfr_eval.stats.permutation import FLIPS

PathLike = str | os.PathLike[str]


def check(
    baseline: PathLike,
    candidate: PathLike,
    *,
    config: PathLike | None = None,
    strict: bool = False,
    fail_exit_code: int = FAILED,
    flips: int = FLIPS,
    any_decoder: bool = False,
) -> GateResult:
    """Check a candidate run folder against a baseline file. `any_decoder`: its filters may differ
    from the baseline's, as those of a sweep do.

    `config` is a check.yaml; without it the checks are `default_checks` of the baseline. Bad input
    gives the verdict `invalid` and an incomplete run `incomplete`: CI wants the files of a gate in
    these cases, too. Raises UserError only for a `fail_exit_code` that would be misread.
    """
    if fail_exit_code in RESERVED or not 0 <= fail_exit_code <= 255:
        raise UserError(
            f"--fail-exit-code {fail_exit_code}: must be 0 to 255 and not "
            f"{', '.join(map(str, RESERVED))}, which have other meanings"
        )
    started = time.monotonic()
    sides = _Sides(Path(baseline), Path(candidate), any_decoder=any_decoder)
    rows: list[GateRow] = []
    problem: dict[str, str] = {}
    try:
        rows = sides.rows(None if config is None else Path(config), flips=flips)
    except UserError as error:
        problem["invalid"] = " ".join(str(error).split())
    except RunError as error:
        problem["incomplete"] = " ".join(str(error).split())
    return conclude(
        rows,
        baseline=sides.baseline,
        candidate=sides.candidate,
        strict=strict,
        fail_exit_code=fail_exit_code,
        timestamp=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - started, 3),
        warnings=sides.warnings,
        **problem,
    )


def write_baseline(folder: PathLike, file: PathLike, *, config: PathLike | None = None) -> Snapshot:
    """Write a baseline of a run: what the checks need, small enough to commit.

    Raises UserError for checks that the run has no values for, RunError for an incomplete run.
    """
    (run,) = open_runs([folder])
    require_complete(run)
    checks = read_checks(Path(config)) if config is not None else _defaults_of_run(run)
    if not checks:
        raise UserError(
            f"--write-baseline {folder}: has none of the metrics that are checked by default; name "
            "the metrics to check in --config"
        )
    metrics = {metric for suite in run.suites.values() for metric in suite.metrics}
    for name in (check.metric for check in checks):
        if name not in metrics:
            hint = did_you_mean(name, metrics)
            raise UserError(f"check {name}: {folder} has no such metric; {hint}")
    snapshot = take_snapshot(run, checks)
    list(places(checks, snapshot))  # a baseline that its own checks cannot use is refused now
    save_snapshot(snapshot, Path(file))
    return snapshot


@dataclass
class _Sides:
    """Reads both sides, and records who they are as soon as that is known."""

    file: Path
    folder: Path
    any_decoder: bool = False

    def __post_init__(self) -> None:
        self.baseline = Side(file=str(self.file), name="", fingerprint="")
        self.candidate = Side(file=str(self.folder), name="", fingerprint="")
        self.warnings: tuple[str, ...] = ()

    def rows(self, config: Path | None, *, flips: int) -> list[GateRow]:
        baseline = read_snapshot(self.file)
        self.baseline = replace(self.baseline, name=baseline.name, fingerprint=baseline.fingerprint)
        checks = read_checks(config) if config is not None else _defaults_of_baseline(baseline)
        list(places(checks, baseline))  # a wrong check is found before the candidate is read
        (run,) = open_runs([self.folder])
        self.candidate = replace(self.candidate, name=run.name, fingerprint=run.fingerprint)
        for suite in baseline.suites:
            if suite not in run.suites:
                raise UserError(f"--candidate {self.folder}: has no suite `{suite}`")
        candidate = take_snapshot(run, checks)
        metrics = [name for check in checks for name in (check.metric, check.matched) if name]
        different = mismatches(baseline.conditions(metrics), candidate.conditions(metrics))
        decoder = [mismatch for mismatch in different if mismatch.of_decoder]
        if self.any_decoder:
            different = [mismatch for mismatch in different if not mismatch.of_decoder]
        if different:
            shown = "; ".join(map(str, different[:5]))
            raise UserError(
                f"--candidate {self.folder}: was produced with settings that differ from the "
                f"baseline's: {shown}; use the same settings, or write a new baseline"
            )
        self.warnings = tuple(warnings(checks, baseline, candidate, run))
        if decoder:
            self.warnings += (
                f"The candidate's decoder ({run.decoder or NO_FILTERS}) is not the baseline's: the "
                "verdict is of checkpoint and decoder together.",
            )
        return decide(checks, baseline, candidate, flips=flips)


def _defaults_of_run(run: ScoredRun) -> Sequence[Check]:
    """Return the checks of the primary family of what a run has values of."""
    return default_checks(
        {
            id: family(
                measured_in([run], id),
                declared=run.manifest.part(id).primary,
            )
            for id in run.suites
        }
    )


def _defaults_of_baseline(baseline: Snapshot) -> Sequence[Check]:
    """Return the checks of the primary family of what a baseline stores."""
    return default_checks(
        {
            id: family(suite.measured, declared=suite.primary)
            for id, suite in baseline.suites.items()
        }
    )
