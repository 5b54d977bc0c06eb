"""How a command line ends, and small runs to type."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from sfr_eval import cli

SMALL = ["--suite", "persona", "--samples", "2", "--temperatures", "1.0", "--limit", "2"]
SMALL += ["--set", "personas=[pirate, butler]", "--set", "metrics=[text]"]
WORLD = ["run", "--model", "world:cross=0.3", *SMALL]


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on stderr."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("sfr-eval: ")
        return lines[0].removeprefix("sfr-eval: ")


def as_process(arguments: Sequence[str], folder: Path, **environment: str) -> Ended:
    done = subprocess.run(
        [sys.executable, "-m", "sfr_eval", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path[:1] + packages()),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run a command line in this process."""
    monkeypatch.setattr(sys, "argv", ["sfr-eval", *arguments])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def packages() -> list[str]:
    root = Path(__file__).parents[2]
    return [str(root), str(root / "train")]
