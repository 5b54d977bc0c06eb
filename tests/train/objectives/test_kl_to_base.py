"""The divergence from the base: by hand, in pieces, and in a whole training."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from sfr_train.flow.noise import HashNoise
from sfr_train.objectives import kl_to_base
from sfr_train.objectives.base import Anchors
from sfr_train.objectives.kl_to_base import BaseDivergence, Settings, divergence

from tests.support.training import same, settings, sfr_trainer, tiny_model, weights


def test_both_directions_by_hand() -> None:
    q, base = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.9, 0.1]]).log()
    reverse = 0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1)
    forward = 0.9 * math.log(0.9 / 0.5) + 0.1 * math.log(0.1 / 0.5)
    assert float(divergence(q, base, direction="reverse")) == pytest.approx(reverse)
    assert float(divergence(q, base, direction="forward")) == pytest.approx(forward)


def test_certain_predictions_give_no_nan() -> None:
    logits = torch.tensor([[3000.0, 0.0]], requires_grad=True)
    loss = divergence(logits, torch.tensor([[0.0, 0.0]]), direction="reverse")
    loss.sum().backward()
    assert float(loss.detach()) == pytest.approx(math.log(2))
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("direction", ["reverse", "forward"])
def test_pieces_equal_the_whole_with_torchs_divergence(
    direction: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kl_to_base, "_CHUNK", 3 * 11)  # three states at a time
    torch.manual_seed(0)
    hidden = torch.randn(8, 5, requires_grad=True)
    target, matrix, base_matrix = torch.randn(8, 5), torch.randn(5, 11), torch.randn(5, 11)
    weight = torch.tensor([1, 1, 0, 1, 1, 1, 0, 1.0])[:, None]
    loss = BaseDivergence(Settings(direction=direction), vocabulary=11)
    loss.model_logits, loss.base_logits = lambda h: h @ matrix, lambda h: h @ base_matrix
    ids = torch.arange(8)
    terms = loss.terms(Anchors(hidden, weight, ids, target=target), HashNoise(0, 0, ids, ids))
    terms.total.backward()
    whole = hidden.detach().clone().requires_grad_()
    q, p = (whole @ matrix).log_softmax(-1), (target @ base_matrix).log_softmax(-1)
    first, second = (p, q) if direction == "reverse" else (q, p)
    rows = torch.nn.functional.kl_div(first, second, reduction="none", log_target=True).sum(-1)
    (rows * weight[:, 0]).sum().backward()
    assert torch.allclose(terms.loss, rows.detach(), atol=1e-5)
    assert torch.allclose(hidden.grad, whole.grad, atol=1e-5)


def test_beta_zero_is_cross_entropy_bit_for_bit(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    trained = []
    for objective in ("ce", "kl_to_base"):
        trainer = sfr_trainer(
            tokenizer, chats, tmp_path, objective=objective, schedule={"weight": 0.0}
        )
        trainer.train()
        trained.append(weights(trainer.model))
    assert same(trained[0], trained[1])


def distance_from_base(trainer: Any, base: Any, batch: Any) -> float:
    supervised = batch["labels"][:, 1:] != -100
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    logits = []
    for model in (trainer.model, base):
        model.eval()
        with torch.no_grad():
            logits.append(model(**inputs).logits[:, :-1][supervised])
    return float(divergence(*logits, direction="reverse").mean())


@pytest.mark.parametrize("adapter", [False, True])
def test_a_weight_keeps_the_model_near_its_base(
    adapter: bool, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    from peft import LoraConfig

    distance, logged = {}, []
    for weight in (0.0, 10.0):
        lora = LoraConfig(r=4, target_modules="all-linear", lora_dropout=0.1) if adapter else None
        trainer = sfr_trainer(
            tokenizer,
            chats,
            tmp_path,
            arguments=settings(tmp_path / "out", max_steps=15, learning_rate=3e-3),
            objective="kl_to_base",
            schedule={"weight": weight},
            peft_config=lora,
        )
        batch = next(iter(trainer.get_train_dataloader()))
        trainer.train()
        distance[weight] = distance_from_base(trainer, tiny_model(tokenizer), batch)
        logged = [row["future/loss"] for row in trainer.state.log_history if "future/loss" in row]
    assert distance[10.0] < 0.3 * distance[0.0]
    # Dropout alone separates an adapted model from its base at step 1, and there its B is 0.
    assert logged[0] == pytest.approx(0, abs=1e-6)
    assert logged[-1] > 1e-6
    trainer.save_model(str(tmp_path / "final"))
    assert not [name for name in trainer.model.state_dict() if "frozen" in name]
