"""pytest tests/pipeline/test_embed_worker.py"""

from pathlib import Path

import pytest

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.metrics.tokenizers import load_tokenizer
from sfr_eval.pipeline import embed_worker as module
from sfr_eval.pipeline.embed_worker import Task
from tests.pipeline.test_embed_beside import task


def test_a_task_survives_the_command_line(tmp_path: Path) -> None:
    first = task(tmp_path, programs=frozenset({"mbpp"}), windows={"persona": None, "mbpp": 64})
    assert Task.model_validate_json(first.model_dump_json()) == first


def test_beginnings_are_read_where_they_are_measured(tmp_path: Path) -> None:
    readers = {"persona": load_tokenizer("words-v1")}
    text = " ".join(f"w{number}" for number in range(30))
    whole, *rest = module._read(task(tmp_path, beginnings=True), readers, "persona", text, "")
    assert whole == text
    assert [len(part.split()) for part in rest] == [16, 8]


def test_nothing_is_embedded_where_neighbours_would_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Encoder, "is_fixed", property(lambda _: False))
    monkeypatch.setattr(module, "_Texts", None)  # not even read
    module.work(task(tmp_path))
