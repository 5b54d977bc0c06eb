"""Results into MLflow and Weights & Biases, through their own clients.

Switched on by `--set track=mlflow,wandb`, or by the variables that these clients read themselves:
MLFLOW_TRACKING_URI and WANDB_PROJECT. `track=none` switches both off.
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

from sfr_eval.errors import RunError, UserError
from sfr_eval.formats.write.source import Source, estimate_row
from sfr_eval.types import Estimate
from sfr_eval.util.progress import log

SWITCHES = {"mlflow": "MLFLOW_TRACKING_URI", "wandb": "WANDB_PROJECT"}
_EXPERIMENT = "sfr-eval"
_RUN_TAG = "sfr_eval.run"
_METRICS_A_BATCH = 1000  # MLflow's own limits of one call
_VALUE_LENGTH = 500
ARTIFACTS = ("report.html", "results.json", "manifest.json")


def chosen(track: Sequence[str] | None, environment: Mapping[str, str]) -> list[str]:
    """The trackers of a run: those that were named, else those whose variable is set."""
    if track is not None:
        return [name for name in track if name != "none"]
    return [name for name, variable in SWITCHES.items() if environment.get(variable)]


def usable_trackers(track: Sequence[str] | None, environment: Mapping[str, str]) -> list[str]:
    """The trackers of a run, before anything is drawn. A missing package is a UserError where the
    tracker was named, and a warning where only its variable is set."""
    names = chosen(track, environment)
    if track is not None:
        _refuse_missing(names)
    missing = [name for name in names if not _installed(name)]
    for name in missing:
        log(f"warning: {SWITCHES[name]} is set, but {name} is not installed: not logged there")
    return [name for name in names if name not in missing]


def track_run(run: Path, names: Sequence[str], *, artifacts: bool) -> tuple[list[str], list[str]]:
    """(where the results can be seen, what went wrong there). All files are written by now, and
    nothing that a service does can undo that."""
    done, trouble = [], []
    for name in names:
        try:
            done += log_run(run, [name], artifacts=artifacts)
        except RunError as error:
            trouble.append(f"{error}; to try again: sfr-eval export {run} --format {name}")
    return done, trouble


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _refuse_missing(names: Sequence[str]) -> None:
    for name in names:
        if not _installed(name):
            raise UserError(f"{name}: is not installed; pip install {name}, or leave it out")


def log_run(
    run: Path, names: Sequence[str], *, artifacts: bool, metrics: Sequence[str] | None = None
) -> list[str]:
    """Log a scored run to each tracker; returns where it can be seen. The same run is updated,
    not added again. RunError if a service fails."""
    source = Source.open(run, metrics=metrics)
    _refuse_missing(names)
    return [_LOG[name](source, artifacts) for name in names]


def run_key(source: Source) -> str:
    """Equal for one run folder and all its later states."""
    identity = json.dumps(source.manifest.identity.stored(), sort_keys=True)
    text = f"{identity}\0{source.folder.path.resolve().name}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def parameters(source: Source) -> dict[str, str]:
    """What does not change over the life of a run: model, engine, sampling, suites."""
    found = {"model": source.model, "fingerprint": source.manifest.model.fingerprint}
    for name, value in source.manifest.identity.stored().items():
        for key, leaf in _leaves(name, value):
            found.setdefault(key, str(leaf)[:_VALUE_LENGTH])
    return found


def tags(source: Source) -> dict[str, str]:
    """What may change when a run is repeated with more samples."""
    parts = source.manifest.plan
    return {
        "status": str(source.manifest.status),
        **{f"{part.suite}.samples": str(part.samples) for part in parts},
        **{f"{part.suite}.queries": str(part.queries) for part in parts},
    }


def numbers(source: Source) -> dict[str, float]:
    """`suite/metric/t0.7` -> value, and the ends of its interval under `metric_low`, `metric_high`
    (MLflow's file store keeps a key as a path: none may lie inside another). Undefined values are
    left out."""
    found: dict[str, float] = {}
    for e in source.estimates():
        if e.persona:
            continue
        for suffix, value in (("", e.value), ("_low", e.low), ("_high", e.high)):
            if value is not None:
                found[f"{e.suite}/{e.metric}{suffix}/t{e.temperature:g}"] = value
    return found


def _leaves(name: str, value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        return [(name, value)]
    return [pair for key, inner in value.items() for pair in _leaves(f"{name}.{key}", inner)]


def _files(source: Source) -> list[Path]:
    found = [source.folder.path / name for name in ARTIFACTS]
    return [file for file in found if file.exists()]


def _mlflow(source: Source, artifacts: bool) -> str:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.exceptions import MlflowException

    try:
        client = MlflowClient()
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or _EXPERIMENT
        experiment = client.get_experiment_by_name(name)
        place = experiment.experiment_id if experiment else client.create_experiment(name)
        key = run_key(source)
        found = client.search_runs([place], filter_string=f"tags.`{_RUN_TAG}` = '{key}'")
        run = (
            found[0]
            if found
            else client.create_run(
                place, run_name=source.folder.path.resolve().name, tags={_RUN_TAG: key}
            )
        )
        now, own = int(time.time() * 1000), run.info.run_id
        values = [Metric(key, value, now, 0) for key, value in numbers(source).items()]
        client.log_batch(
            own,
            params=[Param(key, value) for key, value in parameters(source).items()],
            tags=[RunTag(key, value) for key, value in tags(source).items()],
        )
        for start in range(0, len(values), _METRICS_A_BATCH):
            client.log_batch(own, metrics=values[start : start + _METRICS_A_BATCH])
        for file in _files(source) if artifacts else ():
            client.log_artifact(own, str(file))
        client.set_terminated(own)
    except (MlflowException, OSError) as error:
        raise RunError(f"track=mlflow: not logged ({_brief(error)})") from None
    return f"mlflow: experiment {name}, run {own}"


def _wandb(source: Source, artifacts: bool) -> str:
    import wandb

    key = run_key(source)
    columns = [field.name for field in fields(Estimate)]
    rows = [[estimate_row(e)[column] for column in columns] for e in source.estimates()]
    try:
        run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or _EXPERIMENT,
            id=key,
            name=source.folder.path.resolve().name,
            resume="allow",
            reinit="create_new",  # a training run of the same process goes on
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
        raise RunError(f"track=wandb: not logged ({_brief(error)})") from None
    return f"wandb: {run.url or f'offline in {run.dir}'}"


def _brief(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


_LOG: Mapping[str, Callable[[Source, bool], str]] = {"mlflow": _mlflow, "wandb": _wandb}
