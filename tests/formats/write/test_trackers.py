"""MLflow and wandb: what is logged, when, and with their real clients where they are installed."""

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.config import load_run_config
from sfr_eval.errors import RunError, UserError
from sfr_eval.formats.write import trackers
from sfr_eval.formats.write.source import ExportSource
from sfr_eval.pipeline.run import execute
from tests.support.export_data import write_run

HAVE = {name: importlib.util.find_spec(name) is not None for name in trackers.SWITCHES}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tracked")
    return write_run(folder / "mine", folder / "cache").path


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "mine"))


def test_their_own_variables_switch_them_on_and_nothing_else() -> None:
    assert trackers.chosen(None, {}) == []
    assert trackers.chosen(None, {"WANDB_PROJECT": "p", "WANDB_API_KEY": "k"}) == ["wandb"]
    assert trackers.chosen(None, {"MLFLOW_TRACKING_URI": "", "WANDB_PROJECT": ""}) == []
    both = {"MLFLOW_TRACKING_URI": "x", "WANDB_PROJECT": "p"}
    assert trackers.chosen(None, both) == ["mlflow", "wandb"]
    assert trackers.chosen(("wandb",), both) == ["wandb"]
    assert trackers.chosen(("none",), both) == []


def test_the_setting_names_trackers() -> None:
    given = {"model": "world:", "suite": ("persona",), "track": "mlflow,wandb"}
    assert load_run_config(given, environment={}).track == ("mlflow", "wandb")
    with pytest.raises(UserError, match="track"):
        load_run_config({**given, "track": "mlfow"}, environment={})


def test_a_missing_package_is_an_error_only_where_it_was_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trackers, "_installed", lambda name: False)
    with pytest.raises(UserError, match="wandb: not installed; pip install wandb"):
        trackers.usable_trackers(("wandb",), {})
    assert trackers.usable_trackers(None, {"WANDB_PROJECT": "p"}) == []
    assert "WANDB_PROJECT is set, but wandb is not installed" in capsys.readouterr().err


def test_every_defined_number_has_a_key_of_its_own(run: Path) -> None:
    source = ExportSource.open(run)
    numbers = trackers.numbers(source)
    rows = [e for e in source.results.estimates if not e.persona and e.value is not None]
    assert len(rows) > 40
    for row in rows:
        for suffix, field in (("", "value"), ("_low", "low"), ("_high", "high")):
            key = f"persona/{row.metric}{suffix}/t{row.temperature:g}"
            assert numbers.pop(key, None) == getattr(row, field)
    assert numbers == {}


def test_parameters_stay_the_same_when_samples_are_added(run: Path) -> None:
    before = ExportSource.open(run)
    parameters, key = trackers.parameters(before), trackers.run_key(before)
    assert parameters["sampling.persona.top_p"] == "1.0"
    assert parameters["model"] == "world:cross=0.3,within=0.5"
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["plan"][0]["samples"] = 64
    (run / "manifest.json").write_text(json.dumps(manifest))
    after = ExportSource.open(run)
    assert (trackers.parameters(after), trackers.run_key(after)) == (parameters, key)
    assert trackers.tags(after)["persona.samples"] == "64"


def test_a_failing_service_does_not_stop_the_next_one(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(source: ExportSource, artifacts: bool) -> str:
        raise RunError("track=mlflow: not logged (no route)")

    monkeypatch.setattr(trackers, "_installed", lambda name: True)
    monkeypatch.setattr(trackers, "_LOG", {"mlflow": fails, "wandb": lambda *_: "wandb: seen"})
    done, trouble = trackers.track_run(run, ["mlflow", "wandb"], artifacts=True)
    assert done == ["wandb: seen"]
    assert trouble == [
        f"track=mlflow: not logged (no route); to try again: sfr-eval export {run} --format mlflow"
    ]


def test_a_run_whose_tracker_fails_ends_with_3_and_all_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(source: ExportSource, artifacts: bool) -> str:
        raise RunError("track=mlflow: not logged (no route)")

    seen: list[bool] = []

    def sees(source: ExportSource, artifacts: bool) -> str:
        seen.append(artifacts)
        return "mlflow: seen"

    settings = {
        "model": "world:",
        "suite": ("persona",),
        "personas": ("pirate", "butler"),
        "temperatures": (1.0,),
        "samples": 2,
        "limit": 1,
        "metrics": ("text",),
        "track": "mlflow",
        "track_artifacts": False,
        "output": tmp_path / "run",
    }
    config = load_run_config(settings, environment={})
    monkeypatch.setattr(trackers, "_installed", lambda name: True)
    monkeypatch.setattr(trackers, "_LOG", {"mlflow": fails})
    outcome = execute(config)
    assert outcome.exit_code == 3
    assert outcome.report is not None
    assert outcome.report.exists()
    assert "not logged (no route); to try again: sfr-eval export" in outcome.lines[-1]
    monkeypatch.setattr(trackers, "_LOG", {"mlflow": sees})
    outcome = execute(config)
    assert (outcome.exit_code, outcome.lines[-1], seen) == (0, "mlflow: seen", [False])


@pytest.mark.skipif(not HAVE["mlflow"], reason="mlflow is not installed (requirements/peers.txt)")
@pytest.mark.parametrize("artifacts", [True, False])
def test_mlflow_holds_the_numbers_once(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, artifacts: bool
) -> None:
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    for _ in range(2):  # a run is updated, not added again
        line = trackers.log_run(run, "mlflow", artifacts=artifacts)
    assert line.startswith("mlflow: experiment sfr-eval, run ")
    client = MlflowClient()
    experiment = client.get_experiment_by_name("sfr-eval")
    assert experiment is not None
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED"
    assert found.data.metrics == trackers.numbers(ExportSource.open(run))
    assert found.data.params == trackers.parameters(ExportSource.open(run))
    files = {file.path for file in client.list_artifacts(found.info.run_id)}
    assert files == ({"results.json", "manifest.json"} if artifacts else set())


@pytest.mark.skipif(not HAVE["wandb"], reason="wandb is not installed (requirements/peers.txt)")
def test_wandb_offline_keeps_summary_table_and_artifact(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    import wandb

    line = trackers.log_run(run, "wandb", artifacts=True)
    wandb.teardown()  # its service writes the file when it ends
    assert line.startswith("wandb: offline in ")
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    (log,) = folder.glob("run-*.wandb")
    content = log.read_bytes()
    for needle in (b"persona/distinct_2_low/t0.7", b"fingerprint", b"sfr-eval-run"):
        assert needle in content
    tables: list[Any] = list(folder.rglob("*.table.json"))
    (table,) = [json.loads(file.read_text()) for file in tables]
    assert len(table["data"]) == len(ExportSource.open(run).results.estimates)
