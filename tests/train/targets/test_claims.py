"""Claims: one worker a piece, and those of workers that are gone."""

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from sfr_train.targets import claims
from sfr_train.targets.claims import Worker, share


def test_a_piece_has_one_worker_until_it_is_released(tmp_path: Path) -> None:
    with Worker(tmp_path) as one, Worker(tmp_path) as two:
        assert one.claim("piece")
        assert not two.claim("piece")
        assert two.holder("piece").startswith(f"process {os.getpid()} on ")
        one.release("piece")
        assert two.holder("piece") == ""
        assert two.claim("piece")
        assert two.claim("other")
    assert not list((tmp_path / "workers").iterdir())


def test_work_of_a_worker_that_has_left_is_free(tmp_path: Path) -> None:
    with Worker(tmp_path) as one:
        one.claim("piece")
    with Worker(tmp_path) as two, Worker(tmp_path) as three:
        assert two.claim("piece")
        assert not three.claim("piece")
        two.release("piece")
        assert not list((tmp_path / "claims").iterdir())


def _killed_at(step: str, folder: str) -> None:
    """Dies right before it writes, or links, a file of this name."""
    whole, link = Path.write_text, os.link

    def write(file: Path, text: str) -> int:
        if file.name == step:
            file.touch() if step == "token" else None
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(file, text)

    def linked(source: Path, place: Path) -> None:
        link(source, place)
        if place.name == step:
            os.kill(os.getpid(), signal.SIGKILL)

    with (
        mock.patch.object(Path, "write_text", write),
        mock.patch.object(os, "link", linked),
        Worker(Path(folder)) as worker,
    ):
        worker.claim("piece")


@pytest.mark.parametrize("step", ["beat", "token", "piece.0"])
def test_a_worker_that_was_killed_at_any_step_is_cleared_away_at_once(
    step: str, tmp_path: Path
) -> None:
    process = multiprocessing.get_context("fork").Process(
        target=_killed_at, args=(step, str(tmp_path))
    )
    process.start()
    process.join()
    assert len(list((tmp_path / "workers").iterdir())) == 1
    with Worker(tmp_path) as worker:
        assert list((tmp_path / "workers").iterdir()) == [tmp_path / "workers" / worker.token]
        assert worker.claim("piece")


def test_where_there_are_no_links_a_claim_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with Worker(tmp_path) as one, Worker(tmp_path) as two:
        assert one.claim("piece")
        assert not two.claim("piece")


def _claim_and_wait(folder: str, started: Any, signals: Any) -> None:
    with Worker(Path(folder)) as worker:
        assert worker.claim("piece")
        with worker.file(Path(folder) / "whole") as scratch:
            scratch.write_text("torn")
            started.set()
            signals.get()


@pytest.fixture
def other(tmp_path: Path) -> Any:
    """Another process that holds a claim, in the middle of a file."""
    fork = multiprocessing.get_context("fork")
    started, signals = fork.Event(), fork.SimpleQueue()
    process = fork.Process(target=_claim_and_wait, args=(str(tmp_path), started, signals))
    process.start()
    assert started.wait(20)
    yield process
    os.kill(process.pid, signal.SIGCONT)
    process.kill()
    process.join()


def test_a_killed_process_is_noticed_at_once(tmp_path: Path, other: Any) -> None:
    with Worker(tmp_path) as worker:
        assert not worker.claim("piece")
        os.kill(other.pid, signal.SIGKILL)  # and not waited for: it stays in the process table
        began = time.monotonic()
        while not worker.claim("piece"):
            assert time.monotonic() - began < 5
    assert not (tmp_path / "whole").exists()
    assert not list((tmp_path / "workers").iterdir())  # its unfinished file is gone, too


def test_a_process_that_stands_still_is_given_up(
    tmp_path: Path, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_GONE", 0.3)
    os.kill(other.pid, signal.SIGSTOP)
    with Worker(tmp_path) as worker:
        assert not worker.claim("piece")  # the first look only starts the clock
        time.sleep(0.4)
        assert worker.claim("piece")


def test_a_worker_of_another_machine_lives_while_it_beats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process number means nothing here, and its clock may be hours away."""
    monkeypatch.setattr(claims, "_GONE", 0.3)
    beat = tmp_path / "workers" / "far" / "beat"
    beat.parent.mkdir(parents=True)
    beat.write_text(json.dumps({"host": "node7", "boot": "b", "space": 1, "pid": 1, "born": "5"}))
    with Worker(tmp_path) as worker:
        (tmp_path / "claims" / "piece.0").write_text("far")
        for hours in range(4):
            os.utime(beat, (time.time() - 9_000, time.time() - 9_000 + hours))
            assert not worker.claim("piece")
            time.sleep(0.2)
        assert worker.holder("piece") == "process 1 on node7"
        time.sleep(0.4)
        assert worker.claim("piece")


def test_a_claim_that_is_being_written_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_GONE", 0.3)
    with Worker(tmp_path) as one, Worker(tmp_path) as two:
        (tmp_path / "claims" / "piece.0").touch()  # and its writer was killed
        assert not one.claim("piece")
        (tmp_path / "claims" / "other.0").write_text(two.token)
        assert not one.claim("other")
        time.sleep(0.4)
        assert one.claim("piece")


def write_half(worker: Worker, file: Path) -> None:
    with worker.file(file) as scratch:
        scratch.write_text("ha")
        raise OSError(28, "full")


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    with Worker(tmp_path) as worker:
        with pytest.raises(OSError, match="full"):
            write_half(worker, tmp_path / "file")
        assert not (tmp_path / "file").exists()
        with worker.file(tmp_path / "file") as scratch:
            scratch.write_text("whole")
        assert (tmp_path / "file").read_text() == "whole"


def test_who_waits_says_for_whom(
    tmp_path: Path, other: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr("sfr_eval.util.progress._PLAIN_SECONDS", 0.2)
    finished: set[str] = set()

    def done() -> set[str]:
        if time.monotonic() - began > 1.5:
            finished.add("piece")
        return finished

    began = time.monotonic()
    with Worker(tmp_path) as worker:
        share(
            {"own": 2, "piece": 5},
            worker,
            done=done,
            work=finished.add,
            title="encoding targets",
            unit="texts",
        )
    lines = capsys.readouterr().err
    told = [line for line in lines.splitlines() if "2/7" in line]
    assert told
    assert all(f"targets (waiting for process {other.pid} on " in line for line in told)


def test_only_one_process_of_a_node_speaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setattr("sfr_eval.util.progress._PLAIN_SECONDS", 0.0)
    finished: set[str] = set()
    with Worker(tmp_path) as worker:
        share(
            {"a": 1, "b": 1},
            worker,
            done=lambda: finished,
            work=finished.add,
            title="encoding targets",
            unit="texts",
        )
    assert finished == {"a", "b"}
    assert capsys.readouterr().err == ""
