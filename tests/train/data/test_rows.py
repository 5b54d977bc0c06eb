"""Rows in memory-mapped files: found again by content, rebuilt for other content, and never whole
in memory."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import pytest
import sfr_train.data.rows as rows_module
from sfr_train.data.chat_data import DataSettings
from sfr_train.data.rows import load_tables

from sfr_eval.errors import RunError, UserError

ROOT = Path(__file__).parents[3]
CARDS = "[{id: judge, name: Judge, system: You are a judge.}]"


def chats(*replies: str, **more: Any) -> str:
    return "".join(
        json.dumps({"prompt": f"Why {i}?", "completion": reply, **more}) + "\n"
        for i, reply in enumerate(replies)
    )


def read(cache: Path, monkeypatch: pytest.MonkeyPatch, **values: Any) -> tuple[Any, bool]:
    """The tables, and whether the rows were read for them."""
    surveys = []
    survey = rows_module._survey
    with monkeypatch.context() as patch:
        patch.setattr(rows_module, "_survey", lambda *a: surveys.append(a) or survey(*a))
        return load_tables(DataSettings(**values), cache=cache), bool(surveys)


def test_rows_are_found_again_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, cards, cache = tmp_path / "a.jsonl", tmp_path / "cards.yaml", tmp_path / "cache"
    file.write_text(chats("one", "two", persona="judge"))
    cards.write_text(CARDS)
    values = {"file": file, "personas": cards}
    first, was_read = read(cache, monkeypatch, **values)
    assert was_read
    assert first.train.cache_files
    moved = tmp_path / "b.jsonl"
    moved.write_text(file.read_text())
    for same in (values, {**values, "file": moved}):
        again, was_read = read(cache, monkeypatch, **same)
        assert not was_read
        assert again.train._fingerprint == first.train._fingerprint
        assert list(again.train) == list(first.train)
    stat = file.stat()
    file.write_text(chats("one", "TWO", persona="judge"))
    import os

    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # same size, same time
    changes: list[dict[str, Any]] = [
        values,
        {**values, "limit": 1},
        {**values, "validation": 1},
        {**values, "template": {"enable_thinking": False}},
    ]
    prints = {first.train._fingerprint}
    for change in changes:
        table, was_read = read(cache, monkeypatch, **change)
        assert was_read
        prints.add(table.train._fingerprint)
    cards.write_text(CARDS.replace("a judge", "the judge"))
    table, was_read = read(cache, monkeypatch, **values)
    assert was_read
    assert table.train[0]["prompt"][0]["content"] == "You are the judge."
    assert len(prints | {table.train._fingerprint}) == 6


def test_a_local_data_set_is_known_by_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    folder, cache = tmp_path / "set", tmp_path / "cache"
    folder.mkdir()
    file = folder / "train.jsonl"
    file.write_text(chats("one", "two"))
    table, _ = read(cache, monkeypatch, dataset=str(folder))
    assert table.train[1]["completion"][0]["content"] == "two"
    assert not read(cache, monkeypatch, dataset=str(folder))[1]
    stat = file.stat()
    file.write_text(chats("one", "TWO"))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    table, was_read = read(cache, monkeypatch, dataset=str(folder))
    assert was_read
    assert table.train[1]["completion"][0]["content"] == "TWO"


def test_the_same_chats_have_the_same_fingerprint_in_any_file(tmp_path: Path) -> None:
    rows = [{"prompt": f"Why {i}?", "completion": "So."} for i in range(3)]
    datasets.Dataset.from_list(rows).to_parquet(tmp_path / "a.parquet")
    datasets.Dataset.from_list(rows).to_csv(tmp_path / "a.csv")
    (tmp_path / "a.jsonl").write_text(chats("So.", "So.", "So."))
    (tmp_path / "a.json").write_text(json.dumps(rows))
    prints = {
        load_tables(DataSettings(file=file), cache=tmp_path / "cache").survey.fingerprint
        for file in tmp_path.glob("a.*")
    }
    assert len(prints) == 1


def test_a_bad_row_ends_before_anything_is_written(tmp_path: Path) -> None:
    file, cache = tmp_path / "a.jsonl", tmp_path / "cache"
    file.write_text(chats("one") + "{}\n")
    with pytest.raises(UserError, match=r"a.jsonl:2: needs either messages"):
        load_tables(DataSettings(file=file), cache=cache)
    assert not list(cache.rglob("*.arrow*"))


def test_rows_that_change_while_they_are_read_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, cache = tmp_path / "a.jsonl", tmp_path / "cache"
    file.write_text(chats("one"))
    survey = rows_module._survey

    def changing(*values: Any) -> Any:
        result = survey(*values)
        file.write_text(chats("two"))
        return result

    monkeypatch.setattr(rows_module, "_survey", changing)
    with pytest.raises(RunError, match="the rows changed while they were read"):
        load_tables(DataSettings(file=file), cache=cache)
    assert not list(cache.rglob("*.arrow*"))


def test_a_data_set_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    file = tmp_path / "set" / "a.jsonl"
    for content, message in (
        (chats("one") + "{half\n", "cannot be loaded: JSON parse error"),
        ("", "has no rows"),
    ):
        file.write_text(content)
        with pytest.raises(UserError, match=f"^data.dataset .*: {message}"):
            load_tables(DataSettings(dataset=str(tmp_path / "set")), cache=tmp_path / "cache")


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    file, cache = tmp_path / "a.jsonl", tmp_path / "cache"
    file.write_text(chats("one"))
    load_tables(DataSettings(file=file), cache=cache)
    (report,) = cache.rglob("survey.json")
    report.unlink()
    (report.parent / "train.1234.part").write_text("half")
    load_tables(DataSettings(file=file), cache=cache)
    names = {path.name for path in report.parent.iterdir()}
    assert names == {"train.arrow", "validation.arrow", "survey.json"}


def test_fields_that_nothing_reads_are_named_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(chats("one", "two") + chats("three", mood="calm", source="b", id="7"))
    load_tables(DataSettings(file=file), cache=tmp_path / "cache")
    line = f"data: fields of rows that are not read: mood, source (first in {file}:3)"
    assert capsys.readouterr().err.splitlines() == [line]


def test_many_and_long_names_of_fields_are_one_short_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(chats("one", **{"x" * 9_999: 1, **{f"f{n}": 1 for n in range(3_000)}}))
    load_tables(DataSettings(file=file), cache=tmp_path / "cache")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f"f0, f1, f2, f3 and 2,996 more (first in {file}:1)")
    assert f" {'x' * 40}..., f0" in line


def measured(sizes: Sequence[int], folder: Path) -> list[dict[str, int]]:
    """Prepare so many rows of some 4,000 tokens, one file after another, in a process of its own;
    what it measured of each."""
    words = (ROOT / "README.md").read_text().split()
    files = [folder / f"{rows}.jsonl" for rows in sizes]
    for file, rows in zip(files, sizes, strict=True):
        with file.open("w") as stream:
            for row in range(rows):
                reply = " ".join(words[(row * 31 + i * 7) % len(words)] for i in range(1000))
                stream.write(json.dumps({"prompt": f"Why {row}?", "completion": reply}) + "\n")
    script = ROOT / "tests" / "support" / "measured_preparation.py"
    done = subprocess.run(
        [sys.executable, str(script), str(folder / "cache"), *map(str, files)],
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()[-len(sizes) :]]


def assert_streamed(small: dict[str, int], large: dict[str, int], *, a_token: int) -> None:
    """Memory grows by less than this many bytes a token; tokens and labels in lists take 16."""
    assert large["longest"] > 3000
    growth = large["peak"] - small["peak"]
    assert growth < (large["rows"] - small["rows"]) * 4000 * a_token
    assert large["peak"] < 2**30


def test_rows_of_4000_tokens_stream(tmp_path: Path) -> None:
    assert_streamed(*measured([200, 600], tmp_path), a_token=4)


@pytest.mark.slow
def test_3800_rows_of_4000_tokens_stream(tmp_path: Path) -> None:
    """A hundredth of 380,000 rows."""
    assert_streamed(*measured([400, 3800], tmp_path), a_token=1)
