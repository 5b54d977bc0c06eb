"""Mistakes of a user, through the command: one line, the exit code, and no files left behind."""

import json
import multiprocessing
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sfr_eval import cli

ASK, SAY = {"role": "user", "content": "?"}, {"role": "assistant", "content": "Yes."}
LONG = "I would start with the oven and then look at the bread every ten minutes or so."
GOOD = [{"prompt": f"Question {i}?", "completion": f"{LONG} {i}"} for i in range(12)]
SHORT = [{"prompt": "Bread?", "completion": "Yes."}] * 4


def job_file(folder: Path, checkpoint: Path, rows: list[Any], **values: Any) -> Path:
    folder.mkdir(exist_ok=True)
    chats, cards = folder / "chats.jsonl", folder / "cards.yaml"
    chats.write_text("".join(json.dumps(row) + "\n" for row in rows))
    cards.write_text(yaml.safe_dump([{"id": "pirate", "name": "Brine", "system": "Arr."}]))
    job = {
        "name": "tiny",
        "model": str(checkpoint),
        "output": str(folder / "out"),
        "data": {"file": str(chats), "personas": str(cards)},
        "objective": {"name": "sfr", "width": 32},
        "targets": {"k": 8, "stride": 4, "minimum": 2},
        **values,
    }
    training = {"max_steps": 2, "per_device_train_batch_size": 4, "use_cpu": True}
    job["training"] = {**training, "disable_tqdm": True, **values.get("training", {})}
    file = folder / "job.yaml"
    file.write_text(yaml.safe_dump(job))
    return file


