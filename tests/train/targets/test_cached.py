"""The cache of targets: correct numbers, each text encoded once, complete or absent."""

import multiprocessing
import os
import resource
import shutil
import signal
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from sfr_train.targets.cached import Targets, load_or_build
from sfr_train.targets.segments import TargetSettings

from sfr_eval.errors import RunError, UserError
from tests.support.training import SIZE, WordEncoder

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
WORDS += ["eleven"]


class WordTokenizer:
    """Token i is WORDS[i]; 0 is special."""

    all_special_tokens = ("zero",)

    def get_vocab(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(WORDS)}

    def batch_decode(self, rows: Any, *, skip_special_tokens: bool) -> list[str]:
        return [" ".join(WORDS[i] for i in row if i or not skip_special_tokens) for row in rows]


def rows(*replies: list[int], prompt: int = 2) -> Any:
    import datasets

    return datasets.Dataset.from_list(
        [
            {"input_ids": [11] * prompt + reply, "labels": [-100] * prompt + reply}
            for reply in replies
        ]
    )


def build(data: Any, folder: Path, encoder: WordEncoder | None = None, **values: Any) -> Targets:
    settings = {"k": 2, "stride": 1, "minimum": 1, "stored_as": "float32", **values}
    return load_or_build(
        data,
        tokenizer=WordTokenizer(),
        settings=TargetSettings.model_validate(settings),
        cache=folder,
        encoder=encoder or WordEncoder(),
    )


def test_each_state_has_the_embedding_of_the_next_tokens(tmp_path: Path) -> None:
    encoder = WordEncoder()
    targets = build(rows([1, 2, 3], [2, 3, 4]), tmp_path, encoder)
    column = targets.column(0, 5)
    # Reply tokens 1, 2, 3 at positions 2, 3, 4; the last has no future.
    assert column.tolist() == [0, 0, 1, 2, 0]
    expected = encoder.encode(["two three", "three"])
    assert np.allclose(targets.embeddings(column[2:4] - 1), expected, atol=1e-7)
    assert targets.column(1, 5).tolist() == [0, 0, 3, 4, 0]
    assert targets.samples(np.array([0, 1, 2, 3])).tolist() == [0, 0, 1, 1]
    assert targets.weights(np.array([0, 1])).tolist() == pytest.approx([1, 2 / 3])


def test_a_text_is_encoded_once_however_often_it_occurs(tmp_path: Path) -> None:
    encoder = WordEncoder()
    targets = build(rows([1, 2, 3], [5, 2, 3], [6, 2, 3]), tmp_path, encoder)
    assert [sorted(call) for call in encoder.calls] == [["three", "two three"]]
    assert targets.counts.texts == 2
    assert targets.counts.states == 6


def test_a_second_run_encodes_nothing(tmp_path: Path) -> None:
    build(rows([1, 2, 3]), tmp_path)
    again = WordEncoder()
    build(rows([1, 2, 3]), tmp_path, again)
    assert again.calls == []


@pytest.mark.parametrize(
    "other",
    [{"k": 3}, {"stride": 2}, {"minimum": 2}, {"fill": "nearest"}, {"last_prompt": True}],
)
def test_every_setting_that_changes_targets_changes_the_key(tmp_path: Path, other: Any) -> None:
    first = build(rows([1, 2, 3, 4]), tmp_path)
    assert build(rows([1, 2, 3, 4]), tmp_path, **other).folder != first.folder


def test_other_data_or_another_encoder_has_another_key(tmp_path: Path) -> None:
    folders = {
        build(rows([1, 2, 3]), tmp_path).folder,
        build(rows([1, 2, 4]), tmp_path).folder,
        build(rows([1, 2, 3], prompt=3), tmp_path).folder,
        build(rows([1, 2], [3]), tmp_path).folder,
        build(rows([1, 2, 3]), tmp_path, WordEncoder(8)).folder,
    }
    assert len(folders) == 5


def test_scales_have_the_stated_deviation(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = rows(*(rng.integers(1, 12, size=6).tolist() for _ in range(40)))
    states = np.arange(200)
    unit = build(data, tmp_path).embeddings(states)
    assert np.allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)
    root = build(data, tmp_path, scale="sqrt_d")
    assert np.allclose(root.embeddings(states), unit * SIZE**0.5, atol=1e-6)
    assert root.deviation == 1
    standard = build(data, tmp_path, scale="standardise")
    every = standard.embeddings(np.arange(standard.counts.states))
    assert np.allclose(every.mean(0), 0, atol=1e-4)
    assert np.allclose(every.std(0), 1, atol=1e-4)
    assert build(data, tmp_path).deviation == SIZE**-0.5
    assert standard.folder == root.folder  # the scale is applied on reading


