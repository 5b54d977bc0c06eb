"""The axolotl plug-in: its interface, and what it does to a trainer.

Where axolotl is not installed, a base class with the methods of axolotl 0.19.0 stands in for it.
"""

import importlib
import inspect
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from tests.support.training import settings, tiny_model

# BasePlugin of axolotl 0.19.0: the parameters of the methods that the plug-in defines.
RECORDED = {
    "get_input_args": ["self"],
    "post_trainer_create": ["self", "cfg", "trainer"],
    "add_callbacks_post_trainer": ["self", "cfg", "trainer"],
}


class Config(dict[str, Any]):
    """As axolotl's DictDefault: a missing key is None."""

    def __getattr__(self, name: str) -> Any:
        return self.get(name)


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of the plug-in, over the real axolotl if it is installed."""
    try:
        importlib.import_module("axolotl.integrations.base")
    except ImportError:
        base: Any = types.ModuleType("axolotl.integrations.base")
        base.BasePlugin = type("BasePlugin", (), {})
        for name in ("axolotl", "axolotl.integrations"):
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        monkeypatch.setitem(sys.modules, "axolotl.integrations.base", base)
    monkeypatch.delitem(sys.modules, "sfr_train.plugins.axolotl", raising=False)
    module = importlib.import_module("sfr_train.plugins.axolotl")
    yield module
    sys.modules.pop("sfr_train.plugins.axolotl", None)


def parameters(kind: Any, name: str) -> list[str]:
    return list(inspect.signature(getattr(kind, name)).parameters)


def test_the_methods_are_those_that_axolotl_calls(plugin: Any) -> None:
    own = {name for name in vars(plugin.SfrPlugin) if not name.startswith("_")}
    assert own == set(RECORDED)
    for name, expected in RECORDED.items():
        assert parameters(plugin.SfrPlugin, name) == expected


def test_axolotls_own_base_class_has_these_methods() -> None:
    base = pytest.importorskip("axolotl.integrations.base").BasePlugin
    for name, expected in RECORDED.items():
        assert parameters(base, name) == expected


def test_the_named_model_of_the_configuration_exists(plugin: Any) -> None:
    module, _, name = plugin.SfrPlugin().get_input_args().rpartition(".")
    kind = getattr(importlib.import_module(module), name)
    read = kind.model_validate({"sfr_objective": "tofu", "sfr_targets": {"k": 64}})
    assert read.sfr_objective == "tofu"
    assert read.sfr_targets == {"k": 64}


def make_trainer(tokenizer: Any, chats: list[Any], folder: Path) -> Any:
    import datasets
    from trl import SFTTrainer

    return SFTTrainer(
        model=tiny_model(tokenizer),
        args=settings(folder, max_steps=2),
        train_dataset=datasets.Dataset.from_list(chats[:8]),
        processing_class=tokenizer,
    )


def test_an_objective_reaches_the_trainer(
    plugin: Any, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    tokens = make_trainer(tokenizer, chats, tmp_path / "tokens")
    plugin.SfrPlugin().post_trainer_create(
        Config(sfr_objective=Config(name="tofu", gamma=2.0)), tokens
    )
    assert tokens.compute_loss_func is not None
    future = make_trainer(tokenizer, chats, tmp_path / "future")
    cfg = Config(sfr_objective=Config(name="mtp", tokens=2), sfr_schedule=Config(weight=0.3))
    plugin.SfrPlugin().post_trainer_create(cfg, future)
    future.train()
    assert any(row.get("future/weight") == 0.3 for row in future.state.log_history)
    untouched = make_trainer(tokenizer, chats, tmp_path / "untouched")
    plugin.SfrPlugin().post_trainer_create(Config(), untouched)
    assert type(untouched).__name__ == "SFTTrainer"


def test_an_evaluation_becomes_a_callback(
    plugin: Any, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    trainer = make_trainer(tokenizer, chats, tmp_path)
    assert plugin.SfrPlugin().add_callbacks_post_trainer(Config(), trainer) == []
    cfg = Config(sfr_evaluation=Config(suite="persona", every=10))
    (callback,) = plugin.SfrPlugin().add_callbacks_post_trainer(cfg, trainer)
    assert type(callback).__name__ == "SuiteCallback"
    trainer._metrics["train"]["entropy"].append(0.5)
    callback._log({"suite/distinct_2": 0.25})
    assert trainer.state.log_history[-1]["suite/distinct_2"] == 0.25
    assert "entropy" not in trainer.state.log_history[-1]
    assert trainer._metrics["train"]["entropy"] == [0.5]  # for the trainer's own next line
