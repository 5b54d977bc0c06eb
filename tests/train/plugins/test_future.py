"""A loss on the future in trainers of others, against our own trainer."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sfr_eval.errors import UserError
from tests.support.training import (
    SMALL_HEAD,
    TARGETS,
    WordEncoder,
    same,
    settings,
    sfr_trainer,
    tiny_model,
    weights,
)


def attach(trainer: Any, tokenizer: Any, folder: Path, **values: Any) -> Any:
    from sfr_train.plugins.future import attach_future

    attach_future(
        trainer,
        tokenizer,
        cache=folder / "cache",
        encoder=WordEncoder(),
        **{"objective": SMALL_HEAD, "targets": TARGETS, **values},
    )
    return trainer


def trl_trainer(tokenizer: Any, chats: list[Any], folder: Path, **arguments: Any) -> Any:
    import datasets
    from trl import SFTTrainer

    return SFTTrainer(
        model=tiny_model(tokenizer),
        args=settings(folder, **arguments),
        train_dataset=datasets.Dataset.from_list(chats),
        processing_class=tokenizer,
    )


def logged(trainer: Any, name: str) -> list[float]:
    return [row[name] for row in trainer.state.log_history if name in row]


@pytest.mark.parametrize(
    ("objective", "accumulation"),
    [(SMALL_HEAD, 1), (SMALL_HEAD, 2), ({"name": "mtp", "tokens": 2}, 2), ("hidden_noise", 1)],
)
def test_trls_trainer_becomes_ours_bit_for_bit(
    objective: Any, accumulation: int, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    arguments = {
        "per_device_train_batch_size": 4 // accumulation,
        "gradient_accumulation_steps": accumulation,
    }
    ours = sfr_trainer(
        tokenizer,
        chats,
        tmp_path,
        arguments=settings(tmp_path / "ours", **arguments),
        objective=objective,
        lm_head="fused",
        encoder=WordEncoder(),
    )
    theirs = trl_trainer(tokenizer, chats, tmp_path / "theirs", **arguments)
    attach(theirs, tokenizer, tmp_path, objective=objective)
    ours.train()
    theirs.train()
    assert same(weights(theirs.model), weights(ours.model))
    assert same(weights(theirs.model, head=True), weights(ours.model, head=True))
    for name in ("loss", "future/loss", "future/gradient_ratio"):
        assert logged(theirs, name) == logged(ours, name), name


def test_a_plain_trainer_gives_the_same_losses_and_a_plain_model(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    import transformers
    from safetensors.torch import load_file

    ours = sfr_trainer(tokenizer, chats, tmp_path, lm_head="fused", encoder=WordEncoder())
    data = trl_trainer(tokenizer, chats, tmp_path / "rows")
    trainer = transformers.Trainer(
        model=tiny_model(tokenizer),
        args=settings(tmp_path / "plain"),
        train_dataset=data.train_dataset.select_columns(["input_ids", "labels"]),
        data_collator=data.data_collator,
    )
    attach(trainer, tokenizer, tmp_path)
    ours.train()
    trainer.train()
    assert logged(trainer, "loss") == pytest.approx(logged(ours, "loss"), rel=1e-5)
    assert logged(trainer, "future/loss") == pytest.approx(logged(ours, "future/loss"), rel=1e-4)
    trainer.save_model(str(tmp_path / "final"))
    saved = load_file(tmp_path / "final" / "model.safetensors")
    assert not [name for name in saved if "sfr_head" in name]
    assert set(saved) <= set(tiny_model(tokenizer).state_dict())


def test_an_evaluation_is_what_it_was(tokenizer: Any, chats: list[Any], tmp_path: Path) -> None:
    """Its rows have no targets."""
    import datasets
    from trl import SFTTrainer

    trainer = SFTTrainer(
        model=tiny_model(tokenizer),
        args=settings(tmp_path / "out", max_steps=1),
        train_dataset=datasets.Dataset.from_list(chats[:8]),
        eval_dataset=datasets.Dataset.from_list(chats[8:12]),
        processing_class=tokenizer,
    )
    before = trainer.evaluate()["eval_loss"]
    attach(trainer, tokenizer, tmp_path)
    assert trainer.evaluate()["eval_loss"] == before


@pytest.mark.parametrize("packed", [True, False])
def test_samples_are_known_wherever_they_stand(
    packed: bool, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    """A packed row and a padded one have the anchors of the samples in them."""
    arguments = {"packing": True, "max_length": 512} if packed else {}
    trainer = attach(
        trl_trainer(tokenizer, chats, tmp_path / "out", **arguments), tokenizer, tmp_path
    )
    collator, targets = trainer.data_collator, trainer.data_collator.targets
    batch = collator([trainer.train_dataset[i] for i in range(2)])
    states = batch["future_state"]
    assert len(states)
    assert torch.equal(batch["future_target"], torch.from_numpy(targets.embeddings(states)))
    labels = batch["labels"]
    after = [(r, c + 1) for r, c in zip(batch["future_row"], batch["future_column"], strict=True)]
    assert all(labels[r, c] != -100 for r, c in after)
    if packed:
        assert len(set(batch["future_sample"].tolist())) > 2
        trainer.train()
        assert logged(trainer, "future/loss")


def test_a_resumed_run_ends_at_the_same_weights(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    def make(folder: str) -> Any:
        arguments = {"max_steps": 6, "save_strategy": "steps", "save_steps": 3}
        trainer = trl_trainer(tokenizer, chats, tmp_path / folder, **arguments)
        return attach(trainer, tokenizer, tmp_path, schedule={"gradient_ratio": 0.3})

    whole, resumed = make("whole"), make("resumed")
    whole.train()
    resumed.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-3"))
    assert same(weights(resumed.model), weights(whole.model))
    assert same(weights(resumed.model, head=True), weights(whole.model, head=True))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"objective": "tofu"}, "objective tofu: has no loss on the future; use compute_loss_func"),
        ({"objective": "kl_to_base"}, "kl_to_base: needs SFRTrainer"),
        ({"objective": "ebft"}, "objective ebft: learns from samples"),
        ({"targets": {**TARGETS, "shuffled": True}}, "targets.shuffled: needs SFRTrainer"),
    ],
)
def test_other_objectives_are_refused(
    values: Any, message: str, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        attach(trl_trainer(tokenizer, chats[:4], tmp_path / "out"), tokenizer, tmp_path, **values)


def test_a_second_loss_on_the_future_is_refused(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    trainer = attach(
        trl_trainer(tokenizer, chats[:4], tmp_path / "out"), tokenizer, tmp_path, objective="mtp"
    )
    with pytest.raises(UserError, match="has a loss on the future already"):
        attach(trainer, tokenizer, tmp_path, objective="mtp")
