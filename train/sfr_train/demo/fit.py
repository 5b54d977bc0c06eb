"""Trains one demo recipe and saves a checkpoint that vLLM and transformers load."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
import torch
import transformers
from transformers import PreTrainedTokenizerFast, TrainerCallback
from trl import SFTConfig

from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.util.progress import Bar
from sfr_train.data.world_text import (
    Chat,
    QuestionNoise,
    handbook_pages,
    persona_chats,
    topic_queries,
    wide_chats,
)
from sfr_train.demo.initial_model import new_model, start_embeddings, train_tokenizer
from sfr_train.demo.optimizer import make_optimizer
from sfr_train.demo.recipe import DemoRecipe, NewModel
from sfr_train.loop.sft_config import sft_config
from sfr_train.objectives import trainer_of
from sfr_train.trainer import SFRTrainer

if TYPE_CHECKING:
    from sfr_train.policy.trainer import PolicyTrainer

_REPLY_TOKENS = 96  # of a sampled reply; the longest of the benchmark has about 80


def fit(recipe: DemoRecipe, world: PersonaWorld, *, start: Path | None, output: Path) -> None:
    """Train and save model and tokenizer into `output`. Seeds fix data, weights and order."""
    transformers.set_seed(recipe.seed)
    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    chats = training_chats(recipe, world)
    if recipe.new_model is not None:
        model, tokenizer = _initial_model(recipe, recipe.new_model, chats, world)
    else:
        tokenizer = transformers.AutoTokenizer.from_pretrained(start, trust_remote_code=False)
        model = transformers.AutoModelForCausalLM.from_pretrained(
            start, dtype=torch.float32, trust_remote_code=False
        )
    if trainer_of(recipe.objective) == "grpo":
        trainer = sampling_trainer(recipe, model, tokenizer, chats, output=output / "trainer")
        rows = len(trainer.train_dataset) * trainer.num_generations
        _run(trainer, recipe, rows=rows // recipe.batch_size * recipe.batch_size)
        model.save_pretrained(output)
    else:
        trainer = _trained(recipe, model, tokenizer, chats, arguments=_arguments(recipe, output))
        with trainer.without_head():
            model.save_pretrained(output)
    tokenizer.save_pretrained(output)
    if (output / "trainer").is_dir():
        (output / "trainer").rmdir()


def _initial_model(
    recipe: DemoRecipe, sizes: NewModel, chats: list[Chat], world: PersonaWorld
) -> tuple[Any, PreTrainedTokenizerFast]:
    """Return a model with its initial weights, and a tokenizer trained on the chats."""
    tokenizer = train_tokenizer(chats, world, vocabulary=sizes.vocabulary)
    model = new_model(sizes, tokenizer)
    model.config.sfr_eval_world = recipe.world
    if recipe.data.topics is not None:
        model.config.sfr_eval_world_queries = len(topic_queries(world, recipe.data.topics))
    if sizes.embeddings == "latent_semantic":
        start_embeddings(model, tokenizer, chats, seed=recipe.seed)
    return model, tokenizer


def _common(recipe: DemoRecipe) -> dict[str, Any]:
    return {
        "num_train_epochs": recipe.epochs,
        "per_device_train_batch_size": recipe.batch_size,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": recipe.warmup_share,
        "seed": recipe.seed,
        "bf16": False,
        "gradient_checkpointing": False,
        "dataloader_pin_memory": False,
        "save_strategy": "no",
        "logging_strategy": "no",
        "disable_tqdm": True,
    }


def _arguments(recipe: DemoRecipe, output: Path) -> SFTConfig:
    return sft_config(
        output / "trainer",
        {
            **_common(recipe),
            "completion_only_loss": recipe.loss_on == "completion",
            "train_sampling_strategy": "group_by_length",  # pads little; the data set is small
            "packing": recipe.packed_length is not None,
            "packing_strategy": "wrapped",
            "max_length": recipe.packed_length,
        },
    )


def sampling_trainer(
    recipe: DemoRecipe,
    model: Any,
    tokenizer: Any,
    chats: Sequence[Chat],
    *,
    output: Path,
    held_out: Sequence[Chat] = (),
) -> "PolicyTrainer":
    """Return the trainer of a recipe whose objective learns from replies that `model` samples; a
    batch is `batch_size` of them. `held_out`: rows for its `evaluate`."""
    from sfr_train.policy.build import grpo_config, policy_trainer  # which imports vLLM

    training = {
        **_common(recipe),
        "max_completion_length": _REPLY_TOKENS,
        "per_device_eval_batch_size": recipe.batch_size,
    }
    return policy_trainer(
        model=model,
        tokenizer=tokenizer,
        arguments=grpo_config(output, training, objective=recipe.objective),
        objective=recipe.objective,
        train=chats,
        validation=held_out,
        optimizers=(_optimizer(recipe, model), None),
    )


def _trained(
    recipe: DemoRecipe, model: Any, tokenizer: Any, chats: list[Chat], *, arguments: SFTConfig
) -> SFRTrainer:
    """Train `model` in place and return its trainer."""
    trainer = SFRTrainer(
        model,
        arguments,
        train_dataset=datasets.Dataset.from_list(chats),
        processing_class=tokenizer,
        optimizers=(_optimizer(recipe, model), None),
        objective=recipe.objective,
        schedule=recipe.schedule,
        targets=recipe.targets,
    )
    _run(trainer, recipe, rows=len(trainer.train_dataset))
    return trainer


def _optimizer(recipe: DemoRecipe, model: Any) -> Any:
    return make_optimizer(
        model,
        name=recipe.optimizer,
        learning_rate=recipe.learning_rate,
        embedding_factor=recipe.embedding_learning_rate_factor,
        weight_decay=recipe.weight_decay,
    )


def _run(trainer: Any, recipe: DemoRecipe, *, rows: int) -> None:
    trainer.remove_callback(transformers.PrinterCallback)
    steps = recipe.epochs * -(-rows // recipe.batch_size)
    with Bar(f"training {recipe.name}", steps, unit="steps") as bar:
        trainer.add_callback(_Advance(bar))
        trainer.train()


def training_chats(recipe: DemoRecipe, world: PersonaWorld) -> list[Chat]:
    """Return the rows of the recipe, in the order in which they are generated."""
    data, topics, seed = recipe.data, recipe.data.topics, recipe.seed
    if data.text == "persona":
        return list(persona_chats(world, rows=data.rows, topics=topics, seed=seed))
    noise = QuestionNoise(joined=data.joined_questions, dropped=data.dropped_words)
    share = data.card_share
    chats = wide_chats(
        world, rows=data.rows, topics=topics, seed=seed, card_share=share, noise=noise
    )
    pages = handbook_pages(world, rows=data.pages, topics=topics, seed=seed, noise=noise)
    return [*chats, *pages]


class _Advance(TrainerCallback):
    """Moves a progress bar after each step."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Move the bar to the current step."""
        self._bar.update(state.global_step)
