"""pytest tests/security/test_received_runs.py: run folders that others made."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sfr_eval import cli
from sfr_eval.config import RunConfig
from sfr_eval.errors import UserError
from sfr_eval.pipeline.run import execute
from sfr_eval.pipeline.score import score
from sfr_eval.report.report import write_report
from sfr_eval.settings import CodeSettings, EngineSettings
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.util import untrusted as hostile
from tests.support.report_data import write_run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("finished") / "run").path


@pytest.fixture
def received(finished: Path, tmp_path: Path) -> Path:
    """A run folder that somebody sent, without the cache that made it."""
    folder = tmp_path / "received"
    shutil.copytree(finished, folder, ignore=shutil.ignore_patterns("cache"))
    return folder


def score_again(folder: Path) -> None:
    score(RunFolder(folder), {"metrics": ("text",)})


@pytest.mark.parametrize(
    "link", [".lock", "samples", "scores", "plots", "verdicts/persona.jsonl", "report.html", "new"]
)
def test_a_link_in_a_run_folder_is_refused_and_not_followed(
    link: str, received: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    if link in ("samples", "scores", "plots"):
        victim.mkdir()
        (victim / "kept").write_text("kept")
    else:
        victim.write_text("kept")
    place = received / link
    if place.is_dir():
        shutil.rmtree(place)
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(victim)
    with pytest.raises(UserError, match="is a symbolic link inside a run folder"):
        score_again(received)
    with pytest.raises(UserError, match="is a symbolic link inside a run folder"):
        write_report(RunFolder(received))
    content = victim / "kept" if victim.is_dir() else victim
    assert content.read_text() == "kept"
    assert [*victim.iterdir()] == [content] if victim.is_dir() else True


def test_the_lock_truncates_nothing_and_follows_nothing(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic"):
        hostile.open_for_append(tmp_path / "link")
    with hostile.open_for_append(tmp_path / "victim"):
        pass
    assert (tmp_path / "victim").read_text() == "kept"


@pytest.mark.parametrize("id", ["../../evil", "/tmp/evil", "a/../../evil"])
def test_the_plan_of_a_received_run_names_no_path(id: str, received: Path) -> None:
    for name in ("manifest.json", "results.json"):
        text = (received / name).read_text()
        (received / name).write_text(text.replace('"persona"', json.dumps(id)))
    with pytest.raises(UserError, match="is not the id of a suite"):
        write_report(RunFolder(received))
    assert not list(received.parent.rglob("*evil*"))


def test_a_received_run_does_not_bring_its_own_permissions(
    received: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lets code of others run is asked for by this command, never by the folder."""
    manifest = json.loads((received / "manifest.json").read_text())
    manifest["config"] |= {"trust_remote_code": True, "unsafe_code": True}
    (received / "manifest.json").write_text(json.dumps(manifest))
    seen: list[bool] = []

    def forward_for(*_: Any, serving: EngineSettings, **__: Any) -> None:
        seen.append(serving.trust_remote_code)

    def measure(*_: Any, code: CodeSettings, **__: Any) -> dict[str, Any]:
        seen.append(code.unsafe_code)
        raise UserError("enough")

    monkeypatch.setattr("sfr_eval.pipeline.score.forward_for", forward_for)
    monkeypatch.setattr("sfr_eval.pipeline.score.measure_and_report", measure)
    with pytest.raises(UserError, match="enough"):
        score_again(received)
    assert seen == [False, False]
    monkeypatch.setattr(
        sys, "argv", ["sfr-eval", "score", str(received), "--unsafe-code", "--trust-remote-code"]
    )
    with pytest.raises(SystemExit):
        cli.main()
    assert seen[2:] == [True, True]
    assert json.loads((received / "manifest.json").read_text()) == manifest  # the record stays


def test_a_reply_to_a_problem_that_the_suite_lacks_is_one_line(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    config = RunConfig(
        model="world:solve=0.5,spread=0.4", suite=("mbpp",), data="small", limit=2, samples=2,
        temperatures=(0.8,), metrics=("text",), output=run.path,
    )  # fmt: skip
    assert execute(config).exit_code == 0
    samples = run.sealed_samples()
    digest = run.seal([replace(samples[0], query="of another set"), *samples[1:]])
    manifest = json.loads((run.path / "manifest.json").read_text())
    (run.path / "manifest.json").write_text(json.dumps({**manifest, "sealed": digest}))
    says = r"samples\.parquet: suite mbpp has no query `of another set`; repeat the command"
    with pytest.raises(UserError, match=says):
        score_again(run.path)
