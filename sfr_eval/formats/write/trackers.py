"""Logs results to MLflow and Weights & Biases, through their own clients.

`--track mlflow,wandb` turns them on, as do the variables that the clients themselves read,
MLFLOW_TRACKING_URI and WANDB_PROJECT; `--track none` turns both off.
"""

import hashlib
import importlib.util
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from sfr_eval.errors import RunError, UserError, brief_error
from sfr_eval.formats.write.source import ExportSource
from sfr_eval.types import Estimate
from sfr_eval.util.progress import log

SWITCHES = {"mlflow": "MLFLOW_TRACKING_URI", "wandb": "WANDB_PROJECT"}
_EXPERIMENT = "sfr-eval"
_RUN_TAG = "sfr_eval.run"
_METRICS_PER_CALL = 1000  # MLflow's own limit
_VALUE_LENGTH = 500
ARTIFACTS = ("report.html", "results.json", "manifest.json")


def chosen(track: Sequence[str] | None, environment: Mapping[str, str]) -> list[str]:
    """Return the trackers that were named, otherwise those whose variable is set."""
    if track is not None:
        return [name for name in track if name != "none"]
    return [name for name, variable in SWITCHES.items() if environment.get(variable)]


def usable_trackers(track: Sequence[str] | None, environment: Mapping[str, str]) -> list[str]:
    """Return the trackers of a run; called before anything is drawn.

    Raises UserError if the package of a named tracker is missing. If only its variable is set,
    that is a warning.
    """
    names = chosen(track, environment)
    for name in names:
        if track is not None:
            _require(name)
        elif not _installed(name):
            switch = SWITCHES[name]
            log(f"warning: {switch} is set, but {name} is not installed: no results go there")
    return [name for name in names if _installed(name)]


def track_run(run: Path, names: Sequence[str], *, artifacts: bool) -> tuple[list[str], list[str]]:
    """Return (where the results can be seen, what went wrong). No failure of a service is raised,
    since all files are written by now."""
    places, trouble = [], []
    for name in names:
        try:
            places.append(log_run(run, name, artifacts=artifacts))
        except RunError as error:
            trouble.append(f"{error}; to try again: sfr-eval export {run} --format {name}")
    return places, trouble


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _require(name: str) -> None:
    if not _installed(name):
        raise UserError(f"{name}: not installed; pip install {name}, or omit it")


def log_run(run: Path, name: str, *, artifacts: bool, metrics: Sequence[str] | None = None) -> str:
    """Log a measured run to a tracker and return where it can be seen. Logging a run again updates
    it. Raises RunError if the service fails."""
    source = ExportSource.open(run, metrics=metrics)
    _require(name)
    return _LOG[name](source, artifacts)


def run_key(source: ExportSource) -> str:
    """Return a key that is the same for all later states of a run folder."""
    identity = json.dumps(source.manifest.identity.stored(), sort_keys=True)
    text = f"{identity}\0{source.folder.path.resolve().name}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def parameters(source: ExportSource) -> dict[str, str]:
    """Return the settings that stay fixed over the life of a run."""
    leaves = {"model": source.model, "fingerprint": source.manifest.model.fingerprint}
    for name, value in source.manifest.identity.stored().items():
        for key, leaf in _leaves(name, value):
            leaves.setdefault(key, str(leaf)[:_VALUE_LENGTH])
    return leaves


def tags(source: ExportSource) -> dict[str, str]:
    """Return the facts that may change when a run is repeated with more samples."""
    status = {"status": str(source.manifest.status)}
    for part in source.manifest.plan:
        status[f"{part.suite}.samples"] = str(part.samples)
        status[f"{part.suite}.queries"] = str(part.queries)
    return status


def numbers(source: ExportSource) -> dict[str, float]:
    """Return `suite/metric/t0.7` -> value, and the ends of its interval under `metric_low` and
    `metric_high` (MLflow's file store uses a key as a path, so none may lie inside another).
    Undefined values are omitted."""
    by_key: dict[str, float] = {}
    for e in source.estimates():
        if e.persona:
            continue
        for suffix, value in (("", e.value), ("_low", e.low), ("_high", e.high)):
            if value is not None:
                by_key[f"{e.suite}/{e.metric}{suffix}/t{e.temperature:g}"] = value
    return by_key


def _leaves(name: str, value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        return [(name, value)]
    return [pair for key, inner in value.items() for pair in _leaves(f"{name}.{key}", inner)]


def _files(source: ExportSource) -> list[Path]:
    files = [source.folder.path / name for name in ARTIFACTS]
    return [file for file in files if file.exists()]


def _mlflow(source: ExportSource, artifacts: bool) -> str:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.exceptions import MlflowException

    try:
        client = MlflowClient()
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or _EXPERIMENT
        experiment = client.get_experiment_by_name(name)
        experiment_id = experiment.experiment_id if experiment else client.create_experiment(name)
        key = run_key(source)
        runs = client.search_runs([experiment_id], filter_string=f"tags.`{_RUN_TAG}` = '{key}'")
        run = (
            runs[0]
            if runs
            else client.create_run(
                experiment_id, run_name=source.folder.path.resolve().name, tags={_RUN_TAG: key}
            )
        )
        now, run_id = int(time.time() * 1000), run.info.run_id
        values = [Metric(key, value, now, 0) for key, value in numbers(source).items()]
        client.log_batch(
            run_id,
            params=[Param(key, value) for key, value in parameters(source).items()],
            tags=[RunTag(key, value) for key, value in tags(source).items()],
        )
        for start in range(0, len(values), _METRICS_PER_CALL):
            client.log_batch(run_id, metrics=values[start : start + _METRICS_PER_CALL])
        for file in _files(source) if artifacts else ():
            client.log_artifact(run_id, str(file))
        client.set_terminated(run_id)
    except (MlflowException, OSError) as error:
        raise RunError(f"track=mlflow: not logged ({brief_error(error)})") from None
    return f"mlflow: experiment {name}, run {run_id}"


def _wandb(source: ExportSource, artifacts: bool) -> str:
    import wandb

    key = run_key(source)
    columns = [field.name for field in fields(Estimate)]
    rows = [[getattr(e, column) for column in columns] for e in source.estimates()]
    try:
        run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or _EXPERIMENT,
            id=key,
            name=source.folder.path.resolve().name,
            resume="allow",
            reinit="create_new",  # lets a training run of the same process go on
            config={**parameters(source), **tags(source)},
        )
        run.summary.update(numbers(source))
        run.log({"estimates": wandb.Table(columns=columns, data=rows)})
        if artifacts:
            artifact = wandb.Artifact(f"sfr-eval-{key}", type="sfr-eval-run")
            for file in _files(source):
                artifact.add_file(str(file))
            run.log_artifact(artifact)
        run.finish()
    except (wandb.errors.Error, OSError) as error:
        raise RunError(f"track=wandb: not logged ({brief_error(error)})") from None
    return f"wandb: {run.url or f'offline in {run.dir}'}"


_LOG: Mapping[str, Callable[[ExportSource, bool], str]] = {"mlflow": _mlflow, "wandb": _wandb}
