"""What a gate keeps of a run: per-prompt counts and values of the metrics that it asks for.

baseline.json is a snapshot, small enough to commit; the candidate is made into one as well, by the
same code, so that both sides are rounded and cut alike.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from sfr_eval.comparison.mismatch import compared_parts, policy, settings, signature_of
from sfr_eval.comparison.pairing import unit_of
from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.errors import RunError, UserError
from sfr_eval.gate.spec import Check
from sfr_eval.stats.pass_at_k import pass_at_k
from sfr_eval.suites.stored import stored_suite
from sfr_eval.types import PromptKey, Unit
from sfr_eval.util.files import write_atomic, writing_to
from sfr_eval.util.reading import read_model

FORMAT = 1
DIGITS = 6
"""Decimals of a value, in the baseline and in the candidate alike."""


class Values(BaseModel):
    """One metric at one temperature."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    temperature: float
    signature: dict[str, str]
    values: list[float | None] = Field(description="in the order of the suite's keys of its unit")


class Programs(BaseModel):
    """Right programs of all that were drawn, for each prompt: every pass@k comes from these."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float
    signature: dict[str, str]
    right: list[int]
    drawn: list[int]


class SuiteSnapshot(BaseModel):
    """One suite. `keys` lists [query, persona] for each unit; values follow that order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: dict[str, Any]
    keys: dict[Unit, list[tuple[str, str]]]
    facets: dict[str, dict[str, str]] = Field(description="by -> query -> group")
    replies: dict[str, list[int]] = Field(description="temperature -> replies with text, by prompt")
    values: list[Values]
    programs: list[Programs]

    def temperatures(self, metric: str) -> list[float]:
        """Where a metric is held."""
        if metric.startswith("pass_at_"):
            return [of.temperature for of in self.programs]
        return [of.temperature for of in self.values if of.metric == metric]

    @property
    def metrics(self) -> list[str]:
        """Ids of all that is held; pass@k up to the most programs that any prompt has."""
        most = max((n for of in self.programs for n in of.drawn), default=0)
        own = dict.fromkeys(of.metric for of in self.values)
        return [*(f"pass_at_{k}" for k in range(1, most + 1)), *own]

    def values_at(self, metric: str, temperature: float) -> dict[PromptKey, float]:
        """Prompt or query -> value, only where it is defined."""
        if metric.startswith("pass_at_"):
            k = int(metric.removeprefix("pass_at_"))
            for of in self.programs:
                if of.temperature == temperature:
                    numbers = [
                        pass_at_k(n, c, k) if n else None
                        for n, c in zip(of.drawn, of.right, strict=True)
                    ]
                    return _defined(self.keys["prompt"], numbers)
            return {}
        for row in self.values:
            if (row.metric, row.temperature) == (metric, temperature):
                unit = stored_unit(metric)
                return _defined(self.keys[unit], row.values)
        return {}

    def signature(self, metric: str) -> dict[str, str]:
        """How a metric was measured; {} where it is not held."""
        if metric.startswith("pass_at_"):
            return next((of.signature for of in self.programs), {})
        return next((of.signature for of in self.values if of.metric == metric), {})

    def replies_at(self, temperature: float) -> dict[PromptKey, int]:
        """Prompt -> how many replies with text."""
        counts = self.replies.get(repr(temperature), [])
        return dict(zip(self.keys["prompt"], counts, strict=False))


