"""The commands as functions, for notebooks and scripts.

    import sfr_eval as se

    run = se.run(model="runs/my-checkpoint", suite="persona", samples=8)
    run.results          # every estimate, a DataFrame
    run.samples          # every reply, with its prompt
    run.scores("distinct_2")
    run.plot("embed_distance")
    run.report           # path of report.html
    run.warnings         # what to know before believing a number

    se.diversity([["Hello!", "Hi there."], ["Blue.", "Red."]])

Errors are `sfr_eval.errors.UserError` (wrong input) and `RunError` (the run failed).
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sfr_eval.errors import RunError, UserError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from sfr_eval.config import RunConfig
    from sfr_eval.pipeline.generations import Diversity
    from sfr_eval.run_index.index import Index
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
        from sfr_eval.pipeline.generations import estimates_frame

        return estimates_frame(self._folder.read_results().stored()["estimates"])

    @cached_property
    def samples(self) -> "pd.DataFrame":
        """A row for each reply, in plan order: query, prompt, persona, temperature, status, text,
        ... `prompt` is the text of the query; it is missing where the suite is not at hand as it
        was."""
        from dataclasses import asdict

        import pandas as pd

        from sfr_eval.store.manifest import Manifest
        from sfr_eval.suites.stored import query_texts

        frame = pd.DataFrame([asdict(sample) for sample in self._folder.sealed_samples()])
        if frame.empty:
            return frame
        manifest = Manifest.load(self.folder)
        texts = {
            (suite, query): text
            for suite in frame["suite"].unique()
            for query, text in query_texts(self.folder, manifest, suite).items()
        }
        prompts = [texts.get(key) for key in zip(frame["suite"], frame["query"], strict=True)]
        frame.insert(list(frame.columns).index("query") + 1, "prompt", prompts)
        return frame

    def scores(self, metric: str) -> "pd.DataFrame":
        """The values behind a metric's estimates, at its own unit (a reply, a prompt, a query or
        a set): temperature, query, persona, sample_id, value, reason."""
        import pandas as pd

        from sfr_eval.store.scores import read_scores, score_files

        versions = {row.metric: row.version for row in self._folder.read_results().estimates}
        if metric not in versions:
            raise UserError(f"{metric}: not in this run; {did_you_mean(metric, versions)}")
        parts = [
            read_scores(file, metric=metric).to_pandas()
            for file in score_files(self.folder)
            if file.stem.endswith(f"@{versions[metric]}")
        ]
        filled = [part for part in parts if len(part)]
        return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()

    def plot(
        self, metric: str | None = None, *, against: str | None = None, suite: str | None = None
    ) -> "Axes":
        """Draw a metric over temperature with its 95 % intervals, or against another metric; by
        default the first trade-off of the report. `suite` is needed where the run has several.

        Returns matplotlib axes: `run.plot("oracle_valid", against="embed_distance").figure`.
        """
        from sfr_eval.report.plot import chosen_figure, drawn
        from sfr_eval.store.manifest import Manifest
        from sfr_eval.store.results import read_suites

        manifest = Manifest.load(self.folder)
        suites = {one.id: one for one in read_suites(manifest, self._folder.read_results())}
        if suite is None and len(suites) > 1:
            raise UserError(f"plot: the run has several suites; name one: {', '.join(suites)}")
        if suite is not None and suite not in suites:
            raise UserError(
                f"plot: suite {suite} is not in this run; {did_you_mean(suite, suites)}"
            )
        chosen = suites[suite] if suite is not None else next(iter(suites.values()))
        return drawn(chosen_figure(chosen, name=manifest.name, metric=metric, against=against))

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the facts of the run, and its scoreboard."""
        from sfr_eval.report.notebook import run_html
        from sfr_eval.store.manifest import Manifest

        scored = self._folder.results_file.exists()
        results = self._folder.read_results() if scored else None
        warnings = self.warnings if scored else ()
        return run_html(Manifest.load(self.folder), results, warnings=warnings)

    @property
    def warnings(self) -> list[str]:
        """What a reader must know before believing the numbers, the gravest first; the report and
        the terminal say the same."""
        from sfr_eval.report.warnings import folder_warnings

        return folder_warnings(self._folder)

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
    missing: Literal["skip", "fail"] = "skip",
    **settings: Any,
) -> Run:
    """Measure a run again, or imported generations (JSONL, CSV, Parquet, logs of other tools), as
    `sfr-eval score` does. `settings` are those of its options (encoder, judge, workers, ...), also
    `prompt_field`, `text_field` and so on. See `score_models` for files of several models."""
    runs = _score(path, suite, output, missing, {**settings, "metrics": metrics})
    if len(runs) > 1:
        named = ", ".join(runs)
        raise UserError(f"score: the runs of {len(runs)} models ({named}); use score_models")
    return next(iter(runs.values()))


