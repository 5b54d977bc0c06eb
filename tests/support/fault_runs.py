"""Runs as a user starts them, in processes that a test may kill."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sfr_eval.samplers.reaper import descendants as below

PATIENCE = float(os.environ.get("SFR_EVAL_TEST_PATIENCE", "600"))
"""Seconds after which a test calls it a hang; a run takes 2 to 6 s on an idle machine. More may be
given where other work holds all cores for many minutes."""
QUERIES, PERSONAS, SAMPLES = 40, 9, 8
REQUESTS = QUERIES * PERSONAS * SAMPLES

WORLD = (
    *("run", "--model", "world:cross=0.3", "--suite", "persona", "--limit", str(QUERIES)),
    *("--samples", str(SAMPLES), "--temperatures", "1.0", "--metrics", "text"),
)

VLLM = (
    *("run", "--suite", "persona", "--limit", "20", "--samples", "8", "--metrics", "text"),
    *("--temperatures", "0.7,1.0", "--max-tokens", "24"),
)
VLLM_REQUESTS = 20 * PERSONAS * 8 * 2

CODE = (
    *("run", "--model", "world:solve=0.4,spread=0.3", "--suite", "mbpp", "--set", "data=small"),
    *("--samples", "8", "--temperatures", "1.0", "--set", "regrade=0", "--unsafe-code"),
)

LAUNCH = """
import sys
from sfr_eval import cli
exec(sys.argv.pop(1))
cli.main()
"""
"""Runs the code in its first argument before the command line in the others."""


def start(*arguments: object, before: str = "", **environment: str) -> "subprocess.Popen[str]":
    """sfr-eval with these arguments, in a session of its own. `before`: code that prepares the
    fault inside the process."""
    return subprocess.Popen(
        [sys.executable, "-c", LAUNCH, before, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
        start_new_session=True,
    )


def end_of(process: "subprocess.Popen[str]", *, code: int) -> str:
    """What it printed; it must end with this exit code."""
    text, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, text
    assert "Traceback" not in text, text
    return text


def finish(*arguments: object, code: int = 0, before: str = "", **environment: str) -> str:
    """Run it to its end."""
    return end_of(start(*arguments, before=before, **environment), code=code)


def last_line(text: str) -> str:
    """An error is the last line, and one line."""
    return text.strip().splitlines()[-1]


def rows_in(folder: Path, kind: str = "samples") -> list[dict[str, object]]:
    """Whole lines, torn ones left out."""
    rows = []
    for file in sorted((folder / kind).glob("*.jsonl")):
        for line in file.read_bytes().split(b"\n"):
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
    return rows


def count_rows(folder: Path, kind: str = "samples") -> int:
    """Lines so far; cheap."""
    return sum(file.read_bytes().count(b"\n") for file in (folder / kind).glob("*.jsonl"))


def wait_until(
    condition: Callable[[], bool], process: "subprocess.Popen[str] | None" = None
) -> None:
    """Poll; fails when the process ends first or when it takes too long."""
    until = time.monotonic() + PATIENCE
    while not condition():
        if process is not None and process.poll() is not None:
            raise AssertionError(f"ended too early: {process.stdout and process.stdout.read()}")
        assert time.monotonic() < until, "nothing happens"
        time.sleep(0.01)


def wait_for_rows(
    folder: Path, least: int, process: "subprocess.Popen[str]", *, kind: str = "samples"
) -> None:
    """Until a run has written so many lines."""
    wait_until(lambda: count_rows(folder, kind) >= least, process)


def assert_nothing_lost_nothing_twice(folder: Path, truth: bytes) -> None:
    """The sealed rows have the bytes of an undisturbed run, and each id was drawn once."""
    assert (folder / "samples.parquet").read_bytes() == truth
    ids = [row["sample_id"] for row in rows_in(folder) if row["status"] != "error"]
    assert len(ids) == len(set(ids))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] in ("partial", "complete")  # partial: --limit
    assert (folder / "report.html").is_file()
    assert list(folder.rglob("*.part")) == []


Verdicts = dict[tuple[object, ...], object]


def verdicts(folder: Path) -> Verdicts:
    """Status of each program, without times; no program may have been graded twice."""
    rows = rows_in(folder, "verdicts")
    found = {(row["program"], row["mode"], row["round"]): row["status"] for row in rows}
    assert len(found) == len(rows)
    return found


def assert_same_verdicts(folder: Path, truth: Verdicts) -> None:
    """Each program has the verdict of an undisturbed run. An endless one may be without in either,
    where the machine was too busy to tell; then the results say so."""
    found = verdicts(folder)
    for key in found.keys() | truth.keys():
        if found.get(key) != truth.get(key):
            either = {found.get(key), truth.get(key)}
            assert either == {None, "time_limit"}, f"{key}: {truth.get(key)}, now {found.get(key)}"
    notes = json.loads((folder / "results.json").read_text())["notes"]["pass_at_1"]["mbpp"]
    assert bool(notes["not_scored"]) == bool(truth.keys() - found.keys())


def descendants(pid: int) -> list[tuple[int, str]]:
    """(process, command line) of all below a process."""
    found = []
    for child in set(below(pid)):
        try:
            words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        found.append((child, b" ".join(words).decode(errors="replace")))
    return found
