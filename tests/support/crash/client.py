"""The test's side of the server: builds the shim, sends cases, reads ends."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.crash.fault import SHOWN, Case, End

HERE = Path(__file__).parent
COMPILER = shutil.which("cc") or shutil.which("gcc")
PACKAGES = (
    *("jinja2", "numpy", "pandas", "pydantic", "rapidfuzz"),
    *("rich.console", "rich.table", "rich.progress", "scipy.stats", "yaml"),
    *("pyarrow.parquet", "pyarrow.dataset", "pyarrow.pandas_compat"),
    *("matplotlib.figure", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg"),
    *("matplotlib.style", "PIL.BmpImagePlugin", "PIL.GifImagePlugin", "PIL.JpegImagePlugin"),
    *("PIL.PpmImagePlugin", "sfr_eval.cli", "sfr_eval.comparison.compare_groups"),
    *("sfr_eval.comparison.files", "sfr_eval.comparison.replicates", "sfr_eval.formats.export"),
    *("sfr_eval.gate.check", "sfr_eval.gate.files", "sfr_eval.grading.program_file"),
    *("sfr_eval.pipeline.run", "sfr_eval.pipeline.score", "sfr_eval.pipeline.sweep"),
    *("sfr_eval.report.terminal", "sfr_eval.run_index.index", "sfr_eval.sandbox.grade"),
)
"""What the commands import."""
SLOW_PACKAGES = ("huggingface_hub", "inspect_ai.log", "openai")
"""What a few of them import, in seconds."""


class CrashServer:
    """Runs cases one after the other."""

    def __init__(self, scratch: Path, *, modules: Sequence[str] = PACKAGES) -> None:
        self._scratch = scratch
        shim = scratch / "file_operations.so"
        source = HERE / "file_operations.c"
        assert COMPILER is not None
        options = ("-O1", "-shared", "-fPIC", "-ldl")
        subprocess.run([COMPILER, source, "-o", shim, *options], check=True)
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "server.py"), str(scratch), *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "LD_PRELOAD": str(shim),
                "OMP_NUM_THREADS": "1",
                "MPLBACKEND": "agg",
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
        )

    def run(self, case: Case) -> End:
        """Run a command to its end."""
        output, log = self._scratch / "output", self._scratch / "log"
        states = self._scratch / "states"
        log.unlink(missing_ok=True)
        message = {
            "arguments": case.arguments,
            "folder": str(case.folder),
            "environment": case.environment,
            "output": str(output),
            "log": str(log),
            "at": case.at,
            "action": case.fault.action,
            "value": case.fault.value,
            "times": case.fault.times,
            "states": str(states) if case.fault == SHOWN else "",
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        end = json.loads(self._process.stdout.readline())
        return End(
            code=end["code"],
            output=output.read_text(errors="replace"),
            operations=tuple(log.read_text().splitlines()),
            orphans=tuple(end["orphans"]),
            seconds=end["seconds"],
            states=tuple((number, name) for number, name in end["states"]),
        )

    def close(self) -> None:
        """End the server."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


@contextmanager
def crash_server(scratch: Path, *, modules: Sequence[str] = PACKAGES) -> Iterator[CrashServer]:
    """A server for the block."""
    server = CrashServer(scratch, modules=modules)
    try:
        yield server
    finally:
        server.close()
