"""A small scored run that holds a reply of every status, for tests of export, import and API."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from sfr_eval.config import load_run_config
from sfr_eval.pipeline.measure import measure
from sfr_eval.pipeline.preflight import preflight
from sfr_eval.plan import describe_plan
from sfr_eval.samplers.world import WorldSampler
from sfr_eval.settings import ScoreSettings
from sfr_eval.store.manifest import Identity, Manifest, ModelFacts, StoredConfig
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.types import Sample

MODEL = "world:cross=0.3,within=0.5"
PERSONAS = ("pirate", "butler")
TEMPERATURES = (0.7, 1.0)
QUERIES, K = 4, 3


def spoiled(samples: list[Sample]) -> list[Sample]:
    """With one refused, one failed, one unsupported and one cut reply."""
    changes: dict[int, dict[str, Any]] = {
        1: {"status": "refused", "text": ""},
        8: {"status": "error", "text": "", "error": "HTTP 500: lost"},
        14: {"status": "unsupported", "text": "", "error": "min_p is not supported"},
        20: {"status": "truncated"},
    }
    return [replace(s, **changes.get(number, {})) for number, s in enumerate(samples)]


def write_run(folder: Path, cache: Path, *, spoil: bool = True) -> RunFolder:
    """The folder as `sfr-eval run` leaves it, without report and plots."""
    settings = {
        "model": MODEL,
        "suite": ("persona",),
        "personas": PERSONAS,
        "temperatures": TEMPERATURES,
        "samples": K,
        "limit": QUERIES,
        "metrics": ("text", "lexical", "quality"),
    }
    config = load_run_config(settings, environment={})
    ready = preflight(config)
    subject, suites, plan = ready.subject, ready.suites, ready.plan
    samples = list(WorldSampler(suites, dials=subject.checkpoint.dials).sample(plan.requests()))
    samples = spoiled(samples) if spoil else samples
    fingerprint = subject.checkpoint.fingerprint
    manifest = Manifest(
        name=MODEL,
        model=ModelFacts(name=MODEL, kind="world", fingerprint=fingerprint, folder=None),
        world="persona",
        identity=Identity.model_validate(plan.identity),
        plan=describe_plan(plan),
        config=StoredConfig.model_validate(config.flat()),
        determinism="bitwise",
        versions={},
        platform="test",
        status="complete",
        samples=len(samples),
    )
    with RunFolder(folder) as opened:
        opened.write_manifest(manifest)
        opened.seal(samples)
        opened.write_results(
            measure(
                samples,
                suites,
                folder=opened,
                manifest=manifest,
                settings=ScoreSettings(metrics=config.score.metrics),
                cache=cache,
            )
        )
    return RunFolder(folder)
