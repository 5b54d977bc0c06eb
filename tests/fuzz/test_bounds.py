"""pytest tests/fuzz/test_bounds.py: a file of 1 MB takes no more than 200 MB and ten seconds."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz.cases import READERS, Reader
from tests.fuzz.harness import SECONDS, attempt
from tests.fuzz.seeds import SUITE, plain, write

MB = 1_000_000
BY_NAME = {reader.name: reader for reader in READERS}

LARGE: dict[str, tuple[str, str, Callable[[], str]]] = {
    "temperatures": (
        "suite", "suite.yaml",
        lambda: json.dumps({**SUITE, "temperatures": [1.0] * (MB // 5)}),
    ),
    "yaml of scalars": ("config", "config.yaml", lambda: "a: [" + "1," * (MB // 2) + "1]"),
    "yaml of keys": (
        "config", "config.yaml", lambda: "".join(f"a{n}: 1\n" for n in range(MB // 10))
    ),
    "yaml of brackets": ("judge", "judge.yaml", lambda: "[" * MB),
    "yaml of dashes": ("checks", "check.yaml", lambda: "- " * (MB // 2)),
    "yaml of anchors": (
        "config", "config.yaml", lambda: "".join(f"k{n}: &a{n} x\n" for n in range(MB // 20))
    ),
    "json of brackets": ("checkpoint", "config.json", lambda: "[" * MB),
    "json of lists": (
        "run", "results.json", lambda: '{"estimates": [' + "[]," * (MB // 3) + "[]]}"
    ),
    "json of digits": ("run", "manifest.json", lambda: '{"format": ' + "9" * MB + "}"),
    "rows": ("rows", "r.jsonl", lambda: '{"prompt": "p", "text": "t"}\n' * (MB // 29)),
    "one long row": ("rows", "r.jsonl", lambda: '{"prompt": "p", "text": "' + "t" * MB + '"}'),
    "programs": (
        "programs", "programs.jsonl",
        lambda: "".join(
            f'{{"id": "{n}", "code": "", "tests": [["", ""]]}}\n' for n in range(MB // 55)
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LARGE)
def test_a_large_file_takes_bounded_memory_and_time(case: str, tmp_path: Path) -> None:
    name, file, make = LARGE[case]
    reader = BY_NAME[name]
    for other, content in reader.seeds[0].items():
        write(tmp_path / other, plain(content))
    before = peak(name, tmp_path)
    (tmp_path / file).write_text(make())
    assert (tmp_path / file).stat().st_size < 1.1 * MB
    assert peak(name, tmp_path) - before < 200 * 2**20


def peak(name: str, folder: Path) -> int:
    """The peak memory, in bytes, of a process that reads a folder in time."""
    code = (
        "import os, resource, sys; from pathlib import Path; os.fsync = lambda descriptor: None;"
        "from tests.fuzz.harness import attempt; from tests.fuzz.test_bounds import BY_NAME;"
        "assert attempt(BY_NAME[sys.argv[1]], Path(sys.argv[2])) is None;"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, name, str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60 * SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout) * 1024


def files_of(reader: Reader) -> list[str]:
    return [name for name in reader.seeds[0] if not name.startswith("results_")]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
@pytest.mark.parametrize("kind", ["pipe", "socket", "folder", "link to itself"])
def test_nothing_waits_for_what_is_no_file(
    reader: Reader, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    for number, broken in enumerate(files_of(reader)):
        folder = tmp_path / str(number)
        (folder / broken).parent.mkdir(parents=True)
        for name, content in reader.seeds[0].items():
            if name != broken:
                write(folder / name, plain(content))
        monkeypatch.chdir(folder)
        if kind == "pipe":
            os.mkfifo(broken)
        elif kind == "socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(broken)
        elif kind == "folder":
            os.mkdir(broken)
        else:
            os.symlink(broken, broken)
        assert attempt(reader, folder) is None
