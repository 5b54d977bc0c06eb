"""Breaks one file of a run folder, or of its user, in place."""

import hashlib
import json
import random
from pathlib import Path
from typing import Any

from tests.fuzz.containers import as_checked_rows, as_parquet
from tests.fuzz.mutate import json_text, mutated, mutated_bytes, replaced


def break_file(file: Path, draw: random.Random) -> None:
    """Change a file, or put something else in its place. Whoever breaks sealed samples may have
    their checksum in the manifest, too."""
    kind = draw.random()
    if kind < 0.06:
        replaced(file, draw)
        return
    if kind < 0.1:
        _link(file, draw)
        return
    file.write_bytes(_broken(file, draw))
    if file.name == "samples.parquet" and draw.random() < 0.7:
        _seal(file)


def _link(file: Path, draw: random.Random) -> None:
    """Move the file away and put a link in its place: to it, to nothing, to a folder, to itself."""
    elsewhere = file.parent.parent / "elsewhere"
    file.rename(elsewhere)
    targets = (elsewhere, elsewhere.with_name("nowhere"), file.parent, file)
    file.symlink_to(draw.choice(targets))


def _broken(file: Path, draw: random.Random) -> bytes:
    raw = file.read_bytes()
    if draw.random() < 0.15:
        return mutated_bytes(raw, draw)
    if file.suffix == ".parquet":
        return as_parquet(mutated(_table(file), draw))
    if file.suffix == ".jsonl":
        return _broken_lines(raw, draw)
    if file.suffix in (".json", ".yaml"):
        return json_text(mutated(_loaded(raw), draw), draw)
    return mutated_bytes(raw, draw)


def _table(file: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    return rows


def _loaded(raw: bytes) -> Any:
    import yaml

    return yaml.safe_load(raw) if raw[:1] != b"{" else json.loads(raw)


def _broken_lines(raw: bytes, draw: random.Random) -> bytes:
    """One row with another value, or twice; our own rows have the checksum of what they hold."""
    lines = raw.splitlines(keepends=True)
    number = draw.randrange(len(lines))
    row = json.loads(lines[number])
    if "crc" in row and draw.random() < 0.8:
        del row["crc"]
        changed = mutated(row, draw)
        new = as_checked_rows([changed]) if isinstance(changed, dict) else _line(changed, draw)
    else:
        new = _line(mutated(row, draw), draw)
    kept = lines[number : number + 1] if draw.random() < 0.2 else []
    return b"".join([*lines[:number], *kept, new, *lines[number + 1 :]])


def _line(value: Any, draw: random.Random) -> bytes:
    return json_text(value, draw) + b"\n"


def _seal(file: Path) -> None:
    """Have the manifest say that these are the rows which were sealed."""
    manifest = file.with_name("manifest.json")
    sealed = {"sealed": hashlib.sha256(file.read_bytes()).hexdigest()}
    manifest.write_text(json.dumps({**json.loads(manifest.read_bytes()), **sealed}))
