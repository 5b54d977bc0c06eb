"""Whole runs of the suite `teacher` with a random model of two layers."""

import importlib.util
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sfr_eval.report.verdict import finding
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Results, SuiteResults, read_suites
from tests.support.fake_server import completion, serving

Command = Callable[..., int]


def arguments(model: Path | str, teacher: Path, output: Path, *more: str) -> Sequence[str]:
    return (
        *("run", "--suite", "teacher", "--model", str(model), "--teacher", str(teacher)),
        *("--engine", "transformers", "--output", str(output), "--samples", "3"),
        *("--max-tokens", "8", "--limit", "3", "--personas", "seafarer,poet,cook"),
        *("--metrics", "style,quality,semantic,gated,teacher", *more),
    )


def suite_of(folder: Path) -> SuiteResults:
    (suite,) = read_suites(Manifest.load(folder), Results.load(folder))
    return suite


def test_a_run_is_compared_with_its_teacher_and_resumes(
    command: Command, tiny_checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = arguments(tiny_checkpoint, tiny_checkpoint, tmp_path / "run")
    assert command(*run) == 0
    suite = suite_of(tmp_path / "run")
    assert set(suite.personas) == {"seafarer", "poet", "cook"}
    for metric in ("forward_kl", "reverse_kl", "teacher_entropy", "distinct_valid"):
        assert suite.at(metric, 1.0) is not None, metric
    for metric in ("style_accuracy", "oracle_valid", "valid_embed_distance"):
        assert suite.truth_of(metric) is not None, metric
        assert suite.paired[metric, 1.0].n == 3
    # the posterior is over the nine personas that are not held out and the tenth, which was asked
    assert suite.notes_of("style_accuracy").chance_accuracy == pytest.approx(1 / 10)
    before = (tmp_path / "run" / "results.json").read_bytes()
    assert "probabilities by tiny" in capfd.readouterr().err
    assert command(*run) == 0
    shown = capfd.readouterr().err
    assert "probabilities by" not in shown  # nothing is scored twice
    assert json.loads((tmp_path / "run" / "results.json").read_bytes()) == json.loads(before)
    assert command("score", str(tmp_path / "run"), "--metrics", "teacher,quality") == 0


def test_a_student_near_greedy_loses_variety(
    command: Command, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    cold = ("--student-sees", "card", "--temperatures", "0.1", "--teacher-replies", "2")
    assert command(*arguments(tiny_checkpoint, tiny_checkpoint, tmp_path / "run", *cold)) == 0
    suite = suite_of(tmp_path / "run")
    assert "oss of variety" in finding(suite).headline
    reference = suite.truth_of("distinct_valid")
    assert reference is not None
    assert reference.k == 3  # as many replies as the model's, though fewer were asked for


def test_the_same_model_under_the_card_has_no_divergence(
    command: Command, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    same = ("--student-sees", "card", "--metrics", "teacher")
    assert command(*arguments(tiny_checkpoint, tiny_checkpoint, tmp_path / "run", *same)) == 0
    suite = suite_of(tmp_path / "run")
    for metric in ("forward_kl", "reverse_kl"):
        estimate = suite.at(metric, 1.0)
        assert estimate is not None
        assert estimate.value == pytest.approx(0, abs=1e-4)


def test_a_filter_leaves_the_divergences_undefined(
    command: Command, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    cut = ("--top-k", "5", "--metrics", "teacher")
    assert command(*arguments(tiny_checkpoint, tiny_checkpoint, tmp_path / "run", *cut)) == 0
    row = suite_of(tmp_path / "run").estimates["forward_kl", 1.0, ""]
    assert row.value is None
    assert "top_k" in row.reason


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ((), "--suite teacher: needs --teacher MODEL"),
        (("--teacher", "world"), "--teacher world: has no weights"),
        (("--teacher", "./nowhere"), "--teacher ./nowhere: no such folder"),
        (("--teacher", "http://localhost:8000/v1"), "a server does not tell the probability"),
    ],
)
def test_what_is_wrong_is_said_first(
    command: Command,
    tiny_checkpoint: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    more: Sequence[str],
    message: str,
) -> None:
    base = ("run", "--suite", "teacher", "--model", str(tiny_checkpoint))
    assert command(*base, "--output", str(tmp_path / "run"), *more) == 2
    assert message in capfd.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_base_model_is_no_teacher(
    command: Command,
    tiny_checkpoint: Path,
    checkpoint: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (checkpoint / "chat_template.jinja").unlink()
    assert command(*arguments(tiny_checkpoint, checkpoint, tmp_path / "run")) == 2
    message = f"--teacher {checkpoint}: its tokenizer has no chat template"
    assert message in capfd.readouterr().err
    assert not (tmp_path / "run").exists()  # nothing was drawn by then


def test_a_server_is_judged_by_the_teacher_alone(
    command: Command, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    without_vllm = lambda name, *more: None if name == "vllm" else find(name, *more)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", without_vllm)
    run = arguments("fake", tiny_checkpoint, tmp_path / "run", "--metrics", "teacher,quality,style")
    with serving(lambda *_: completion("Arr, matey!")) as server:
        served = ("--engine", "openai", "--base-url", server.url)
        assert command(*run, *served) == 0
    suite = suite_of(tmp_path / "run")
    assert "weights are not here" in suite.estimates["reverse_kl", 1.0, ""].reason
    for metric in ("teacher_surprise", "oracle_valid", "style_strength", "distinct_valid"):
        assert suite.at(metric, 1.0) is not None, metric


def test_greedy_replies_beside_others_have_no_divergence(
    command: Command, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    both = ("--samples", "1", "--temperatures", "0,1", "--metrics", "teacher")
    assert command(*arguments(tiny_checkpoint, tiny_checkpoint, tmp_path / "run", *both)) == 0
    suite = suite_of(tmp_path / "run")
    assert suite.at("forward_kl", 1.0) is not None
    row = suite.estimates["forward_kl", 0.0, ""]
    assert (row.value, row.reason) == (None, "greedy decoding has no log-probabilities")
    assert suite.at("teacher_surprise", 0.0) is not None


def test_a_teacher_belongs_to_a_teacher_suite(
    command: Command, tiny_checkpoint: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = ("run", "--suite", "persona", "--model", str(tiny_checkpoint))
    assert command(*run, "--teacher", str(tiny_checkpoint)) == 2
    assert "belongs to --suite teacher" in capfd.readouterr().err
