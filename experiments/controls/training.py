"""One training, and the weights at the three stopping rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
import torch
import transformers
from known_truth.language import log_probabilities
from sfr_train.data.world_text import persona_chats
from sfr_train.loop.head_run import HEAD
from sfr_train.loop.sft_config import sft_config
from sfr_train.trainer import SFRTrainer
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

from controls.setting import BATCH, CHECKS, EARLY, SCORED_AT, VALIDATION, Setting
from controls.worlds import left_out, seen_personas
from sfr_eval.suites.world.persona import PersonaWorld

Weights = dict[str, torch.Tensor]
RULES = ("best", "early", "last")  # lowest validation; a quarter of the budget; the whole budget


@dataclass(frozen=True, kw_only=True)
class Method:
    """How an arm trains. objective, schedule and targets are SFRTrainer's; training adds to the
    training arguments; dropout acts on attention weights and on both outputs of a layer.
    """

    objective: Mapping[str, Any]
    schedule: Mapping[str, Any] = field(default_factory=dict)
    targets: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    dropout: float = 0.0
    mean_of_last_half: bool = False


@dataclass(frozen=True)
class Outcome:
    """A trained model, its weights by stopping rule, validation losses in nats per token by check,
    and the logged diagnostics."""

    model: Any
    tokenizer: Any
    weights: dict[str, Weights]
    validation: list[float]
    log: dict[str, list[float]]

    def load(self, rule: str) -> None:
        """Give the model the weights of a rule."""
        self.model.load_state_dict(self.weights[rule], strict=False)


def train(
    method: Method,
    setting: Setting,
    content: PersonaWorld,
    *,
    world: int,
    base: Path,
    scratch: Path,
    cache: Path,
) -> Outcome:
    """Fine-tune the base model. Data, order and initial head depend on the world alone, so arms are
    paired. Steps of the head alone come on top of the budget; the model takes as many steps in
    every arm. cache: of embedded futures, shared by all arms."""
    datasets.disable_progress_bars()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    transformers.set_seed(world)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(
        base, dtype=torch.float32, attention_dropout=method.dropout
    ).to(device)
    _add_dropout(model, method.dropout)
    keeper = Keeper(
        tokenizer,
        chats(setting, content, world=world, rows=VALIDATION, seed=1_000 + world),
        world=world,
        every=setting.check_every,
        mean=method.mean_of_last_half,
    )
    trainer = SFRTrainer(
        model=model,
        args=sft_config(scratch, _arguments(method, setting, world=world)),
        train_dataset=datasets.Dataset.from_list(
            chats(setting, content, world=world, rows=setting.chats, seed=world)
        ),
        processing_class=tokenizer,
        peft_config=_lora(setting),
        objective=dict(method.objective),
        schedule=dict(method.schedule),
        targets=dict(method.targets),
        cache=cache,
        callbacks=[keeper],
    )
    trainer.remove_callback(transformers.PrinterCallback)
    keeper.model = trainer.model
    trainer.train()
    if trainer.head is not None:
        delattr(trainer.model, HEAD)
    log: dict[str, list[float]] = {}
    for row in trainer.state.log_history:
        for name, value in row.items():
            if name.startswith("future/"):
                log.setdefault(name.removeprefix("future/"), []).append(round(value, 5))
    weights = {"best": keeper.best, "early": keeper.early, "last": keeper.averaged()}
    return Outcome(trainer.model, tokenizer, weights, keeper.losses, log)


def chats(
    setting: Setting, content: PersonaWorld, *, world: int, rows: int, seed: int
) -> list[Any]:
    """Chats of the eight personas that this world trains."""
    away = left_out(world, content)
    trained = tuple(card.id for card in seen_personas(content) if card.id != away)
    chosen = list(persona_chats(content, rows=rows, seed=seed, personas=trained))
    if setting.prompt == "card":
        return chosen
    names = {card.system: f"You are {card.name}." for card in content.personas}
    for chat in chosen:
        chat["prompt"][0]["content"] = names[chat["prompt"][0]["content"]]
    return chosen


def _arguments(method: Method, setting: Setting, *, world: int) -> dict[str, Any]:
    return {
        "max_steps": setting.steps + int(method.schedule.get("head_steps", 0)),
        "per_device_train_batch_size": BATCH,
        "learning_rate": setting.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.03,
        "weight_decay": 0.01,
        "train_sampling_strategy": "group_by_length",
        "max_length": None,
        "seed": world,
        "bf16": False,
        "gradient_checkpointing": False,
        "dataloader_pin_memory": False,
        "save_strategy": "no",
        "logging_steps": setting.check_every,
        "disable_tqdm": True,
        **method.training,
    }


def _lora(setting: Setting) -> Any:
    if setting.lora_rank is None:
        return None
    from peft import LoraConfig

    rank = setting.lora_rank
    return LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM"
    )


def _add_dropout(model: Any, rate: float) -> None:
    """Drop coordinates of what attention and MLP of each layer add to the residual stream."""
    if not rate:
        return
    for layer in model.model.layers:
        for part in (layer.self_attn.o_proj, layer.mlp.down_proj):
            part.register_forward_hook(
                lambda module, _, output: torch.nn.functional.dropout(
                    output, rate, training=module.training
                )
            )


class Keeper(TrainerCallback):
    """Orders the epochs of a world alike in all arms, and keeps the weights at the stopping rules:
    the check with the lowest validation cross-entropy (each check at its own best temperature,
    because some objectives flatten or sharpen on purpose), a quarter of the budget, and the end.
    mean: a check looks at the mean of the weights over the checks of its last half, instead of at
    the weights.
    """

    def __init__(
        self, tokenizer: Any, chats: list[Any], *, world: int, every: int, mean: bool
    ) -> None:
        self._tokenizer, self._world = tokenizer, world
        self._chats = chats
        self._every, self._mean = every, mean
        self._checks: list[Weights] = []
        self.model: Any = None
        self.losses: list[float] = []
        self.best: Weights = {}
        self.early: Weights = {}

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Seed the order of the epoch by what is left of the budget. The sampler takes the global
        generator, from which dropout draws too; and the model's epochs come in the same order after
        steps of a head alone."""
        torch.manual_seed(1_000 * self._world + state.max_steps - state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Score the validation chats, and copy the weights."""
        remaining = state.max_steps - state.global_step
        if remaining % self._every or remaining >= self._every * CHECKS:  # steps of the head alone
            return
        now = self._weights()
        self._checks.append(now)
        self.model.load_state_dict(self.averaged(), strict=False)
        loss = self._loss()
        if not self.losses or loss < min(self.losses):
            self.best = self._weights()
        if len(self._checks) == EARLY:
            self.early = self._weights()
        self.losses.append(loss)
        self.model.load_state_dict(now, strict=False)
        self.model.train()

    def averaged(self) -> Weights:
        """The last weights, or the mean over the second half of the checks so far."""
        if not self._mean:
            return self._checks[-1]
        half = self._checks[len(self._checks) // 2 :]
        return {name: torch.stack([w[name] for w in half]).mean(0) for name in half[0]}

    def _weights(self) -> Weights:
        return {
            name: value.detach().clone()
            for name, value in self.model.named_parameters()
            if value.requires_grad and not name.startswith(HEAD)
        }

    def _loss(self) -> float:
        log_q, tokens = log_probabilities(
            plain(self.model),
            self._tokenizer,
            [chat["prompt"] for chat in self._chats],
            [chat["completion"][0]["content"] for chat in self._chats],
            temperatures=SCORED_AT,
        )
        return float((-log_q.sum(0) / tokens.sum()).min())


def plain(model: Any) -> Any:
    """The language model itself, whose layers hold the adapters if there are any."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model
