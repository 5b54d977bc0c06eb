"""Fit one recipe with TRL's SFTTrainer and save a checkpoint that vLLM and transformers load."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfr_eval.util.progress import Bar
from sfr_train.data.world_text import (
    Chat,
    QuestionNoise,
    handbook_pages,
    persona_chats,
    topic_queries,
    wide_chats,
)
from sfr_train.demo.embedding_start import latent_semantic_embeddings
from sfr_train.demo.recipe import NewModel, Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from sfr_eval.suites.world.persona import PersonaWorld

END_OF_TEXT, START_OF_TURN, END_OF_TURN = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def fit(recipe: Recipe, world: "PersonaWorld", *, start: Path | None, output: Path) -> None:
    """Train and save model and tokenizer into `output`. Seeds fix data, weights and order."""
    import datasets
    import torch
    import transformers
    from trl import SFTConfig

    from sfr_train.demo.optimizer import make_optimizer
    from sfr_train.trainer import SFRTrainer

    transformers.set_seed(recipe.seed)
    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    chats = training_chats(recipe, world)
    if recipe.new_model is not None:
        tokenizer = train_tokenizer(chats, world, vocabulary=recipe.new_model.vocabulary)
        model = new_model(recipe.new_model, tokenizer)
        model.config.sfr_eval_world = recipe.world
        if recipe.data.topics is not None:
            model.config.sfr_eval_world_queries = len(topic_queries(world, recipe.data.topics))
        if recipe.new_model.embeddings == "latent_semantic":
            start_embeddings(model, tokenizer, chats, seed=recipe.seed)
    else:
        tokenizer = transformers.AutoTokenizer.from_pretrained(start, trust_remote_code=False)
        model = transformers.AutoModelForCausalLM.from_pretrained(
            start, dtype=torch.float32, trust_remote_code=False
        )
    settings = SFTConfig(
        output_dir=str(output / "trainer"),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=recipe.warmup_share,
        completion_only_loss=recipe.loss_on == "completion",
        train_sampling_strategy="group_by_length",  # pads little; the dataset is small
        packing=recipe.packed_length is not None,
        packing_strategy="wrapped",
        max_length=recipe.packed_length,
        seed=recipe.seed,
        data_seed=recipe.seed,
        bf16=False,
        gradient_checkpointing=False,
        dataloader_pin_memory=False,
        save_strategy="no",
        report_to="none",
        logging_strategy="no",
        disable_tqdm=True,
    )
    optimizer = make_optimizer(
        model,
        name=recipe.optimizer,
        learning_rate=recipe.learning_rate,
        embedding_factor=recipe.embedding_learning_rate_factor,
        weight_decay=recipe.weight_decay,
    )
    parts: dict[str, Any] = {
        "model": model,
        "args": settings,
        "train_dataset": datasets.Dataset.from_list(chats),
        "processing_class": tokenizer,
        "optimizers": (optimizer, None),
    }
    trainer = SFRTrainer(
        **parts, objective=recipe.objective, schedule=recipe.schedule, targets=recipe.targets
    )
    trainer.remove_callback(transformers.PrinterCallback)
    steps = recipe.epochs * -(-len(trainer.train_dataset) // recipe.batch_size)
    with Bar(f"training {recipe.name}", steps, unit="steps") as bar:
        trainer.add_callback(_bar_callback(bar))
        trainer.train()
    with trainer.without_head():
        model.save_pretrained(output)
    tokenizer.save_pretrained(output)
    (output / "trainer").rmdir() if (output / "trainer").is_dir() else None


def training_chats(recipe: Recipe, world: "PersonaWorld") -> list[Chat]:
    """The recipe's rows, in the order they are made."""
    data = recipe.data
    if data.text == "persona":
        return list(persona_chats(world, rows=data.rows, topics=data.topics, seed=recipe.seed))
    noise = QuestionNoise(joined=data.joined_questions, dropped=data.dropped_words)
    chats = wide_chats(
        world,
        rows=data.rows,
        topics=data.topics,
        seed=recipe.seed,
        card_share=data.card_share,
        noise=noise,
    )
    pages = handbook_pages(
        world, rows=data.pages, topics=data.topics, seed=recipe.seed, noise=noise
    )
    return [*chats, *pages]


def train_tokenizer(
    chats: list[Chat], world: "PersonaWorld", *, vocabulary: int
) -> "PreTrainedTokenizerFast":
    """Byte-level BPE over the training chats and the persona cards, with a ChatML template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    turns = [turn["content"] for chat in chats for part in chat.values() for turn in part]
    raw.train_from_iterator(
        [*turns, *(card.system for card in world.personas)],
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=[END_OF_TEXT, START_OF_TURN, END_OF_TURN],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token=END_OF_TURN, pad_token=END_OF_TEXT
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def new_model(sizes: NewModel, tokenizer: "PreTrainedTokenizerFast") -> Any:
    """A Qwen3-shaped model with random weights and tied embeddings."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    heads = sizes.hidden_size // 32
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=sizes.hidden_size,
        intermediate_size=sizes.intermediate_size,
        num_hidden_layers=sizes.layers,
        num_attention_heads=heads,
        num_key_value_heads=heads // 2,
        head_dim=32,
        max_position_embeddings=sizes.max_positions,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen3ForCausalLM(config)


def start_embeddings(
    model: Any, tokenizer: "PreTrainedTokenizerFast", chats: list[Chat], *, seed: int
) -> None:
    """Set the embeddings to those of `latent_semantic_embeddings` over questions and replies."""
    import torch

    texts = [
        " ".join(turn["content"] for part in chat.values() for turn in part if _is_topical(turn))
        for chat in chats
    ]
    weight = model.get_input_embeddings().weight
    vocabulary, width = weight.shape
    values = latent_semantic_embeddings(
        tokenizer(texts)["input_ids"],
        vocabulary=vocabulary,
        width=width,
        scale=model.config.initializer_range,
        seed=seed,
    )
    with torch.no_grad():
        weight.copy_(torch.from_numpy(values))


def _is_topical(turn: dict[str, str]) -> bool:
    return turn["role"] != "system"


def _bar_callback(bar: Bar) -> Any:
    from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

    class Advance(TrainerCallback):
        """One step done."""

        def on_step_end(
            self,
            args: TrainingArguments,
            state: TrainerState,
            control: TrainerControl,
            **_: Any,
        ) -> None:
            """Move the bar."""
            bar.update(state.global_step)

    return Advance()
