"""pytest tests/util/test_lock.py"""

import errno
import fcntl
import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from sfr_eval.errors import UserError
from sfr_eval.util.lock import FolderLock, Owner, owner_is_gone


def lock(folder: Path) -> FolderLock:
    return FolderLock(folder / ".lock", where=str(folder))


@pytest.fixture
def no_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a network file system that has none."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_second_is_told_who_has_it_and_gets_it_afterwards(tmp_path: Path) -> None:
    first, second = lock(tmp_path), lock(tmp_path)
    first.take()
    with pytest.raises(UserError, match=rf"writing here \(process {os.getpid()} on ") as caught:
        second.take()
    assert "\n" not in str(caught.value)
    first.release()
    second.take()
    second.release()
    second.release()


def test_the_record_of_a_dead_owner_is_no_lock(tmp_path: Path) -> None:
    gone = replace(Owner.of_this_process(), pid=dead_pid())
    (tmp_path / ".lock").write_text(json.dumps(asdict(gone)))
    own = lock(tmp_path)
    own.take()
    assert json.loads((tmp_path / ".lock").read_text())["pid"] == os.getpid()
    own.release()


def test_an_owner_is_gone_when_its_process_or_its_boot_is(tmp_path: Path) -> None:
    here = Owner.of_this_process()
    assert here.gone is False
    assert replace(here, started="1").gone is True  # another process has its number now
    assert replace(here, boot="another").gone is True
    assert replace(here, pid=dead_pid()).gone is True
    assert replace(here, host="elsewhere").gone is None


def test_without_flock_the_record_is_the_lock(tmp_path: Path, no_flock: None) -> None:
    first, second = lock(tmp_path), lock(tmp_path)
    first.take()
    with pytest.raises(UserError, match=f"process {os.getpid()}"):
        second.take()
    first.release()
    second.take()
    second.release()
    assert not (tmp_path / ".lock-owner").exists()


def test_without_flock_a_stale_record_is_recovered(tmp_path: Path, no_flock: None) -> None:
    stale = replace(Owner.of_this_process(), boot="before the power cut")
    (tmp_path / ".lock-owner").write_text(json.dumps(asdict(stale)))
    own = lock(tmp_path)
    own.take()
    assert json.loads((tmp_path / ".lock-owner").read_text())["pid"] == os.getpid()
    own.release()


@pytest.mark.parametrize("content", ["", "{", '{"pid": 1}', "elsewhere"])
def test_without_flock_a_remote_owner_is_left_to_the_user(
    tmp_path: Path, no_flock: None, content: str
) -> None:
    if content == "elsewhere":
        content = json.dumps(asdict(replace(Owner.of_this_process(), host="elsewhere")))
    (tmp_path / ".lock-owner").write_text(content)
    with pytest.raises(UserError, match=r"if it is not, remove .*\.lock-owner"):
        lock(tmp_path).take()


def test_whether_the_last_owner_is_gone_is_known(tmp_path: Path) -> None:
    file = tmp_path / ".lock"
    assert owner_is_gone(file) is True  # nobody ever had it
    file.write_text("{")
    assert owner_is_gone(file) is True
    owner = Owner.of_this_process()
    for there, gone in ((owner, False), (replace(owner, started="1"), True)):
        file.write_text(json.dumps(asdict(there)))
        assert owner_is_gone(file) is gone
    file.write_text(json.dumps(asdict(replace(owner, host="another"))))
    assert owner_is_gone(file) is None
