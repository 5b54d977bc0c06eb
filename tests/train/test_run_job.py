"""A job trains once: no command hands back weights of another job, and a finished one is final."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from sfr_train.command import train

from sfr_eval.errors import UserError

REPLY = "I would start with the oven and then look at the bread every ten minutes or so."
ROWS = [{"prompt": f"Question {i}?", "completion": f"{REPLY} {i}"} for i in range(12)]


def write_job(folder: Path, checkpoint: Path, **values: Any) -> Path:
    """A job of three steps of cross-entropy; sections of `values` are merged into it."""
    folder.mkdir(exist_ok=True)
    chats = folder / "chats.jsonl"
    if not chats.is_file():
        chats.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    job: dict[str, Any] = {
        "name": "tiny",
        "model": str(checkpoint),
        "output": str(folder / "out"),
        "data": {"file": str(chats)},
        "objective": "ce",
        "targets": {"k": 8, "stride": 4, "minimum": 2},
        "training": {
            "max_steps": 3,
            "per_device_train_batch_size": 4,
            "learning_rate": 1e-3,
            "save_steps": 1,
            "use_cpu": True,
            "disable_tqdm": True,
        },
    }
    for name, value in values.items():
        job[name] = {**job[name], **value} if isinstance(job.get(name), dict) else value
    file = folder / "job.yaml"
    file.write_text(yaml.safe_dump(job))
    return file


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a folder: its bytes and when it was written."""
    return {
        str(file.relative_to(folder)): (file.read_bytes(), file.stat().st_mtime_ns)
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def finished(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A finished job of cross-entropy: its folder and its base model."""
    folder = tmp_path_factory.mktemp("finished")
    base = folder / "base"
    shutil.copytree(tiny_checkpoint, base)
    final = train(str(write_job(folder, base)))
    assert final == folder / "out" / "final"
    return folder, base


@pytest.fixture
def copied(finished: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """A copy of the finished job and its base model, to be changed."""
    folder = tmp_path / "job"
    shutil.copytree(finished[0], folder)
    return folder, folder / "base"


def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every attempt to load weights fail."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("weights were loaded")

    monkeypatch.setattr("sfr_train.run_job.load_base", refuse)


def test_a_finished_job_changes_no_byte(
    copied: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, base = copied
    before = contents(folder / "out")
    no_model(monkeypatch)
    for _ in range(2):
        assert train(str(write_job(folder, base))) == folder / "out" / "final"
        assert contents(folder / "out") == before


def test_what_cannot_change_weights_is_the_same_job(
    copied: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, base = copied
    no_model(monkeypatch)
    same = {"logging_steps": 1, "save_steps": 3, "gradient_checkpointing": True}
    for changes in (
        {"name": "other"},
        {"training": same},
        # the same rows of a step in other micro-batches
        {"training": {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}},
        {"evaluation": {"limit": 2, "every": 1}},
    ):
        assert train(str(write_job(folder, base, **changes))).name == "final"
    moved = folder / "elsewhere.jsonl"
    (folder / "chats.jsonl").rename(moved)
    assert train(str(write_job(folder, base, data={"file": str(moved)}))).name == "final"


def _edit_rows(folder: Path, base: Path) -> None:
    rows = [*ROWS[:-1], {**ROWS[-1], "completion": f"{REPLY} 99"}]
    (folder / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def _other_weights(folder: Path, base: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(base / "model.safetensors")
    first = min(tensors)
    tensors[first] = tensors[first] + 0.5
    stat = (base / "model.safetensors").stat()
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    os.utime(base / "model.safetensors", ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as `cp -p`


def _other_template(folder: Path, base: Path) -> None:
    file = base / "chat_template.jinja"
    file.write_text(file.read_text() + "{# another #}")


VARIANTS: dict[str, tuple[dict[str, Any], Callable[[Path, Path], None] | None, str]] = {
    "objective": ({"objective": "tofu"}, None, "objective.name: ce there, tofu here"),
    "objective's setting": (
        {"objective": {"name": "sfr", "width": 32}},
        None,
        "objective.name: ce there, sfr here",
    ),
    "control": ({"objective": "future_mse"}, None, "objective.name: ce there, future_mse here"),
    "rate": (
        {"training": {"learning_rate": 1e-4}},
        None,
        "training.learning_rate: 0.001 there, 0.0001 here",
    ),
    "seed": ({"training": {"seed": 7}}, None, "training.seed: 42 there, 7 here"),
    "longer": ({"training": {"max_steps": 6}}, None, "training.max_steps: 3 there, 6 here"),
    "epochs": ({"training": {"num_train_epochs": 5}}, None, "num_train_epochs: 3.0 there, 5"),
    "warm-up": ({"training": {"warmup_steps": 1}}, None, "training.warmup_steps: 0 there, 1 here"),
    "rows of a step": (
        {"training": {"per_device_train_batch_size": 2}},
        None,
        "rows a step: 4 there, 2 here",
    ),
    "cut": ({"training": {"max_length": 24}}, None, "training.max_length: 1024 there, 24 here"),
    "lambda": ({"schedule": {"weight": 3.0}}, None, "schedule.weight: 1.0 there, 3.0 here"),
    "targets": ({"targets": {"k": 9}}, None, "targets.k: 8 there, 9 here"),
    "adapter": ({"lora": {"r": 4}}, None, "lora"),
    "head of logits": ({"lm_head": "fused"}, None, "lm_head: auto there, fused here"),
    "revision": ({"revision": "abc"}, None, "revision: null there, abc here"),
    "dtype": (
        {"loading": {"dtype": "bfloat16"}},
        None,
        "loading.dtype: auto there, bfloat16 here",
    ),
    "attention": (
        {"loading": {"attn_implementation": "eager"}},
        None,
        "loading.attn_implementation: null there, eager here",
    ),
    "limit": ({"data": {"limit": 10}}, None, "data.limit: null there, 10 here"),
    "held out": ({"data": {"validation": 2}}, None, "data.validation: 0.0 there, 2.0 here"),
    "content of the data": ({}, _edit_rows, "content of rows: "),
    "base": ({}, _other_weights, "content of model: "),
    "template": ({}, _other_template, "content of model: "),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_another_job_never_gets_these_weights(
    name: str, copied: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same folder refuses it in one line that names the key; the default folder is another."""
    changes, edit, message = VARIANTS[name]
    folder, base = copied
    if edit is not None:
        edit(folder, base)
    before = contents(folder / "out")
    no_model(monkeypatch)
    with pytest.raises(UserError) as caught:
        train(str(write_job(folder, base, **changes)))
    line = str(caught.value)
    assert message in line
    assert "final is of another job" in line
    assert line.endswith("set another `output`, or `resume: false`, which moves it aside")
    assert "\n" not in line
    assert contents(folder / "out") == before


def test_the_default_folder_carries_the_digest(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two objectives under one name do not meet."""
    monkeypatch.chdir(tmp_path)
    finals = [
        train(str(write_job(tmp_path, checkpoint, output=None, objective=objective)))
        for objective in ("ce", "tofu", "ce")
    ]
    assert finals[0] == finals[2] != finals[1]
    for final in finals:
        record = json.loads((final / "job.json").read_text())
        assert final.parent == Path("runs/train") / f"tiny-{record['digest'][:8]}"
    weights = [(final / "model.safetensors").read_bytes() for final in finals[:2]]
    assert weights[0] != weights[1]


@pytest.mark.parametrize("left", ["all checkpoints", "no checkpoint of the last step"])
def test_a_job_killed_before_its_end_gives_the_same_bytes(
    left: str, copied: tuple[Path, Path]
) -> None:
    """Also one killed between its last checkpoint and `final`, which takes no further step."""
    folder, base = copied
    weights = (folder / "out" / "final" / "model.safetensors").read_bytes()
    shutil.rmtree(folder / "out" / "final")
    if left != "all checkpoints":
        shutil.rmtree(folder / "out" / "checkpoint-3")
    final = train(str(write_job(folder, base)))
    assert (final / "model.safetensors").read_bytes() == weights
    steps = {path.name for path in (folder / "out").glob("checkpoint-*")}
    assert steps == {"checkpoint-1", "checkpoint-2", "checkpoint-3"}


@pytest.mark.parametrize("name", ["final", "checkpoint-2"])
def test_weights_without_a_job_file_are_refused(name: str, copied: tuple[Path, Path]) -> None:
    """Those of an older version, or of another tool."""
    folder, base = copied
    (folder / "out" / name / "job.json").unlink()
    with pytest.raises(UserError, match=f"{name} has no job.json, so nothing says which job"):
        train(str(write_job(folder, base)))


def test_starting_over_moves_old_weights_aside(
    copied: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, base = copied
    old = (folder / "out" / "final" / "model.safetensors").read_bytes()
    final = train(str(write_job(folder, base, resume=False, objective="tofu")))
    out = folder / "out"
    assert (final / "model.safetensors").read_bytes() != old
    assert (out / "replaced-1" / "final" / "model.safetensors").read_bytes() == old
    moved = "resume is false: checkpoint-1, checkpoint-2, checkpoint-3, final moved to replaced-1"
    assert moved in capsys.readouterr().err
    # and a later resume takes up the new ones only
    assert train(str(write_job(folder, base, objective="tofu"))) == final


def test_other_files_of_a_finished_job_need_no_step(copied: tuple[Path, Path]) -> None:
    """The dtype of the saved weights is asked for afterwards."""
    import torch
    from safetensors.torch import load_file

    folder, base = copied
    old = load_file(folder / "out" / "final" / "model.safetensors")
    final = train(str(write_job(folder, base, save_dtype="bfloat16")))
    new = load_file(final / "model.safetensors")
    assert all(torch.equal(new[name], old[name].bfloat16()) for name in old)
    assert json.loads((final / "config.json").read_text())["dtype"] == "bfloat16"


def test_what_a_killed_job_left_gets_into_no_weights(copied: tuple[Path, Path]) -> None:
    """Neither what it had of `final`, nor a checkpoint that it had begun."""
    folder, base = copied
    out = folder / "out"
    names = {file.name for file in (out / "final").iterdir()}
    for name in ("final", "checkpoint-1", "checkpoint-2", "checkpoint-3"):
        shutil.rmtree(out / name)
    for name in ("final.part", "checkpoint-2"):
        (out / name).mkdir()
        (out / name / "adapter_config.json").write_text("{}")
    final = train(str(write_job(folder, base)))
    assert {file.name for file in final.iterdir()} == names
    assert not (out / "checkpoint-2" / "adapter_config.json").exists()


def test_a_finished_job_is_only_read(
    copied: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder may belong to somebody else."""
    folder, base = copied
    no_model(monkeypatch)
    monkeypatch.setattr("sfr_train.output_folder.os.access", lambda *_: False)
    assert train(str(write_job(folder, base))) == folder / "out" / "final"
    with pytest.raises(UserError, match=r"out: cannot be written \(Permission denied\)"):
        train(str(write_job(folder, base, resume=False)))


def test_evaluations_move_no_random_number(checkpoint: Path, tmp_path: Path) -> None:
    """They are not in the digest: noise of the training must be the same with and without them."""
    weights = []
    for name, training in (("a", {}), ("b", {"eval_strategy": "steps", "eval_steps": 1})):
        file = write_job(
            tmp_path,
            checkpoint,
            objective="neftune",
            output=str(tmp_path / name),
            data={"validation": 4},
            training={**training, "save_strategy": "no", "per_device_eval_batch_size": 1},
        )
        final = train(str(file))
        weights.append((final / "model.safetensors").read_bytes())
    digests = {json.loads((tmp_path / name / "job.json").read_text())["digest"] for name in "ab"}
    assert len(digests) == 1
    assert weights[0] == weights[1]


def test_a_second_start_in_the_folder_is_one_line(copied: tuple[Path, Path]) -> None:
    from sfr_eval.util.lock import FolderLock

    folder, base = copied
    shutil.rmtree(folder / "out" / "final")
    before = contents(folder / "out")
    lock = FolderLock(folder / "out" / ".lock", where="out")
    lock.take()
    try:
        with pytest.raises(UserError, match="another sfr-eval is writing here"):
            train(str(write_job(folder, base)))
    finally:
        lock.release()
    del before[".lock"]
    after = contents(folder / "out")
    del after[".lock"]
    assert after == before


def test_every_folder_of_weights_says_what_trained_it(finished: tuple[Path, Path]) -> None:
    folder, base = finished
    out = folder / "out"
    texts = {
        (out / name / "job.json").read_text()
        for name in (".", "final", "checkpoint-1", "checkpoint-2", "checkpoint-3")
    }
    assert len(texts) == 1
    record = json.loads(texts.pop())
    assert record["settings"]["objective"] == {"name": "ce"}
    assert record["settings"]["schedule"]["weight"] == 1.0
    assert record["rows"] == 12
    assert record["versions"].keys() >= {"torch", "transformers", "trl", "sfr-eval"}
    card = (out / "final" / "README.md").read_text()
    assert "with the objective `ce`" in card
    assert str(base) in card
    assert "SFT" not in card
    assert "None" not in card