@pytest.mark.parametrize("scale", ["unit", "sqrt_d", "standardise"])
def test_covariance_is_that_of_the_scaled_targets(tmp_path: Path, scale: str) -> None:
    rng = np.random.default_rng(0)
    data = rows(*(rng.integers(1, 12, size=6).tolist() for _ in range(40)))
    targets = build(data, tmp_path, scale=scale)
    every = targets.embeddings(np.arange(targets.counts.states)).astype(np.float64)
    values, vectors = targets.covariance
    assert values.dtype == vectors.dtype == np.float32
    assert np.allclose(vectors * values @ vectors.T, np.cov(every.T, bias=True), atol=2e-6)
    assert np.allclose(vectors.T @ vectors, np.eye(SIZE), atol=1e-5)
    assert np.allclose(targets.mean, every.mean(0), atol=1e-6)
    assert (np.diff(values) >= 0).all()


def test_half_precision_costs_a_thousandth(tmp_path: Path) -> None:
    data = rows([1, 2, 3, 4, 5])
    whole = build(data, tmp_path).embeddings(np.arange(4))
    half = build(data, tmp_path, stored_as="float16").embeddings(np.arange(4))
    assert np.abs(whole - half).max() < 1e-3
    assert half.dtype == np.float32


def test_rows_too_short_are_counted_and_masked(tmp_path: Path, capsys: Any) -> None:
    targets = build(rows([1, 2, 3, 4], [5], [6]), tmp_path, minimum=2)
    assert targets.counts.without == 2
    assert targets.column(1, 3).tolist() == [0, 0, 0]
    assert "2 rows too short" in capsys.readouterr().err


def test_a_future_of_special_tokens_is_not_a_target(tmp_path: Path) -> None:
    targets = build(rows([1, 2, 0, 0]), tmp_path, k=1)
    assert targets.column(0, 6).tolist() == [0, 0, 1, 0, 0, 0]


def test_data_without_targets_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none of 2 rows has 2 reply tokens after an anchor"):
        build(rows([1], [2]), tmp_path, minimum=2)


@pytest.mark.parametrize("fault", ["short", "broken"])
def test_targets_that_cannot_be_built_leave_no_folder(tmp_path: Path, fault: str) -> None:
    class Broken(WordEncoder):
        def encode(self, texts: Any) -> Any:
            return super().encode(texts) * np.nan

    with pytest.raises(UserError):
        build(rows([1], [2]), tmp_path, minimum=2) if fault == "short" else build(
            rows([1, 2, 3]), tmp_path, Broken()
        )
    left = {path.name for path in tmp_path.glob("targets/*")}
    assert left == {"claims", "workers", "texts"}
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_another_process_maps_the_same_targets(tmp_path: Path) -> None:
    import pickle

    targets = build(rows([1, 2, 3], [2, 3, 4]), tmp_path, scale="standardise")
    content = pickle.dumps(targets.scaled_as(targets))
    assert len(content) < 5_000
    copied = pickle.loads(content)
    states = np.arange(4)
    assert np.array_equal(copied.embeddings(states), targets.embeddings(states))
    assert np.array_equal(copied.weights(states), targets.weights(states))
    assert copied.column(1, 5).tolist() == targets.column(1, 5).tolist()


def test_the_padding_of_a_tokenizer_changes_no_key(tmp_path: Path, tokenizer: Any) -> None:
    settings = TargetSettings(k=2, stride=1, minimum=1)

    def folder() -> Path:
        return load_or_build(
            rows([20, 21, 22]),
            tokenizer=tokenizer,
            settings=settings,
            cache=tmp_path,
            encoder=WordEncoder(),
        ).folder

    first = folder()
    tokenizer(["a", "a longer text"], padding=True, truncation=True, max_length=3)
    assert folder() == first


def test_a_missing_encoder_is_one_line_about_the_setting(tmp_path: Path) -> None:
    settings = TargetSettings(encoder="nobody/such-encoder")
    with pytest.raises(UserError, match=r"^targets\.encoder nobody/such-encoder: ") as caught:
        load_or_build(rows([1, 2]), tokenizer=WordTokenizer(), settings=settings, cache=tmp_path)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("targets/*"))


def _slow_build(folder: str, counter: str) -> None:
    class Slow(WordEncoder):
        def encode(self, texts: Any) -> Any:
            with Path(counter).open("a") as stream:
                stream.write("x")
            return super().encode(texts)

    build(rows([1, 2, 3]), Path(folder), Slow())


def test_concurrent_processes_encode_once(tmp_path: Path) -> None:
    counter = tmp_path / "calls"
    spawn = multiprocessing.get_context("fork")
    workers = [
        spawn.Process(target=_slow_build, args=(str(tmp_path), str(counter))) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert counter.read_text() == "x"


def _build_on_full_disk(folder: str, answer: Any) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256, 256))  # longer files raise an error
    try:
        build(rows(*([i % 11 + 1, (3 * i) % 11 + 1, 2, 3] for i in range(30))), Path(folder))
        answer.put("built")
    except RunError as error:
        answer.put(str(error))


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    answer = context.SimpleQueue()
    worker = context.Process(target=_build_on_full_disk, args=(str(tmp_path), answer))
    worker.start()
    worker.join(60)
    message = answer.get()
    assert "the disk is full while targets are cached; the texts encoded so far are kept" in message
    assert "\n" not in message
    assert not list((tmp_path / "targets" / "workers").iterdir())  # no unfinished file
    assert not list((tmp_path / "targets" / "claims").iterdir())
    assert build(rows([1, 2, 3]), tmp_path).counts.states == 2  # and the folder still works


