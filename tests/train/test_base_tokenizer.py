"""The chat template that a base model is trained with."""

import shutil
from pathlib import Path

import pytest
from sfr_train.base_tokenizer import load_tokenizer

from sfr_eval.errors import UserError


def test_a_template_may_come_from_another_tokenizer(checkpoint: Path, tmp_path: Path) -> None:
    """The base model has none of its own."""
    donor = tmp_path / "donor"
    shutil.copytree(checkpoint, donor)
    (checkpoint / "chat_template.jinja").unlink()
    with pytest.raises(UserError, match=r"no chat template; set training\.chat_template_path"):
        load_tokenizer(str(checkpoint), name="m", revision=None, template=None)
    for path in (donor, donor / "chat_template.jinja"):
        tokenizer = load_tokenizer(str(checkpoint), name="m", revision=None, template=str(path))
        assert tokenizer.chat_template == (donor / "chat_template.jinja").read_text()
    with pytest.raises(UserError, match=r"training\.chat_template_path .*: has no chat template"):
        load_tokenizer(str(donor), name="m", revision=None, template=str(checkpoint))