class Snapshot(BaseModel):
    """A run as a gate sees it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    name: str
    fingerprint: str
    policy: dict[str, Any]
    suites: dict[str, SuiteSnapshot]


def snapshot(run: ScoredRun, checks: Iterable[Check]) -> Snapshot:
    """What these checks need of a run. RunError if it is incomplete."""
    require_complete(run)
    wanted: dict[str, dict[str, set[float] | None]] = {}
    for check in checks:
        for suite in run.suites:
            if check.suite in (None, suite):
                of = wanted.setdefault(suite, {})
                if check.temperature is None or of.get(check.metric, set()) is None:
                    of[check.metric] = None  # at every temperature
                else:
                    known = of.setdefault(check.metric, set())
                    assert known is not None
                    known.add(check.temperature)
    return Snapshot(
        format=FORMAT,
        name=run.name,
        fingerprint=run.fingerprint,
        policy=policy(run),
        suites={suite: _suite(run, suite, metrics) for suite, metrics in wanted.items()},
    )


def require_complete(run: ScoredRun) -> None:
    """RunError unless every request of the run was answered. A --limit is no lack: it was meant."""
    status = run.manifest.status
    if run.failed:
        raise RunError(
            f"{run.folder}: {run.failed:,} requests failed, and failures are not random; repeat "
            "its run command"
        )
    if status == "complete":
        return
    asked = sum(part.requests for part in run.manifest.plan)
    if status != "partial" or len(run.samples) < asked:
        raise RunError(f"{run.folder}: the run is {status}; repeat its run command to finish it")


def write_snapshot(found: Snapshot, file: Path) -> None:
    """Write it with a line for each metric, so that a diff says what changed."""
    suites = found.model_dump()["suites"]
    lines = ["{"]
    for key in ("format", "name", "fingerprint", "policy"):
        lines.append(f"{_text(key)}:{_text(getattr(found, key))},")
    lines.append('"suites":{')
    for number, (suite, of) in enumerate(suites.items()):
        lines.append(f"{_text(suite)}:{{")
        for key in ("settings", "keys", "facets", "replies"):
            lines.append(f"{_text(key)}:{_text(of[key])},")
        for key, end in (("values", ","), ("programs", "")):
            rows = ",\n".join(_text(row) for row in of[key])
            lines.append(f'"{key}":[\n{rows}\n]{end}' if rows else f'"{key}":[]{end}')
        lines.append("}" if number == len(suites) - 1 else "},")
    lines.append("}}")
    with writing_to(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, "\n".join(lines) + "\n")


def read_snapshot(file: Path) -> Snapshot:
    """Read a baseline; UserError for what is none."""
    try:
        loaded = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"--baseline {file}: not there; make it with `sfr-eval check --write-baseline RUN "
            f"--baseline {file}`"
        ) from None
    except OSError as error:
        raise UserError(f"--baseline {file}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise UserError(f"--baseline {file}: is not JSON; write it again") from None
    if not isinstance(loaded, dict) or loaded.get("format") != FORMAT:
        raise UserError(f"--baseline {file}: no baseline of this version; write it again")
    return read_model(Snapshot, loaded, where=f"--baseline {file}")


def stored_unit(metric: str) -> Unit:
    """Values of single replies are kept as means of their prompts."""
    unit = unit_of(metric)
    return "prompt" if unit == "sample" else unit


def _suite(run: ScoredRun, suite: str, metrics: Mapping[str, set[float] | None]) -> SuiteSnapshot:
    prompts = sorted(run.prompts[suite])
    keys: dict[Unit, list[PromptKey]] = {"prompt": prompts}
    rows: list[Values] = []
    programs: list[Programs] = []
    for metric, temperatures in metrics.items():
        if metric not in run.suites[suite].metrics or metric.endswith("_corrected"):
            continue  # a candidate without it fails the check that asks for it
        if metric.startswith("pass_at_"):
            continue
        unit = stored_unit(metric)
        found = run.values(suite, metric)
        signature = compared_parts(metric, signature_of(run, suite, metric))
        own = keys.setdefault(unit, sorted({key for values in found.values() for key in values}))
        known = set(own)
        own.extend(
            key for values in found.values() for key in values if key not in known
        )  # one metric's sets may hold more than another's
        for t, values in sorted(found.items()):
            if temperatures is None or t in temperatures:
                rows.append(
                    Values(
                        metric=metric,
                        temperature=t,
                        signature=signature,
                        values=[_rounded(values.get(key)) for key in own],
                    )
                )
    passes = [temperatures for metric, temperatures in metrics.items() if "pass_at_" in metric]
    if passes and "pass_at_1" in run.suites[suite].metrics:
        asked = None if None in passes else set().union(*(t for t in passes if t is not None))
        programs = list(_programs(run, suite, prompts, asked))
    used = sorted({*(row.temperature for row in rows), *(of.temperature for of in programs)})
    return SuiteSnapshot(
        settings=settings(run, suite),
        keys=keys,
        facets=_facets(run, suite, {query for query, _ in prompts}),
        replies={repr(t): [run.usable[suite, t][key] for key in prompts] for t in used},
        values=rows,
        programs=programs,
    )


def _programs(
    run: ScoredRun, suite: str, prompts: Sequence[PromptKey], temperatures: set[float] | None
) -> Iterable[Programs]:
    """c of n for each problem: its pass@1 times the number of its answers, all of which are graded
    or the run is incomplete."""
    left = run.suites[suite].notes_of("pass_at_1").not_scored
    if left:
        raise RunError(
            f"{run.folder}: {left:,} programs could not be graded; `sfr-eval score {run.folder}` "
            "tries them again"
        )
    signature = compared_parts("pass_at_1", signature_of(run, suite, "pass_at_1"))
    for t, values in sorted(run.values(suite, "pass_at_1").items()):
        if temperatures is not None and t not in temperatures:
            continue
        drawn = [run.usable[suite, t][key] if key in values else 0 for key in prompts]
        yield Programs(
            temperature=t,
            signature=signature,
            right=[round(values.get(key, 0.0) * n) for key, n in zip(prompts, drawn, strict=True)],
            drawn=drawn,
        )


def _facets(run: ScoredRun, suite: str, queries: set[str]) -> dict[str, dict[str, str]]:
    """Difficulty, platform, month of the problems of a code suite, where its data are at hand.
    Groups known only by the persona of a prompt need no facet."""
    if not any(metric.startswith("pass_at_") for metric in run.suites[suite].metrics):
        return {}
    loaded = stored_suite(run.manifest, suite)
    if loaded is None or loaded.code is None:
        return {}
    facets: dict[str, dict[str, str]] = {}
    for query, problem in loaded.code.problems.items():
        if query in queries:
            for by, group in problem.facets.items():
                facets.setdefault(by, {})[query] = group
    return facets


def groups(of: SuiteSnapshot, by: str) -> list[str]:
    """Groups of a slice, `persona` among them, in alphabetical order."""
    if by == "persona":
        return sorted({persona for _, persona in of.keys["prompt"] if persona})
    return sorted(set(of.facets.get(by, {}).values()))


def slices(of: SuiteSnapshot) -> list[str]:
    """What a suite can be sliced by."""
    return [*of.facets, *(["persona"] if groups(of, "persona") else [])]


def inside(of: SuiteSnapshot, key: PromptKey, by: str, group: str) -> bool:
    """Does a prompt belong to the group?"""
    query, persona = key
    return persona == group if by == "persona" else of.facets.get(by, {}).get(query) == group


def unequal(first: SuiteSnapshot, second: SuiteSnapshot, temperature: float) -> Counter[PromptKey]:
    """Prompts whose numbers of replies differ, and the smaller number."""
    one, two = first.replies_at(temperature), second.replies_at(temperature)
    return Counter(
        {key: min(n, two[key]) for key, n in one.items() if key in two and two[key] != n}
    )


def _defined(keys: Sequence[PromptKey], numbers: Sequence[float | None]) -> dict[PromptKey, float]:
    return {key: number for key, number in zip(keys, numbers, strict=False) if number is not None}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
