"""pytest tests/test_cli.py"""

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.samplers.world import WorldSampler
from sfr_eval.version import __version__
from tests.support.command_line import WORLD, as_process, packages

PACKAGES = "import click, pydantic, yaml"
ONE_MODEL = f"{PACKAGES}\nclass Model(pydantic.BaseModel):\n    number: int = 1"


@pytest.mark.parametrize(
    ("command_line", "script"), [(["--help"], PACKAGES), (["run", "--help"], ONE_MODEL)]
)
def test_help_comes_at_once(command_line: list[str], script: str, tmp_path: Path) -> None:
    """In at most twice the CPU time of what it cannot do without: processors differ threefold."""

    def plain() -> None:
        subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)

    def ours() -> None:
        assert as_process(command_line, tmp_path).code == 0

    assert cpu_seconds(ours) < 2 * cpu_seconds(plain)


def cpu_seconds(start: Callable[[], None]) -> float:
    """Of the processes that it starts, the least of five times."""
    took = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(took)


def test_help_names_the_commands(command: Any) -> None:
    assert {"run", "score", "report", "ls", "doctor", "demo"} <= set(command("-h").out.split())


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["run", "--help"], ["ls"], ["ls", "--json"]]
)
def test_light_commands_import_no_heavy_package(arguments: list[str], tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from sfr_eval.cli import main\n"
        f"sys.argv = ['sfr-eval', *{arguments!r}]\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'transformers', 'vllm', 'matplotlib', 'sklearn', 'trl', 'datasets'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(packages())},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == "heavy: []"


def test_debug_shows_the_traceback_and_keeps_the_exit_code(command: Any) -> None:
    for arguments in (["--debug", *WORLD], [*WORLD, "--debug"]):  # wherever it stands
        ended = command(*arguments, "--suite", "persono")
        assert ended.code == 2
        assert "Traceback (most recent call last)" in ended.err
        assert ended.err.splitlines()[-1].startswith("sfr-eval: ")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError("first line\nsecond line"), "RuntimeError: first line second line (unexp"),
        (OSError(errno.EIO, "no", "a/b"), "a/b: Input/output error; all finished samples are kept"),
        (OSError(errno.EMFILE, "no"), "Too many open files; all finished samples are kept: repeat"),
        (FileNotFoundError(errno.ENOENT, "no", "a"), "FileNotFoundError: [Errno 2] no: 'a' (unexp"),
    ],
)
def test_errors_are_one_line_and_never_exit_as_a_failed_gate(
    error: Exception, line: str, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(WorldSampler, "sample", fail)
    ended = command(*WORLD, "--output", "out")
    assert ended.code == 3
    assert ended.err.splitlines()[-1].startswith(f"sfr-eval: {line}")
    assert "Traceback" not in ended.err


def test_version(command: Any) -> None:
    assert command("--version").out == f"{__version__}\n"


def test_no_command_at_all_is_a_call_for_help(command: Any) -> None:
    ended = command()
    assert (ended.code, ended.err) == (0, "")
    assert "Commands:" in ended.out
