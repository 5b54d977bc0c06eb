"""Small runs of the world, and what lies in their folders."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.config import RunConfig
from sfr_eval.samplers.world import WorldSampler
from sfr_eval.types import Request, Sample

PERSONAS, QUERIES, TEMPERATURES = ("pirate", "butler"), 2, (0.7, 1.0)
PROMPTS = len(PERSONAS) * QUERIES * len(TEMPERATURES)


def config(output: Path | None, *, samples: int = 2, **changes: Any) -> RunConfig:
    fields: dict[str, Any] = {
        "model": "world:cross=0.3",
        "suite": ("persona",),
        "personas": PERSONAS,
        "limit": QUERIES,
        "temperatures": TEMPERATURES,
        "output": output,
        "samples": samples,
    }
    return RunConfig(**{**fields, **changes})


def sealed(folder: Path) -> bytes:
    return (folder / "samples.parquet").read_bytes()


def manifest(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return loaded


def rows(folder: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in (folder / "samples").glob("*.jsonl"))


def stop_after(monkeypatch: pytest.MonkeyPatch, count: int, error: BaseException) -> None:
    """The sampler answers `count` requests and then ends in `error`."""
    whole = WorldSampler.sample

    def sample(self: WorldSampler, requests: Iterable[Request]) -> Iterator[Sample]:
        for number, row in enumerate(whole(self, requests)):
            if number == count:
                raise error
            yield row

    monkeypatch.setattr(WorldSampler, "sample", sample)
