"""Works off the cells: several processes, and several machines on one folder of results."""

import os
import socket
import sys
import time
import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from controls.cells import Cell, run
from controls.plan import remaining

_LOST = 3600.0  # seconds after which the claim of another machine is void


def work_off(
    results: Path, work: Path, *, processes: int, budget: float | None, cells: int | None
) -> None:
    """Run cells until none is open, `budget` seconds have passed or `cells` have been begun. A cell
    that runs when the budget ends is finished."""
    context = get_context("spawn")
    left = context.Value("q", cells if cells is not None else sys.maxsize)
    end = None if budget is None else time.time() + budget
    team = [
        context.Process(target=_work, args=(results, work, end, left)) for _ in range(processes)
    ]
    for worker in team:
        worker.start()
    for worker in team:
        worker.join()
    if any(worker.exitcode for worker in team):
        raise SystemExit("some cells failed; their errors are above, and finished cells are kept")


def _work(results: Path, work: Path, end: float | None, left: Any) -> None:
    import torch

    torch.set_num_threads(1)
    failed: set[Cell] = set()
    while end is None or time.time() < end:
        with left.get_lock():
            if left.value <= 0:
                break
            left.value -= 1
        with _next(results, without=failed) as cell:
            if cell is None:
                break
            began = time.monotonic()
            try:
                result = run(cell, results=results, work=work)
            except Exception:  # noqa: BLE001 (the cells of a night do not end with one of them)
                say(f"{cell.name}: failed\n{traceback.format_exc()}")
                failed.add(cell)
                continue
            cpu = sum(result["cpu_seconds"].values())
            say(f"{cell.name}: {time.monotonic() - began:.0f} s, {cpu:.0f} s of CPU time")
    if failed:
        sys.exit(1)


@contextmanager
def _next(results: Path, *, without: Collection[Cell] = ()) -> Iterator[Cell | None]:
    """The first open cell that nobody runs, claimed for the time of this context; None if there is
    none. without: cells to leave out."""
    folder = results / ".claims"
    folder.mkdir(parents=True, exist_ok=True)
    for cell in remaining(results):
        claim = folder / cell.name
        if cell not in without and _claimed(claim, cell, results):
            try:
                yield cell
            finally:
                claim.unlink(missing_ok=True)
            return
    yield None


def _claimed(claim: Path, cell: Cell, results: Path) -> bool:
    """Whether this process has the cell now. A claim is a file that only one process can create."""
    if claim.is_file() and _void(claim):
        claim.unlink(missing_ok=True)
    try:
        with claim.open("x", encoding="utf-8") as stream:
            stream.write(f"{socket.gethostname()} {os.getpid()}")
    except FileExistsError:
        return False
    if cell.is_done(results):  # since the list was made
        claim.unlink(missing_ok=True)
        return False
    return True


def _void(claim: Path) -> bool:
    """Whether the process behind a claim is gone, or has been silent for too long elsewhere."""
    try:
        host, number = claim.read_text(encoding="utf-8").split()
        age = time.time() - claim.stat().st_mtime
    except (FileNotFoundError, ValueError):  # just released, or not written yet
        return False
    if host != socket.gethostname():
        return age > _LOST
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def say(line: str) -> None:
    """Print a line to stderr; the tables go to stdout."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
