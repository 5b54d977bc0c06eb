"""The logged diagnostics of the head, against closed forms and separate computations."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.training import (
    EASY,
    SMALL_HEAD,
    WordEncoder,
    same,
    settings,
    sfr_trainer,
    weights,
)


def test_the_logged_loss_is_the_flow_loss_of_the_formula(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    trainer = sfr_trainer(
        tokenizer,
        chats,
        tmp_path,
        arguments=settings(tmp_path / "out", max_steps=1),
        encoder=WordEncoder(),
    )
    trainer.train()
    first = trainer.state.log_history[0]
    # A new head predicts 0: a loss of 1 + s^2 = 2 at deviation 1, over what a head that knows the
    # covariance reaches; for eigenvalues l_i that is (pi / 2) mean(sqrt(l_i)).
    values, _ = trainer._targets.covariance
    blind = 1.5708 * float((values**0.5).mean())
    assert first["future/loss"] == pytest.approx(2, abs=0.2)
    assert first["future/loss_over_blind"] == pytest.approx(2 / blind, rel=0.15)
    assert first["future/shuffled_gap"] == pytest.approx(0, abs=1e-6)
    assert first["future/gradient_ratio"] == 0


def test_measured_gradients_are_those_of_the_two_losses(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    """The ratio from hooks against two separate backward passes."""
    trainer = sfr_trainer(
        tokenizer,
        chats,
        tmp_path,
        objective={"name": "future_mse", "width": 32},
        schedule={"weight": 2.0},
        encoder=WordEncoder(),
        lm_head="supervised",
    )
    trainer.train()
    head = trainer.model.sfr_head
    batch = next(iter(trainer.get_train_dataloader()))
    hidden = (
        trainer.model.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
        .last_hidden_state.detach()
        .requires_grad_()
    )
    logits = trainer.model.lm_head(hidden)
    labels = batch["labels"][:, 1:]
    count = (labels != -100).sum()
    ce = torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1), labels.flatten(), ignore_index=-100, reduction="sum"
    )
    (ce_gradient,) = torch.autograd.grad(ce / count, hidden)
    picked = hidden[batch["future_row"], batch["future_column"]]
    zero = torch.zeros_like(batch["future_target"])
    error = (head(zero, zero[:, 0], picked) - batch["future_target"]).square().mean(-1)
    weight = batch["future_weight"]
    (future,) = torch.autograd.grad(2.0 * (error * weight).sum() / weight.sum(), hidden)

    trainer.state.global_step = 0
    trainer._step_weight = weight.sum()
    trainer.model.train()
    loss = trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=count)
    loss.backward()
    _, outcome, _ = trainer._last
    assert outcome.grad_future == pytest.approx(float(future.norm()), rel=1e-4)
    assert outcome.grad_model == pytest.approx(float(ce_gradient.norm()), rel=1e-4)


def test_the_shuffled_gap_grows_when_states_predict_the_future(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    trainer = sfr_trainer(
        tokenizer,
        chats[:8],
        tmp_path,
        arguments=settings(tmp_path / "out", max_steps=60, per_device_train_batch_size=8),
        objective={"name": "future_mse", "width": 64},
        targets={**EASY, "stride": 30},
        schedule={"head_learning_rate": 1e-2},
        encoder=WordEncoder(),
    )
    trainer.train()
    gaps = [row["future/shuffled_gap"] for row in trainer.state.log_history[-6:-1]]
    assert sum(gaps) / len(gaps) > 0.3  # of a loss that starts at 1


def test_a_blind_head_neither_reads_nor_changes_the_model(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    trained: list[Any] = []
    for objective in ("ce", {**SMALL_HEAD, "blind": True}):
        trainer = sfr_trainer(
            tokenizer, chats, tmp_path, objective=objective, encoder=WordEncoder()
        )
        head = weights(trainer.model, head=True)
        trainer.train()
        trained.append(weights(trainer.model))
    assert same(trained[0], trained[1])
    assert not same(weights(trainer.model, head=True), head)
    logged = [row for row in trainer.state.log_history if "future/shuffled_gap" in row]
    assert all(row["future/shuffled_gap"] == pytest.approx(0, abs=1e-6) for row in logged)


@pytest.mark.parametrize("scale", ["unit", "sqrt_d", "standardise"])
@pytest.mark.parametrize("tau_weight", ["none", "min_snr"])
def test_a_perfect_blind_head_is_logged_as_one(
    tau_weight: str, scale: str, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    """Before its first step a head with the skip is the closed-form blind head."""
    trainer = sfr_trainer(
        tokenizer,
        chats[:8],
        tmp_path,
        arguments=settings(tmp_path / "out", max_steps=1),
        objective={**SMALL_HEAD, "skip": "covariance", "blind": True, "tau_weight": tau_weight},
        targets={**EASY, "scale": scale},
        encoder=WordEncoder(),
    )
    trainer.train()
    first = trainer.state.log_history[0]
    assert first["future/loss_over_blind"] == pytest.approx(1, abs=1e-4)
    assert first["future/shuffled_gap"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("objective", ["sfr", "mtp"])
def test_one_sample_a_micro_batch_still_has_a_shuffled_gap(
    objective: str, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    trainer = sfr_trainer(
        tokenizer,
        chats[:4],
        tmp_path,
        arguments=settings(tmp_path / "out", max_steps=3, per_device_train_batch_size=1),
        objective=objective,
        encoder=WordEncoder(),
    )
    trainer.train()
    logged = ["future/shuffled_gap" in row for row in trainer.state.log_history if "loss" in row]
    assert logged == [False, True, True]  # the first micro-batch has none before it


@pytest.mark.parametrize("objective", ["sfr", "future_mse", "mtp"])
def test_the_held_out_future_loss_is_that_of_rows_never_trained(
    objective: str, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    import datasets

    def make(shuffled: bool) -> Any:
        return sfr_trainer(
            tokenizer,
            chats[:8],
            tmp_path,
            arguments=settings(tmp_path / "out", max_steps=2),
            objective={"name": objective, **({"skip": "covariance"} if objective == "sfr" else {})},
            targets={**EASY, "shuffled": shuffled},
            eval_dataset=datasets.Dataset.from_list(chats[12:16]),
            encoder=WordEncoder(),
        )

    trainer = make(False)
    before = trainer.evaluate()
    if objective == "sfr":
        again = trainer.evaluate()
        assert before["eval_future_loss"] == again["eval_future_loss"]  # the same draws
        # Shuffled targets are for training: what is held out stays true.
        assert make(True).evaluate()["eval_future_loss"] == before["eval_future_loss"]
    if objective != "mtp":
        batch = next(iter(trainer.get_eval_dataloader()))
        raw = trainer._held_out._embeddings[trainer._held_out._rows[:]].astype("float32")
        mean, deviation = trainer._targets._moments
        assert torch.allclose(
            batch["future_target"],
            torch.from_numpy(((raw - mean) / deviation)[-1 - batch["future_state"].numpy()]),
            atol=1e-5,
        )
    if objective == "sfr":
        assert before["eval_future_loss_over_blind"] == pytest.approx(1, abs=1e-4)
    if objective == "future_mse":  # a new head predicts 0, here nearly the mean
        assert before["eval_future_loss_over_blind"] == pytest.approx(1, abs=0.01)
    assert before["eval_future_shuffled_gap"] == pytest.approx(0, abs=0.2)
    trainer.train()
    assert trainer.evaluate()["eval_future_loss"] != before["eval_future_loss"]