def test_an_incomplete_index_is_rebuilt_from_the_texts(tmp_path: Path) -> None:
    folder = build(rows([1, 2, 3]), tmp_path).folder
    (folder / "meta.json").unlink()  # as if killed before the last file
    again = WordEncoder()
    assert build(rows([1, 2, 3]), tmp_path, again).counts.states == 2
    assert again.calls == []


def _build_until(name: str, folder: str) -> None:
    """Builds, and dies right before it removes a folder of this name."""
    remove = shutil.rmtree

    def removed(path: Path, **options: Any) -> None:
        if Path(path).name == name or Path(path).parent.name == name:
            os.kill(os.getpid(), signal.SIGKILL)
        remove(path, **options)

    with mock.patch.object(shutil, "rmtree", removed):
        build(rows([1, 2, 3]), Path(folder))


@pytest.mark.parametrize("name", ["build", "workers"])
def test_what_a_build_left_that_was_killed_at_its_end_goes(name: str, tmp_path: Path) -> None:
    whole = build(rows([1, 2, 3]), tmp_path / "whole").folder
    worker = multiprocessing.get_context("fork").Process(
        target=_build_until, args=(name, str(tmp_path / "killed"))
    )
    worker.start()
    worker.join(60)
    assert worker.exitcode == -signal.SIGKILL
    again = WordEncoder()
    build(rows([1, 2, 3]), tmp_path / "killed", again)
    assert again.calls == []
    left, there = (
        sorted(str(file.relative_to(tmp_path / top)) for file in (tmp_path / top).rglob("*"))
        for top in ("killed", "whole")
    )
    assert left == there
    assert (whole / "meta.json").is_file()


OTHERS = {
    "weights": (rows([1, 2, 3], [5, 2, 4]), {"weights": "uniform"}),
    "fill": (rows([1, 2, 3], [5, 2, 4]), {"fill": "nearest"}),
    "scale": (rows([1, 2, 3], [5, 2, 4]), {"scale": "standardise"}),
    "order": (rows([5, 2, 4], [1, 2, 3]), {}),
    "a shorter prompt": (rows([1, 2, 3], [5, 2, 4], prompt=1), {}),
    "fewer anchors": (rows([1, 2, 3], [5, 2, 4]), {"stride": 2}),
}


@pytest.mark.parametrize("change", OTHERS)
def test_other_targets_of_the_same_texts_encode_nothing(tmp_path: Path, change: str) -> None:
    first = build(rows([1, 2, 3], [5, 2, 4]), tmp_path)
    data, settings = OTHERS[change]
    again = WordEncoder()
    second = build(data, tmp_path, again, **settings)
    assert again.calls == []
    assert (second.folder == first.folder) == (change == "scale")
    fresh = build(data, tmp_path / "fresh", **settings)
    states = np.arange(fresh.counts.states)
    assert np.array_equal(second.embeddings(states), fresh.embeddings(states))


def test_of_one_row_more_only_the_new_texts_are_encoded(tmp_path: Path) -> None:
    build(rows([1, 2, 3]), tmp_path)
    again = WordEncoder()
    targets = build(rows([4, 2, 9], [1, 2, 3]), tmp_path, again)
    assert again.calls == [["nine", "two nine"]]
    expected = again.encode(["two nine", "nine", "two three", "three"])
    assert np.allclose(targets.embeddings(np.arange(4)), expected, atol=1e-7)


def test_last_prompt_encodes_only_the_texts_before_replies(tmp_path: Path) -> None:
    build(rows([1, 2, 3]), tmp_path)
    again = WordEncoder()
    build(rows([1, 2, 3]), tmp_path, again, last_prompt=True)
    assert again.calls == [["one two"]]


@pytest.mark.parametrize("damage", ["short", "long", "gone", "foreign"])
def test_a_damaged_shard_is_encoded_again(tmp_path: Path, damage: str) -> None:
    data = rows([1, 2, 3], [4, 5, 6])
    first = build(data, tmp_path)
    expected = first.embeddings(np.arange(4))
    (shard,) = tmp_path.glob("targets/texts/*/*.shard")
    content = shard.read_bytes()
    if damage == "gone":
        shard.unlink()
    else:
        bad = {"short": content[:-1], "long": content + b"x", "foreign": b"\0" * len(content)}
        shard.write_bytes(bad[damage])
    again = WordEncoder()
    targets = build(data, tmp_path, again)
    assert len(again.calls) == 1
    assert np.array_equal(targets.embeddings(np.arange(4)), expected)
    assert shard.read_bytes() == content


def test_an_embedding_that_is_not_finite_is_one_line(tmp_path: Path) -> None:
    class Broken(WordEncoder):
        def encode(self, texts: Any) -> Any:
            return super().encode(texts) * np.nan

    with pytest.raises(
        UserError, match="not finite for the text that begins 'two three'"
    ) as caught:
        build(rows([1, 2, 3]), tmp_path, Broken())
    assert "\n" not in str(caught.value)
