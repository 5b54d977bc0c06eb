"""Two CPU processes train the same model as one.

Every run has a time limit: a rank that waits for a collective operation which the other never
enters would wait forever.
"""

import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from tests.support.training import WordEncoder, settings, sfr_trainer

ROOT = Path(__file__).parents[2]
WORKER = ROOT / "tests" / "support" / "distributed_worker.py"
LIMIT = 900.0  # seconds; about 40 on two idle cores
FSDP2 = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT",
    "FSDP_RESHARD_AFTER_FORWARD": "true",
    "FSDP_CPU_RAM_EFFICIENT_LOADING": "false",
}
ZERO3 = {  # sfr_train/configs/zero3.yaml as `accelerate launch` passes it on
    "ACCELERATE_USE_DEEPSPEED": "true",
    "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3",
    "ACCELERATE_DEEPSPEED_ZERO3_INIT": "true",
    "ACCELERATE_DEEPSPEED_ZERO3_SAVE_16BIT_MODEL": "true",
    "ACCELERATE_DEEPSPEED_OFFLOAD_OPTIMIZER_DEVICE": "none",
    "ACCELERATE_DEEPSPEED_OFFLOAD_PARAM_DEVICE": "none",
    "DS_ACCELERATOR": "cpu",
}


def launch(
    folder: Path, *, ranks: int, batch: int, common: bool = False, **extra: str
) -> list[dict[str, Any]]:
    """The report of each rank."""
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = []
    for rank in range(ranks):
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "train"))),
            "OMP_NUM_THREADS": "1",
            **extra,
        }
        if ranks > 1:
            environment |= {
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(ranks),
                "LOCAL_WORLD_SIZE": str(ranks),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
            }
        log = (folder / f"rank{rank}.log").open("w")
        processes.append(
            subprocess.Popen(
                [sys.executable, str(WORKER), str(folder), str(batch), *["common"] * common],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        )
    try:
        codes = [process.wait(LIMIT) for process in processes]
    finally:
        for process in processes:
            process.kill()
    logs = "\n".join((folder / f"rank{rank}.log").read_text()[-3000:] for rank in range(ranks))
    assert codes == [0] * ranks, logs
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(ranks)]


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("single") / "run"
    return folder, launch(folder, ranks=1, batch=4)[0]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ddp", "fsdp2"])
def test_two_processes_give_the_losses_and_weights_of_one(
    kind: str, single: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    reports = launch(tmp_path / "run", ranks=2, batch=2, **(FSDP2 if kind == "fsdp2" else {}))
    assert_same_run(tmp_path / "run", reports, *single)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("deepspeed") is None, reason="needs DeepSpeed")
def test_zero3_gives_the_losses_and_weights_of_one_process(tmp_path: Path) -> None:
    """DeepSpeed first compiles its CPU collectives, which needs a C++ compiler and minutes."""
    one = launch(tmp_path / "one", ranks=1, batch=4, common=True)[0]
    reports = launch(tmp_path / "run", ranks=2, batch=2, common=True, **ZERO3)
    assert_same_run(tmp_path / "run", reports, tmp_path / "one", one)


@pytest.mark.parametrize(
    ("schedule", "weight_decay", "message"),
    [
        ({"ema": 0.9}, 0.0, r"schedule\.ema: not possible with DeepSpeed"),
        ({"head_steps": 5}, 0.01, r"schedule\.head_steps: with DeepSpeed weight decay would move"),
        ({"head_steps": 5}, 0.0, None),
        ({"head_steps": 5, "cross_entropy_in_head_steps": True}, 0.01, None),
    ],
)
def test_what_deepspeed_would_silently_do_wrong_is_refused(
    schedule: dict[str, Any],
    weight_decay: float,
    message: str | None,
    tokenizer: Any,
    chats: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import transformers

    make = transformers.Trainer.create_accelerator_and_postprocess

    def as_with_deepspeed(trainer: Any) -> None:
        make(trainer)
        trainer.is_deepspeed_enabled = True

    monkeypatch.setattr(
        transformers.Trainer, "create_accelerator_and_postprocess", as_with_deepspeed
    )
    arguments = settings(tmp_path / "out", weight_decay=weight_decay)
    refused = pytest.raises(UserError, match=message) if message else contextlib.nullcontext()
    with refused:
        sfr_trainer(
            tokenizer,
            chats,
            tmp_path,
            arguments=arguments,
            schedule=schedule,
            encoder=WordEncoder(),
        )


def assert_same_run(
    folder: Path, reports: list[dict[str, Any]], one_folder: Path, one: dict[str, Any]
) -> None:
    import torch
    from safetensors.torch import load_file

    assert len(one["losses"]) == 20
    assert reports[0]["losses"] == pytest.approx(one["losses"], abs=1e-5)
    # In some step one rank had no target and the other had some.
    pairs = list(zip(reports[0]["anchors"], reports[1]["anchors"], strict=True))
    assert any((a == 0) != (b == 0) for a, b in pairs)
    assert [a + b for a, b in pairs] == one["anchors"]
    ours, theirs = (load_file(run / "final" / "model.safetensors") for run in (folder, one_folder))
    # A gathered state dict does not record that embedding and LM head are one tensor, so
    # transformers writes it twice when sharded; both copies must be equal.
    twice = ours.pop("lm_head.weight", None)
    assert twice is None or torch.equal(twice, ours["model.embed_tokens.weight"])
    assert ours.keys() == theirs.keys()
    assert not [name for name in ours if "sfr_head" in name]
    for name, value in ours.items():
        assert torch.allclose(value, theirs[name], atol=1e-4), name
    heads = [
        load_file(run / "out" / "checkpoint-20" / "sfr_head.safetensors")
        for run in (folder, one_folder)
    ]
    for name, value in heads[0].items():
        assert torch.allclose(value, heads[1][name], atol=1e-3), name
