"""SFRTrainer beside TRL's own: the same where it should be, different only where it says so."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from sfr_eval.errors import RunError, UserError
from tests.support.training import (
    SMALL_HEAD,
    TARGETS,
    WordEncoder,
    settings,
    sfr_trainer,
    tiny_model,
)

EASY = {**TARGETS, "stored_as": "float32"}


def weights(model: Any, *, head: bool = False) -> dict[str, torch.Tensor]:
    return {
        name: value.detach().clone()
        for name, value in model.named_parameters()
        if name.startswith("sfr_head") == head
    }


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    assert ours.keys() == theirs.keys()
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


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


TRL_TOLERANCE = 1e-3  # of the way that the weights went
STEPS: dict[str, Any] = {"max_steps": 20, "max_grad_norm": 0.5, "weight_decay": 0.1}


@pytest.fixture(scope="module")
def trl(tokenizer: Any, chats: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    return trl_weights(tokenizer, chats, tmp_path_factory.mktemp("trl"), **STEPS)


@pytest.mark.parametrize("lm_head", ["fused", "supervised"])
def test_weight_zero_is_cross_entropy_bit_for_bit(
    lm_head: str, trl: Any, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    """With the fused LM head TRL's own trainer, otherwise our cross-entropy."""

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
    # A head that only watches: built, trained and logged, and the model never notices.
    watch, start = trained(schedule={"head_steps": 20, "cross_entropy_in_head_steps": True})
    assert same(weights(watch.model), plain)
    assert not same(weights(watch.model, head=True), start)
    # And with a weight it is another model.
    assert not same(weights(trained()[0].model), plain)


