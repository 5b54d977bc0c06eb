"""Packed and shuffled rows are those of TRL's SFTTrainer, in memory and in files."""

import json
from pathlib import Path
from typing import Any

import datasets
import pytest
from sfr_train.data.chat_data import DataSettings
from sfr_train.data.preparation import prepared_chats
from sfr_train.data.rows import load_tables
from sfr_train.data.tokens import Tokenization
from trl import SFTTrainer

from tests.support.training import settings, tiny_model


@pytest.mark.parametrize("strategy", ["bfd", "wrapped"])
def test_packs_are_those_of_trl(
    strategy: str, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    arguments = settings(
        tmp_path / "out",
        packing=True,
        packing_strategy=strategy,
        max_length=300,
        shuffle_dataset=True,
        completion_only_loss=True,
    )
    rows = chats[:20]
    theirs = SFTTrainer(
        model=tiny_model(tokenizer),
        args=arguments,
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=tokenizer,
    ).train_dataset
    file = tmp_path / "chats.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    how = Tokenization(
        tokenizer=tokenizer,
        chat_template=None,
        completion_only=True,
        assistant_only=False,
        limit=300 if strategy == "bfd" else None,
        cut=False,
    )
    in_files = load_tables(DataSettings(file=file), cache=tmp_path / "cache").train
    for table in (datasets.Dataset.from_list(rows), in_files):
        ours = prepared_chats(table, how, arguments=arguments, packing=True, what="train")
        assert len(ours) == len(theirs) > 3
        for name in ("input_ids", "labels"):
            assert list(ours[name]) == list(theirs[name])
    (pack,) = (tmp_path / "cache").rglob("pack-*/rows.arrow")
    written = pack.stat().st_mtime_ns
    again = prepared_chats(in_files, how, arguments=arguments, packing=True, what="train")
    assert list(again["labels"]) == list(theirs["labels"])
    assert pack.stat().st_mtime_ns == written
