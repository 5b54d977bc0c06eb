"""Fingerprints of what a job only names."""

from pathlib import Path

import pytest
from sfr_train.resolve import model_fingerprint

from sfr_eval.errors import UserError


def test_a_folder_counts_by_content(checkpoint: Path, tmp_path: Path) -> None:
    """Not by its path, and not by the time of its files."""
    import shutil

    before = model_fingerprint(str(checkpoint), revision=None, name="m")
    shutil.copytree(checkpoint, tmp_path / "copy")
    assert model_fingerprint(str(tmp_path / "copy"), revision=None, name="m") == before
    config = checkpoint / "config.json"
    config.write_text(config.read_text().replace('"rms_norm_eps": 1e-06', '"rms_norm_eps": 1e-05'))
    assert model_fingerprint(str(checkpoint), revision=None, name="m") != before


def test_a_model_that_is_nowhere_is_one_line() -> None:
    with pytest.raises(UserError, match="model nobody/none: cannot be loaded: ") as error:
        model_fingerprint("nobody/none", revision=None, name="nobody/none")
    assert "\n" not in str(error.value)
