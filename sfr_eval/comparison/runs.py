"""A scored run as a comparison reads it: settings, estimates, and the values behind them.

Values come from scores/*.parquet, whole columns at a time, one family when it is first asked for.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sfr_eval.errors import UserError
from sfr_eval.metrics.table import metric_info
from sfr_eval.store.manifest import Identity, Manifest
from sfr_eval.store.results import SuiteResults, read_suites
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.thinking import answers
from sfr_eval.types import Cell, PromptKey, Sample

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 1e-9


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
        """Of the weights, or of the imported text."""
        return self.manifest.model.fingerprint

    @property
    def identity(self) -> Identity:
        """What may not change within a run folder."""
        return self.manifest.identity

    @cached_property
    def prompts(self) -> Mapping[str, frozenset[PromptKey]]:
        """Suite -> every prompt that was asked, whatever came back."""
        found: dict[str, set[PromptKey]] = {}
        for s in self.samples:
            found.setdefault(s.suite, set()).add(s.prompt_key)
        return {suite: frozenset(keys) for suite, keys in found.items()}

    @cached_property
    def usable(self) -> Mapping[tuple[str, float], Counter[PromptKey]]:
        """(suite, temperature) -> how many replies with text each prompt has."""
        found: dict[tuple[str, float], Counter[PromptKey]] = {}
        for s in self.samples:
            here = found.setdefault((s.suite, s.temperature), Counter())
            here[s.prompt_key] += s.has_text
        return found

    @cached_property
    def failed(self) -> int:
        """Requests that ended in an error."""
        return sum(sample.status == "error" for sample in self.samples)

    @cached_property
    def _index(self) -> Mapping[str, int]:
        return {sample.sample_id: sample.index for sample in self.samples}

    @cached_property
    def _frames(self) -> dict[str, "pd.DataFrame"]:
        return {}

    def version(self, suite: str, metric: str) -> str:
        """The version that the metric of the results has."""
        for (name, _, _), estimate in self.suites[suite].estimates.items():
            if name == metric:
                return estimate.version
        raise KeyError(metric)

    def values(
        self, suite: str, metric: str, *, most: Mapping[Cell, int] | None = None
    ) -> dict[float, dict[PromptKey, float]]:
        """Temperature -> prompt -> value; the mean over replies where a value belongs to one.

        Undefined values are left out. `most` says of how many replies of a prompt, the first by
        index, such a mean is taken where not of all. Empty for a number without values of its own,
        like a share corrected for a judge's errors.
        """
        info = metric_info(metric)
        if info is None or metric.endswith("_corrected"):
            return {}
        frame = self._family(f"{info.family}@{self.version(suite, metric)}")
        rows = frame[(frame["metric"] == metric) & (frame["suite"] == suite)]
        rows = rows[rows["value"].notna()]
        if most and info.unit == "sample":
            rows = self._first(rows, most)
        keys = ["temperature", "query", "persona"]
        # math.fsum over a group is exact, but a group-by in Python costs a second for 10^6 rows.
        means = rows.groupby(keys, sort=False, observed=True)["value"].mean()
        found: dict[float, dict[PromptKey, float]] = {}
        columns = [means.index.get_level_values(key).tolist() for key in keys]
        for temperature, query, persona, value in zip(*columns, means.tolist(), strict=True):
            found.setdefault(temperature, {})[query, persona] = value
        return found

    def _first(self, rows: "pd.DataFrame", most: Mapping[Cell, int]) -> "pd.DataFrame":
        """Of the prompts in `most` the first replies alone."""
        ordered = rows.assign(index=rows["sample_id"].map(self._index)).sort_values(
            "index", kind="stable"
        )
        keys = ["temperature", "query", "persona"]
        rank = ordered.groupby(keys, sort=False, observed=True).cumcount()
        limit = [
            most.get(cell, 2**31) for cell in zip(*(ordered[key] for key in keys), strict=True)
        ]
        return ordered[rank.to_numpy() < limit]

    def _family(self, name: str) -> "pd.DataFrame":
        if name not in self._frames:
            self._frames[name] = _read_scores(self.folder, name)
        return self._frames[name]


def open_runs(folders: Sequence[str | os.PathLike[str]]) -> list[ScoredRun]:
    """Read run folders; UserError for one that is not a scored run."""
    paths = [Path(folder) for folder in folders]
    read = [_read(path) for path in paths]
    labels = _labels(paths, [manifest.name for manifest, _, _ in read])
    return [
        ScoredRun(
            folder=path,
            label=label,
            manifest=manifest,
            suites={suite.id: suite for suite in suites},
            samples=samples,
        )
        for path, label, (manifest, suites, samples) in zip(paths, labels, read, strict=True)
    ]


def _read(path: Path) -> tuple[Manifest, list[SuiteResults], list[Sample]]:
    folder = RunFolder(path)
    manifest = Manifest.load(path)
    suites = read_suites(manifest, folder.read_results())
    if not suites:
        raise UserError(f"{path}: results.json holds no estimate; run `sfr-eval score {path}`")
    return manifest, suites, list(answers(folder.sealed_samples(), manifest.thinking))


def _labels(paths: Sequence[Path], names: Sequence[str]) -> list[str]:
    """Model names; the folders' where two are the same; numbered where these are too."""
    for labels in ([Path(n).name or n for n in names], [path.resolve().name for path in paths]):
        if len(set(labels)) == len(labels) and all(labels):
            return list(labels)
    return [f"{path.resolve().name} ({number})" for number, path in enumerate(paths, start=1)]


def _read_scores(folder: Path, name: str) -> "pd.DataFrame":
    import pyarrow.parquet as pq

    file = folder / "scores" / f"{name}.parquet"
    try:
        table = pq.read_table(file)
    except FileNotFoundError:
        raise UserError(
            f"{folder}: results.json and scores/ disagree ({file.name} is missing); "
            f"run `sfr-eval score {folder}` again"
        ) from None
    except (ValueError, OSError):  # pyarrow's errors for a torn file and for damaged pages
        raise UserError(f"{file}: damaged; run `sfr-eval score {folder}` again") from None
    found: pd.DataFrame = table.to_pandas(strings_to_categorical=True)
    return found


def common(sequences: Iterable[Iterable[str]]) -> list[str]:
    """What all of them hold, in the order of the first."""
    first, *others = [list(sequence) for sequence in sequences]
    return [item for item in first if all(item in other for other in others)]
