"""The head beside the model: saved, resumed, averaged and left out of the checkpoint."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from sfr_eval.errors import RunError
from tests.support.training import (
    SMALL_HEAD,
    WordEncoder,
    same,
    settings,
    sfr_trainer,
    tiny_model,
    weights,
)


def test_the_checkpoint_is_the_plain_model(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    trainer = sfr_trainer(tokenizer, chats, tmp_path, encoder=WordEncoder())
    keys = set(tiny_model(tokenizer).state_dict())
    trainer.train()
    ids = torch.tensor([tokenizer("how do I bake bread?")["input_ids"]])
    trainer.model.eval()
    before = trainer.model(input_ids=ids).logits
    trainer.save_model(str(tmp_path / "final"))
    assert not (tmp_path / "final" / "sfr_head.safetensors").exists()
    assert set(load_file(tmp_path / "final" / "model.safetensors")) <= keys
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "final").eval()
    assert torch.equal(again(input_ids=ids).logits, before)
    assert trainer.head is not None  # and the trainer still has it
    assert "sfr" not in (tmp_path / "final" / "config.json").read_text()


def test_the_head_is_saved_with_save_head(tokenizer: Any, chats: list[Any], tmp_path: Path) -> None:
    from safetensors.torch import load_file

    trainer = sfr_trainer(tokenizer, chats, tmp_path, encoder=WordEncoder(), save_head=True)
    trainer.save_model(str(tmp_path / "final"))
    saved = load_file(tmp_path / "final" / "sfr_head.safetensors")
    assert same(saved, dict(trainer.head.state_dict()))


@pytest.mark.parametrize(
    "schedule",
    [
        {"head_steps": 4, "ramp_steps": 2, "ema": 0.9},
        {"gate": "dynamic", "gate_level": 1.001, "decay": "cosine"},
    ],
)
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    schedule: dict[str, Any], tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    def make(folder: str) -> Any:
        model = tiny_model(tokenizer)
        model.config.attention_dropout = 0.1  # so that the global generator matters
        for layer in model.model.layers:
            layer.self_attn.attention_dropout = 0.1
        return sfr_trainer(
            tokenizer,
            chats,
            tmp_path,
            model=model,
            arguments=settings(
                tmp_path / folder,
                max_steps=8,
                save_strategy="steps",
                save_steps=3,
                lr_scheduler_type="cosine",
                warmup_steps=2,
            ),
            schedule=schedule,
            encoder=WordEncoder(),
        )

    whole = make("whole")
    whole.train()
    resumed = make("resumed")
    resumed.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-3"))
    assert same(weights(resumed.model), weights(whole.model))
    assert same(weights(resumed.model, head=True), weights(whole.model, head=True))
    for ours, theirs in zip(
        resumed.optimizer.state_dict()["state"].values(),
        whole.optimizer.state_dict()["state"].values(),
        strict=True,
    ):
        assert all(torch.equal(ours[name], theirs[name]) for name in ("exp_avg", "exp_avg_sq"))
    losses = {
        trainer: [row["future/loss"] for row in trainer.state.log_history if "future/loss" in row]
        for trainer in (whole, resumed)
    }
    assert losses[resumed] == losses[whole]
    assert resumed._gate.state() == whole._gate.state()


def test_the_gate_of_a_loss_without_a_head_is_resumed(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    def make(folder: str) -> Any:
        return sfr_trainer(
            tokenizer,
            chats,
            tmp_path,
            arguments=settings(tmp_path / folder, save_strategy="steps", save_steps=2),
            objective="cka",
            schedule={"gate": "dynamic", "gate_level": 1.001},
            encoder=WordEncoder(),
        )

    whole, resumed = make("whole"), make("resumed")
    whole.train()
    resumed.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-2"))
    assert whole._gate.state()["average"] is not None
    assert resumed._gate.state() == whole._gate.state()
    assert same(weights(resumed.model), weights(whole.model))


def test_a_checkpoint_without_the_head_is_refused(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    arguments = settings(tmp_path / "out", save_strategy="steps", save_steps=3)
    trainer = sfr_trainer(tokenizer, chats, tmp_path, arguments=arguments, encoder=WordEncoder())
    trainer.train()
    checkpoint = tmp_path / "out" / "checkpoint-3"
    (checkpoint / "sfr_head.safetensors").unlink()
    with pytest.raises(RunError, match=r"sfr_head.safetensors: missing; resume from"):
        trainer.train(resume_from_checkpoint=str(checkpoint))


def test_the_averaged_head_starts_from_the_trained_one(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    from transformers import TrainerCallback

    class Record(TrainerCallback):
        def __init__(self) -> None:
            self.heads: list[torch.Tensor] = []

        def on_step_end(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
            self.heads.append(model.sfr_head.leave.weight.detach().clone())

    heads = {}
    for ema in (None, 0.75):
        record = Record()
        trainer = sfr_trainer(
            tokenizer,
            chats,
            tmp_path,
            arguments=settings(
                tmp_path / "out",
                max_steps=4,
                gradient_accumulation_steps=2,
                per_device_train_batch_size=2,
            ),
            schedule={"head_steps": 3, "ema": ema, "cross_entropy_in_head_steps": True},
            encoder=WordEncoder(),
            callbacks=[record],
        )
        trainer.train()
        heads[ema] = record.heads
    for step in range(3):  # no averaging before the head phase ends
        assert torch.equal(heads[0.75][step], heads[None][step])
    blended = 0.75 * heads[None][2] + 0.25 * heads[None][3]
    assert torch.allclose(heads[0.75][3], blended, atol=1e-7)


def test_adapters_with_checkpointing_train_and_save_without_head(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    from peft import LoraConfig, PeftModel
    from safetensors.torch import load_file

    trained = []
    for checkpointing in (False, True):
        trainer = sfr_trainer(
            tokenizer,
            chats,
            tmp_path,
            arguments=settings(tmp_path / str(checkpointing), gradient_checkpointing=checkpointing),
            peft_config=LoraConfig(r=4, target_modules="all-linear", lora_dropout=0.0),
            encoder=WordEncoder(),
        )
        start = {name: value for name, value in weights(trainer.model).items() if "lora_B" in name}
        trainer.train()
        assert all(
            not torch.equal(value, weights(trainer.model)[name]) for name, value in start.items()
        )
        trained.append(weights(trainer.model))
    for name, value in trained[0].items():
        assert torch.allclose(value, trained[1][name], atol=1e-6), name
    trainer.save_model(str(tmp_path / "final"))
    saved = load_file(tmp_path / "final" / "adapter_model.safetensors")
    assert saved
    assert not [name for name in saved if "sfr_head" in name]
    ids = torch.tensor([tokenizer("how do I bake bread?")["input_ids"]])
    again = PeftModel.from_pretrained(tiny_model(tokenizer), tmp_path / "final").eval()
    trainer.model.eval()
    assert torch.allclose(
        again(input_ids=ids).logits, trainer.model(input_ids=ids).logits, atol=1e-5
    )


def test_the_gate_state_is_plain_json(tokenizer: Any, chats: list[Any], tmp_path: Path) -> None:
    arguments = settings(tmp_path / "out", save_strategy="steps", save_steps=5)
    trainer = sfr_trainer(
        tokenizer,
        chats,
        tmp_path,
        arguments=arguments,
        schedule={"gate": "static", "gate_level": 100.0},
        objective=SMALL_HEAD,
        encoder=WordEncoder(),
    )
    trainer.train()
    state = json.loads((tmp_path / "out" / "checkpoint-5" / "sfr_state.json").read_text())
    assert state == {"average": None, "closed": True}  # a loss below 100 closes a static gate


def test_fp16_unscales_the_gradients_once(
    tokenizer: Any, chats: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scaler of fp16, put in by hand where there is no GPU, does not change the weights. What is
    computed stays in float32, so that nothing else does."""
    from accelerate.state import AcceleratorState
    from accelerate.utils import AutocastKwargs

    def trained(folder: Path, scaler: Any) -> Any:
        trainer = sfr_trainer(tokenizer, chats, folder)
        if scaler is not None:
            trainer.accelerator.scaler, trainer.accelerator.native_amp = scaler, True
            trainer.accelerator.autocast_handler = AutocastKwargs(enabled=False)
            monkeypatch.setattr(AcceleratorState, "mixed_precision", "fp16")
        trainer.train()
        return weights(trainer.model), weights(trainer.model, head=True)

    plain = trained(tmp_path / "plain", None)
    scaled = trained(tmp_path / "scaled", torch.amp.GradScaler("cpu", init_scale=1024.0))
    for ours, theirs in zip(scaled, plain, strict=True):
        assert all(torch.allclose(ours[name], theirs[name], atol=1e-6) for name in theirs)
