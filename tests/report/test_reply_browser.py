"""pytest tests/report/test_reply_browser.py"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sfr_eval.report.reply_browser import browser, browser_over_runs, map_file
from sfr_eval.report.report import write_report
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Results, read_suites
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.types import Sample
from tests.report.test_reply_map import SIGNATURE, keep
from tests.support.report_data import write_run


def with_signature(folder: RunFolder, signature: dict[str, str]) -> Results:
    results = folder.read_results()
    results = results.model_copy(
        update={"signatures": {**results.signatures, "embed_distance": signature}}
    )
    folder.write_results(results)
    return results


def embed(samples: Sequence[Sample], cache: Path) -> None:
    draw = np.random.default_rng(0)
    keep(cache, {text: list(draw.normal(size=6)) for text in {s.text for s in samples}})


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / "run")


def made(folder: RunFolder, cache: Path) -> dict[str, Any]:
    manifest, results = Manifest.load(folder.path), folder.read_results()
    return browser(
        folder.path,
        read_suites(manifest, results)[0],
        folder.sealed_samples(),
        manifest=manifest,
        results=results,
        repeated=[],
        suites=1,
        cache=cache,
    )


def test_a_report_draws_the_map_of_what_is_embedded_and_draws_it_again_elsewhere(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("SFR_EVAL_CACHE", str(cache))
    write_report(folder)
    assert not map_file(folder.path, "persona").exists()
    assert made(folder, cache)["map"] is None
    embed(folder.sealed_samples(), cache)
    with_signature(folder, SIGNATURE)
    page = write_report(folder, images=True).read_text()
    assert 'data-view="map"' in page
    assert 'href="plots/persona-reply_map.png"' in page
    assert map_file(folder.path, "persona").with_suffix(".png").exists()
    monkeypatch.setenv("SFR_EVAL_CACHE", str(tmp_path / "another machine"))
    assert write_report(folder, images=True).read_text() == page


def test_prompts_are_sorted_by_the_quality_that_was_scored(folder: RunFolder) -> None:
    found = made(folder, folder.path / "cache")
    assert [order.id for order in found["orders"]] == ["repetition", "variety", "quality"]
    assert found["orders"][2].name == "lowest quality first (valid replies)"
    data = json.loads(found["data"])
    values = [data["prompts"][key]["quality"] for key in data["orders"]["quality"]]
    assert values == sorted(values)


def test_runs_share_a_map_only_if_they_were_embedded_alike(
    folder: RunFolder, tmp_path: Path
) -> None:
    other = write_run(tmp_path / "other")
    cache = tmp_path / "cache"
    embed(folder.sealed_samples(), cache)
    folders = {"one": folder.path, "two": other.path}
    manifest = Manifest.load(folder.path)

    def found() -> dict[str, Any]:
        return browser_over_runs(
            folders,
            {name: RunFolder(path).sealed_samples() for name, path in folders.items()},
            read_suites(manifest, folder.read_results())[0],
            queries={},
            suites=1,
            cache=cache,
        )

    with_signature(folder, SIGNATURE)
    with_signature(other, SIGNATURE | {"encoder_backend": "onnx"})
    assert found()["map"] is None
    with_signature(other, SIGNATURE)
    assert found()["map"] is not None
    ids = ["repetition", "variety", "quality", "disagreement", "gap"]
    assert [order.id for order in found()["orders"]] == ids
