"""The tokenizer of a job: its template, another's, a file, and errors of one line."""

from pathlib import Path
from typing import Any

import pytest
from sfr_train.base_tokenizer import load_tokenizer

from sfr_eval.errors import UserError


@pytest.fixture
def folder(tokenizer: Any, tmp_path: Path) -> Path:
    tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def load(source: Path, template: str | None = None) -> Any:
    return load_tokenizer(str(source), name="my-model", revision=None, template=template)


def test_a_folder_gives_its_tokenizer_and_template(folder: Path, tokenizer: Any) -> None:
    assert load(folder).chat_template == tokenizer.chat_template


def test_the_template_is_a_file_or_that_of_another_tokenizer(folder: Path) -> None:
    file = folder.parent / "mine.jinja"
    file.write_text("{{ messages[0].content }}")
    assert load(folder, str(file)).chat_template == "{{ messages[0].content }}"
    other = load(folder, str(file))
    other.save_pretrained(folder.parent / "other")
    assert load(folder, str(folder.parent / "other")).chat_template == other.chat_template


def test_a_template_that_cannot_be_read_is_one_line(folder: Path) -> None:
    bad = folder.parent / "bad.jinja"
    bad.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"bad\.jinja: is not UTF-8 text"):
        load(folder, str(bad))
    with pytest.raises(UserError, match=r"neither a \.jinja file nor a tokenizer") as caught:
        load(folder, str(folder.parent / "nothing"))
    assert "\n" not in str(caught.value)


def test_a_tokenizer_without_a_template_is_one_line(folder: Path) -> None:
    bare = load(folder)
    bare.chat_template = None
    bare.save_pretrained(folder.parent / "bare")
    with pytest.raises(UserError, match=r"my-model: .* set training\.chat_template_path"):
        load(folder.parent / "bare")
    with pytest.raises(UserError, match="has no chat template"):
        load(folder, str(folder.parent / "bare"))


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="model my-model: cannot be loaded: ") as caught:
        load(tmp_path / "nothing")
    assert "\n" not in str(caught.value)
