"""Runs a command on a folder in which one file is broken, and says what is wrong with how it ended.

A command either succeeds or ends in one line that names the file or its run. Whatever it had no
business to write is as it was, and nothing is half written.
"""

import io
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from types import FrameType

from sfr_eval import cli
from tests.fuzz.mutate import cleared
from tests.fuzz.stored_files import break_file
from tests.fuzz.verbs import BEFORE, Verb, write_user_files
from tests.support.crash.verbs import URL

SECONDS, HANGS = 10.0, 120  # of a processor; of a clock
MEMORY = 200 * 2**20
_REPLACED = ("results.json", ".unfinished", ".svg", ".png", ".csv")
"""What a command that measures anew may take away before it writes it."""
_LEFT = re.compile(r"\.part$|(^|/)\.[^/]+-[0-9a-f]{16}(/|$)")


class Hangs(BaseException):
    """Passes through whatever handles errors."""


@dataclass(frozen=True)
class Ended:
    code: int
    text: str  # of stderr
    seconds: float
    memory: int  # bytes at the peak, beyond those before


def run(arguments: Sequence[str]) -> Ended:
    """Run a command line here."""

    def hangs(number: int, frame: FrameType | None) -> None:
        raise Hangs

    error, code = io.StringIO(), 0
    argv, sys.argv = sys.argv, ["sfr-eval", *arguments]
    handler = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(HANGS)
    begin, before = time.process_time(), _memory(reset=True)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(error):
            cli.main()
    except SystemExit as end:
        code = int(end.code or 0)
    except Hangs:
        return Ended(-1, "hangs", 0, 0)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
        sys.argv = argv
    seconds = time.process_time() - begin
    return Ended(code, error.getvalue(), seconds, _memory() - before)


def _memory(*, reset: bool = False) -> int:
    """Bytes at the peak, since it was last reset where the system can do that."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024


def prepared(folder: Path, *, more: Sequence[Sequence[str]] = (), url: str = "") -> Path:
    """Make a folder of small runs, by the commands that make them."""
    cleared(folder)
    write_user_files(folder)
    os.chdir(folder)
    for command in (*BEFORE, *more):
        end = run([word.replace(URL, url) for word in command])
        assert end.code == 0, (command, end.text)
    return folder


def matching(folder: Path, globs: Sequence[str]) -> list[Path]:
    return sorted({file for glob in globs for file in folder.glob(glob) if file.is_file()})


def problems(verb: Verb, seed: int, *, whole: Path, place: Path, url: str = "") -> Iterator[str]:
    """Run one case of a verb and yield what is wrong."""
    os.chdir(whole)
    draw = random.Random(f"{verb.name} {seed}")
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(whole, place, symlinks=True)
    files = matching(place, verb.reads)
    broken = files[draw.randrange(len(files))].relative_to(place)
    break_file(place / broken, draw)
    before = tree(place)
    os.chdir(place)
    end = run([word.replace(URL, url) for word in verb.command])
    for problem in (*_wrong_end(end, broken, verb), *wrong_files(before, tree(place), verb)):
        yield f"{verb.name} {seed}, {broken}: {problem}"


def unbroken_problems(verb: Verb, *, whole: Path, place: Path, url: str = "") -> Iterator[str]:
    """Run a verb where nothing is broken and yield what is wrong."""
    os.chdir(whole)
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(whole, place)
    if not matching(place, verb.reads):
        yield f"{verb.name}: reads no file that is there"
    before = tree(place)
    os.chdir(place)
    end = run([word.replace(URL, url) for word in verb.command])
    if end.code != verb.code:
        yield f"{verb.name}: exit code {end.code}: {end.text[-600:]}"
    yield from wrong_files(before, tree(place), verb)


def _wrong_end(end: Ended, broken: Path, verb: Verb) -> Iterator[str]:
    lines = [line for line in end.text.splitlines() if line.startswith(verb.error)]
    if "Traceback" in end.text or "(unexpected" in end.text or end.code not in (0, 1, 2, 3):
        yield f"exit code {end.code}: {end.text[-600:]}"
    elif end.code in verb.verdicts and not lines:
        pass
    elif end.code > 1 and len(lines) != 1:
        yield f"{len(lines)} lines for exit code {end.code}: {end.text[-600:]}"
    elif end.code > 1 and not (broken.name in lines[0] or str(_run_of(broken)) in lines[0]):
        yield f"does not name the file: {lines[0][:600]}"
    if end.seconds > SECONDS:
        yield f"took {end.seconds:.1f} s"
    if end.memory > MEMORY:
        yield f"took {end.memory / 2**20:,.0f} MB"


def _run_of(file: Path) -> Path:
    """The folder of the run, or of the suite, that a file belongs to; the file itself if none."""
    return Path(*file.parts[:2]) if len(file.parts) > 2 else file


def wrong_files(
    before: Mapping[str, bytes | None], after: Mapping[str, bytes | None], verb: Verb
) -> Iterator[str]:
    """Yield what a verb did to files that it had better left alone."""
    for name in sorted(before.keys() | after.keys()):
        mine = any(fnmatch(name, glob) for glob in verb.writes)
        if name not in after:
            if not mine or not name.endswith(_REPLACED):
                yield f"{name} is lost"
        elif _LEFT.search(name):
            yield f"{name} is left"
        elif before.get(name) == after[name]:
            continue
        elif not mine:
            yield f"{name} is {'changed' if name in before else 'new'}"
        elif not _is_whole(name, after[name] or b""):
            yield f"{name} is half written"


def _is_whole(name: str, content: bytes) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if name.endswith(".json"):
            json.loads(content)
        elif name.endswith(".parquet"):
            pq.read_table(pa.BufferReader(content))
    except (ValueError, pa.ArrowException):
        return False
    return not name.endswith(".html") or content.rstrip().endswith(b"</html>")


def tree(folder: Path) -> dict[str, bytes | None]:
    """What each name below a folder holds, links unfollowed; None for what is no file."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        if file.is_file() and not file.is_symlink()
        else None
        for file in folder.rglob("*")
        if not file.is_dir() or file.is_symlink()
    }
