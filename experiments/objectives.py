"""All objectives on the synthetic benchmark: same base, data, steps and budget, several seeds.

    python experiments/objectives.py                  continues where it was stopped
    python experiments/objectives.py --budget 3600    starts only cells that end in time
    python experiments/objectives.py --cells 1        one cell, and an estimate for the rest
    python experiments/objectives.py --summary        only the tables of finished cells

A cell is one training: (objective, weight, seed). Its file under `results` is written when it is
complete, and never computed again. The steps, in this order:

1. One declared sweep on seed 0 over lambda of SFR and mu of MTP; the best and the last epoch each
   take the value with the lowest validation cross-entropy there. Nothing else is tuned.
2. Each objective is trained from the same base model with every seed (data, order, head, draws), on
   the same chats for a seed, without one persona. Its checkpoint is the epoch with the lowest
   validation cross-entropy at that epoch's best temperature, so that no objective gains by early
   stopping or a flatter distribution. The last epoch is measured as well.
3. Each checkpoint is sampled at five temperatures on the test questions, and the grammar checks
   every reply. Forward KL is computed on fresh replies of the reference distribution.
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
from known_truth.measure import reference_scores
from known_truth.table import markdown, summarize
from known_truth.training import base_model, run_cell

from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.util.assets import find_suite
from sfr_eval.util.files import write_atomic

HERE = Path(__file__).parent
FIGURE = (
    HERE.parent / "docs" / "images" / "objectives-frontiers.svg"
)  # shown on the page of the results
FIRST_GUESS = 240.0  # seconds for a cell, before one has finished


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=HERE / "objectives-results")
    parser.add_argument("--figure", type=Path, default=FIGURE)
    parser.add_argument("--work", type=Path, default=Path("runs/objectives"))
    parser.add_argument("--budget", type=float, help="seconds")
    parser.add_argument("--cells", type=int, help="run at most N cells")
    parser.add_argument("--processes", type=int, default=2, help="cells at a time")
    parser.add_argument("--summary", action="store_true")
    arguments = parser.parse_args()
    world = PersonaWorld.load(find_suite("persona"))
    if not arguments.summary:
        work_off(arguments, world)
    write_summary(arguments.results, world, figure=arguments.figure)


def work_off(arguments: argparse.Namespace, world: PersonaWorld) -> None:
    """Run the remaining cells, one per process, until all are done or the budget of time or cells
    is spent."""
    if not remaining(arguments.results):
        return
    started = time.monotonic()
    arguments.work.mkdir(parents=True, exist_ok=True)
    base = base_model(arguments.work / f"base-{setting.base_digest()}", world)
    say(f"base model ready after {time.monotonic() - started:.0f} s")
    seconds: list[float] = []
    running: dict[Future[float], setting.Cell] = {}
    begun = 0
    with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as pool:
        while True:
            each = statistics.mean(seconds) if seconds else FIRST_GUESS
            over = (
                arguments.budget is not None
                and time.monotonic() - started + each > arguments.budget
            )
            over = over or (arguments.cells is not None and begun >= arguments.cells)
            free = () if over else ready(arguments.results, set(running.values()))
            for cell in free[: arguments.processes - len(running)]:
                running[pool.submit(work_one, cell, arguments.results, base, arguments.work)] = cell
                begun += 1
            if not running:
                break
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                seconds.append(done.result())
                say(f"{running.pop(done).name}: {seconds[-1]:.0f} s")
    left = len(remaining(arguments.results))
    if seconds:
        minutes = left * statistics.mean(seconds) / arguments.processes / 60
        say(f"{left} cells left, about {minutes:.0f} minutes at this speed")


def work_one(cell: setting.Cell, results: Path, base: Path, work: Path) -> float:
    """Run a cell in its own process, on one thread. Returns the seconds that it took."""
    start = time.monotonic()
    torch.set_num_threads(1)
    world = PersonaWorld.load(find_suite("persona"))
    write(file_of(results, cell), run_cell(cell, world, base=base, work=work))
    return time.monotonic() - start


def ready(results: Path, running: set[setting.Cell]) -> list[setting.Cell]:
    """Cells that can start now. Objectives in the sweep wait for its end, which sets weights."""
    left, sweep = remaining(results), setting.sweep_cells()
    if set(sweep) & set(left):
        left = [cell for cell in left if cell in sweep or cell.objective not in setting.SWEEP]
    return [cell for cell in left if cell not in running]


def remaining(results: Path) -> list[setting.Cell]:
    """Cells without a result, in the order in which they are run."""
    sweep = [cell for cell in setting.sweep_cells() if not file_of(results, cell).is_file()]
    guess = {name: values[0] for name, values in setting.SWEEP.items()}
    chosen = dict.fromkeys(setting.CHECKPOINTS, guess) if sweep else swept(results)
    rest = [cell for cell in setting.cells(chosen) if not file_of(results, cell).is_file()]
    return [*sweep, *(cell for cell in rest if cell not in sweep)]


def swept(results: Path) -> dict[str, dict[str, float]]:
    """For each checkpoint, the weights with the lowest validation cross-entropy, seed 0."""
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
    """Validation cross-entropy at one of a cell's checkpoints."""
    losses: list[float] = read(file_of(results, cell))["validation"]
    return min(losses) if which == "best" else losses[-1]


def write_summary(results: Path, world: PersonaWorld, *, figure: Path) -> None:
    """Write the tables and the figure of the finished cells."""
    if not all(file_of(results, cell).is_file() for cell in setting.sweep_cells()):
        say("no tables until the sweep is done")
        return
    chosen = swept(results)
    files = (file_of(results, cell) for cell in setting.cells(chosen))
    reference = reference_scores(world)
    summary = summarize([read(file) for file in files if file.is_file()], chosen)
    sweep = {
        cell.name: {which: validation(results, cell, which) for which in setting.CHECKPOINTS}
        for cell in setting.sweep_cells()
    }
    content = {"weights": chosen, "sweep": sweep, "truth": reference, "summary": summary}
    write(results / "summary.json", content)
    table = markdown(summary, reference)
    write_atomic(results / "summary.md", table)
    figure_files = frontiers(summary)
    write_atomic(results / "frontiers.csv", figure_files["csv"])
    write_atomic(figure, figure_files["svg"])
    sys.stdout.write(table)


def file_of(results: Path, cell: setting.Cell) -> Path:
    """The file of a cell's result."""
    return results / f"{cell.name}.json"


def read(file: Path) -> dict[str, Any]:
    """A finished cell. Exits if its setting differs from the present one."""
    result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if result["setting"] != setting.digest(result["objective"]):
        raise SystemExit(f"{file}: has another setting; give an empty folder as --results")
    return result


def write(file: Path, content: Any) -> None:
    """Write JSON atomically."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, json.dumps(content, indent=1))


def say(line: str) -> None:
    """Print a line to stderr; the tables go to stdout."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
