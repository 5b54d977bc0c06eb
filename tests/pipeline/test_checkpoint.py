"""pytest tests/pipeline/test_checkpoint.py"""

from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.models.checkpoint import resolve
from sfr_eval.pipeline.checkpoint import check_subject, forward_for
from sfr_eval.settings import EngineSettings, ScoreSettings
from sfr_eval.store.manifest import Manifest, ModelFacts, StoredConfig


def test_world_has_no_hidden_states() -> None:
    with pytest.raises(UserError, match=r"--metrics geometry: --model world .* no hidden states"):
        check_subject(resolve("world"), ("geometry", "lexical"))
    check_subject(resolve("world"), ("lexical",))


def test_other_checkpoint_than_the_runs_is_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"settings": ScoreSettings(), "serving": EngineSettings()}
    manifest = Manifest(
        model=ModelFacts(kind="folder", fingerprint="sha256:other"),
        config=StoredConfig(model=str(tiny_checkpoint)),
    )
    with pytest.raises(UserError, match="not the checkpoint that wrote these replies"):
        forward_for(tmp_path, manifest, ("geometry",), **settings)
    assert forward_for(tmp_path, manifest, ("lexical",), **settings) is None
    text = Manifest(model=ModelFacts(kind="text", fingerprint="text:1"))
    with pytest.raises(UserError, match="give it with --model"):
        forward_for(tmp_path, text, ("tokens",), **settings)
    settings["model"] = str(tiny_checkpoint)
    assert forward_for(tmp_path, text, ("tokens",), **settings) is not None
