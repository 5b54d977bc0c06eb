"""SFRTrainer against TRL's own trainer: equal where it should be, else different."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sfr_eval.errors import UserError
from tests.support.training import (
    EASY,
    WordEncoder,
    same,
    settings,
    sfr_trainer,
    tiny_model,
    weights,
)


def trl_weights(tokenizer: Any, chats: list[Any], folder: Path, **arguments: Any) -> Any:
    import datasets
    from trl import SFTTrainer

    trainer = SFTTrainer(
        model=tiny_model(tokenizer),
        args=settings(folder, **arguments),
        train_dataset=datasets.Dataset.from_list(chats),
        processing_class=tokenizer,
    )
    trainer.train()
    return weights(trainer.model)


TRL_TOLERANCE = 1e-3  # of the distance that the weights moved
STEPS: dict[str, Any] = {"max_steps": 20, "max_grad_norm": 0.5, "weight_decay": 0.1}


@pytest.fixture(scope="module")
def trl(tokenizer: Any, chats: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    return trl_weights(tokenizer, chats, tmp_path_factory.mktemp("trl"), **STEPS)


@pytest.mark.parametrize("lm_head", ["fused", "supervised"])
def test_weight_zero_is_cross_entropy_bit_for_bit(
    lm_head: str, trl: Any, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    """TRL's own trainer with the fused LM head, otherwise our cross-entropy."""

    def trained(**values: Any) -> Any:
        trainer = sfr_trainer(
            tokenizer,
            chats,
            tmp_path,
            arguments=settings(tmp_path / "out", **STEPS),
            lm_head=lm_head,
            encoder=WordEncoder(),
            **values,
        )
        start = weights(trainer.model, head=True)
        trainer.train()
        return trainer, start

    plain = weights(trained(objective="ce")[0].model)
    assert lm_head != "fused" or same(plain, trl)
    assert same(weights(trained(schedule={"weight": 0})[0].model), plain)
    # A head that is built, trained and logged without any effect on the model.
    watch, start = trained(schedule={"head_steps": 20, "cross_entropy_in_head_steps": True})
    assert same(weights(watch.model), plain)
    assert not same(weights(watch.model, head=True), start)
    # With a weight, the model differs.
    assert not same(weights(trained()[0].model), plain)