def score_models(
    path: PathLike | Sequence[PathLike],
    *,
    suite: str | None = None,
    output: PathLike | None = None,
    metrics: str | Sequence[str] | None = None,
    missing: Literal["skip", "fail"] = "skip",
    **settings: Any,
) -> dict[str, Run]:
    """Measure imported generations of one or several models, as `score` does. Returns a run for
    each, by the model's name."""
    return _score(path, suite, output, missing, {**settings, "metrics": metrics})


def _score(
    path: PathLike | Sequence[PathLike],
    suite: str | None,
    output: PathLike | None,
    missing: Literal["skip", "fail"],
    settings: dict[str, Any],
) -> dict[str, Run]:
    from sfr_eval.commands.score import SETTINGS
    from sfr_eval.config import refuse_unknown, select
    from sfr_eval.demo import train_demo_models
    from sfr_eval.formats.read.names import OPTIONS, Fields
    from sfr_eval.pipeline.score import score_models as score_all

    values = _plain({**settings.pop("code", {}), **settings})
    fields = {name: values.pop(f"{name}_field", None) for name in OPTIONS}
    refuse_unknown(values, where="score", known=select(SETTINGS))
    train_demo_models(values.get("model"), values.get("base_model"))
    paths = [path] if isinstance(path, str | os.PathLike) else path
    scored = score_all(
        [Path(each) for each in paths],
        values,
        suite=suite,
        output=None if output is None else Path(output),
        fields=Fields(**fields),
        missing=missing,
    )
    for run in scored.runs:
        if run.trouble:
            raise RunError(f"{run.folder}: {run.trouble[0]}")
    runs = [Run(run.folder) for run in scored.runs]
    return {run.manifest["name"]: run for run in runs}


def diversity(
    replies: Sequence[Sequence[str]],
    *,
    prompts: Sequence[str] | None = None,
    metrics: str | Sequence[str] | None = None,
    **settings: Any,
) -> "Diversity":
    """Measure lists of replies, one list for each prompt, without files, a suite or a model.

    `prompts` are the texts that were asked, for measures that read them. `metrics` are families,
    by default all that fit; "lexical,text" needs no sentence encoder. `settings` are those of
    `sfr-eval score` (encoder, tokenizer, equivalence, ...). Raises UserError for another shape.
    """
    from sfr_eval.config import refuse_unknown
    from sfr_eval.pipeline.generations import Diversity, measure_generations
    from sfr_eval.settings import ScoreSettings

    values = _plain({**settings, "metrics": metrics})
    refuse_unknown(values, where="diversity", known=ScoreSettings.model_fields)
    results = measure_generations(
        replies, prompts=prompts, settings=ScoreSettings.from_flat(values)
    )
    return Diversity(estimates=results.estimates)


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


def index(
    paths: PathLike | Sequence[PathLike] = "runs", *, output: PathLike | None = None, **options: Any
) -> "Index":
    """Look for runs below the paths and write index.html, as `sfr-eval index` does. The result's
    `table` is a DataFrame with a row for each suite of each run; `options` are those of
    `sfr_eval.run_index.index.index`."""
    from sfr_eval.run_index.index import index as write_index

    return write_index(paths, output=output, **options)


def compare_groups(groups: Mapping[str, Sequence[PathLike]], **options: Any) -> Any:
    """Compare groups of trainings, name -> run folders, each with the first, as `sfr-eval compare
    --group` does; `options` are those of
    `sfr_eval.comparison.compare_groups.compare_groups`."""
    from sfr_eval.comparison.compare_groups import compare_groups as compare

    return compare(groups, **options)
