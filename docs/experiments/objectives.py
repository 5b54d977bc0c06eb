"""All objectives in the world with known truth: same base, data, steps and budget, several seeds.

    python docs/experiments/objectives.py                  goes on where it was stopped
    python docs/experiments/objectives.py --budget 3600    starts no cell that would not end in time
    python docs/experiments/objectives.py --cells 1        one cell, and what the rest will cost
    python docs/experiments/objectives.py --summary        only the tables, of what is there

A cell is one training: (objective, weight, seed). Its file under `results` is written whole when
it is done, and never computed again. What is done, in this order:

1. One declared sweep on seed 0: lambda of SFR and mu of MTP; the value with the lowest validation
   cross-entropy is kept. Nothing else is tuned.
2. Each objective is trained from the same base model with every seed (data, order, head, draws), on
   the same chats with a seed, without one persona. Its checkpoint is the epoch with the lowest
   validation cross-entropy at that epoch's best temperature, so that nobody gains by stopping
   early or by a flatter law; cross-entropy and SFR are measured after the last epoch, too.
3. Each checkpoint is sampled at five temperatures under the test questions, and every reply is
   judged by the grammar; forward KL comes from fresh true replies.
4. summary.json and summary.md: means over seeds with t intervals, differences from cross-entropy
   seed by seed.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from known_truth import setting
from known_truth.measure import true_said
from known_truth.table import markdown, summarised
from known_truth.training import base_model, run_cell

from sfr_eval.assets import find_suite
from sfr_eval.files import write_atomic
from sfr_eval.world.persona import PersonaWorld

HERE = Path(__file__).parent
FIRST_GUESS = 240.0  # seconds for a cell, before one is done


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=HERE / "objectives-results")
    parser.add_argument("--work", type=Path, default=Path("runs/objectives"))
    parser.add_argument("--budget", type=float, help="seconds")
    parser.add_argument("--cells", type=int, help="at most so many")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--summary", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    world = PersonaWorld.load(find_suite("persona"))
    if not given.summary:
        work_off(given, world)
    write_summary(given.results, world)


def work_off(given: argparse.Namespace, world: PersonaWorld) -> None:
    """Cells that are not done yet, until all are, or until time or number are used up."""
    started, done = time.monotonic(), 0
    given.work.mkdir(parents=True, exist_ok=True)
    base = base_model(given.work / "base", world)
    say(f"base model ready after {time.monotonic() - started:.0f} s")
    spent: list[float] = []
    while (cell := next_cell(given.results)) is not None:
        each = statistics.mean(spent) if spent else FIRST_GUESS
        over = given.budget is not None and time.monotonic() - started + each > given.budget
        if over or (given.cells is not None and done >= given.cells):
            break
        began = time.monotonic()
        found = run_cell(cell, world, base=base, work=given.work)
        write(file_of(given.results, cell), found)
        done += 1
        spent.append(time.monotonic() - began)
        say(f"{cell.name}: {spent[-1]:.0f} s, {found['cpu_seconds']['all']:.0f} of the CPU")
    left = len(remaining(given.results))
    if spent:
        say(f"{left} cells left, some {left * statistics.mean(spent) / 60:.0f} minutes as it went")


def remaining(results: Path) -> list[setting.Cell]:
    """In the order in which they are run; the sweep decides the weights of the rest."""
    sweep = [cell for cell in setting.sweep_cells() if not file_of(results, cell).is_file()]
    chosen = (
        {name: values[0] for name, values in setting.SWEEP.items()} if sweep else swept(results)
    )
    rest = [cell for cell in setting.cells(chosen) if not file_of(results, cell).is_file()]
    return [*sweep, *(cell for cell in rest if cell not in sweep)]


def next_cell(results: Path) -> setting.Cell | None:
    """None when all are done."""
    left = remaining(results)
    return left[0] if left else None


def swept(results: Path) -> dict[str, float]:
    """The weight with the lowest validation cross-entropy, seed 0."""
    return {
        name: min(
            values,
            key=lambda weight: min(
                read(file_of(results, setting.Cell(name, weight, 0)))["validation"]
            ),
        )
        for name, values in setting.SWEEP.items()
    }


def write_summary(results: Path, world: PersonaWorld) -> None:
    """The tables of the finished cells."""
    swept_all = all(file_of(results, cell).is_file() for cell in setting.sweep_cells())
    chosen = swept(results) if swept_all else {}
    files = (file_of(results, cell) for cell in setting.cells(chosen))
    cells = [read(file) for file in files if file.is_file()]
    if not cells:
        say("no cell is done")
        return
    truth = true_said(world)
    summary = summarised(cells)
    sweep = {
        cell.name: min(read(file_of(results, cell))["validation"])
        for cell in setting.sweep_cells()
        if file_of(results, cell).is_file()
    }
    found = {"weights": chosen, "sweep": sweep, "truth": truth, "summary": summary}
    write(results / "summary.json", found)
    table = markdown(summary, truth)
    write_atomic(results / "summary.md", table)
    sys.stdout.write(table)


def file_of(results: Path, cell: setting.Cell) -> Path:
    """Where a cell's result is kept."""
    return results / f"{cell.name}.json"


def read(file: Path) -> dict[str, Any]:
    """A finished cell."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def write(file: Path, content: Any) -> None:
    """JSON, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, json.dumps(content, indent=1))


def say(line: str) -> None:
    """To stderr; the tables go to stdout."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
