"""The control with futures of other samples: who gets whose, and that it holds for every loss."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sfr_train.targets.shuffled import TokenWindows, partners

from tests.support.training import TARGETS, WordEncoder, same, settings, sfr_trainer, weights


def test_every_state_gets_a_future_of_another_sample() -> None:
    samples = np.repeat(np.arange(6), [5, 1, 9, 3, 2, 10])
    partner = partners(samples, seed=0)
    assert sorted(partner) == list(range(30))
    assert (samples[partner] != samples).all()
    assert (partners(samples, seed=0) == partner).all()
    assert (partners(samples, seed=1) != partner).any()


def test_a_sample_of_half_the_states_is_still_avoided() -> None:
    for seed in range(20):
        samples = np.repeat([0, 1, 2], [10, 6, 4])
        partner = partners(samples, seed=seed)
        assert sorted(partner) == list(range(20))
        assert (samples[partner] != samples).all()


def test_a_sample_of_most_states_gets_futures_of_others() -> None:
    samples = np.repeat([0, 1], [17, 3])
    assert (samples[partners(samples, seed=0)] != samples).all()


def test_a_single_sample_gets_the_futures_of_other_states() -> None:
    partner = partners(np.zeros(9, dtype=np.int64), seed=0)
    assert sorted(partner) == list(range(9))
    assert (partner != np.arange(9)).all()


def test_the_partners_of_a_sample_are_spread_over_the_others() -> None:
    samples = np.repeat(np.arange(50), 20)
    partner = partners(samples, seed=0)
    # 20 draws from 49 samples: 16.6 distinct ones on average, never a copy of one sample's order
    distinct = [len(set(samples[partner[samples == own]])) for own in range(50)]
    assert 14 < np.mean(distinct) < 19


def test_token_windows_end_with_their_row() -> None:
    windows = TokenWindows([[-100, -100, 7, 8], [-100, 5]], ahead=3)
    # Row 0: the states at 0, 1 and 2; row 1: the state at 0.
    assert windows.state_count == 4
    assert windows.column(0, 4).tolist() == [1, 2, 3, 0]
    assert windows.column(1, 2).tolist() == [4, 0]
    assert windows.samples(np.arange(4)).tolist() == [0, 0, 0, 1]
    assert windows.tokens(np.arange(4)).tolist() == [
        [-100, 7, 8],
        [7, 8, -100],
        [8, -100, -100],
        [5, -100, -100],
    ]


OBJECTIVES = ["sfr", "future_mse", "future_cosine", "cka", "mtp"]
ONEHOT = {
    "name": "sfr",
    "source": "constant",
    "target": "onehot",
    "head": "time_free",
    "divergence": "kl",
}


def batches(trainer: Any) -> list[Any]:
    return list(trainer.get_train_dataloader())


@pytest.mark.parametrize("objective", [*OBJECTIVES, ONEHOT], ids=[*OBJECTIVES, "onehot"])
def test_every_future_loss_can_be_given_the_futures_of_others(
    objective: Any, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    trained = []
    for shuffled in (False, True, True):
        trainer = sfr_trainer(
            tokenizer,
            chats[:12],
            tmp_path,
            objective=objective,
            targets={**TARGETS, "shuffled": shuffled},
            arguments=settings(tmp_path / "out", max_steps=3),
            encoder=WordEncoder(),
        )
        trainer.train()
        trained.append(weights(trainer.model))
    assert same(trained[1], trained[2])
    assert not same(trained[0], trained[1])


@pytest.mark.parametrize("objective", ["sfr", "mtp"])
def test_a_state_keeps_its_partner_whatever_the_batch(
    objective: str, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    def futures(shuffled: bool, size: int) -> dict[int, torch.Tensor]:
        trainer = sfr_trainer(
            tokenizer,
            chats[:12],
            tmp_path,
            objective=objective,
            targets={**TARGETS, "shuffled": shuffled},
            arguments=settings(tmp_path / "out", per_device_train_batch_size=size),
            encoder=WordEncoder(),
        )
        name = "future_target" if objective == "sfr" else "future_tokens"
        return {
            int(state): value
            for batch in batches(trainer)
            for state, value in zip(batch["future_state"], batch[name], strict=True)
        }

    four, two = futures(True, 4), futures(True, 2)
    assert four.keys() == two.keys()
    assert all(torch.equal(four[state], two[state]) for state in four)
    if objective == "sfr":
        own = futures(False, 4)
        assert own.keys() == four.keys()
        # The same futures, each in another place.
        assert sorted(map(tuple, torch.stack([*own.values()]).tolist())) == sorted(
            map(tuple, torch.stack([*four.values()]).tolist())
        )
        assert sum(torch.equal(own[state], four[state]) for state in own) < len(own) / 4


def test_a_shuffled_run_reads_the_same_cache(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    for shuffled in (False, True):
        encoder = WordEncoder()
        sfr_trainer(
            tokenizer,
            chats[:12],
            tmp_path,
            targets={**TARGETS, "shuffled": shuffled},
            encoder=encoder,
        )
    assert encoder.calls == []


def test_packed_rows_carry_the_shuffled_tokens(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    trainer = sfr_trainer(
        tokenizer,
        chats[:12],
        tmp_path,
        objective="mtp",
        targets={"shuffled": True},
        arguments=settings(
            tmp_path / "out", packing=True, max_length=256, per_device_train_batch_size=1
        ),
    )
    total = sum(float(batch["future_weight"].sum()) for batch in batches(trainer))
    plain = TokenWindows(
        (
            row["labels"]
            for row in sfr_trainer(tokenizer, chats[:12], tmp_path, objective="mtp").train_dataset
        ),
        ahead=4,
    )
    tokens = plain.tokens(np.arange(plain.state_count))
    assert total == (tokens != -100).sum()  # a permutation neither loses nor repeats a token
    trainer.train()
