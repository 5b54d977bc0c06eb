"""pytest tests/models/test_templates.py"""

import json
import shutil
from pathlib import Path

import pytest

from sfr_eval.errors import UserError
from sfr_eval.models.templates import (
    clock,
    own_template,
    read_template,
    reads_clock,
    template_hash,
    variables,
)

PLAIN = "{% for m in messages %}{{ m.content }}{% endfor %}"


def folder_with(folder: Path, *, config: object = None, jinja: str | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    if config is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    if jinja is not None:
        (folder / "chat_template.jinja").write_text(jinja)
    return folder


def test_the_own_template_is_found_without_a_tokenizer(tmp_path: Path) -> None:
    several = [{"name": "tool_use", "template": "T"}, {"name": "default", "template": PLAIN}]
    assert own_template(folder_with(tmp_path / "a", config={"chat_template": PLAIN})) == PLAIN
    assert own_template(folder_with(tmp_path / "b", config={"chat_template": several})) == PLAIN
    both = folder_with(tmp_path / "c", config={"chat_template": "old"}, jinja=PLAIN)
    assert own_template(both) == PLAIN
    for config in ({}, {"chat_template": ""}, {"chat_template": several[:1]}):
        assert own_template(folder_with(tmp_path / "d", config=config)) is None
    assert own_template(tmp_path) is None


@pytest.mark.parametrize("place", ["jinja", "config", "list", "both"])
def test_it_is_the_one_that_transformers_takes(
    tiny_checkpoint: Path, tmp_path: Path, place: str
) -> None:
    from transformers import AutoTokenizer

    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "m"))
    file, settings = folder / "tokenizer_config.json", folder / "chat_template.jinja"
    if place != "jinja":
        config = json.loads(file.read_text())
        entry = [{"name": "default", "template": PLAIN}, {"name": "x", "template": "X"}]
        config["chat_template"] = entry if place == "list" else PLAIN
        file.write_text(json.dumps(config))
        if place != "both":
            settings.unlink()
    chosen = AutoTokenizer.from_pretrained(folder).chat_template
    assert own_template(folder) == (chosen["default"] if isinstance(chosen, dict) else chosen)


def test_a_template_is_read_from_a_file_or_from_a_model(tmp_path: Path) -> None:
    model = folder_with(tmp_path / "tuned", jinja=PLAIN)
    file = tmp_path / "t.jinja"
    file.write_text(PLAIN + "\n")
    assert read_template(str(model)) == PLAIN
    assert template_hash(read_template(str(file))) == template_hash(PLAIN)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": str(model)})
    )
    assert read_template(str(adapter)) == PLAIN  # its base has it


def test_what_holds_no_template_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "bytes.jinja").write_bytes(b"\xff\xfe")
    (tmp_path / "empty").mkdir()
    for source, says in {
        str(tmp_path / "gone.jinja"): r"--chat-template .*: cannot be read \(No such file",
        "gone.jinja": r"cannot be read \(No such file",
        str(tmp_path / "bytes.jinja"): r"is not UTF-8 text \(byte 0\)",
        str(tmp_path / "empty"): "that model has no chat template",
        "owner/model-1.5B": "--chat-template owner/model-1.5B: .*not in the local Hub cache",
    }.items():
        with pytest.raises(UserError, match=says) as caught:
            read_template(source)
        assert "\n" not in str(caught.value)


def test_the_hash_leaves_a_last_newline_out() -> None:
    assert template_hash("a\n") == template_hash("a") != template_hash("a\n\n")


def test_the_clock_is_found_and_stopped() -> None:
    assert reads_clock("{{ strftime_now('%d %b %Y') }}")
    assert not reads_clock(PLAIN)
    assert clock("2026-02-03")["strftime_now"]("%d %b %Y %H:%M") == "03 Feb 2026 12:00"


def test_the_values_that_a_template_reads_are_found() -> None:
    template = (
        "{% if not enable_thinking is defined %}{% set enable_thinking = true %}{% endif %}"
        "{% set mine = 1 %}{% macro f(x) %}{{ x }}{{ date_string }}{% endmacro %}"
        "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}"
        "{% if loop.last %}{% break %}{% endif %}{% endfor %}"
        "{{ bos_token }}{{ strftime_now('%d') }}{{ raise_exception('no') }}{{ tools }}{{ mine }}"
    )
    assert variables(template) == {"enable_thinking", "date_string"}
    assert variables(PLAIN) == frozenset()
    assert variables("{% for") is None
