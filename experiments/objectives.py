"""All objectives in the world with known truth: same base, data, steps and budget, several seeds.

    python experiments/objectives.py                  goes on where it was stopped
    python experiments/objectives.py --budget 3600    starts no cell that would not end in time
    python experiments/objectives.py --cells 1        one cell, and what the rest will cost
    python experiments/objectives.py --summary        only the tables, of what is there

A cell is one training: (objective, weight, seed). Its file under `results` is written whole when
it is done, and never computed again. What is done, in this order:

1. One declared sweep on seed 0: lambda of SFR and mu of MTP; for the best and for the last epoch
   the value with the lowest validation cross-entropy there is kept. Nothing else is tuned.
2. Each objective is trained from the same base model with every seed (data, order, head, draws), on
   the same chats with a seed, without one persona. Its checkpoint is the epoch with the lowest
   validation cross-entropy at that epoch's best temperature, so that nobody gains by stopping
   early or by a flatter law; what the last epoch gives is measured, too.
3. Each checkpoint is sampled at five temperatures under the test questions, and every reply is
   judged by the grammar; forward KL comes from fresh true replies.
4. summary.json, summary.md, frontiers.csv and the figure of the page hold means over seeds with t
   intervals, and differences from cross-entropy seed by seed.
"""

import argparse
import json
import statistics
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from known_truth import setting
from known_truth.frontier import frontiers
from known_truth.measure import true_said
from known_truth.table import markdown, summarised
from known_truth.training import base_model, run_cell

from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.util.assets import find_suite
from sfr_eval.util.files import write_atomic

HERE = Path(__file__).parent
FIGURE = HERE.parent / "docs" / "images" / "objectives-frontiers.svg"  # on the page of the results
FIRST_GUESS = 240.0  # seconds for a cell, before one is done


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=HERE / "objectives-results")
    parser.add_argument("--figure", type=Path, default=FIGURE)
    parser.add_argument("--work", type=Path, default=Path("runs/objectives"))
    parser.add_argument("--budget", type=float, help="seconds")
    parser.add_argument("--cells", type=int, help="at most so many")
    parser.add_argument("--processes", type=int, default=2, help="cells at once, a thread each")
    parser.add_argument("--summary", action="store_true")
    given = parser.parse_args()
    world = PersonaWorld.load(find_suite("persona"))
    if not given.summary:
        work_off(given, world)
    write_summary(given.results, world, figure=given.figure)


def work_off(given: argparse.Namespace, world: PersonaWorld) -> None:
    """Cells that are not done yet, one to a process, until all are, or until time or number are
    used up."""
    if not remaining(given.results):
        return
    started = time.monotonic()
    given.work.mkdir(parents=True, exist_ok=True)
    base = base_model(given.work / f"base-{setting.base_digest()}", world)
    say(f"base model ready after {time.monotonic() - started:.0f} s")
    spent: list[float] = []
    running: dict[Future[float], setting.Cell] = {}
    begun = 0
    with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
        while True:
            each = statistics.mean(spent) if spent else FIRST_GUESS
            over = given.budget is not None and time.monotonic() - started + each > given.budget
            over = over or (given.cells is not None and begun >= given.cells)
            free = () if over else ready(given.results, set(running.values()))
            for cell in free[: given.processes - len(running)]:
                running[pool.submit(work_one, cell, given.results, base, given.work)] = cell
                begun += 1
            if not running:
                break
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                spent.append(done.result())
                say(f"{running.pop(done).name}: {spent[-1]:.0f} s")
    left = len(remaining(given.results))
    if spent:
        minutes = left * statistics.mean(spent) / given.processes / 60
        say(f"{left} cells left, some {minutes:.0f} minutes as it went")


def work_one(cell: setting.Cell, results: Path, base: Path, work: Path) -> float:
    """In a process of its own, on one thread. Returns seconds."""
    began = time.monotonic()
    torch.set_num_threads(1)
    world = PersonaWorld.load(find_suite("persona"))
    write(file_of(results, cell), run_cell(cell, world, base=base, work=work))
    return time.monotonic() - began


def ready(results: Path, running: set[setting.Cell]) -> list[setting.Cell]:
    """What can begin now: objectives of the sweep wait for its end, which decides their weights."""
    left, sweep = remaining(results), setting.sweep_cells()
    if set(sweep) & set(left):
        left = [cell for cell in left if cell in sweep or cell.objective not in setting.SWEEP]
    return [cell for cell in left if cell not in running]


def remaining(results: Path) -> list[setting.Cell]:
    """In the order in which they are run."""
    sweep = [cell for cell in setting.sweep_cells() if not file_of(results, cell).is_file()]
    guess = {name: values[0] for name, values in setting.SWEEP.items()}
    chosen = dict.fromkeys(setting.CHECKPOINTS, guess) if sweep else swept(results)
    rest = [cell for cell in setting.cells(chosen) if not file_of(results, cell).is_file()]
    return [*sweep, *(cell for cell in rest if cell not in sweep)]


def swept(results: Path) -> dict[str, dict[str, float]]:
    """For each checkpoint the weights with the lowest validation cross-entropy there, seed 0."""
    return {
        which: {
            name: min(
                values,
                key=lambda weight: validation(results, setting.Cell(name, weight, 0), which),
            )
            for name, values in setting.SWEEP.items()
        }
        for which in setting.CHECKPOINTS
    }


def validation(results: Path, cell: setting.Cell, which: str) -> float:
    """Cross-entropy at one of a cell's checkpoints."""
    losses: list[float] = read(file_of(results, cell))["validation"]
    return min(losses) if which == "best" else losses[-1]


def write_summary(results: Path, world: PersonaWorld, *, figure: Path) -> None:
    """The tables of the finished cells."""
    if not all(file_of(results, cell).is_file() for cell in setting.sweep_cells()):
        say("no tables before the sweep is done")
        return
    chosen = swept(results)
    files = (file_of(results, cell) for cell in setting.cells(chosen))
    truth = true_said(world)
    summary = summarised([read(file) for file in files if file.is_file()], chosen)
    sweep = {
        cell.name: {which: validation(results, cell, which) for which in setting.CHECKPOINTS}
        for cell in setting.sweep_cells()
    }
    found = {"weights": chosen, "sweep": sweep, "truth": truth, "summary": summary}
    write(results / "summary.json", found)
    table = markdown(summary, truth)
    write_atomic(results / "summary.md", table)
    drawn = frontiers(summary)
    write_atomic(results / "frontiers.csv", drawn["csv"])
    write_atomic(figure, drawn["svg"])
    sys.stdout.write(table)


def file_of(results: Path, cell: setting.Cell) -> Path:
    """Where a cell's result is kept."""
    return results / f"{cell.name}.json"


def read(file: Path) -> dict[str, Any]:
    """A finished cell of this setting."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if found["setting"] != setting.digest(found["objective"]):
        raise SystemExit(f"{file}: of another setting; give an empty folder as --results")
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
