"""A small scored run for the tests of the report: real samples and numbers of the world, and made
up ones for what would need the sentence encoder."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sfr_eval.pipeline.measure import measure
from sfr_eval.plan import make_plan
from sfr_eval.samplers.world import WorldSampler
from sfr_eval.settings import ScoreSettings
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Results
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.suite import Suite, load_suite
from sfr_eval.types import Estimate, Sample
from tests.support.kept import copied, kept_cache

PERSONAS = ("pirate", "sergeant", "butler")
TEMPERATURES = (0.4, 1.0, 1.6)


def estimate(
    metric: str,
    value: float | None,
    half: float | None = 0.01,
    *,
    temperature: float = 1.0,
    persona: str = "",
) -> Estimate:
    bounded = value is not None and half is not None
    return Estimate(
        metric=metric,
        version="1",
        suite="persona",
        temperature=temperature,
        persona=persona,
        value=value,
        low=value - half if bounded else None,  # type: ignore[operator]
        high=value + half if bounded else None,  # type: ignore[operator]
        method="t",
        n=5,
        k=2,
        undefined=0,
        higher_is_better=True,
        reason="" if value is not None else "no reply with text",
    )


def small_suite() -> Suite:
    whole = load_suite("persona", personas=PERSONAS)
    return replace(whole, queries=dict(list(whole.queries.items())[:5]))


def draw(suite: Suite) -> list[Sample]:
    plan = make_plan(
        [suite],
        subject={},
        samples=2,
        temperatures=TEMPERATURES,
        max_tokens=None,
        limit=None,
        seed=0,
    )
    return list(WorldSampler([suite], dials={"cross": 0.3, "within": 0.5}).sample(plan.requests()))


def manifest(suite: Suite, samples: int) -> Manifest:
    stored = {
        "name": "world:cross=0.3,within=0.5",
        "world": "persona",
        "plan": [
            {
                "suite": suite.id,
                "version": suite.version,
                "title": suite.spec.title,
                "prompts": 15,
                "queries": 5,
                "personas": [{"id": c.id, "name": c.name} for c in suite.personas.values()],
                "temperatures": list(TEMPERATURES),
                "samples": 2,
            }
        ],
        "config": {"suite": ["persona"], "limit": None},
        "determinism": "bitwise",
        "status": "complete",
        "samples": samples,
    }
    return Manifest.model_validate(stored)


def write_run(folder: Path, *, samples: list[Sample] | None = None) -> RunFolder:
    if samples is None:
        copied("report", folder, lambda place: _make_run(place, samples=None))
    else:
        _make_run(folder, samples=samples)
    return RunFolder(folder)


def _make_run(folder: Path, *, samples: list[Sample] | None) -> None:
    suite = small_suite()
    rows = draw(suite) if samples is None else samples
    with RunFolder(folder) as opened:
        about = manifest(suite, len(rows))
        opened.write_manifest(about)
        opened.seal(rows)
        results = measure(
            rows,
            [suite],
            folder=opened,
            manifest=about,
            settings=ScoreSettings(metrics=("lexical", "text", "quality")),
            cache=kept_cache(),
        )
        opened.write_results(Results.model_validate(with_embeddings(results.stored())))


def with_embeddings(results: dict[str, Any]) -> dict[str, Any]:
    """Add numbers such as the semantic and style families would give."""
    made = {"style_strength": 0.6, "style_accuracy": 0.7, "embed_distance": 0.3}
    for number, t in enumerate(TEMPERATURES):
        for metric, value in made.items():
            for persona in ("", *PERSONAS):
                shifted = value + 0.0123 * number
                results["estimates"].append(
                    asdict(estimate(metric, shifted, 0.02, temperature=t, persona=persona))
                )
        cells = [[1.0 if i == j else 0.5 + 0.01 * number for i in range(3)] for j in range(3)]
        results["similarity"].setdefault("persona", {})[f"{t:g}"] = {
            "personas": list(PERSONAS),
            "matrix": cells,
        }
    for metric, value in {**made, "style_accuracy": 0.9}.items():
        results["truth"]["persona"].append(asdict(estimate(metric, value, 0.02)))
    results["notes"]["style_accuracy"] = {
        "persona": {"labelled": "a test", "held_out_accuracy": 0.85, "chance_accuracy": 0.33}
    }
    return results
