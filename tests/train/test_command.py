"""The command `train`: which models are demo models, and what a demo recipe refuses."""

from pathlib import Path

import pytest
from sfr_train import command

from sfr_eval.errors import UserError


@pytest.mark.parametrize(
    ("model", "folder"),
    [
        ("demo", "cache/base"),
        ("demo:sft", "cache/sft"),
        ("demographics/model", "demographics/model"),
        ("/models/demo", "/models/demo"),
    ],
)
def test_only_demo_names_are_demo_models(
    model: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "demo_checkpoint", lambda name: Path("cache") / name)
    assert command._model_folder(model) == folder


def test_a_demo_recipe_takes_no_assignments() -> None:
    with pytest.raises(UserError, match="takes no --set"):
        command.train("demo_sft", ["epochs=1"])
