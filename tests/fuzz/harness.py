"""Makes cases from a seed, runs a reader on them, and says what went wrong."""

import json
import random
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfr_eval.errors import RunError, UserError
from tests.fuzz.cases import Reader
from tests.fuzz.containers import Packed
from tests.fuzz.mutate import cleared, json_text, mutated, mutated_bytes, replaced
from tests.fuzz.seeds import Lines, write

SECONDS = 10.0  # for a file of up to 1 MB


@dataclass(frozen=True)
class Failure:
    """A case that ended in anything but a result or a line for the user."""

    reader: str
    seed: int
    what: str

    def __str__(self) -> str:
        return f"{self.reader} {self.seed}: {self.what}"


def write_case(reader: Reader, seed: int, folder: Path) -> None:
    """Write the files of a case: those of a seed, one of which is broken."""
    draw = random.Random(f"{reader.name} {seed}")
    files = draw.choice(reader.seeds)
    broken = draw.choice(list(files))
    for name, content in files.items():
        write(folder / name, _content(content, name == broken, draw))
    if draw.random() < 0.03:
        replaced(folder / broken, draw)


def _content(content: Any, broken: bool, draw: random.Random) -> bytes:
    if isinstance(content, bytes):
        if not broken:
            return content
        if (
            content[8:9] == b"{"
            and int.from_bytes(content[:8], "little") < len(content)
            and draw.random() < 0.7
        ):  # a header of safetensors
            return _header(content, draw)
        return mutated_bytes(content, draw)
    if isinstance(content, Packed):
        raw = content.pack(mutated(content.value, draw)) if broken else content.raw
    elif isinstance(content, Lines):
        rows = [json_text(row, random.Random(1)) for row in content]
        if broken:
            number = draw.randrange(len(rows))
            rows[number] = json_text(mutated(content[number], draw), draw)
        raw = b"\n".join(rows) + b"\n"
    else:
        raw = json_text(mutated(content, draw), draw) if broken else json.dumps(content).encode()
    return mutated_bytes(raw, draw) if broken and draw.random() < 0.15 else raw


def _header(content: bytes, draw: random.Random) -> bytes:
    length = int.from_bytes(content[:8], "little")
    header = mutated(json.loads(content[8 : 8 + length]), draw)
    raw = json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw + content[8 + length :]


def attempt(reader: Reader, folder: Path) -> str | None:
    """Run a reader on a folder. Return what is wrong with how it ended; None if nothing is."""
    begin = time.process_time()
    try:
        reader.read(folder)
    except (UserError, RunError) as error:
        first = str(error).split("\n")[0]
        if not first.strip() or len(str(error)) > 100_000:
            return f"a message of {len(str(error)):,} characters: {first[:200]}"
    except Exception as error:  # noqa: BLE001 (which is what is looked for)
        where = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in where if "sfr_eval" in frame.filename] or where
        last = ours[-1]
        return f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"[:600]
    seconds = time.process_time() - begin
    return f"took {seconds:.1f} s" if seconds > SECONDS else None


def failures(reader: Reader, *, first: int, count: int, folder: Path) -> Iterator[Failure]:
    """Run `count` cases of a reader and yield those that failed."""
    for seed in range(first, first + count):
        place = cleared(folder / "case")
        write_case(reader, seed, place)
        what = attempt(reader, place)
        if what is not None:
            yield Failure(reader.name, seed, what)
