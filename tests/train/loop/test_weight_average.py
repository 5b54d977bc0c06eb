"""Averages of weights against sums over recorded steps."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback

from sfr_eval.errors import RunError, UserError
from tests.support.training import (
    SMALL_HEAD,
    WordEncoder,
    same,
    settings,
    sfr_trainer,
    tiny_model,
    weights,
)


class Record(TrainerCallback):
    """The weights after each step."""

    def __init__(self) -> None:
        self.steps: list[dict[str, torch.Tensor]] = []

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
        self.steps.append(weights(model))


def trained(tokenizer: Any, chats: list[Any], folder: Path, average: Any, **others: Any) -> Any:
    record = Record()
    arguments = others.pop("arguments", None) or settings(folder / "out", max_steps=6)
    trainer = sfr_trainer(
        tokenizer,
        chats,
        folder,
        arguments=arguments,
        encoder=WordEncoder(),
        average=average,
        callbacks=[record],
        **{"objective": "ce", **others},
    )
    trainer.train()
    return trainer, record.steps


def near(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    assert ours.keys() == theirs.keys()
    return all(torch.allclose(ours[name], theirs[name], atol=1e-6) for name in ours)


def test_wise_lies_between_base_and_tuned(tokenizer: Any, chats: list[Any], tmp_path: Path) -> None:
    base = weights(tiny_model(tokenizer))
    trainer, steps = trained(tokenizer, chats, tmp_path, {"kind": "wise", "alpha": 0.25})
    expected = {name: 0.75 * base[name] + 0.25 * steps[-1][name] for name in base}
    assert near(weights(trainer.model), expected)


def test_the_tail_is_the_mean_of_the_last_steps(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    trainer, steps = trained(tokenizer, chats, tmp_path, {"kind": "tail", "share": 0.5})
    expected = {name: sum(step[name] for step in steps[3:]) / 3 for name in steps[0]}
    assert near(weights(trainer.model), expected)


def test_the_exponential_mean_starts_at_the_base(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    mean = weights(tiny_model(tokenizer))
    trainer, steps = trained(tokenizer, chats, tmp_path, {"kind": "ema", "rate": 0.7})
    for step in steps:
        mean = {name: 0.7 * mean[name] + 0.3 * step[name] for name in mean}
    assert near(weights(trainer.model), mean)


def test_l2_sp_pulls_toward_the_base_at_each_step(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    """One step by hand, and the distance after six."""
    base = weights(tiny_model(tokenizer))
    one = settings(tmp_path / "one", max_steps=1, lr_scheduler_type="constant")
    _, plain = trained(tokenizer, chats, tmp_path, None, arguments=one)
    _, pulled = trained(
        tokenizer, chats, tmp_path, {"kind": "l2_sp", "strength": 300.0}, arguments=one
    )
    kept = 1 - 1e-3 * 300
    expected = {name: base[name] + kept * (plain[0][name] - base[name]) for name in base}
    assert near(pulled[0], expected)

    def distance(average: Any) -> float:
        trainer, _ = trained(tokenizer, chats, tmp_path, average)
        after = weights(trainer.model)
        return sum(float((after[name] - base[name]).square().sum()) for name in base)

    assert distance({"kind": "l2_sp", "strength": 300.0}) < 0.6 * distance(None)


def test_training_goes_on_after_a_look_at_the_average(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    trainer, steps = trained(tokenizer, chats, tmp_path, {"kind": "ema", "rate": 0.7})
    average = weights(trainer.model)
    with torch.no_grad():
        for name, value in trainer.model.named_parameters():
            value.copy_(steps[-1][name])
    with trainer.average.applied():
        assert same(weights(trainer.model), average)
    assert same(weights(trainer.model), steps[-1])


@pytest.mark.parametrize("kind", ["wise", "tail", "ema", "l2_sp"])
def test_a_resumed_run_ends_at_the_same_average(
    kind: str, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    def make(folder: str) -> Any:
        return sfr_trainer(
            tokenizer,
            chats,
            tmp_path,
            arguments=settings(tmp_path / folder, max_steps=6, save_strategy="steps", save_steps=4),
            encoder=WordEncoder(),
            objective=SMALL_HEAD,
            average={"kind": kind, "rate": 0.7, "strength": 10.0},
        )

    whole, resumed = make("whole"), make("resumed")
    whole.train()
    resumed.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-4"))
    assert same(weights(resumed.model), weights(whole.model))
    (tmp_path / "whole" / "checkpoint-4" / "sfr_average.safetensors").unlink()
    with pytest.raises(RunError, match=r"sfr_average.safetensors: missing; delete"):
        make("again").train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-4"))


def test_wise_with_an_adapter_is_exact_in_merged_weights(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    from peft import LoraConfig

    merged = []
    for average in (None, {"kind": "wise", "alpha": 0.25}):
        trainer, _ = trained(
            tokenizer,
            chats,
            tmp_path,
            average,
            peft_config=LoraConfig(r=4, target_modules=["q_proj", "down_proj"], lora_dropout=0.0),
        )
        merged.append(dict(trainer.model.merge_and_unload().state_dict()))
    base = tiny_model(tokenizer).state_dict()
    for name, value in base.items():
        expected = 0.75 * value + 0.25 * merged[0][name]
        assert torch.allclose(merged[1][name], expected, atol=1e-6), name


@pytest.mark.parametrize(
    ("average", "arguments", "adapter", "message"),
    [
        ({"kind": "tail"}, {}, ["q_proj"], "average tail: not possible with an adapter"),
        ({"kind": "ema"}, {"load": True}, None, "load_best_model_at_end would be undone"),
        ({"kind": "mean"}, {}, None, "average: kind"),
        ({"kind": "wise", "alpha": 2}, {}, None, "average: alpha"),
    ],
)
def test_what_cannot_be_averaged_is_one_line(
    average: Any,
    arguments: Any,
    adapter: Any,
    message: str,
    tokenizer: Any,
    chats: list[Any],
    tmp_path: Path,
) -> None:
    import datasets
    from peft import LoraConfig

    best = {"load_best_model_at_end": True, "eval_strategy": "steps", "save_strategy": "steps"}
    with pytest.raises(UserError, match=message) as error:
        sfr_trainer(
            tokenizer,
            chats,
            tmp_path,
            arguments=settings(tmp_path / "out", **(best if arguments else {})),
            objective="ce",
            average=average,
            eval_dataset=datasets.Dataset.from_list(chats[:4]),
            peft_config=LoraConfig(r=2, target_modules=adapter) if adapter else None,
        )
    assert "\n" not in str(error.value)
