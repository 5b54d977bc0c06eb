"""pytest tests/pipeline/test_run.py"""

import os
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.config import FIELDS
from sfr_eval.errors import UserError
from sfr_eval.pipeline import run as module
from sfr_eval.pipeline.run import Outcome, execute
from sfr_eval.samplers.world import WorldSampler
from sfr_eval.settings import ScoreSettings
from sfr_eval.store.run_folder import RunFolder
from tests.support.small_runs import PROMPTS, config, manifest, sealed

pytestmark = pytest.mark.usefixtures("no_scoring")


def test_the_second_run_draws_nothing_and_seals_equal_bytes(
    tmp_path: Path, drawn: list[str]
) -> None:
    first = execute(config(tmp_path / "run"))
    assert (first.exit_code, len(drawn)) == (0, 2 * PROMPTS)
    before = sealed(tmp_path / "run")
    again = execute(config(tmp_path / "run"))
    assert (again.exit_code, len(drawn)) == (0, 2 * PROMPTS)
    assert sealed(tmp_path / "run") == before
    # What the engine said of itself is not forgotten by a run that needs no engine.
    assert manifest(tmp_path / "run")["sampler"]["engine"] == "world"


def test_two_folders_of_one_plan_have_equal_samples(tmp_path: Path) -> None:
    execute(config(tmp_path / "a"))
    execute(config(tmp_path / "b"))
    assert sealed(tmp_path / "a") == sealed(tmp_path / "b")


def test_raising_the_samples_draws_only_the_new_ones(
    tmp_path: Path, drawn: list[str], truth: bytes
) -> None:
    execute(config(tmp_path / "run", samples=2))
    few = set(drawn)
    execute(config(tmp_path / "run", samples=4))
    assert len(drawn) == len(set(drawn)) == 4 * PROMPTS  # K to 2K: exactly K more, none twice
    assert few < set(drawn)
    assert sealed(tmp_path / "run") == truth


def test_fewer_samples_and_more_again_lose_nothing(
    tmp_path: Path, drawn: list[str], truth: bytes
) -> None:
    execute(config(tmp_path / "run", samples=4))
    execute(config(tmp_path / "run", samples=2))
    assert len(RunFolder(tmp_path / "run").sealed_samples()) == 2 * PROMPTS
    execute(config(tmp_path / "run", samples=4))
    assert len(drawn) == 4 * PROMPTS
    assert sealed(tmp_path / "run") == truth


def test_temperatures_and_queries_may_grow_too(
    tmp_path: Path, drawn: list[str], truth: bytes
) -> None:
    execute(config(tmp_path / "run", samples=4, temperatures=(1.0,), limit=1))
    assert len(drawn) == 4 * PROMPTS / 4
    execute(config(tmp_path / "run", samples=4))
    assert len(drawn) == 4 * PROMPTS
    assert sealed(tmp_path / "run") == truth


def test_every_prompt_has_exactly_its_share_of_rows(tmp_path: Path) -> None:
    execute(config(tmp_path / "run", samples=3))
    cells: dict[tuple[object, ...], list[int]] = {}
    for row in RunFolder(tmp_path / "run").sealed_samples():
        cells.setdefault((row.query, row.persona, row.temperature), []).append(row.index)
    assert len(cells) == PROMPTS
    assert all(indices == [0, 1, 2] for indices in cells.values())


def test_an_engine_that_refuses_to_start_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise UserError("--model m: vLLM cannot load it")

    monkeypatch.setattr(WorldSampler, "__init__", refuse)
    with pytest.raises(UserError, match="cannot load it"):
        execute(config(tmp_path / "new" / "run"))
    assert list(tmp_path.iterdir()) == []


def test_a_second_run_in_one_folder_is_refused_harmlessly(tmp_path: Path) -> None:
    execute(config(tmp_path / "run"))
    before = manifest(tmp_path / "run")
    with (
        RunFolder(tmp_path / "run"),
        pytest.raises(UserError, match="another sfr-eval is writing here"),
    ):
        execute(config(tmp_path / "run", samples=4))
    assert manifest(tmp_path / "run") == before


def test_a_limited_run_is_partial_and_a_full_one_complete(
    tmp_path: Path, copied_assets: Any
) -> None:
    suite = copied_assets()
    topics = suite / "topics.yaml"
    execute(config(tmp_path / "limited"))
    assert manifest(tmp_path / "limited")["status"] == "partial"
    assert topics.is_file()
    whole = config(
        tmp_path / "whole", samples=1, limit=None, personas=("pirate",), temperatures=(1.0,)
    )
    assert execute(whole).exit_code == 0
    assert manifest(tmp_path / "whole")["status"] == "complete"
    assert manifest(tmp_path / "whole")["samples"] == 148


def test_the_manifest_has_every_setting_and_sampling_field(tmp_path: Path) -> None:
    execute(config(tmp_path / "run"))
    kept = manifest(tmp_path / "run")
    assert kept["config"].keys() == FIELDS.keys()
    assert kept["identity"]["sampling"]["persona"] == {
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "repetition_penalty": 1.0,
        "max_tokens": 96,
        "stop": [],
    }
    assert kept["determinism"] == "bitwise"
    assert kept["identity"]["model"].startswith("world:cross=0.3")


def test_without_output_the_folder_is_named_after_model_and_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = execute(config(None)).folder
    assert first.parent == Path("runs")
    assert first.name.startswith("world-cross=0.3-")
    assert execute(config(None, samples=4)).folder == first  # it resumes
    assert execute(config(None, seed=1)).folder != first


@pytest.mark.usefixtures("scored")
def test_a_run_ends_in_results_and_a_report(tmp_path: Path) -> None:
    outcome: Outcome = execute(config(tmp_path / "run", metrics=("text",)))
    assert outcome.report is not None
    assert outcome.report.is_file()
    assert str(outcome.report.resolve()) in outcome.lines[-1]
    results = RunFolder(tmp_path / "run").read_results().stored()
    assert {row["metric"] for row in results["estimates"]} >= {"length", "duplicate_rate"}
    before = (tmp_path / "run" / "results.json").read_bytes()
    execute(config(tmp_path / "run", metrics=("text",)))
    assert (tmp_path / "run" / "results.json").read_bytes() == before


@pytest.mark.usefixtures("scored")
def test_an_up_to_date_report_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is not as the report has it is measured."""
    settings = config(tmp_path / "run", score=ScoreSettings(metrics=("text",)))
    first = execute(settings)
    folder, measured = first.folder, []

    def measure(*_: Any, folder: RunFolder, **__: Any) -> Path:
        measured.append(folder)
        return folder.path / "report.html"

    monkeypatch.setattr(module, "measure_and_report", measure)
    again = execute(settings, measure_again=False)
    assert (again, measured) == (first, [])
    execute(settings)
    assert len(measured) == 1
    (scores,) = (folder / "scores").glob("text@*.parquet")
    older = scores.rename(scores.with_name("text@0.parquet"))
    execute(settings, measure_again=False)
    assert len(measured) == 2
    older.rename(scores)
    os.utime(folder / "report.html", (0, 0))  # of the measurement before
    execute(settings, measure_again=False)
    assert len(measured) == 3
    os.utime(folder / "report.html")
    assert execute(settings, measure_again=False) == first
    execute(config(folder, samples=3, score=settings.score), measure_again=False)
    assert len(measured) == 4
