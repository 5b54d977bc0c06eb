"""A scored run as the exporters see it: a cell for each suite and temperature."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.stats.estimate import query_means
from sfr_eval.stats.intervals import standard_error
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Results, SuiteResults, read_suites
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.stored import require_stored_suites
from sfr_eval.types import Estimate, Prompt, PromptKey, Sample, Value


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One suite at one temperature: what the other tools call a task."""

    suite: SuiteResults
    temperature: float
    samples: Mapping[PromptKey, Sequence[Sample]]  # in plan order
    estimates: Mapping[str, Estimate]  # metric -> over all personas, where it is defined
    undefined: Mapping[str, str]  # metric -> why it has no value
    by_sample: Mapping[str, Mapping[str, float]]  # metric -> sample_id -> value
    by_prompt: Mapping[str, Mapping[PromptKey, float]]  # metric -> prompt -> value
    standard_errors: Mapping[str, float]  # metric -> of its mean over queries

    @property
    def name(self) -> str:
        """`persona_t0.7`"""
        return f"{self.suite.id}_t{self.temperature:g}"

    @property
    def k(self) -> int:
        """Samples for each prompt."""
        return max((len(samples) for samples in self.samples.values()), default=0)


@dataclass(frozen=True, kw_only=True)
class Source:
    """All that is exported of a run."""

    folder: RunFolder
    manifest: Manifest
    results: Results
    metrics: frozenset[str] | None  # None: all of them

    @classmethod
    def open(cls, path: Path, *, metrics: Sequence[str] | None = None) -> "Source":
        """Read a scored run; UserError if it is none, or if it has no metric of this name."""
        folder = RunFolder(path)
        manifest = Manifest.load(path)
        results = folder.read_results()
        source = cls(
            folder=folder,
            manifest=manifest,
            results=results,
            metrics=None if metrics is None else frozenset(metrics),
        )
        known = {estimate.metric for estimate in results.estimates}
        for metric in metrics or ():
            if metric not in known:
                raise UserError(
                    f"--metrics {metric}: not in this run; {did_you_mean(metric, known)}"
                )
        return source

    @property
    def model(self) -> str:
        """As the run names it."""
        return self.manifest.model.name

    @cached_property
    def suites(self) -> list[SuiteResults]:
        """Suites that have results."""
        found = read_suites(self.manifest, self.results)
        if not found:
            raise UserError(f"export {self.folder.path}: results.json holds no estimate")
        return found

    @cached_property
    def samples(self) -> list[Sample]:
        """All rows, in plan order."""
        return self.folder.sealed_samples()

    @cached_property
    def prompts(self) -> dict[tuple[str, str, str], Prompt]:
        """(suite, query, persona) -> what was asked; the suites must be as they were."""
        suites = require_stored_suites(self.manifest)
        return {(p.suite, p.query, p.persona): p for suite in suites for p in suite.prompts()}

    @property
    def origin(self) -> dict[str, Any]:
        """What an importer should know of this run: model, engine, template, seed, status."""
        names = {"engine", "dtype", "chat_template", "system_role", "seed"}
        known = self.manifest.identity.model_dump(include=names, exclude_unset=True)
        return {
            **known,
            "name": self.model,
            "fingerprint": self.manifest.model.fingerprint,
            "status": self.manifest.status,
            "determinism": self.manifest.determinism,
        }

    def sampling(self, suite: str) -> dict[str, Any]:
        """Every stated sampling field but the temperature; empty where none is known."""
        fields = self.manifest.identity.sampling_of(suite)
        return {name: value for name, value in fields.items() if value != "unknown"}

    def wants(self, metric: str) -> bool:
        """Was this metric asked for?"""
        return self.metrics is None or metric in self.metrics

    def estimates(self) -> list[Estimate]:
        """Every estimate that was asked for, personas included, in the order of the results."""
        return [
            estimate
            for suite in self.suites
            for estimate in suite.estimates.values()
            if self.wants(estimate.metric)
        ]

    def cells(self) -> Iterator[Cell]:
        """Suite by suite, temperature by temperature."""
        for suite in self.suites:
            values = self._values(suite)
            for temperature in suite.temperatures:
                samples: dict[PromptKey, list[Sample]] = defaultdict(list)
                for sample in self.samples:
                    if (sample.suite, sample.temperature) == (suite.id, temperature):
                        samples[sample.prompt_key].append(sample)
                here = [
                    e
                    for (_, t, persona), e in suite.estimates.items()
                    if t == temperature and not persona and self.wants(e.metric)
                ]
                found = values.get(temperature, {})
                yield Cell(
                    suite=suite,
                    temperature=temperature,
                    samples=samples,
                    estimates={e.metric: e for e in here if e.value is not None},
                    undefined={e.metric: e.reason for e in here if e.value is None},
                    by_sample=_by_sample(found),
                    by_prompt=_by_prompt(found, list(samples)),
                    standard_errors=_standard_errors(found),
                )

    def _values(self, suite: SuiteResults) -> dict[float, dict[str, list[Value]]]:
        """temperature -> metric -> its values, of the version that the estimates have."""
        import pyarrow.parquet as pq

        versions = {e.metric: e.version for e in suite.estimates.values()}
        found: dict[float, dict[str, list[Value]]] = defaultdict(lambda: defaultdict(list))
        for file in sorted((self.folder.path / "scores").glob("*.parquet")):
            version = file.stem.rpartition("@")[2]
            for row in pq.read_table(file).to_pylist():
                metric = row.pop("metric")
                if row["suite"] != suite.id or versions.get(metric) != version:
                    continue
                if self.wants(metric):
                    found[row["temperature"]][metric].append(Value(**row))
        return found


def estimate_row(estimate: Estimate) -> dict[str, Any]:
    """An estimate as plain fields."""
    return asdict(estimate)


def _by_sample(values: Mapping[str, Sequence[Value]]) -> dict[str, dict[str, float]]:
    return {
        metric: {v.sample_id: v.value for v in rows if v.sample_id and v.value is not None}
        for metric, rows in values.items()
        if any(v.sample_id for v in rows)
    }


def _by_prompt(
    values: Mapping[str, Sequence[Value]], prompts: Sequence[PromptKey]
) -> dict[str, dict[PromptKey, float]]:
    """Values of samples averaged, values of prompts as they are, and those of a whole query given
    to each of its prompts: the mean over a balanced table is then the estimate. Values of sets
    belong to no prompt."""
    found: dict[str, dict[PromptKey, float]] = {}
    for metric, rows in values.items():
        numbers: dict[PromptKey, list[float]] = defaultdict(list)
        for v in rows:
            if v.value is not None:
                numbers[v.query, v.persona].append(v.value)
        means = {key: math.fsum(own) / len(own) for key, own in numbers.items()}
        placed = {
            (query, persona): means.get((query, persona), means.get((query, "")))
            for query, persona in prompts
        }
        defined = {key: value for key, value in placed.items() if value is not None}
        if defined:
            found[metric] = defined
    return found


def _standard_errors(values: Mapping[str, Sequence[Value]]) -> dict[str, float]:
    """Of the mean over queries, from two queries on."""
    found = {}
    for metric, rows in values.items():
        means = list(query_means(rows).values())
        if len(means) > 1:
            found[metric] = standard_error(means)
    return found
