"""Small scored runs of the world for the tests of compare and check, without the sentence encoder,
and runs whose values are made up for a test."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from sfr_eval.pipeline.measure import measure
from sfr_eval.plan import Plan, describe_plan, make_plan
from sfr_eval.samplers.world import WorldSampler
from sfr_eval.settings import ScoreSettings
from sfr_eval.stats.estimate import all_estimates
from sfr_eval.store.manifest import Identity, Manifest, ModelFacts, Status, StoredConfig
from sfr_eval.store.results import Results
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.suite import Suite, load_suite
from sfr_eval.types import MetricResult, Sample, Value
from tests.support.kept import copied, kept_cache

PERSONAS = ("pirate", "sergeant", "butler")
TEMPERATURES = (0.6, 1.0, 1.4)
QUERIES = 14


def small_suite(queries: int = QUERIES) -> Suite:
    whole = load_suite("persona", personas=PERSONAS)
    return replace(whole, queries=dict(list(whole.queries.items())[:queries]))


def plan_of(
    suite: Suite,
    dials: Mapping[str, float],
    *,
    seed: int = 0,
    samples: int = 4,
    temperatures: tuple[float, ...] = TEMPERATURES,
    max_tokens: int | None = None,
) -> Plan:
    name = ",".join(f"{key}={value}" for key, value in dials.items())
    return make_plan(
        [suite],
        subject={
            "model": f"world:{name}",
            "engine": "world",
            "dtype": "none",
            "system_role": "error",
            "chat_template": "tokenizer",
        },
        samples=samples,
        temperatures=temperatures,
        max_tokens=max_tokens,
        limit=None,
        seed=seed,
    )


def manifest_of(plan: Plan, suite: Suite, *, name: str, status: Status = "complete") -> Manifest:
    return Manifest(
        name=name,
        model=ModelFacts(name=name, fingerprint=plan.identity["model"]),
        world=suite.id,
        identity=Identity.model_validate(plan.identity),
        plan=describe_plan(plan),
        config=StoredConfig(suite=(suite.id,), limit=None),
        status=status,
        samples=plan.size,
    )


def write_world_run(
    folder: Path,
    dials: Mapping[str, float],
    *,
    name: str = "",
    queries: int = QUERIES,
    change: Any = None,
    families: tuple[str, ...] = ("text", "lexical", "quality"),
    looks: Mapping[str, tuple[int, ...]] | None = None,
    **plan_fields: Any,
) -> Path:
    """A scored run of the simulator. `change` may replace its samples; without one, equal runs are
    copies."""

    def make(place: Path) -> None:
        _make_world_run(
            place,
            dials,
            name=name,
            queries=queries,
            change=change,
            families=families,
            looks=looks,
            **plan_fields,
        )

    if change is not None:
        make(folder)
        return folder
    key = (dict(dials), name, queries, families, looks, sorted(plan_fields.items()))
    return copied(f"world {key}", folder, make)


def _make_world_run(
    folder: Path,
    dials: Mapping[str, float],
    *,
    name: str,
    queries: int,
    change: Any,
    families: tuple[str, ...],
    looks: Mapping[str, tuple[int, ...]] | None,
    **plan_fields: Any,
) -> None:
    suite = small_suite(queries)
    plan = plan_of(suite, dials, **plan_fields)
    samples: list[Sample] = list(WorldSampler([suite], dials=dials).sample(plan.requests()))
    if change is not None:
        samples = change(samples)
    with RunFolder(folder) as opened:
        failed = any(sample.status == "error" for sample in samples)
        status: Status = "partial" if failed else "complete"
        about = manifest_of(plan, suite, name=name or folder.name, status=status)
        opened.write_manifest(about)
        opened.seal(samples)
        results = measure(
            samples,
            [suite],
            folder=opened,
            manifest=about,
            settings=ScoreSettings(metrics=families),
            cache=kept_cache(),
        )
        opened.write_results(results)
        if looks is not None:
            opened.write_manifest(about.model_copy(update={"looks": dict(looks)}))


def write_code_run(
    folder: Path,
    right: Mapping[str, Sequence[bool]],
    *,
    name: str = "",
    temperature: float = 1.0,
    **manifest_fields: Any,
) -> Path:
    """A run of a code suite with these verdicts, problem -> one for each program. Nothing is run:
    what `score` would have written is written here."""
    from sfr_eval.metrics.code import VERSION
    from sfr_eval.stats.pass_at_k import pass_at_k

    k = max(map(len, right.values()))
    samples = [
        Sample(
            sample_id=f"{problem}-{index}",
            suite="programs",
            query=problem,
            persona="",
            temperature=temperature,
            index=index,
            seed=0,
            status="ok",
            text=f"def f(): return {verdict}",
            prompt_tokens=1,
            completion_tokens=5,
        )
        for problem, verdicts in right.items()
        for index, verdict in enumerate(verdicts)
    ]
    results = [
        MetricResult(
            metric=f"pass_at_{of}",
            version=VERSION,
            unit="prompt",
            higher_is_better=True,
            signature={"verdicts": "faithful"},
            ceiling=1.0,
            values=[
                Value(
                    suite="programs",
                    temperature=temperature,
                    query=problem,
                    value=pass_at_k(len(verdicts), sum(verdicts), of),
                )
                for problem, verdicts in right.items()
            ],
        )
        for of in range(1, k + 1)
    ]
    about: dict[str, Any] = {
        "name": name or folder.name,
        "model": {"name": folder.name, "fingerprint": folder.name},
        "identity": {"model": folder.name, "chat_template": "tokenizer", "system_role": "error"},
        "plan": [
            {
                "suite": "programs",
                "version": "1",
                "title": "Programs",
                "prompts": len(right),
                "queries": len(right),
                "personas": [],
                "temperatures": [temperature],
                "samples": k,
            }
        ],
        "config": {"suite": ["programs"]},
        "status": "complete",
        "samples": len(samples),
        **manifest_fields,
    }
    rows = [(result.metric, value) for result in results for value in result.values]
    with RunFolder(folder) as opened:
        opened.write_manifest(Manifest.model_validate(about))
        opened.seal(samples)
        opened.write_scores(
            f"code@{VERSION}",
            pa.table(
                {
                    "metric": [metric for metric, _ in rows],
                    "suite": [value.suite for _, value in rows],
                    "temperature": [value.temperature for _, value in rows],
                    "query": [value.query for _, value in rows],
                    "persona": [value.persona for _, value in rows],
                    "sample_id": [value.sample_id for _, value in rows],
                    "value": [value.value for _, value in rows],
                    "reason": [value.reason for _, value in rows],
                }
            ),
        )
        estimates = [row for result in results for row in all_estimates(result, k, ())]
        opened.write_results(Results(estimates=tuple(estimates), signatures={}, notes={}))
    return folder
