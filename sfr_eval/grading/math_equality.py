"""Whether two final answers are equal: as texts, as fractions, or by value in a process that can be
stopped.

What a model writes may take for ever to compute. So values are compared by `math_values`, run as a
process of its own with limits on memory and time, which is replaced when a pair takes too long.
"""

import contextlib
import json
import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from sfr_eval.errors import RunError
from sfr_eval.grading.math_text import key, normal_answer, rational

SECONDS = 5.0
"""Time for a pair; beyond it the answers count as different."""
START_SECONDS = 120.0
_ROOT = Path(__file__).parents[2]
_PROGRAM = (
    f"import sys; sys.path.insert(0, {str(_ROOT)!r}); "
    "from sfr_eval.grading.math_values import main; main()"
)


class Equality:
    """Compares answers and remembers every pair; a context manager that ends its process."""

    def __init__(self, *, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self.too_slow = 0
        self._known: dict[tuple[str, str], bool] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def equal(self, first: str, second: str) -> bool:
        """Return whether two answers are equal."""
        if key(first) == key(second):
            return bool(key(first))
        numbers = rational(first), rational(second)
        if numbers[0] is not None and numbers[1] is not None:
            return numbers[0] == numbers[1]
        pair = (normal_answer(first), normal_answer(second))
        if pair not in self._known:
            self._known[pair] = self._by_value(*pair)
        return self._known[pair]

    def close(self) -> None:
        """End the process; safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()

    def _by_value(self, first: str, second: str) -> bool:
        process = self._process or self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps([first, second]).encode() + b"\n")
            process.stdin.flush()
        except OSError:  # it ended, as when memory ran out
            self.close()
            self.too_slow += 1
            return False
        line = _line(process, self.seconds)
        if line not in (b"true\n", b"false\n"):
            self.close()
            self.too_slow += 1
            return False
        return line == b"true\n"

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin"},
        )
        self._process = process
        if _line(process, START_SECONDS) != b"ready\n":
            self.close()
            raise RunError(
                "math: the process that compares answers did not start; is sympy installed? "
                "pip install 'sfr-eval[math]'"
            )
        return process


def _line(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """Return the next line of a process; b"" if none comes in time."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    return process.stdout.readline(64) if ready else b""
