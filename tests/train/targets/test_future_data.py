"""The training set with its targets: packed or not, short replies, streams."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sfr_eval.errors import UserError
from tests.support.training import (
    EASY,
    WordEncoder,
    settings,
    sfr_trainer,
    tiny_model,
)


def test_packing_gives_every_state_the_target_of_its_own_sample(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    def states(folder: str, **arguments: Any) -> dict[int, tuple[int, tuple[float, ...]]]:
        trainer = sfr_trainer(
            tokenizer,
            chats,
            tmp_path,
            arguments=settings(tmp_path / folder, **arguments),
            targets=EASY,
            encoder=WordEncoder(),
        )
        by_state = {}
        for batch in trainer.get_train_dataloader():
            rows, columns = batch["future_row"], batch["future_column"]
            if arguments.get("packing"):
                assert batch["input_ids"].shape[0] == 1  # padding-free
            for i, state in enumerate(batch["future_state"].tolist()):
                token = int(batch["input_ids"][rows[i], columns[i]])
                by_state[state] = (token, tuple(batch["future_target"][i].tolist()))
        return by_state

    plain = states("plain")
    packed = states("packed", packing=True, max_length=700)
    assert len(plain) > 300
    assert packed == plain


def test_packed_training_gives_the_loss_of_unpacked_training(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    """All rows in one batch, so that both see the same data in the first step."""
    losses = []
    for folder, arguments in (
        ("plain", {"per_device_train_batch_size": 6}),
        ("packed", {"per_device_train_batch_size": 2, "packing": True, "max_length": 2000}),
    ):
        for objective in ({"name": "sfr", "width": 32}, {"name": "mtp"}):
            model = tiny_model(tokenizer)
            model.set_attn_implementation("eager")
            trainer = sfr_trainer(
                tokenizer,
                chats[:6],
                tmp_path,
                model=model,
                arguments=settings(tmp_path / folder, max_steps=1, **arguments),
                targets=EASY,
                objective=objective,
                encoder=WordEncoder(),
            )
            trainer.train()
            row = trainer.state.log_history[0]
            losses.append((row["loss"], row["future/loss"]))
    assert losses[2] == pytest.approx(losses[0], rel=1e-5)
    assert losses[3] == pytest.approx(losses[1], rel=1e-5)


def test_a_reply_too_short_for_a_future_is_masked(
    tokenizer: Any, chats: list[Any], tmp_path: Path, capsys: Any
) -> None:
    short = {**chats[1], "completion": [{"role": "assistant", "content": "Yes."}]}
    trainer = sfr_trainer(
        tokenizer,
        [chats[0], short],
        tmp_path,
        targets={**EASY, "scale": "unit", "minimum": 8},
        encoder=WordEncoder(),
    )
    assert "1 rows too short for one" in capsys.readouterr().err
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(2)])
    assert set(batch["future_sample"].tolist()) == {0}
    assert torch.allclose(batch["future_target"].norm(dim=1), torch.ones(1), atol=1e-5)
    # The future loss ignores the short reply, whatever the model predicts for it.
    moved = {**batch, "input_ids": batch["input_ids"].clone()}
    moved["input_ids"][1] = 5
    losses = []
    trainer.model.train()
    trainer._step_weight = batch["future_weight"].sum()
    for inputs in (batch, moved):
        trainer.compute_loss(trainer.model, dict(inputs), num_items_in_batch=torch.tensor(9))
        losses.append(float(trainer._last[1].terms.total.detach()))
    assert losses[0] == losses[1] > 0


def test_a_stream_is_refused_for_targets(tokenizer: Any, chats: list[Any], tmp_path: Path) -> None:
    import datasets
    from sfr_train.trainer import SFRTrainer

    stream = datasets.Dataset.from_list(chats).to_iterable_dataset()
    with pytest.raises(UserError, match="a stream has no end"):
        SFRTrainer(
            model=tiny_model(tokenizer),
            args=settings(tmp_path),
            train_dataset=stream,
            processing_class=tokenizer,
            encoder=WordEncoder(),
            cache=tmp_path,
        )
