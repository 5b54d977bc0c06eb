"""Folders of runs for the tests of the index: copies of one small run of the simulator, with other
names and numbers."""

import json
import shutil
import socket
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Results
from sfr_eval.util.lock import Owner
from tests.support.compare_data import write_world_run

VARIETY, QUALITY = "rouge_l_homogenization", "oracle_valid"
"""The headline metrics of these runs, which need no encoder."""

Value = tuple[float, float, float]

SIX: dict[int, Value] = {
    step: (value, round(value - 0.02, 2), round(value + 0.03, 2))
    for step, value in zip(
        (0, 100, 200, 400, 800, 1600), (0.2, 0.22, 0.3, 0.41, 0.44, 0.45), strict=True
    )
}
"""Step -> variety of a training that collapses; no interval is symmetric."""

GONE = Owner(pid=2**22 + 1, started="1", boot="another", host=socket.gethostname())
"""A process of this machine that has ended."""


def write_source(folder: Path) -> Path:
    """The run that the others are copies of: six queries, three personas, three temperatures."""
    return write_world_run(folder, {"cross": 0.3, "within": 0.2}, name="source", queries=6)


def copy_run(
    source: Path,
    folder: Path,
    *,
    values: Mapping[tuple[str, float], Value] | None = None,
    about: Mapping[str, Any] | None = None,
    page: bool = True,
) -> Path:
    """A run like `source`, named after its folder. `values` are (metric, temperature) -> value,
    low, high; `about` replaces fields of the manifest."""
    folder.mkdir(parents=True)
    name = "/".join(folder.parts[-2:])
    manifest = Manifest.load(source).stored()
    manifest |= {"name": name, "model": {"name": name, "fingerprint": name}}
    manifest["config"] = manifest["config"] | {"model": name}
    Manifest.model_validate(manifest | dict(about or {})).save(folder)
    results = Results.load(source).stored()
    for row in results["estimates"]:
        new = (values or {}).get((row["metric"], row["temperature"]))
        if new is not None and not row["persona"]:
            row["value"], row["low"], row["high"] = new
    Results.model_validate(results).save(folder)
    if page:
        (folder / "report.html").write_text(f"<title>{name}</title>", encoding="utf-8")
    return folder


def whole(place: Path) -> dict[str, Any]:
    """results.json as it stands."""
    loaded: dict[str, Any] = json.loads((place / "results.json").read_text(encoding="utf-8"))
    return loaded


def write_training(source: Path, folder: Path, values: Mapping[int, Value]) -> list[Path]:
    """A checkpoint for each step, whose variety at T = 1 is as given."""
    return [
        copy_run(source, folder / f"checkpoint-{step}", values={(VARIETY, 1.0): value})
        for step, value in values.items()
    ]


def change(folder: Path, **fields: object) -> None:
    """Replace fields of a run's manifest."""
    Manifest.load(folder).model_copy(update=fields).save(folder)


def owned_by(folder: Path, owner: Owner) -> None:
    """Leave the record of who took the folder's lock."""
    (folder / ".lock").write_text(json.dumps(asdict(owner)))


def write_many(source: Path, folder: Path, count: int) -> Path:
    """Runs that differ in their folder alone: run-1, run-2, ..."""
    for number in range(1, count + 1):
        run = folder / f"run-{number}"
        run.mkdir(parents=True)
        for name in ("manifest.json", "results.json"):
            shutil.copy(source / name, run)
    return folder
