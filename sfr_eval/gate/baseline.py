"""Takes snapshots of runs, and writes and reads the baseline file."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sfr_eval.comparison.lengths import LENGTH, WINDOW_METRICS
from sfr_eval.comparison.looks import looks
from sfr_eval.comparison.mismatch import compared_signature, policy, settings
from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.errors import RunError, UserError
from sfr_eval.gate.snapshot import (
    FORMAT,
    MetricValues,
    ProgramCounts,
    Snapshot,
    SuiteSnapshot,
    stored_unit,
)
from sfr_eval.gate.spec import Check
from sfr_eval.metrics.table import pass_k
from sfr_eval.store.sweep_folder import decoders_of
from sfr_eval.suites.stored import stored_suite
from sfr_eval.types import PromptKey, Unit
from sfr_eval.util.files import write_atomic, writing_to
from sfr_eval.util.reading import read_versioned

DIGITS = 6
"""Decimals of a value, in the baseline and in the candidate alike."""

Temperatures = frozenset[float] | None
"""Temperatures that a check needs; None for all."""


def take_snapshot(run: ScoredRun, checks: Iterable[Check]) -> Snapshot:
    """Return the values of a run that these checks need. Raises RunError if it is incomplete."""
    require_complete(run)
    needs: dict[str, dict[str, Temperatures]] = {}
    for check in checks:
        for suite in run.suites:
            if check.suite in (None, suite):
                metrics = needs.setdefault(suite, {})
                if check.matched is not None:
                    metrics[check.metric] = metrics[check.matched] = None
                    continue
                if check.role == "variety" and check.temperature is not None:
                    for beside in (LENGTH, *WINDOW_METRICS.values()):
                        stored = metrics.get(beside, frozenset())
                        if stored is not None:
                            metrics[beside] = stored | {check.temperature}
                before = metrics.get(check.metric, frozenset())
                if check.temperature is None or before is None:
                    metrics[check.metric] = None
                else:
                    metrics[check.metric] = before | {check.temperature}
    return Snapshot(
        format=FORMAT,
        name=run.name,
        fingerprint=run.fingerprint,
        policy=policy(run),
        looks=looks([run]),
        suites={suite: _suite(run, suite, metrics) for suite, metrics in needs.items()},
    )


def require_complete(run: ScoredRun) -> None:
    """Raise RunError unless every request of the run was answered. A run with --limit counts as
    complete: it was meant to be small."""
    status = run.manifest.status
    if run.failed:
        raise RunError(
            f"{run.folder}: {run.failed:,} requests failed, and failures are not random; repeat "
            "its run command"
        )
    requests = sum(part.requests for part in run.manifest.plan)
    if status == "complete" or (status == "partial" and len(run.samples) >= requests):
        return
    raise RunError(f"{run.folder}: the run is {status}; repeat its run command to finish it")


def save_snapshot(snapshot: Snapshot, file: Path) -> None:
    """Write a line for each metric, so that a diff says what changed."""
    content = snapshot.model_dump()
    suites = ",\n".join(_suite_text(id, suite) for id, suite in content.pop("suites").items())
    head = "".join(f"{_text(key)}:{_text(value)},\n" for key, value in content.items())
    with writing_to(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, f'{{\n{head}"suites":{{\n{suites}\n}}}}\n')


def read_snapshot(file: Path) -> Snapshot:
    """Read a baseline. Raises UserError if the file is not one."""
    where = f"--baseline {file}"
    if not os.path.lexists(file):
        command = f"sfr-eval check --write-baseline RUN --baseline {file}"
        raise UserError(f"{where}: not found; create it with `{command}`")
    if file.is_dir():
        run = next(iter(decoders_of(file)), file)
        kind = "the folder of a sweep" if run != file else "a folder"
        command = f"sfr-eval check --write-baseline {run} --baseline baseline.json"
        raise UserError(f"{where}: {kind}, not a baseline file; make one with `{command}`")
    what, remedy = "a baseline of this version", "write the baseline again"
    return read_versioned(Snapshot, file, version=FORMAT, what=what, remedy=remedy, where=where)


def _suite(run: ScoredRun, suite: str, needs: Mapping[str, Temperatures]) -> SuiteSnapshot:
    prompts = sorted(run.prompts[suite])
    keys: dict[Unit, list[PromptKey]] = {"prompt": prompts}
    rows: list[MetricValues] = []
    programs: list[ProgramCounts] = []
    for metric, temperatures in needs.items():
        if metric not in run.suites[suite].metrics or metric.endswith("_corrected"):
            continue  # a candidate without the metric fails the check later
        if pass_k(metric) is None:
            rows += _values(run, suite, metric, temperatures, keys=keys)
    passes = [temperatures for metric, temperatures in needs.items() if pass_k(metric)]
    if passes and "pass_at_1" in run.suites[suite].metrics:
        every = None if None in passes else frozenset[float]().union(*filter(None, passes))
        programs = list(_programs(run, suite, prompts, every))
    stored = sorted({row.temperature for row in rows} | {row.temperature for row in programs})
    return SuiteSnapshot(
        settings=settings(run, suite),
        keys=keys,
        facets=_facets(run, suite, {query for query, _ in prompts}),
        replies={repr(t): [run.usable[suite, t][key] for key in prompts] for t in stored},
        values=rows,
        programs=programs,
        primary=run.manifest.part(suite).primary,
    )


def _values(
    run: ScoredRun,
    suite: str,
    metric: str,
    temperatures: Temperatures,
    *,
    keys: dict[Unit, list[PromptKey]],
) -> Iterator[MetricValues]:
    """Yield a metric's values at each temperature; its keys are added to those of its unit."""
    values = run.values(suite, metric)
    unit_keys = keys.setdefault(stored_unit(metric), [])
    new = {key for at in values.values() for key in at}.difference(unit_keys)
    unit_keys.extend(sorted(new))  # one metric's sets may have keys that another's lack
    for t, at in sorted(values.items()):
        if temperatures is None or t in temperatures:
            yield MetricValues(
                metric=metric,
                temperature=t,
                signature=compared_signature(run, suite, metric),
                values=[None if key not in at else round(at[key], DIGITS) for key in unit_keys],
            )


