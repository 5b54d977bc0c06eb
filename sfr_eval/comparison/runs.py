"""A scored run as a comparison reads it: settings, estimates, and the values behind them.

Values come from scores/*.parquet, whole columns at a time, one family when it is first asked for.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sfr_eval.errors import UserError
from sfr_eval.metrics.families import computed_by
from sfr_eval.metrics.table import metric_info
from sfr_eval.store.manifest import Identity, Manifest
from sfr_eval.store.results import SuiteResults, read_suites
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.store.scores import read_scores
from sfr_eval.thinking import answers
from sfr_eval.types import Cell, Estimate, PromptKey, Sample

if TYPE_CHECKING:
    import pandas as pd

_CELL = ["temperature", "query", "persona"]
_Means = dict[tuple[str, str], dict[float, dict[PromptKey, float]]]
"""(suite, metric) -> temperature -> prompt -> value."""


@dataclass(frozen=True, kw_only=True)
class ScoredRun:
    """One run folder, read and never written."""

    folder: Path
    label: str  # short, and different from those of the runs beside it
    manifest: Manifest
    suites: Mapping[str, SuiteResults]
    samples: Sequence[Sample]

    @property
    def name(self) -> str:
        """The model, as the run calls it."""
        return self.manifest.name or self.folder.name

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the weights, or of the imported generations."""
        return self.manifest.model.fingerprint

    @property
    def identity(self) -> Identity:
        """What may not change within a run folder."""
        return self.manifest.identity

    @property
    def decoder(self) -> str:
        """The name of the filters and penalties of its sampling; "" where all are off."""
        return self.identity.decoder

    @cached_property
    def prompts(self) -> Mapping[str, frozenset[PromptKey]]:
        """Suite -> every prompt that was asked, whatever came back."""
        prompts: dict[str, set[PromptKey]] = {}
        for s in self.samples:
            prompts.setdefault(s.suite, set()).add(s.prompt_key)
        return {suite: frozenset(keys) for suite, keys in prompts.items()}

    @cached_property
    def usable(self) -> Mapping[tuple[str, float], Counter[PromptKey]]:
        """(suite, temperature) -> number of replies with text to each prompt."""
        counts: dict[tuple[str, float], Counter[PromptKey]] = {}
        for s in self.samples:
            here = counts.setdefault((s.suite, s.temperature), Counter())
            here[s.prompt_key] += s.has_text
        return counts

    @cached_property
    def failed(self) -> int:
        """Number of requests that ended in an error."""
        return sum(sample.status == "error" for sample in self.samples)

    @cached_property
    def _index(self) -> Mapping[str, int]:
        return {sample.sample_id: sample.index for sample in self.samples}

    @cached_property
    def _frames(self) -> dict[str, "pd.DataFrame"]:
        return {}

    @cached_property
    def _means(self) -> dict[str, _Means]:
        return {}

    def estimate(self, suite: str, metric: str) -> Estimate:
        """Return the first estimate of a metric; all have the same version and signature."""
        return next(self._estimates(suite, metric))

    def _estimates(self, suite: str, metric: str) -> Iterator[Estimate]:
        estimates = self.suites[suite].estimates.values()
        return (estimate for estimate in estimates if estimate.metric == metric)

    def values(
        self, suite: str, metric: str, *, most: Mapping[Cell, int] | None = None
    ) -> dict[float, dict[PromptKey, float]]:
        """Return temperature -> prompt -> value; the mean over replies where each has a value.

        Undefined values are left out. For the prompts in `most` such a mean is over that many
        replies, the first by index. Nothing is returned for a number without values of its own,
        such as a share corrected for a judge's errors.
        """
        info = metric_info(metric)
        if info is None or metric.endswith("_corrected"):
            return {}
        family = computed_by(info.family, self.suites[suite].metrics)
        name = f"{family}@{self.estimate(suite, metric).version}"
        if not most or info.unit != "sample":
            means = self._family_means(name).get((suite, metric))
            if means is None and any(e.value is not None for e in self._estimates(suite, metric)):
                raise UserError(
                    f"{self.folder}: results.json and scores/ disagree ({name}.parquet has no "
                    f"{metric}); run `sfr-eval score {self.folder}` again"
                )
            return means or {}
        rows = self._family(name)
        rows = rows[(rows["metric"] == metric) & (rows["suite"] == suite) & rows["value"].notna()]
        return _means(self._first(rows, most)).get((suite, metric), {})

    def _first(self, rows: "pd.DataFrame", most: Mapping[Cell, int]) -> "pd.DataFrame":
        """Return the rows with only the first replies to the prompts in `most`."""
        ordered = rows.assign(index=rows["sample_id"].map(self._index)).sort_values(
            "index", kind="stable"
        )
        rank = ordered.groupby(_CELL, sort=False, observed=True).cumcount()
        cells = zip(*(ordered[key] for key in _CELL), strict=True)
        limit = [most.get(cell, 2**31) for cell in cells]
        return ordered[rank.to_numpy() < limit]

    def _family(self, name: str) -> "pd.DataFrame":
        if name not in self._frames:
            self._frames[name] = _read_scores(self.folder, name)
        return self._frames[name]

    def _family_means(self, name: str) -> _Means:
        if name not in self._means:
            frame = self._family(name)
            self._means[name] = _means(frame[frame["value"].notna()])
        return self._means[name]


