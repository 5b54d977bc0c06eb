"""The commands as functions, for notebooks and scripts.

    import sfr_eval as se

    run = se.run(model="runs/my-checkpoint", suite="persona", samples=8)
    run.results          # every estimate, a DataFrame
    run.samples          # every reply
    run.scores("distinct_2")
    run.report           # path of report.html

Errors are `sfr_eval.errors.UserError` (wrong input) and `RunError` (the run failed).
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfr_eval.errors import RunError, UserError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from sfr_eval.config import RunConfig
    from sfr_eval.store.run_folder import RunFolder

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Run:
    """A run folder. Tables are read on first use and cached; `se.load` reads them anew."""

    folder: Path

    def __fspath__(self) -> str:
        """Return the folder, so that a run can be passed wherever a path can."""
        return str(self.folder)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Settings, fingerprints, versions, status running | complete | partial."""
        from sfr_eval.store.manifest import Manifest

        return Manifest.load(self.folder).stored()

    @cached_property
    def results(self) -> "pd.DataFrame":
        """A row for each estimate: metric, suite, temperature, persona ("" is all of them), value,
        low, high, n, k, ... An undefined value is NaN, and `reason` says why."""
        import pandas as pd

        rows = self._folder.read_results().stored()["estimates"]
        frame = pd.DataFrame(rows)
        return frame.astype({n: "float64" for n in ("value", "low", "high") if n in frame})

    @cached_property
    def samples(self) -> "pd.DataFrame":
        """A row for each reply, in plan order: query, persona, temperature, status, text, ..."""
        from dataclasses import asdict

        import pandas as pd

        return pd.DataFrame([asdict(sample) for sample in self._folder.sealed_samples()])

    def scores(self, metric: str) -> "pd.DataFrame":
        """The values behind a metric's estimates, at its own unit (a reply, a prompt, a query or
        a set): temperature, query, persona, sample_id, value, reason."""
        import pandas as pd
        import pyarrow.parquet as pq

        versions = {row.metric: row.version for row in self._folder.read_results().estimates}
        if metric not in versions:
            raise UserError(f"{metric}: not in this run; {did_you_mean(metric, versions)}")
        parts = [
            pq.read_table(file, filters=[("metric", "==", metric)]).to_pandas()
            for file in sorted((self.folder / "scores").glob(f"*@{versions[metric]}.parquet"))
        ]
        filled = [part for part in parts if len(part)]
        return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()

    @property
    def report(self) -> Path:
        """The report's path. Raises UserError if it was never written."""
        file = self.folder / "report.html"
        if not file.exists():
            raise UserError(f"{file}: not there; run `sfr-eval report {self.folder}`")
        return file

    def export(self, format: str, **options: Any) -> list[str]:
        """See `sfr_eval.formats.export.export`."""
        return export(self, format=format, **options)

    @property
    def _folder(self) -> "RunFolder":
        from sfr_eval.store.run_folder import RunFolder

        return RunFolder(self.folder)


def run(
    model: str,
    suite: str | Sequence[str] | None = None,
    *,
    config: PathLike | None = None,
    **settings: Any,
) -> Run:
    """Sample a checkpoint and measure it, as `sfr-eval run` does. `settings` are those of
    `sfr_eval.config.RunConfig` (samples, temperatures, limit, output, ...; `prompts` in place of a
    suite); the same call resumes.

    Raises UserError for wrong settings and RunError if requests failed; the folder is kept.
    """
    from sfr_eval.pipeline.run import execute

    run_config = _config(model, suite, {**settings, "config": config})
    if run_config.sweep is not None:
        raise UserError("sweep: gives several runs; call se.sweep(..., over=[...])")
    outcome = execute(run_config)
    _raise_unless_done(outcome.exit_code, outcome.folder, outcome.lines)
    return Run(outcome.folder)


@dataclass(frozen=True)
class Sweep:
    """A sweep over decoders: its folder, decoder -> run, and their comparison."""

    folder: Path
    runs: Mapping[str, Run]
    comparison: Any