def _programs(
    run: ScoredRun, suite: str, prompts: Sequence[PromptKey], temperatures: Temperatures
) -> Iterator[ProgramCounts]:
    """Yield the counts of right programs: pass@1 of a problem times the number of its answers.
    Raises RunError unless all of them are graded."""
    ungraded = run.suites[suite].notes_of("pass_at_1").not_scored
    if ungraded:
        raise RunError(
            f"{run.folder}: {ungraded:,} programs could not be graded; `sfr-eval score "
            f"{run.folder}` tries them again"
        )
    for t, values in sorted(run.values(suite, "pass_at_1").items()):
        if temperatures is not None and t not in temperatures:
            continue
        drawn = [run.usable[suite, t][key] if key in values else 0 for key in prompts]
        yield ProgramCounts(
            temperature=t,
            signature=compared_signature(run, suite, "pass_at_1"),
            right=[round(values.get(key, 0.0) * n) for key, n in zip(prompts, drawn, strict=True)],
            drawn=drawn,
        )


def _facets(run: ScoredRun, suite: str, queries: set[str]) -> dict[str, dict[str, str]]:
    """Return difficulty, platform and month of coding problems, or the categories of queries, if
    the suite is at hand. Slicing by persona needs no facet."""
    stored = stored_suite(run.folder, run.manifest, suite)
    facets: dict[str, dict[str, str]] = {}
    for query, labels in stored.facets.items() if stored is not None else ():
        if query in queries:
            for by, group in labels.items():
                facets.setdefault(by, {})[query] = group
    return facets


def _suite_text(id: str, suite: Mapping[str, Any]) -> str:
    lines = [f"{_text(id)}:{{"]
    lines += [
        f"{_text(key)}:{_text(suite[key])}," for key in ("settings", "keys", "facets", "primary")
    ]
    lines.append(f'"replies":{_text(suite["replies"])},')
    for key, end in (("values", ","), ("programs", "")):
        rows = ",\n".join(map(_text, suite[key]))
        lines.append(f'"{key}":[\n{rows}\n]{end}' if rows else f'"{key}":[]{end}')
    return "\n".join([*lines, "}"])


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