def test_supervised_logits_give_trls_weights_up_to_rounding(
    trl: Any, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    """The default on a CPU, after 20 steps of AdamW with steps of 1e-3."""
    trainer = sfr_trainer(
        tokenizer, chats, tmp_path, objective="ce", arguments=settings(tmp_path / "out", **STEPS)
    )
    trainer.train()
    trained = weights(trainer.model)
    start = weights(tiny_model(tokenizer))
    for name, value in trl.items():
        moved = float((value - start[name]).norm())
        assert moved > 1e-3, name
        assert float((trained[name] - value).norm()) < TRL_TOLERANCE * moved, name


def test_the_lm_head_reads_only_supervised_states(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    trainer = sfr_trainer(tokenizer, chats, tmp_path, objective="ce")
    read: list[int] = []
    trainer.model.lm_head.register_forward_hook(
        lambda module, arguments, output: read.append(output.shape[:-1].numel())
    )
    batch = next(iter(trainer.get_train_dataloader()))
    supervised = int((batch["labels"][:, 1:] != -100).sum())
    whole = batch["labels"].numel()
    assert supervised < whole / 2
    _, outputs = trainer.compute_loss(trainer.model, dict(batch), return_outputs=True)
    trainer.compute_loss(trainer.model, dict(batch))
    assert read == [whole, supervised]
    assert outputs.logits.shape[:2] == batch["labels"].shape  # outputs on request are complete


def test_the_head_phase_trains_only_the_head(
    tokenizer: Any, chats: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = sfr_trainer(
        tokenizer,
        chats,
        tmp_path,
        arguments=settings(tmp_path / "out", weight_decay=0.5),
        schedule={"head_steps": 5},
        encoder=WordEncoder(),
    )
    model, head = weights(trainer.model), weights(trainer.model, head=True)
    trainer.train()
    assert same(weights(trainer.model), model)  # not even weight decay
    moved = weights(trainer.model, head=True)
    assert all(not torch.equal(moved[name], head[name]) for name in head)
    assert "schedule.head_steps: all 5 steps train the head alone" in capsys.readouterr().err


@pytest.mark.parametrize("accumulation", [2])
def test_accumulation_and_batch_size_do_not_change_the_weights(
    accumulation: int, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    trained = []
    for size, steps in ((4, 1), (4 // accumulation, accumulation)):
        trainer = sfr_trainer(
            tokenizer,
            chats,
            tmp_path,
            arguments=settings(
                tmp_path / f"{size}",
                per_device_train_batch_size=size,
                gradient_accumulation_steps=steps,
            ),
            encoder=WordEncoder(),
        )
        trainer.train()
        trained.append(weights(trainer.model))
    for name, value in trained[0].items():
        assert torch.allclose(value, trained[1][name], atol=2e-5), name


@pytest.mark.parametrize(
    "objective",
    [
        "label_smoothing",
        "focal",
        "tofu",
        "gem",
        "dft",
        "entropy",
        "hidden_noise",
        "neftune",
        "mtp",
        "future_mse",
        "future_cosine",
        "cka",
    ],
)
def test_every_rival_trains_and_is_evaluated_by_cross_entropy(
    objective: str, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    import datasets

    def evaluated(name: str) -> tuple[float, Any]:
        trainer = sfr_trainer(
            tokenizer,
            chats,
            tmp_path,
            arguments=settings(tmp_path / name, max_steps=2, logging_steps=100),
            objective=name,
            targets=EASY,
            encoder=WordEncoder(),
            eval_dataset=datasets.Dataset.from_list(chats[:8]),
        )
        before = trainer.evaluate()["eval_loss"]
        trainer.train()
        return before, weights(trainer.model)

    start, plain = evaluated("ce")
    before, trained = evaluated(objective)
    assert before == pytest.approx(start, rel=1e-5)
    assert not same(trained, plain)


def test_both_lm_heads_give_one_loss(tokenizer: Any, chats: list[Any], tmp_path: Path) -> None:
    losses = []
    for lm_head in ("fused", "supervised"):
        trainer = sfr_trainer(tokenizer, chats, tmp_path, objective="ce", lm_head=lm_head)
        trainer.train()
        losses.append([row["loss"] for row in trainer.state.log_history if "loss" in row])
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_neftune_stops_where_training_stops(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    trainer = sfr_trainer(tokenizer, chats, tmp_path, objective={"name": "neftune", "alpha": 100.0})
    ids = torch.tensor([tokenizer("how do I bake bread?")["input_ids"]])
    trainer.model.eval()
    first = trainer.model(input_ids=ids).logits
    assert torch.equal(first, trainer.model(input_ids=ids).logits)
    trainer.model.train()
    inputs = {"input_ids": ids, "labels": ids, "attention_mask": torch.ones_like(ids)}
    one, two = (float(trainer.compute_loss(trainer.model, dict(inputs)).detach()) for _ in range(2))
    assert one != two


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"objective": "sffr"}, "objective sffr: unknown; did you mean `sfr`"),
        (
            {"objective": {"name": "sfr", "widht": 3}},
            "objective: widht: unknown field; did you mean `width`",
        ),
        ({"schedule": {"weigth": 3}}, "schedule: weigth: unknown field; did you mean `weight`"),
        ({"schedule": {"weight": -1}}, "schedule: weight: must be at least 0"),
        ({"objective": {"name": "sfr", "divergence": "kl"}}, "kl needs source constant"),
    ],
)
def test_bad_settings_are_one_line(
    values: dict[str, Any], message: str, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        sfr_trainer(tokenizer, chats, tmp_path, encoder=WordEncoder(), **values)
    assert "\n" not in str(caught.value)