def sweep(
    model: str, suite: str | Sequence[str] | None = None, *, over: Sequence[str], **settings: Any
) -> Sweep:
    """Run a checkpoint under several decoders, as `sfr-eval run --sweep` does; `over` is
    `["min_p=0,0.05,0.1"]`, one text for each axis. The other arguments are those of `run`."""
    from sfr_eval.pipeline.sweep import execute_sweep

    outcome = execute_sweep(_config(model, suite, {**settings, "sweep": tuple(over)}))
    _raise_unless_done(outcome.exit_code, outcome.folder, outcome.lines)
    runs = {run.folder.name: Run(run.folder) for run in outcome.runs}
    return Sweep(folder=outcome.folder, runs=runs, comparison=outcome.comparison)


def _config(model: str, suite: str | Sequence[str] | None, settings: dict[str, Any]) -> "RunConfig":
    from sfr_eval.config import load_run_config
    from sfr_eval.demo import train_demo_models

    config = settings.pop("config", None)
    suites = (suite,) if isinstance(suite, str) else tuple(suite or ()) or None
    overrides = _plain({"model": model, "suite": suites, **settings})
    run_config = load_run_config(overrides, file=None if config is None else Path(config))
    if run_config.serving.base_url is None:
        train_demo_models(run_config.model, run_config.score.base_model)
    return run_config


def _raise_unless_done(exit_code: int, folder: Path, lines: Sequence[str]) -> None:
    if exit_code == 130:
        raise KeyboardInterrupt(lines[0])
    if exit_code:
        raise RunError(f"{folder}: {lines[0]}")


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that are not None, with paths as text."""
    return {
        name: str(value) if isinstance(value, os.PathLike) else value
        for name, value in settings.items()
        if value is not None
    }


def load(folder: PathLike) -> Run:
    """Open a run on disk. Raises UserError if there is none."""
    run = Run(Path(folder))
    _ = run.manifest
    return run


def score(
    path: PathLike | Sequence[PathLike],
    *,
    suite: str | None = None,
    output: PathLike | None = None,
    metrics: str | Sequence[str] | None = None,
    query_field: str | None = None,
    persona_field: str | None = None,
    **settings: Any,
) -> Run:
    """Measure a run again, or imported generations (rows, lm-eval samples, inspect logs), as
    `sfr-eval score` does. `settings` are those of its options (encoder, judge, workers, ...)."""
    from sfr_eval.commands.score import SETTINGS
    from sfr_eval.config import refuse_unknown, select
    from sfr_eval.demo import train_demo_models
    from sfr_eval.formats.read.mapping import Fields
    from sfr_eval.pipeline.score import score_paths

    values = _plain({**settings.pop("code", {}), **settings, "metrics": metrics})
    refuse_unknown(values, where="score", known=select(SETTINGS))
    train_demo_models(values.get("model"), values.get("base_model"))
    paths = [path] if isinstance(path, str | os.PathLike) else path
    scored = score_paths(
        [Path(each) for each in paths],
        values,
        suite=suite,
        output=None if output is None else Path(output),
        fields=Fields(query=query_field, persona=persona_field),
    )
    if scored.trouble:
        raise RunError(f"{scored.folder}: {scored.trouble[0]}")
    return Run(scored.folder)


def export(
    run: PathLike, *, format: str, output: PathLike | None = None, **options: Any
) -> list[str]:
    """Export a run, as `sfr-eval export` does; see `sfr_eval.formats.export.export`."""
    from sfr_eval.formats.export import export as export_run

    target = None if output is None else Path(output)
    return export_run(Path(run), format=format, output=target, **options)


def compare(a: PathLike, *more: PathLike, **options: Any) -> Any:
    """Compare runs prompt by prompt, each with the first, as `sfr-eval compare` does. The folder of
    a sweep stands for its decoders; `options`
    are those of `sfr_eval.comparison.compare.compare_runs`."""
    from sfr_eval.comparison.compare import compare_runs

    return compare_runs(a, *more, **options)


def compare_groups(groups: Mapping[str, Sequence[PathLike]], **options: Any) -> Any:
    """Compare groups of trainings, name -> run folders, each with the first, as `sfr-eval compare
    --group` does; `options` are those of
    `sfr_eval.comparison.compare_groups.compare_groups`."""
    from sfr_eval.comparison.compare_groups import compare_groups as compare

    return compare(groups, **options)