def test_logits_of_supervised_tokens_alone_give_trls_weights_up_to_rounding(
    trl: Any, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    """The default on a CPU after 20 steps of AdamW, whose steps are 1e-3 long."""
    trainer = sfr_trainer(
        tokenizer, chats, tmp_path, objective="ce", arguments=settings(tmp_path / "out", **STEPS)
    )
    trainer.train()
    found = weights(trainer.model)
    start = weights(tiny_model(tokenizer))
    for name, value in trl.items():
        moved = float((value - start[name]).norm())
        assert moved > 1e-3, name
        assert float((found[name] - value).norm()) < TRL_TOLERANCE * moved, name


def test_the_lm_head_reads_the_supervised_states_alone(
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
    assert outputs.logits.shape[:2] == batch["labels"].shape  # who asks for outputs gets them whole


def test_the_head_phase_alone_trains_the_head_alone(
    tokenizer: Any, chats: list[Any], tmp_path: Path
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
    # A new head says 0: 1 + s^2 = 2 at deviation 1, over the blind pi / 2.
    assert first["future/loss"] == pytest.approx(2, abs=0.2)
    assert first["future/loss_over_blind"] == pytest.approx(2 / 1.5708, abs=0.13)
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
    (own,) = torch.autograd.grad(ce / count, hidden)
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
    assert outcome.grad_model == pytest.approx(float(own.norm()), rel=1e-4)


def test_the_shuffled_gap_grows_when_states_tell_the_future(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    def gap(seed_of_targets: bool) -> float:
        class Random(WordEncoder):
            def encode(self, texts: Any) -> Any:
                import numpy as np

                rows = np.random.default_rng(len(self.calls)).normal(size=(len(texts), self.size))
                return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

        trainer = sfr_trainer(
            tokenizer,
            chats[:8],
            tmp_path / str(seed_of_targets),
            arguments=settings(
                tmp_path / str(seed_of_targets), max_steps=60, per_device_train_batch_size=8
            ),
            objective={"name": "future_mse", "width": 64},
            targets={**EASY, "stride": 30},
            schedule={"head_learning_rate": 1e-2},
            encoder=WordEncoder(),
        )
        trainer.train()
        found = [row["future/shuffled_gap"] for row in trainer.state.log_history[-6:-1]]
        return sum(found) / len(found)

    assert gap(True) > 0.3  # of a loss that starts at 1


@pytest.mark.parametrize("accumulation", [2])
def test_accumulation_and_batch_size_do_not_change_the_weights(
    accumulation: int, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    found = []
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
        found.append(weights(trainer.model))
    for name, value in found[0].items():
        assert torch.allclose(value, found[1][name], atol=2e-5), name


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


def test_the_head_is_saved_beside_it_if_asked(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    trainer = sfr_trainer(tokenizer, chats, tmp_path, encoder=WordEncoder(), save_head=True)
    trainer.save_model(str(tmp_path / "final"))
    saved = load_file(tmp_path / "final" / "sfr_head.safetensors")
    assert same(saved, dict(trainer.head.state_dict()))


@pytest.mark.parametrize(
    "schedule",
    [
        {"head_steps": 2, "ramp_steps": 4, "ema": 0.9},
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
            arguments=settings(tmp_path / folder, max_steps=8, save_strategy="steps", save_steps=3),
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


def test_the_mean_head_starts_from_the_trained_head_and_moves_once_a_step(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    from transformers import TrainerCallback

    class Record(TrainerCallback):
        def __init__(self) -> None:
            self.heads: list[torch.Tensor] = []

        def on_step_end(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
            self.heads.append(model.sfr_head.leave.weight.detach().clone())

    found = {}
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
        found[ema] = record.heads
    for step in range(3):  # not before the head phase ends
        assert torch.equal(found[0.75][step], found[None][step])
    blended = 0.75 * found[None][2] + 0.25 * found[None][3]
    assert torch.allclose(found[0.75][3], blended, atol=1e-7)


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
        found = {}
        for batch in trainer.get_train_dataloader():
            rows, columns = batch["future_row"], batch["future_column"]
            if arguments.get("packing"):
                assert batch["input_ids"].shape[0] == 1  # padding-free
            for i, state in enumerate(batch["future_state"].tolist()):
                token = int(batch["input_ids"][rows[i], columns[i]])
                found[state] = (token, tuple(batch["future_target"][i].tolist()))
        return found

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


def test_adapters_and_gradient_checkpointing_train_and_save_without_the_head(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    from peft import LoraConfig, PeftModel
    from safetensors.torch import load_file

    found = []
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
        found.append(weights(trainer.model))
    for name, value in found[0].items():
        assert torch.allclose(value, found[1][name], atol=1e-6), name
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


@pytest.mark.parametrize(
    "objective",
    [
        "label_smoothing",
        "focal",
        "tofu",
        "gem",
        "dft",
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
        ({"schedule": {"weight": -1}}, "schedule: weight: .*greater than or equal to 0"),
        ({"objective": {"name": "sfr", "divergence": "kl"}}, "kl needs source constant"),
    ],
)
def test_bad_settings_are_one_line(
    values: dict[str, Any], message: str, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        sfr_trainer(tokenizer, chats, tmp_path, encoder=WordEncoder(), **values)
    assert "\n" not in str(caught.value)


def test_a_reply_too_short_for_a_future_is_masked_and_never_a_zero_target(
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
    # Whatever the model thinks of the short reply, the future loss does not see it.
    moved = {**batch, "input_ids": batch["input_ids"].clone()}
    moved["input_ids"][1] = 5
    losses = []
    trainer.model.train()
    trainer._step_weight = batch["future_weight"].sum()
    for inputs in (batch, moved):
        trainer.compute_loss(trainer.model, dict(inputs), num_items_in_batch=torch.tensor(9))
        losses.append(float(trainer._last[1].terms.total.detach()))
    assert losses[0] == losses[1] > 0


def test_a_blind_head_learns_nothing_from_the_model_and_teaches_it_nothing(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    found = []
    for objective in ("ce", {**SMALL_HEAD, "blind": True}):
        trainer = sfr_trainer(
            tokenizer, chats, tmp_path, objective=objective, encoder=WordEncoder()
        )
        head = weights(trainer.model, head=True)
        trainer.train()
        found.append(weights(trainer.model))
    assert same(found[0], found[1])
    assert not same(weights(trainer.model, head=True), head)
    logged = [row for row in trainer.state.log_history if "future/shuffled_gap" in row]
    assert all(row["future/shuffled_gap"] == pytest.approx(0, abs=1e-6) for row in logged)


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
    assert state == {"average": None, "closed": True}  # a loss under 100 closes a static gate
