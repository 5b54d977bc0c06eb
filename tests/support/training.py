"""A model of 100,000 parameters with its tokenizer, chats, and an encoder without a download."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

SIZE = 16


class WordEncoder:
    """Unit vectors from the sum of a fixed random vector per word: texts that share words are near
    each other, as with a real encoder, and every process gets the same numbers."""

    def __init__(self, size: int = SIZE) -> None:
        self.size = size
        self.calls: list[list[str]] = []

    @property
    def key(self) -> str:
        return f"words-{self.size}"

    def encode(self, texts: Sequence[str]) -> Any:
        self.calls.append(list(texts))
        rows = np.stack([sum(self._word(word) for word in text.split()) for text in texts])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def _word(self, word: str) -> Any:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "little")
        return np.random.default_rng(seed).normal(size=self.size)


@pytest.fixture(scope="session")
def chats() -> list[Any]:
    from sfr_train.data.world_text import persona_chats

    from sfr_eval.suites.world.persona import PersonaWorld
    from sfr_eval.util.assets import find_suite

    world = PersonaWorld.load(find_suite("persona"))
    return list(persona_chats(world, rows=48, seed=0))


@pytest.fixture(scope="session")
def tokenizer(chats: list[Any]) -> Any:
    from sfr_train.demo.initial_model import train_tokenizer

    from sfr_eval.suites.world.persona import PersonaWorld
    from sfr_eval.util.assets import find_suite

    world = PersonaWorld.load(find_suite("persona"))
    return train_tokenizer(chats, world, vocabulary=600)


def tiny_model(tokenizer: Any, *, seed: int = 1) -> Any:
    """A model with random weights that the seed decides."""
    from sfr_train.demo.initial_model import new_model
    from sfr_train.demo.recipe import NewModel

    torch.manual_seed(seed)
    sizes = NewModel(
        vocabulary=600, hidden_size=64, layers=2, intermediate_size=64, max_positions=512
    )
    return new_model(sizes, tokenizer)


def settings(folder: Path, **others: Any) -> Any:
    """SFTConfig for five quiet CPU steps of four rows each."""
    from trl import SFTConfig

    values: dict[str, Any] = {
        "output_dir": str(folder),
        "max_steps": 5,
        "per_device_train_batch_size": 4,
        "learning_rate": 1e-3,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "dataloader_pin_memory": False,
        "max_length": None,
        "seed": 3,
    }
    return SFTConfig(**{**values, **others})


SMALL_HEAD = {"name": "sfr", "width": 32}
TARGETS = {"k": 12, "stride": 3, "minimum": 4, "scale": "standardise", "last_prompt": True}
EASY = {**TARGETS, "stored_as": "float32"}


def weights(model: Any, *, head: bool = False) -> dict[str, torch.Tensor]:
    """A copy of the model's weights, or of its head's."""
    return {
        name: value.detach().clone()
        for name, value in model.named_parameters()
        if name.startswith("sfr_head") == head
    }


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    assert ours.keys() == theirs.keys()
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


def sfr_trainer(
    tokenizer: Any, chats: list[Any], folder: Path, *, arguments: Any = None, **others: Any
) -> Any:
    """An SFRTrainer with the tiny model."""
    import datasets
    import transformers
    from sfr_train.trainer import SFRTrainer

    values: dict[str, Any] = {
        "objective": SMALL_HEAD,
        "targets": TARGETS,
        "cache": folder / "cache",
        "model": None,
    }
    values |= others
    if values["model"] is None:
        values["model"] = tiny_model(tokenizer)
    trainer = SFRTrainer(
        args=arguments or settings(folder / "out"),
        train_dataset=datasets.Dataset.from_list(chats),
        processing_class=tokenizer,
        **values,
    )
    trainer.remove_callback(transformers.PrinterCallback)
    return trainer