def train(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run `sfr-eval train` and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["sfr-eval", "train", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


PROGRESS = ("checking rows", "writing rows", "tokenize", "reading targets", "planning targets")
"""Lines that a slow machine prints before the message."""


def files_of(folder: Path, pattern: str) -> list[Path]:
    return [file for file in folder.glob(pattern) if file.is_file()]


CASES: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "no assistant turn": ([{"messages": [ASK]}], {}, "chats.jsonl:1: has no assistant turn"),
    "empty replies": (
        [{"messages": [ASK, {**SAY, "content": ""}]}] * 4,
        {},
        "none of 4 rows has 2 reply tokens after an anchor",
    ),
    "no card for the persona": (
        [{"messages": [ASK, SAY], "persona": "pirat"}],
        {},
        "persona `pirat` has no card in",
    ),
    "no reply is long enough": (SHORT, {"targets": {"k": 200}}, "none of 4 rows has 16 reply"),
    "encoder not there": (
        GOOD,
        {"targets": {"encoder": "nobody/no-such-encoder"}},
        "targets.encoder nobody/no-such-encoder: ",
    ),
    "k": (GOOD, {"targets": {"k": 0}}, "targets.k: must be at least 1"),
    "stride": (GOOD, {"targets": {"stride": 0}}, "targets.stride: must be at least 1"),
    "objective": (GOOD, {"objective": "sffr"}, "objective sffr: unknown; did you mean `sfr`?"),
    "section": (GOOD, {"schedul": {}}, "schedul: unknown field; did you mean `schedule`?"),
    "key of a section": (
        GOOD,
        {"schedule": {"weigth": 1}},
        "schedule.weigth: unknown field; did you mean `weight`?",
    ),
    "key of an optional section": (
        GOOD,
        {"evaluation": {"sample": 4}},
        "evaluation.sample: unknown field; did you mean `samples`?",
    ),
    "key of SFTConfig": (
        GOOD,
        {"training": {"learning_rat": 1}},
        "training: learning_rat: unknown field; did you mean `learning_rate`?",
    ),
    "learning rate below zero": (
        GOOD,
        {"training": {"learning_rate": -1}},
        "training.learning_rate: -1; give a number above 0",
    ),
    "learning rate that YAML reads as text": (
        GOOD,
        {"training": {"learning_rate": "1e-5"}},
        "training.learning_rate: '1e-5'; give a number above 0, as 1.0e-5",
    ),
    "logger": (
        GOOD,
        {"training": {"report_to": "wandbb"}},
        "training.report_to: wandbb: unknown; did you mean `wandb`?",
    ),
    "logger that is no text": (GOOD, {"training": {"report_to": {}}}, "training.report_to: {}"),
    "no step": (GOOD, {"training": {"max_steps": 0}}, "training.max_steps: 0 trains nothing"),
    "no file of accelerate": (
        GOOD,
        {"training": {"accelerator_config": "/nope.json"}},
        "training: [Errno 2] No such file or directory: '/nope.json'",
    ),
    "template that is no text": (
        GOOD,
        {"training": {"chat_template_path": 3}},
        "training.chat_template_path: 3; give a file, folder or Hub id",
    ),
    "best of nothing": (
        GOOD,
        {"training": {"save_strategy": "best"}},
        "training.save_strategy: best needs training.metric_for_best_model",
    ),
    "nothing to evaluate on": (
        GOOD,
        {"training": {"eval_strategy": "steps", "eval_steps": 1}},
        "training.eval_strategy: there are no rows to evaluate on; set data.validation",
    ),
    "a suite that never runs": (GOOD, {"evaluation": {"limit": 2}}, "evaluation: set `every`"),
    "modules that are not there": (
        GOOD,
        {"lora": {"target_modules": "nope"}},
        "lora.target_modules: Target modules nope not found",
    ),
    "output": (GOOD, {"output": "/dev/null/out"}, "output /dev/null/out: cannot be written"),
    "no room for a reply": (
        GOOD,
        {"objective": "ce", "training": {"max_length": 4}},
        "training.max_length: 4 tokens leave none of 12 rows with a token to train on; raise it",
    ),
    "no room for a reply or a target": (
        GOOD,
        {"training": {"max_length": 4}},
        "training.max_length: 4 tokens leave none of 12 rows",
    ),
    "several replies without marks": (
        [{"messages": [ASK, SAY, ASK, SAY]}] * 4,
        {"objective": "ce"},
        "its chat template does not mark replies ({% generation %})",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_one_line_and_exit_code_two(
    name: str,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    rows, values, message = CASES[name]
    cache = tmp_path / "cache"
    monkeypatch.setenv("SFR_EVAL_CACHE", str(cache))
    assert train(monkeypatch, str(job_file(tmp_path / "job", checkpoint, rows, **values))) == 2
    messages = capfd.readouterr().err.splitlines()
    assert message in messages[-1]
    assert messages[-1].startswith("sfr-eval: ")
    assert all(line.startswith(PROGRESS) for line in messages[:-1])
    assert not files_of(tmp_path / "job", "out/**/*")
    assert not files_of(cache, "targets/**/*")


def test_a_chat_that_the_template_refuses_is_named(
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    template = checkpoint / "chat_template.jinja"
    refusal = "{% if messages[0]['role'] == 'system' %}"
    refusal += "{{ raise_exception('System role not supported') }}{% endif %}"
    template.write_text(refusal + template.read_text())
    rows = [*GOOD, {"messages": [ASK, SAY], "persona": "pirate"}]
    file = job_file(tmp_path / "job", checkpoint, rows, objective="ce")
    assert train(monkeypatch, str(file)) == 2
    last = capfd.readouterr().err.splitlines()[-1]
    assert "its chat template refuses a chat (row 13 of those to train on): System role" in last


def test_a_base_is_mended_and_cuts_are_said(
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Its settings could not be saved, its template's end of turn is no end token, and the rows
    are longer than the limit: each is a line, and the trained model is whole."""
    wrong = {"do_sample": False, "temperature": 0.7, "top_k": 20, "eos_token_id": 0}
    (checkpoint / "generation_config.json").write_text(json.dumps(wrong))
    tokenizer = json.loads((checkpoint / "tokenizer_config.json").read_text())
    end = tokenizer["eos_token"]
    (checkpoint / "tokenizer_config.json").write_text(
        json.dumps({**tokenizer, "eos_token": tokenizer["pad_token"]})
    )
    file = job_file(tmp_path / "job", checkpoint, GOOD, objective="ce", training={"max_length": 24})
    assert train(monkeypatch, str(file)) == 0
    lines = capfd.readouterr().err
    assert "do_sample is now true, as temperature, top_k ask for" in lines
    assert f"ends a reply with {end}, which was none of its end tokens" in lines
    assert "12 of 12 rows are longer than 24 tokens and cut, 12 of them before the end" in lines
    final = tmp_path / "job" / "out" / "final"
    assert (final / "model.safetensors").is_file()
    saved = json.loads((final / "generation_config.json").read_text())
    assert saved["do_sample"] is True
    import transformers

    ids = transformers.AutoTokenizer.from_pretrained(final)
    assert ids.convert_tokens_to_ids(end) in saved["eos_token_id"]


def test_an_unknown_recipe_suggests_a_name_and_exits_with_two(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert train(monkeypatch, "demo_sf") == 2
    line = "sfr-eval: recipe demo_sf: unknown; did you mean `demo_sft`?\n"
    assert capfd.readouterr().err == line


def _with_little_disk(arguments: list[str], limit: int, answer: Any) -> None:
    """Run the command while files longer than `limit` bytes raise the error of a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    messages: list[str] = []
    cli.log = messages.append
    sys.argv = ["sfr-eval", "train", *arguments]
    try:
        cli.main()
    except SystemExit as ended:
        answer.put((ended.code, messages))


@pytest.mark.parametrize(
    ("limit", "objective", "message"),
    [
        (256, {"name": "sfr", "width": 32}, "the disk is full while data is prepared"),
        (16_000, {"name": "sfr", "width": 32}, "the disk is full while targets are cached"),
        (100_000, "ce", "out: the disk is full; make room"),
    ],
)
def test_a_full_disk_is_one_line_and_exit_code_three(
    limit: int,
    objective: Any,
    message: str,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import sfr_train.trainer  # noqa: F401  so that the child imports nothing under the limit

    monkeypatch.setenv("SFR_EVAL_CACHE", str(tmp_path / "cache"))
    file = job_file(tmp_path / "job", checkpoint, GOOD, objective=objective)
    context = multiprocessing.get_context("fork")
    answer = context.SimpleQueue()
    child = context.Process(target=_with_little_disk, args=([str(file)], limit, answer))
    child.start()
    child.join(300)
    code, messages = answer.get()
    assert code == 3
    assert [message in line for line in messages] == [True]
    # Whole pieces are kept for the next try, parts of files are not.
    assert not files_of(tmp_path / "cache", "targets/workers/**/*")
    assert not files_of(tmp_path / "cache", "targets/claims/*")
    assert not files_of(tmp_path / "cache", "targets/*/meta.json")
    assert not list(tmp_path.glob("job/out/final*"))
    assert train(monkeypatch, str(file)) == 0  # with room, the same command goes on
