"""Hold a candidate against a baseline, for CI: one verdict, and the files that say so.

from sfr_eval.gate.check import check
gate = check("baseline.json", "runs/new")
gate.verdict, gate.exit_code, gate.rows
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sfr_eval.comparison.mismatch import Mismatch, differing, prompt_mismatch
from sfr_eval.comparison.runs import ScoredRun, open_runs
from sfr_eval.errors import RunError, UserError, did_you_mean
from sfr_eval.gate.baseline import (
    Snapshot,
    read_snapshot,
    require_complete,
    snapshot,
    write_snapshot,
)
from sfr_eval.gate.decide import judge, places
from sfr_eval.gate.outcome import FAILED, RESERVED, Gate, GateRow, Side, conclude
from sfr_eval.gate.spec import Check, default_checks, read_checks
from sfr_eval.stats.permutation import FLIPS
from sfr_eval.temperature import OWN_TEMPERATURE, nearest

PathLike = str | os.PathLike[str]


def check(
    baseline: PathLike,
    candidate: PathLike,
    *,
    config: PathLike | None = None,
    strict: bool = False,
    fail_exit_code: int = FAILED,
    flips: int = FLIPS,
) -> Gate:
    """The gate of a baseline file and a candidate run folder.

    `config` is a check.yaml; without it the checks are `default_checks` of the baseline. Bad input
    gives the verdict `invalid`, a run that is not whole `incomplete`: they are results as well,
    since CI wants its files then too. UserError only for a `fail_exit_code` that would be misread.
    """
    if fail_exit_code in RESERVED or not 0 <= fail_exit_code <= 255:
        raise UserError(
            f"--fail-exit-code {fail_exit_code}: needs 0 to 255 but not "
            f"{', '.join(map(str, RESERVED))}, which mean something else"
        )
    started = time.monotonic()
    sides = _Sides(Path(baseline), Path(candidate))
    rows, invalid, incomplete = [], "", ""
    try:
        rows = sides.judged(None if config is None else Path(config), flips=flips)
    except UserError as error:
        invalid = str(error)
    except RunError as error:
        incomplete = str(error)
    return conclude(
        rows,
        baseline=sides.baseline,
        candidate=sides.candidate,
        strict=strict,
        fail_exit_code=fail_exit_code,
        timestamp=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - started, 3),
        invalid=" ".join(invalid.split()),
        incomplete=" ".join(incomplete.split()),
    )


def write_baseline(run: PathLike, file: PathLike, *, config: PathLike | None = None) -> Snapshot:
    """Make a baseline of a run: what the checks need, small enough to commit.

    UserError for checks that the run cannot answer, RunError for a run that is not whole.
    """
    (read,) = open_runs([run])
    require_complete(read)
    checks = read_checks(Path(config)) if config is not None else _defaults_of_run(read)
    if not checks:
        raise UserError(
            f"--write-baseline {run}: has none of the metrics that are checked by default; name "
            "what to check in --config"
        )
    known = {metric for suite in read.suites.values() for metric in suite.metrics}
    for asked in checks:
        if asked.metric not in known:
            raise UserError(
                f"check {asked.metric}: {run} has no such metric; "
                f"{did_you_mean(asked.metric, known)}"
            )
    made = snapshot(read, checks)
    list(places(checks, made))  # a baseline that its own checks cannot use is refused now
    write_snapshot(made, Path(file))
    return made


@dataclass
class _Sides:
    """Reads both sides, and remembers who they are as soon as that is known."""

    file: Path
    folder: Path

    def __post_init__(self) -> None:
        self.baseline = Side(file=str(self.file), name="", fingerprint="")
        self.candidate = Side(file=str(self.folder), name="", fingerprint="")

    def judged(self, config: Path | None, *, flips: int) -> list[GateRow]:
        before = read_snapshot(self.file)
        self.baseline = Side(file=str(self.file), name=before.name, fingerprint=before.fingerprint)
        checks = read_checks(config) if config is not None else _defaults_of(before)
        list(places(checks, before))  # a wrong check is found before the candidate is read
        (run,) = open_runs([self.folder])
        self.candidate = Side(file=str(self.folder), name=run.name, fingerprint=run.fingerprint)
        for suite in before.suites:
            if suite not in run.suites:
                raise UserError(f"--candidate {self.folder}: has no suite `{suite}`")
        after = snapshot(run, checks)
        found = list(_mismatches(before, after, {asked.metric for asked in checks}))
        if found:
            shown = "; ".join(map(str, found[:5]))
            raise UserError(
                f"--candidate {self.folder}: was made otherwise than the baseline: {shown}; make "
                "it alike, or write a new baseline"
            )
        return judge(checks, before, after, flips=flips)


def _mismatches(before: Snapshot, after: Snapshot, metrics: set[str]) -> list[Mismatch]:
    found = list(differing(before.policy, after.policy))
    for suite, one in before.suites.items():
        two = after.suites.get(suite)
        if two is None:
            continue
        found += differing(one.settings, two.settings)
        found += prompt_mismatch(
            suite, frozenset(one.keys["prompt"]), frozenset(two.keys["prompt"])
        )
        for metric in sorted(metrics):
            first, second = one.signature(metric), two.signature(metric)
            if first and second:
                for part in sorted({*first, *second}):
                    if first.get(part) != second.get(part):
                        found.append(
                            Mismatch(
                                what=f"metric {metric}: {part}",
                                first=str(first.get(part)),
                                second=str(second.get(part)),
                            )
                        )
    return found


def _defaults_of_run(run: ScoredRun) -> Sequence[Check]:
    """The default checks of what a run has values of."""
    temperatures = {id: suite.middle_temperature for id, suite in run.suites.items()}
    metrics = {
        id: [metric for metric in suite.metrics if suite.at(metric, temperatures[id])]
        for id, suite in run.suites.items()
    }
    return default_checks(metrics, temperatures)


def _defaults_of(before: Snapshot) -> Sequence[Check]:
    """The default checks of what a baseline holds."""
    temperatures = {}
    for id, of in before.suites.items():
        held = sorted({*(v.temperature for v in of.values), *(p.temperature for p in of.programs)})
        if held:
            temperatures[id] = nearest(tuple(held), OWN_TEMPERATURE)
    metrics = {id: of.metrics for id, of in before.suites.items() if id in temperatures}
    return default_checks(metrics, temperatures)
