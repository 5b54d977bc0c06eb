"""Two processes build one cache: killed, taken over, continued, and the same bytes at the end."""

import hashlib
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sfr_train.targets import build as building
from sfr_train.targets import claims
from sfr_train.targets.cached import Targets, load_or_build
from sfr_train.targets.segments import TargetSettings

from sfr_eval.errors import RunError

SIZE = 8
STRIDE = 4
WORDS = 1_000


class NumberTokenizer:
    """Token i is the word `wi`."""

    all_special_tokens = ()

    def get_vocab(self) -> dict[str, int]:
        return {f"w{i}": i for i in range(WORDS)}

    def batch_decode(self, rows: Any, *, skip_special_tokens: bool) -> list[str]:
        return [" ".join(f"w{i}" for i in row) for row in rows]


class HashEncoder:
    """Unit vectors from the hash of a text; `journal` gets 16 bytes for each text encoded. Before
    call `fatal` the process kills itself."""

    key = "hash"

    def __init__(self, journal: Path, fatal: int = 0) -> None:
        self._journal, self._fatal, self._calls = journal, fatal, 0

    def encode(self, texts: Sequence[str]) -> Any:
        self._calls += 1
        if self._calls == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        digests = b"".join(hashlib.sha256(text.encode()).digest() for text in texts)
        with self._journal.open("ab") as stream:
            for at in range(0, len(digests), 32):
                stream.write(digests[at : at + 16])
        rows = np.frombuffer(digests, dtype="<i4").reshape(len(texts), SIZE).astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def data_of(texts: int, *, anchors: int = 50, seed: int = 0) -> Any:
    """Rows with about `texts` distinct futures of STRIDE tokens, of which a tenth occur twice."""
    import datasets

    rng = np.random.default_rng(seed)
    replies = rng.integers(WORDS, size=(texts // anchors, STRIDE * anchors + 1))
    replies = np.concatenate([replies, replies[: len(replies) // 10]])
    rows = list(replies.astype(np.int32))
    return datasets.Dataset.from_dict({"input_ids": rows, "labels": rows})


def load(data: Any, cache: Path, encoder: Any) -> Targets:
    settings = TargetSettings(k=STRIDE, stride=STRIDE, minimum=STRIDE)
    return load_or_build(
        data, tokenizer=NumberTokenizer(), settings=settings, cache=cache, encoder=encoder
    )


def start(data: Any, cache: Path, journal: Path, *, fatal: Sequence[int] = (0, 0)) -> list[Any]:
    """Let two processes build; return their exit codes."""
    fork = multiprocessing.get_context("fork")
    ranks = [
        fork.Process(target=load, args=(data, cache, HashEncoder(journal.with_suffix(f".{r}"), n)))
        for r, n in enumerate(fatal)
    ]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(600)
    return [rank.exitcode for rank in ranks]


def texts_encoded(folder: Path, name: str) -> list[bytes]:
    content = b"".join(file.read_bytes() for file in sorted(folder.glob(f"{name}.*")))
    return [content[at : at + 16] for at in range(0, len(content), 16)]


def content_of(cache: Path) -> dict[str, str]:
    """Digest of every file of the cache."""
    return {
        str(file.relative_to(cache)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(cache.rglob("*"))
        if file.is_file()
    }


def assert_kills_change_nothing(texts: int, folder: Path) -> None:
    data = data_of(texts)
    undisturbed = load(data, folder / "one", HashEncoder(folder / "one.0"))
    assert undisturbed.counts.texts > 0.99 * texts
    for fatal in ((2, 0), (0, 3)):
        # The other process takes over at once and would finish; it is killed a little later.
        fatal = tuple(n or 8 for n in fatal)
        assert start(data, folder / "two", folder / "two", fatal=fatal) == [-signal.SIGKILL] * 2
    assert start(data, folder / "two", folder / "two") == [0, 0]
    encoded = texts_encoded(folder, "two")
    assert len(encoded) == len(set(encoded)) == undisturbed.counts.texts
    assert content_of(folder / "two") == content_of(folder / "one")


def test_20_000_texts_killed_twice_give_equal_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "PIECES", (512, 512))
    assert_kills_change_nothing(20_000, tmp_path)


@pytest.mark.slow
@pytest.mark.faults
def test_a_million_texts_killed_twice_give_equal_bytes(tmp_path: Path) -> None:
    assert_kills_change_nothing(1_000_000, tmp_path)


@pytest.mark.parametrize("place", ["fsync", "replace", "release"])
def test_a_kill_at_any_write_loses_at_most_that_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(building, "PIECES", (64, 64))
    data = data_of(600)
    load(data, tmp_path / "one", HashEncoder(tmp_path / "one.0"))
    total, kills = len(texts_encoded(tmp_path, "one")), 0
    owner, name = {
        "fsync": (os, "fsync"),
        "replace": (Path, "replace"),
        "release": (claims.Worker, "release"),
    }[place]
    for number in range(1, 40):
        with monkeypatch.context() as patch:
            dies_at(patch, owner, name, call=number)
            codes = start(data, tmp_path / "two", tmp_path / "two")
        kills += codes.count(-signal.SIGKILL)
        if codes == [0, 0]:
            break
    assert kills > 3
    encoded = texts_encoded(tmp_path, "two")
    assert len(set(encoded)) == total
    assert len(encoded) <= total + 64 * kills
    one, two = content_of(tmp_path / "one"), content_of(tmp_path / "two")
    assert {name: two[name] for name in one} == one
    left = [Path(name) for name in two if name not in one]
    assert not [path for path in left if path.name != "beat" and "claims" not in path.parts]


def dies_at(patch: Any, owner: Any, name: str, *, call: int) -> None:
    """Kill a process before its call number `call` of a function."""
    original, calls = getattr(owner, name), []

    def fatal(*arguments: Any, **others: Any) -> Any:
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **others)

    patch.setattr(owner, name, fatal)


def test_both_processes_encode_about_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(HashEncoder):
        def encode(self, texts: Sequence[str]) -> Any:
            time.sleep(0.05)
            return super().encode(texts)

    monkeypatch.setattr(building, "PIECES", (64, 64))
    monkeypatch.setitem(globals(), "HashEncoder", Slow)
    assert start(data_of(1_300), tmp_path / "two", tmp_path / "two") == [0, 0]
    sizes = [(tmp_path / f"two.{rank}").stat().st_size // 16 for rank in (0, 1)]
    assert sum(sizes) == 1_300
    assert min(sizes) > 0.25 * sum(sizes)


def test_builds_of_other_data_encode_common_texts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first build was planned, and killed, before the second encoded half of its texts."""
    monkeypatch.setattr(building, "PIECES", (64, 64))
    data = data_of(1_200)
    half = data.select(range(12))
    journal = tmp_path / "two"
    assert start(data, tmp_path / "cache", journal, fatal=(2, 2)) == [-signal.SIGKILL] * 2
    load(half, tmp_path / "cache", HashEncoder(journal.with_suffix(".5")))
    targets = load(data, tmp_path / "cache", HashEncoder(journal.with_suffix(".6")))
    encoded = texts_encoded(tmp_path, "two")
    assert len(encoded) == len(set(encoded)) == targets.counts.texts


def test_a_full_disk_keeps_what_was_encoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "PIECES", (64, 64))
    data = data_of(600)
    original, calls = os.fsync, []

    def full(number: int) -> None:
        calls.append(1)
        if len(calls) == 8:
            raise OSError(28, "No space left on device")
        original(number)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="texts encoded so far are kept: make room"):
        load(data, tmp_path, HashEncoder(tmp_path / "journal.0"))
    kept = len(list(tmp_path.glob("targets/texts/*/*.shard")))
    assert kept > 0
    load(data, tmp_path, HashEncoder(tmp_path / "rest.0"))
    first, rest = texts_encoded(tmp_path, "journal"), texts_encoded(tmp_path, "rest")
    assert len(first) == 64 * (kept + 1)  # one was not written
    assert len(set(first) & set(rest)) == 64
