"""A measured run as the exporters see it: a task for each suite and temperature."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.stats.estimate import query_means
from sfr_eval.stats.intervals import standard_error
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Results, SuiteResults, read_suites
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.store.scores import read_scores, score_files
from sfr_eval.suites.stored import require_stored_suites
from sfr_eval.types import Estimate, Prompt, PromptKey, Sample, Value


@dataclass(frozen=True, kw_only=True)
class Task:
    """One suite at one temperature, which is what other tools call a task."""

    suite: SuiteResults
    version: str  # of the suite
    temperature: float
    samples: Mapping[PromptKey, Sequence[Sample]]  # in plan order
    estimates: Mapping[str, Estimate]  # metric -> over all personas, where it is defined
    undefined: Mapping[str, str]  # metric -> reason
    by_sample: Mapping[str, Mapping[str, float]]  # metric -> sample_id -> value
    by_prompt: Mapping[str, Mapping[PromptKey, float]]  # metric -> prompt -> value
    standard_errors: Mapping[str, float]  # metric -> standard error of its mean over queries

    @property
    def name(self) -> str:
        """The task's name: `persona_t0.7`."""
        return f"{self.suite.id}_t{self.temperature:g}"

    @property
    def k(self) -> int:
        """Number of samples for each prompt."""
        return max((len(samples) for samples in self.samples.values()), default=0)


@dataclass(frozen=True, kw_only=True)
class ExportSource:
    """Everything of a run that can be exported."""

    folder: RunFolder
    manifest: Manifest
    results: Results
    metrics: frozenset[str] | None  # None: all of them

    @classmethod
    def open(cls, path: Path, *, metrics: Sequence[str] | None = None) -> "ExportSource":
        """Read a measured run. Raises UserError if the folder is not one or lacks a metric."""
        folder = RunFolder(path)
        manifest = Manifest.load(path)
        results = folder.read_results()
        measured = {estimate.metric for estimate in results.estimates}
        for metric in metrics or ():
            if metric not in measured:
                hint = did_you_mean(metric, measured)
                raise UserError(f"--metrics {metric}: not in this run; {hint}")
        wanted = None if metrics is None else frozenset(metrics)
        return cls(folder=folder, manifest=manifest, results=results, metrics=wanted)

    @property
    def model(self) -> str:
        """The model's name."""
        return self.manifest.model.name

    @cached_property
    def date(self) -> datetime:
        """When the replies were drawn; where nothing says it, when they were stored. Equal in all
        exports of the same replies."""
        session = self.manifest.last_session
        if session is not None:
            with suppress(ValueError, OverflowError):  # empty, or edited by somebody
                return datetime.fromisoformat(session.date).astimezone(UTC)
        return datetime.fromtimestamp(self.folder.samples_file.stat().st_mtime, UTC)

    @cached_property
    def suites(self) -> list[SuiteResults]:
        """Suites that have results."""
        suites = read_suites(self.manifest, self.results)
        if not suites:
            raise UserError(f"export {self.folder.path}: results.json holds no estimate")
        return suites

    @cached_property
    def samples(self) -> list[Sample]:
        """All rows, in plan order."""
        return self.folder.sealed_samples()

    @cached_property
    def prompts(self) -> dict[tuple[str, str, str], Prompt]:
        """(suite, query, persona) -> prompt. Raises UserError if a suite has changed since the
        run, or a reply answers none of its prompts."""
        suites = require_stored_suites(self.folder.path, self.manifest)
        prompts = {(p.suite, p.query, p.persona): p for suite in suites for p in suite.prompts()}
        for row in self.samples:
            if (row.suite, row.query, row.persona) not in prompts:
                raise UserError(
                    f"{self.folder.samples_file}: reply {row.sample_id} answers no prompt of suite "
                    f"{row.suite} (query {row.query!r}, persona {row.persona!r}); repeat the "
                    "command that made the run"
                )
        return prompts

    @property
    def origin(self) -> dict[str, Any]:
        """The facts of this run that an importer needs: model, engine, template, seed, status."""
        names = {"engine", "dtype", "chat_template", "system_role", "seed"}
        return {
            **self.manifest.identity.model_dump(include=names, exclude_unset=True),
            "name": self.model,
            "fingerprint": self.manifest.model.fingerprint,
            "status": self.manifest.status,
            "determinism": self.manifest.determinism,
        }

    def sampling(self, suite: str) -> dict[str, Any]:
        """Return the known sampling fields without the temperature."""
        fields = self.manifest.identity.sampling_of(suite)
        return {name: value for name, value in fields.items() if value != "unknown"}

    def wants(self, metric: str) -> bool:
        """Return whether this metric is to be exported."""
        return self.metrics is None or metric in self.metrics

    def estimates(self) -> list[Estimate]:
        """Return the estimates to be exported, personas included, in the order of the results."""
        return [
            estimate
            for suite in self.suites
            for estimate in suite.estimates.values()
            if self.wants(estimate.metric)
        ]

    def tasks(self) -> Iterator[Task]:
        """Yield the tasks, suite by suite and temperature by temperature."""
        for suite in self.suites:
            values = self._values(suite)
            for temperature in suite.temperatures:
                samples: dict[PromptKey, list[Sample]] = defaultdict(list)
                for sample in self.samples:
                    if (sample.suite, sample.temperature) == (suite.id, temperature):
                        samples[sample.prompt_key].append(sample)
                estimates = [
                    e
                    for (_, t, persona), e in suite.estimates.items()
                    if t == temperature and not persona and self.wants(e.metric)
                ]
                measured = values.get(temperature, {})
                yield Task(
                    suite=suite,
                    version=self.manifest.part(suite.id).version,
                    temperature=temperature,
                    samples=samples,
                    estimates={e.metric: e for e in estimates if e.value is not None},
                    undefined={e.metric: e.reason for e in estimates if e.value is None},
                    by_sample=_by_sample(measured),
                    by_prompt=_by_prompt(measured, list(samples)),
                    standard_errors=_standard_errors(measured),
                )

    def _values(self, suite: SuiteResults) -> dict[float, dict[str, list[Value]]]:
        """Return temperature -> metric -> values, of the version that the estimates have."""
        versions = {e.metric: e.version for e in suite.estimates.values()}
        values: dict[float, dict[str, list[Value]]] = defaultdict(lambda: defaultdict(list))
        for file in score_files(self.folder.path):
            version = file.stem.rpartition("@")[2]
            for row in read_scores(file).to_pylist():
                metric = row.pop("metric")
                if row["suite"] != suite.id or versions.get(metric) != version:
                    continue
                if self.wants(metric):
                    values[row["temperature"]][metric].append(Value(**row))
        return values