def _means(rows: "pd.DataFrame") -> _Means:
    """Return the mean of each metric for each prompt. All metrics of a family at once: grouping
    costs the same for one of them."""
    # math.fsum over a group is exact, but a group-by in Python costs a second for 10^6 rows.
    keys = ["suite", "metric", *_CELL]
    means = rows.groupby(keys, sort=False, observed=True)["value"].mean()
    by_metric: _Means = {}
    columns = [means.index.get_level_values(key).tolist() for key in keys]
    for suite, metric, temperature, query, persona, value in zip(
        *columns, means.tolist(), strict=True
    ):
        by_temperature = by_metric.setdefault((suite, metric), {})
        by_temperature.setdefault(temperature, {})[query, persona] = value
    return by_metric


def open_runs(
    folders: Sequence[str | os.PathLike[str]], *, labels: Sequence[str] = ()
) -> list[ScoredRun]:
    """Read run folders. `labels` name them in their order; by default short ones are made. Raises
    UserError for a folder that is not a scored run, and for labels that do not fit."""
    runs = [_read(Path(folder)) for folder in folders]
    names = [label.strip() for label in labels]
    if names and len(names) != len(runs):
        listed = ", ".join(str(folder) for folder in folders)
        raise UserError(
            f"--label: {len(names)} given for {len(runs)} runs ({listed}); name each once, in order"
        )
    for label, count in Counter(names).items():
        if not label or count > 1:
            raise UserError(f"--label {label!r}: {'comes twice' if label else 'is empty'}")
    return [
        replace(run, label=label) for run, label in zip(runs, names or _labels(runs), strict=True)
    ]


def _read(path: Path) -> ScoredRun:
    folder = RunFolder(path)
    manifest = Manifest.load(path)
    suites = read_suites(manifest, folder.read_results())
    if not suites:
        raise UserError(f"{path}: results.json holds no estimate; run `sfr-eval score {path}`")
    samples = list(answers(folder.sealed_samples(), manifest.thinking))
    for suite in sorted({suite.id for suite in suites} - {sample.suite for sample in samples}):
        raise UserError(
            f"{folder.samples_file}: has no reply of suite {suite}, of which results.json has "
            f"estimates; run `sfr-eval score {path}` again"
        )
    return ScoredRun(
        folder=path,
        label="",
        manifest=manifest,
        suites={suite.id: suite for suite in suites},
        samples=samples,
    )


def _labels(runs: Sequence[ScoredRun]) -> list[str]:
    """Return the models' names, or the folders' where two models are called the same, each with its
    decoder behind it where the runs have different ones. Where these are the same, too, the parent
    folder's name (a sweep's) stands before them, or a number behind them."""
    apart = len({run.decoder for run in runs}) > 1
    decoders = [run.identity.decoder_name for run in runs]
    ends = [f" ({decoder})" if apart and decoder else "" for decoder in decoders]
    names = [Path(run.manifest.name).name or run.manifest.name for run in runs]
    folders = [run.folder.resolve().name for run in runs]
    for heads in (names, folders):
        labels = [head + end for head, end in zip(heads, ends, strict=True)]
        if len(set(labels)) == len(labels) and all(heads):
            return labels
    paths = ["/".join(run.folder.resolve().parts[-2:]) for run in runs]
    if len(set(paths)) == len(paths):
        return paths
    return [f"{folder} ({number})" for number, folder in enumerate(folders, start=1)]


def _read_scores(folder: Path, name: str) -> "pd.DataFrame":
    file = folder / "scores" / f"{name}.parquet"
    try:
        table = read_scores(file)
    except FileNotFoundError:
        raise UserError(
            f"{folder}: results.json and scores/ disagree ({file.name} is missing); "
            f"run `sfr-eval score {folder}` again"
        ) from None
    frame: pd.DataFrame = table.to_pandas(strings_to_categorical=True)
    return frame


def common(sequences: Iterable[Iterable[str]]) -> list[str]:
    """Return what all of the sequences hold, in the order of the first."""
    first, *others = [list(sequence) for sequence in sequences]
    return [item for item in first if all(item in other for other in others)]
