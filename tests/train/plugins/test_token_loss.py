"""Token objectives in trainers of others, against our own trainer."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from sfr_train.plugins.token_loss import compute_loss_func

from sfr_eval.errors import UserError
from tests.support.training import same, settings, sfr_trainer, tiny_model, weights

pytestmark = pytest.mark.filterwarnings("ignore:.compute_loss_func. is deprecated")


def test_the_loss_is_a_sum_over_the_tokens_of_the_step() -> None:
    logits = torch.zeros(1, 3, 4, requires_grad=True)
    labels = torch.tensor([[-100, 1, 2]])
    loss = compute_loss_func("ce")
    two_tokens = 2 * torch.log(torch.tensor(4.0))
    outputs = SimpleNamespace(logits=logits)
    assert torch.isclose(loss(outputs, labels, num_items_in_batch=8), two_tokens / 8)
    assert torch.isclose(loss(outputs, labels), two_tokens / 2)


def test_evaluation_is_cross_entropy_under_every_objective() -> None:
    torch.manual_seed(0)
    outputs = SimpleNamespace(logits=torch.randn(2, 5, 7))
    labels = torch.randint(0, 7, (2, 5))
    tofu, plain = compute_loss_func("tofu"), compute_loss_func("ce")
    assert torch.equal(tofu(outputs, labels), plain(outputs, labels))


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        ("sfr", "objective sfr: reads the future"),
        ("kl_to_base", "kl_to_base: needs SFRTrainer"),
        ("ebft", "learns from the model's own samples"),
        ("neftune", "adds noise inside the model"),
        ("tofuu", "did you mean `tofu`"),
    ],
)
def test_more_than_a_token_loss_is_refused(objective: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        compute_loss_func(objective)


def trained(tokenizer: Any, chats: list[Any], folder: Path, *, size: int, loss: Any) -> Any:
    import datasets
    from trl import SFTTrainer

    trainer = SFTTrainer(
        model=tiny_model(tokenizer),
        args=settings(
            folder, per_device_train_batch_size=size, gradient_accumulation_steps=4 // size
        ),
        train_dataset=datasets.Dataset.from_list(chats),
        processing_class=tokenizer,
        compute_loss_func=loss,
    )
    trainer.train()
    return trainer


@pytest.mark.parametrize(("objective", "sizes"), [("tofu", (4, 2)), ("entropy", (2,))])
def test_trl_gives_the_losses_of_our_trainer(
    objective: str, sizes: tuple[int, ...], tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    """Under accumulation, too."""
    ours = sfr_trainer(tokenizer, chats, tmp_path, objective=objective)
    ours.train()
    expected = [row["loss"] for row in ours.state.log_history if "loss" in row]
    for size in sizes:
        theirs = trained(
            tokenizer, chats, tmp_path / f"{size}", size=size, loss=compute_loss_func(objective)
        )
        losses = [row["loss"] for row in theirs.state.log_history if "loss" in row]
        assert losses == pytest.approx(expected, abs=1e-6 if size == 4 else 1e-5)
    assert not same(weights(theirs.model), weights(tiny_model(tokenizer)))


def test_a_plain_trainer_of_transformers_takes_it(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    import transformers

    ours = sfr_trainer(tokenizer, chats, tmp_path, objective="tofu")
    trainer = transformers.Trainer(
        model=tiny_model(tokenizer),
        args=settings(tmp_path / "plain"),
        train_dataset=ours.train_dataset.select_columns(["input_ids", "labels"]),
        data_collator=ours.data_collator,
        compute_loss_func=compute_loss_func("tofu"),
    )
    ours.train()
    trainer.train()
    expected, losses = (
        [row["loss"] for row in one.state.log_history if "loss" in row] for one in (ours, trainer)
    )
    assert losses == pytest.approx(expected, abs=1e-6)
