"""pytest tests/pipeline/test_template_run.py: runs with and without chat templates, end to end."""

import json
import shutil
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.comparison.compare import compare_runs
from sfr_eval.config import load_run_config
from sfr_eval.errors import UserError
from sfr_eval.pipeline.preflight import preflight
from sfr_eval.pipeline.run import execute
from sfr_eval.pipeline.score import score
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.run_folder import RunFolder
from tests.support.tiny_models import tiny_model, without_template

pytestmark = pytest.mark.model

SUITE = """\
id: mine
version: "1"
title: Mine
queries: queries.jsonl
temperatures: [1.0]
samples: 4
max_tokens: 6
metrics: [text, lexical]
"""
DATED = (
    "{{ '<|im_start|>system\\nToday is ' + strftime_now('%d %b %Y %H:%M:%S') + '<|im_end|>\\n' }}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class Later(datetime):
    """A clock on another day."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Later":
        return cls(2040, 12, 31, 23, 59, 58)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite of one's own, without personas, which a test may change."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "suite.yaml").write_text(SUITE)
    rows = [{"id": f"q{i}", "text": text} for i, text in enumerate(("Tea or coffee?", "Why?"))]
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def run(model: Path, suite: Path, output: Path, **settings: Any) -> Path:
    given = {"model": str(model), "suite": str(suite), "engine": "transformers"}
    outcome = execute(load_run_config({**given, "output": output, **settings}, environment={}))
    assert outcome.exit_code == 0, outcome.lines
    return output


def texts(folder: Path) -> dict[str, str]:
    return {s.sample_id: s.text for s in RunFolder(folder).sealed_samples()}


def digest(model: Path, suite: Path, **settings: Any) -> str:
    given = {"model": str(model), "suite": str(suite), "engine": "transformers"}
    return preflight(load_run_config({**given, **settings}, environment={})).plan.digest


def test_settings_that_are_not_given_leave_ids_as_they_were(
    tiny_checkpoint: Path, suite: Path
) -> None:
    given = {"model": str(tiny_checkpoint), "suite": str(suite), "engine": "transformers"}
    identity = preflight(load_run_config(given, environment={})).plan.identity
    about = {"model", "engine", "dtype", "system_role", "chat_template"}
    assert set(identity) == about | {"suites", "sampling", "seed"}
    assert identity["chat_template"] == "tokenizer"


def test_one_template_is_one_identity_wherever_it_is_read(
    tiny_checkpoint: Path, suite: Path, tmp_path: Path
) -> None:
    own = (tiny_checkpoint / "chat_template.jinja").read_text()
    (tmp_path / "same.jinja").write_text(own + "\n")  # as an editor saves it
    (tmp_path / "other.jinja").write_text(own + " ")
    model = digest(tiny_checkpoint, suite)
    for source in (tmp_path / "same.jinja", tiny_checkpoint):
        assert digest(tiny_checkpoint, suite, chat_template=str(source)) == model
    others = {
        digest(tiny_checkpoint, suite, chat_template=str(tmp_path / "other.jinja")),
        digest(tiny_checkpoint, suite, chat_template_kwargs={"x": 1}),
        digest(tiny_checkpoint, suite, chat_template_kwargs={"x": 2}),
        digest(tiny_checkpoint, suite, prompt_format="completion"),
    }
    assert len(others | {model}) == 5
    for nothing in ({"chat_template_kwargs": {}}, {"prompt_format": "chat"}):
        assert digest(tiny_checkpoint, suite, **nothing) == model
    assert digest(tiny_checkpoint, suite, template_date="2020-01-01") == model  # it reads no clock


def test_a_run_of_before_is_resumed(tiny_checkpoint: Path, suite: Path, tmp_path: Path) -> None:
    """Older manifests hold neither the new settings nor the hash of a prompt."""
    folder = run(tiny_checkpoint, suite, tmp_path / "run")
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text())
    for name in ("chat_template_kwargs", "template_date", "prompt_format"):
        manifest["config"].pop(name)
    del manifest["rendered"]
    file.write_text(json.dumps(manifest))
    before = texts(folder)
    run(tiny_checkpoint, suite, folder, samples=6)
    assert before.items() <= texts(folder).items()
    assert len(texts(folder)) == 12


def test_the_same_command_on_another_day_asks_the_same(
    checkpoint: Path, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkpoint / "chat_template.jinja").write_text(DATED)
    first = run(checkpoint, suite, tmp_path / "first")
    monkeypatch.setattr("transformers.utils.chat_template_utils.datetime", Later)
    again = run(checkpoint, suite, tmp_path / "again")
    assert texts(first) == texts(again)
    assert Manifest.load(first).identity.template_date == "2026-01-01"
    assert run(checkpoint, suite, first, samples=5)
    with pytest.raises(UserError, match="template_date: 2026-01-01 there, 2027-05-06 here"):
        run(checkpoint, suite, first, template_date="2027-05-06")
    other = run(checkpoint, suite, tmp_path / "other", template_date="2027-05-06")
    assert not texts(first).keys() & texts(other).keys()
    lines = compare_runs(again, other).pairs[0].warnings
    assert any("date in the chat template differs: 2026-01-01 in" in line for line in lines)


def test_a_prompt_that_has_changed_stops_a_resume(
    tiny_checkpoint: Path, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the cause: here a tokenizer whose own Python code would read a clock."""
    from sfr_eval.models.prompting import Prompter

    folder = run(tiny_checkpoint, suite, tmp_path / "run")
    before = texts(folder)
    render = Prompter._render
    monkeypatch.setattr(Prompter, "_render", lambda *a, **k: "Monday\n" + render(*a, **k))
    run(tiny_checkpoint, suite, folder)  # nothing to draw
    with pytest.raises(UserError, match="prompt q0 is not what it was in the earlier session"):
        run(tiny_checkpoint, suite, folder, samples=6)
    monkeypatch.undo()
    assert texts(run(tiny_checkpoint, suite, folder)) == before


def test_base_against_tuned_in_two_plain_commands(
    tiny_checkpoint: Path, suite: Path, tmp_path: Path
) -> None:
    base = without_template(tiny_checkpoint, tmp_path / "base")
    tuned = run(tiny_checkpoint, suite, tmp_path / "tuned")
    with pytest.raises(UserError, match="no chat template, as base models have none; give"):
        run(base, suite, tmp_path / "refused")
    bare = run(base, suite, tmp_path / "bare", prompt_format="completion")
    (pair,) = compare_runs(bare, tuned).pairs
    assert any("prompt format differs: completion in" in line for line in pair.warnings)
    advice = f"run base again with --chat-template {tiny_checkpoint}"
    assert any(advice in line for line in pair.notes)
    alike = run(base, suite, tmp_path / "alike", chat_template=str(tiny_checkpoint))
    (pair,) = compare_runs(alike, tuned).pairs
    lines = (*pair.warnings, *pair.notes)
    assert not any("template" in line or "prompt format" in line for line in lines)
    assert list(texts(alike).values()) == list(texts(tuned).values())  # equal weights, too


def test_a_suite_may_ask_for_completions(
    tiny_checkpoint: Path, suite: Path, tmp_path: Path
) -> None:
    (suite / "suite.yaml").write_text(SUITE + "prompt_format: completion\n")
    folder = run(tiny_checkpoint, suite, tmp_path / "run")
    manifest = Manifest.load(folder)
    assert manifest.identity.prompt_format == manifest.config.stored()["prompt_format"]
    assert manifest.identity.chat_template == "none"
    asked = tmp_path / "asked"
    other = run(tiny_checkpoint, suite, asked, prompt_format="chat")
    assert not texts(folder).keys() & texts(other).keys()
    given = {"model": "m", "suite": ("persona", str(suite)), "engine": "transformers"}
    with pytest.raises(UserError, match="mine asks for --prompt-format completion and persona for"):
        preflight(load_run_config(given, environment={}))
    assert score(RunFolder(folder), {"metrics": ("tokens",)})  # reads the same prompts


def test_a_template_and_completions_exclude_each_other(tiny_checkpoint: Path, suite: Path) -> None:
    for name, value in (("chat_template", "x.jinja"), ("chat_template_kwargs", {"a": 1})):
        with pytest.raises(UserError, match="--prompt-format completion has no chat template"):
            digest(tiny_checkpoint, suite, prompt_format="completion", **{name: value})


def test_a_typing_error_in_a_suite_is_found_first_and_mending_keeps_draws(
    tiny_checkpoint: Path, suite: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    file = suite / "suite.yaml"
    file.write_text(SUITE.replace("lexical", "lexcial"))
    with pytest.raises(UserError, match=r"suite\.yaml: metrics: lexcial: .*`lexical`"):
        run(tiny_checkpoint, suite, folder)
    assert not folder.exists()
    file.write_text(SUITE)
    before = texts(run(tiny_checkpoint, suite, folder))
    mended = SUITE.replace("[text, lexical]", "[text]").replace("Mine", "Ours")
    file.write_text(mended.replace("samples: 4", "samples: 5"))
    after = texts(run(tiny_checkpoint, suite, folder))
    assert before.items() <= after.items()
    assert len(after) == 10
    assert score(RunFolder(folder), {})  # with the suite as it is now


@pytest.mark.parametrize("kind", ["gpt2", "gemma3", "opt", "phi3", "mamba", "small_heads"])
def test_other_architectures_run_with_transformers(
    kind: str, tiny_checkpoint: Path, suite: Path, tmp_path: Path
) -> None:
    model = tiny_model(kind, tmp_path / kind, tokenizer=tiny_checkpoint)
    assert len(set(texts(run(model, suite, tmp_path / "run")).values())) > 1


@pytest.mark.parametrize("kind", ["t5", "bert", "headless"])
@pytest.mark.parametrize("engine", ["auto", "transformers"])
def test_models_that_no_engine_serves_end_in_one_line(
    kind: str, engine: str, tiny_checkpoint: Path, suite: Path, tmp_path: Path
) -> None:
    model = tiny_model(kind, tmp_path / kind, tokenizer=tiny_checkpoint)
    with pytest.raises(UserError, match="only decoders that continue text") as caught:
        preflight(
            load_run_config(
                {"model": str(model), "suite": str(suite), "engine": engine}, environment={}
            )
        )
    assert "\n" not in str(caught.value)


def test_weights_that_are_missing_are_not_made_up(
    checkpoint: Path, suite: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    file = checkpoint / "model.safetensors"
    tensors = load_file(file)
    gone = next(name for name in tensors if "layers.1" in name)
    save_file({n: t for n, t in tensors.items() if n != gone}, file, metadata={"format": "pt"})
    with pytest.raises(UserError, match=f"lack 1 tensor .{gone}"):
        run(checkpoint, suite, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_manifest_of_a_copy_names_another_template(
    checkpoint: Path, suite: Path, tmp_path: Path
) -> None:
    """An adapter or a copy with an edited template is another model by its fingerprint."""
    twin = Path(shutil.copytree(checkpoint, tmp_path / "twin"))
    (twin / "chat_template.jinja").write_text(DATED)
    assert digest(twin, suite) != digest(checkpoint, suite)


def test_imported_replies_of_a_base_model_are_read_after_their_prompts(
    tiny_checkpoint: Path, suite: Path, tmp_path: Path
) -> None:
    from sfr_eval import api

    base = without_template(tiny_checkpoint, tmp_path / "base")
    rows = [{"query": q, "text": f"Tea {i}"} for q in ("q0", "q1") for i in range(3)]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    how: dict[str, Any] = {"suite": str(suite), "metrics": "tokens", "model": str(base)}
    with pytest.raises(UserError, match="give --prompt-format completion"):
        api.score(file, output=tmp_path / "refused", **how)
    scored = api.score(file, output=tmp_path / "out", prompt_format="completion", **how)
    assert len(scored.scores("token_logprob")) > 0
    own = run(base, suite, tmp_path / "own", prompt_format="completion")
    with pytest.raises(UserError, match="--prompt-format belongs to imported generations"):
        api.score(own, prompt_format="chat")