def _by_sample(values: Mapping[str, Sequence[Value]]) -> dict[str, dict[str, float]]:
    return {
        metric: {v.sample_id: v.value for v in rows if v.sample_id and v.value is not None}
        for metric, rows in values.items()
        if any(v.sample_id for v in rows)
    }


def _by_prompt(
    values: Mapping[str, Sequence[Value]], prompts: Sequence[PromptKey]
) -> dict[str, dict[PromptKey, float]]:
    """Average the values of samples, and give the values of a whole query to each of its prompts,
    so that the mean over a balanced table is the estimate. Values of sets belong to no prompt."""
    by_prompt: dict[str, dict[PromptKey, float]] = defaultdict(dict)
    for metric, rows in values.items():
        numbers: dict[PromptKey, list[float]] = defaultdict(list)
        for v in rows:
            if v.value is not None:
                numbers[v.query, v.persona].append(v.value)
        means = {key: math.fsum(n) / len(n) for key, n in numbers.items()}
        for query, persona in prompts:
            value = means.get((query, persona), means.get((query, "")))
            if value is not None:
                by_prompt[metric][query, persona] = value
    return by_prompt


def _standard_errors(values: Mapping[str, Sequence[Value]]) -> dict[str, float]:
    """Return metric -> standard error of the mean over queries, from two queries on."""
    means = {metric: list(query_means(rows).values()) for metric, rows in values.items()}
    return {
        metric: standard_error(numbers) for metric, numbers in means.items() if len(numbers) > 1
    }
