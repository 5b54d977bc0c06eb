"""pytest tests/util/test_files.py: whole files, and nothing left by writers that were killed."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sfr_eval.errors import RunError, UserError
from sfr_eval.util.files import atomic_path, scratch_folder, write_atomic, writing_to

WRITER = """
import os, sys
from pathlib import Path
from sfr_eval.util.files import atomic_path, scratch_folder
folder = Path(sys.argv[1])
(scratch_folder(folder / "states") / "half").write_text("ha")
with atomic_path(folder / "page.html") as temporary:
    temporary.write_text("ha")
    print("half", flush=True)
    sys.stdin.read()
"""


def half_written(folder: Path) -> "subprocess.Popen[str]":
    """A process with a page and a folder half written."""
    command = [sys.executable, "-c", WRITER, str(folder)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    return process


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_written_file_is_all_there_is(tmp_path: Path) -> None:
    write_atomic(tmp_path / "page.html", "old")
    write_atomic(tmp_path / "page.html", "new")
    assert names(tmp_path) == ["page.html"]
    assert (tmp_path / "page.html").read_text() == "new"


def test_an_error_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    write_atomic(tmp_path / "page.html", "old")
    with pytest.raises(TypeError), atomic_path(tmp_path / "page.html") as temporary:
        temporary.write_text(1)  # type: ignore[arg-type]
    assert names(tmp_path) == ["page.html"]
    assert (tmp_path / "page.html").read_text() == "old"


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    process = half_written(tmp_path)
    process.kill()
    process.communicate()
    assert len(names(tmp_path)) == 2
    write_atomic(tmp_path / "table.csv", "a\n")  # whatever is written next in this folder
    assert [name for name in names(tmp_path) if name.endswith(".part")] == []
    scratch = scratch_folder(tmp_path / "states")
    assert names(tmp_path) == [scratch.name, "table.csv"]


def test_what_a_living_writer_has_open_is_left_alone(tmp_path: Path) -> None:
    process = half_written(tmp_path)
    write_atomic(tmp_path / "page.html", "ours")
    scratch_folder(tmp_path / "states").rmdir()
    left = names(tmp_path)
    process.communicate("")
    assert process.returncode == 0
    assert len(left) == 3
    assert (tmp_path / "page.html").read_text() == "ha"


def test_files_of_others_with_like_names_are_left_alone(tmp_path: Path) -> None:
    kept = [".page.html.part", ".x.0123456789abcdef", "page.0123456789abcdef.part"]
    for name in kept:
        (tmp_path / name).write_text("mine")
    (tmp_path / ".link.0123456789abcdef.part").symlink_to(tmp_path / kept[0])
    os.mkfifo(tmp_path / ".pipe.0123456789abcdef.part")
    write_atomic(tmp_path / "page.html", "new")
    assert len(names(tmp_path)) == len(kept) + 3


def test_two_files_of_one_folder_written_at_once(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "one") as first, atomic_path(tmp_path / "one") as second:
        first.write_text("1")
        second.write_text("2")
    assert names(tmp_path) == ["one"]


def test_ctrl_c_as_the_file_is_created_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.open

    def interrupted(*arguments: object, **options: object) -> int:
        descriptor = whole(*arguments, **options)  # type: ignore[arg-type]
        os.close(descriptor)
        signal.raise_signal(signal.SIGINT)
        return descriptor

    monkeypatch.setattr(os, "open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "page.html", "new")
    assert names(tmp_path) == []


def test_locks_of_finished_scratch_folders_are_closed(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        scratch_folder(tmp_path / "states").rmdir()
    assert len(os.listdir("/proc/self/fd")) <= before + 1


@pytest.mark.parametrize(
    ("number", "error", "line"),
    [
        (errno.EROFS, UserError, "--output out: cannot be written (Read-only file system); "),
        (errno.EISDIR, UserError, "out: cannot be written (Is a directory); remove it, or"),
        (errno.ENOSPC, RunError, "out: the disk is full; all finished samples are kept: free"),
        (errno.EIO, RunError, "out: Input/output error; all finished samples are kept: repeat"),
        (errno.EMFILE, RunError, "out: Too many open files; all finished samples are kept: "),
    ],
)
def test_errors_of_the_system_are_one_line(number: int, error: type[Exception], line: str) -> None:
    with pytest.raises(error) as raised, writing_to(Path("out")):
        raise OSError(number, "as a package\nputs it" if error is RunError else os.strerror(number))
    assert str(raised.value).startswith(line)


def test_what_the_system_does_not_say_is_raised_as_it_is() -> None:
    with pytest.raises(FileNotFoundError), writing_to(Path("out")):
        Path("no", "such").read_text()
