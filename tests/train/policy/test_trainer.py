"""GRPO on rewards of this package: ranks, restarts and evaluation change no sample and no loss."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.policy import OBJECTIVES, policy_trainer_of
from tests.support.policy_worker import train
from tests.support.training import tiny_model, weights

ROOT = Path(__file__).parents[3]
WORKER = ROOT / "tests" / "support" / "policy_worker.py"
LIMIT = 600.0  # seconds; about 20 on two idle cores
NOT_COMPARED = ("runtime", "per_second", "step_time", "eval_loss")
"""Times, and TRL's policy loss of an evaluation, a mean over the batches of one rank."""


def launch(folder: Path, *, ranks: int, batch: int) -> list[dict[str, Any]]:
    """The report of each rank. A time limit: a rank that enters a collective alone would wait."""
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    processes = []
    for rank in range(ranks):
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "train"))),
            "OMP_NUM_THREADS": "1",
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(ranks),
            "LOCAL_WORLD_SIZE": str(ranks),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
        }
        log = (folder / f"rank{rank}.log").open("w")
        command = [sys.executable, str(WORKER), str(folder), str(batch)]
        processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
    try:
        codes = [process.wait(LIMIT) for process in processes]
    finally:
        for process in processes:
            process.kill()
    logs = "\n".join((folder / f"rank{rank}.log").read_text()[-3000:] for rank in range(ranks))
    assert codes == [0] * ranks, logs
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(ranks)]


def comparable(log: list[dict[str, Any]]) -> list[dict[str, float]]:
    return [
        {
            name: value
            for name, value in row.items()
            if not any(word in name for word in NOT_COMPARED)
        }
        for row in log
    ]


def test_a_group_split_over_two_ranks_trains_as_on_one(tmp_path: Path) -> None:
    """TRL's ordinary split: groups of 4, 2 a rank; evaluation draws 2 replies a prompt."""
    one = train(tmp_path / "one", batch=4)
    two = launch(tmp_path / "two", ranks=2, batch=2)
    for name in OBJECTIVES:
        rows = comparable(one[name]["log"])
        assert len([row for row in rows if "loss" in row]) == 3
        assert len([row for row in rows if "eval_reward" in row]) == 1
        for rank in two:
            assert rank[name]["weight"] == pytest.approx(one[name]["weight"], rel=1e-6)
        theirs = comparable(two[0][name]["log"])
        for ours, other in zip(rows, theirs, strict=True):
            for key, value in ours.items():
                assert other[key] == pytest.approx(value, abs=2e-5), (name, key)


def test_a_resumed_run_ends_with_the_same_weights(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    objective, saves = OBJECTIVES["ebft"], {"save_strategy": "steps", "save_steps": 2}
    whole = policy_trainer_of(tokenizer, chats, tmp_path, objective=objective, **saves)
    whole.train()
    torch.manual_seed(11)
    again = policy_trainer_of(tokenizer, chats, tmp_path, objective=objective, **saves)
    again.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    expected = weights(whole.model)
    assert all(torch.equal(value, expected[key]) for key, value in weights(again.model).items())
    losses = [[row["loss"] for row in t.state.log_history if "loss" in row] for t in (whole, again)]
    assert losses[0] == losses[1]


def test_samples_do_not_depend_on_torchs_generator(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    """Nor on dropout, which draws from it."""
    rewards = []
    for seed in (1, 2):
        model = tiny_model(tokenizer)
        for layer in model.model.layers:
            layer.self_attn.attention_dropout = 0.9
        trainer = policy_trainer_of(
            tokenizer, chats, tmp_path, objective=OBJECTIVES["ebft"], model=model, max_steps=1
        )
        torch.manual_seed(seed)
        trainer.train()
        assert trainer.model.training
        rewards.append(trainer.state.log_history[0]["reward"])
    assert rewards[0] == rewards[1]


def test_no_two_batches_of_a_step_share_random_numbers(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    """With fewer steps per generation than micro-batches, a step draws several times."""
    trainer = policy_trainer_of(
        tokenizer, chats, tmp_path, objective=OBJECTIVES["ebft"], max_steps=2,
        gradient_accumulation_steps=2, steps_per_generation=1,
    )  # fmt: skip
    draws: list[tuple[int, int]] = []
    own = trainer._draw

    def recorded(replies: int) -> Any:
        draw = own(replies)
        draws.append((draw.step, draw.first))
        return draw

    trainer._draw = recorded
    trainer.train()
    assert draws == [(0, 0), (0, 4), (1, 0), (1, 4)]


def test_evaluations_differ_by_their_models_alone(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    trainer = policy_trainer_of(
        tokenizer, chats, tmp_path, objective=OBJECTIVES["dqo"], held_out=3, max_steps=1
    )
    before = trainer.evaluate()["eval_dqo/log_det"]
    trainer.state.global_step = 7
    assert trainer.evaluate()["eval_dqo/log_det"] == before
    trainer.state.global_step = 0
    trainer.train()
    assert trainer.evaluate()["eval_dqo/log_det"] != before


def test_a_reply_without_a_quality_is_left_out(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    trainer = policy_trainer_of(tokenizer, chats, tmp_path, objective=OBJECTIVES["dqo"])
    trainer.reward_funcs[0] = lambda completions, **_: [None, 1.0, 0.0, 1.0]
    prompt = [{"role": "user", "content": "q"}]
    turns = [[{"role": "assistant", "content": word}] for word in ("a", "b", "c", "d")]
    rows = [{"prompt": prompt, "references": ["a"]}] * 4
    rewards = trainer._calculate_rewards(rows, [prompt] * 4, turns, [[1]] * 4)
    assert torch.isnan(rewards).all(dim=1).tolist() == [True, False, False, False]
    assert not torch.isnan(rewards[1:]).any()


def test_the_entropy_bonus_of_trl_is_reachable(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    trainer = policy_trainer_of(
        tokenizer, chats, tmp_path, objective=OBJECTIVES["ebft"], max_steps=1, entropy_coef=0.5
    )
    trainer.train()
    row = trainer.state.log_history[0]
    assert row["loss"] == pytest.approx(-0.5 * row["entropy"], abs=0.05)
    assert row["entropy"] > 1  # the bonus is far above that tolerance
