"""How much of a loss on the future is semantic, and does it pay? Arms against their controls.

    python experiments/semantic.py                  continues where it was stopped
    python experiments/semantic.py --budget 3600    begins no cell after an hour
    python experiments/semantic.py --cells 4        at most four cells
    python experiments/semantic.py --plan           what is left, and the hours that it takes
    python experiments/semantic.py --summary        only the tables of finished cells

The protocol is in docs/experiments/semantic-protocol.md, and was committed before the first result.
A cell is one training; its file is written when it is complete and never computed again. Several
processes, and machines that share the folder of results, can work at the same time.
"""

import argparse
import json
import statistics
import sys
from collections import Counter
from pathlib import Path

from controls.arms import ARMS, FIRST, LATER
from controls.columns import MAIN, SETTINGS
from controls.forest import forest
from controls.plan import remaining, stages
from controls.summary import summarize
from controls.tables import markdown
from controls.workers import work_off
from controls.worlds import REPLICATES, TUNING

from sfr_eval.report.figures import to_csv
from sfr_eval.util.files import write_atomic

HERE = Path(__file__).parent
FIGURE = HERE.parent / "docs" / "images" / "semantic-forest.svg"
SECONDS = {"sweep": 45.0, "world": 65.0}  # of CPU time a cell, before one has finished


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=HERE / "semantic-results")
    parser.add_argument("--figure", type=Path, default=FIGURE)
    parser.add_argument("--work", type=Path, default=Path("runs/semantic"), help="base models")
    parser.add_argument("--budget", type=float, help="seconds")
    parser.add_argument("--cells", type=int, help="run at most N cells")
    parser.add_argument("--processes", type=int, default=2, help="cells at a time")
    parser.add_argument("--plan", action="store_true")
    parser.add_argument("--summary", action="store_true")
    arguments = parser.parse_args()
    if arguments.plan:
        sys.stdout.write(plan(arguments.results, processes=arguments.processes))
        return
    if not arguments.summary:
        work_off(
            arguments.results,
            arguments.work,
            processes=arguments.processes,
            budget=arguments.budget,
            cells=arguments.cells,
        )
    write_summary(arguments.results, figure=arguments.figure)


def plan(results: Path, *, processes: int) -> str:
    """What is left, by setting, and the time that it takes at the speed of the finished cells. The
    cells of arms whose sweeps are not complete are counted once."""
    left = remaining(results)
    counts = Counter((c.setting.name, "sweep" if c.world == TUNING else "world") for c in left)
    known = Counter(c.setting.name for c in set(stages(results)) if c.world != TUNING)
    for setting in SETTINGS:
        arms = len(ARMS) if setting in MAIN else len(FIRST) + 2  # best generic ones of three rules
        counts[setting, "world"] += max(0, REPLICATES * arms - known[setting])
    seconds = _seconds(results)
    lines = [
        f"{setting} {kind}: {count} cells left"
        for (setting, kind), count in sorted(counts.items())
        if count
    ]
    cpu = sum(count * seconds[kind] for (_, kind), count in counts.items())
    hours = cpu / 3600
    lines.append(
        f"{sum(counts.values())} cells: {hours:.1f} CPU hours "
        f"({seconds['world']:.0f} s a cell, {seconds['sweep']:.0f} s in the sweep), "
        f"{hours / processes:.1f} hours with {processes} processes on idle cores"
    )
    lines.append(f"declared, without cells yet: {', '.join(LATER)}")
    return "\n".join(lines) + "\n"


def _seconds(results: Path) -> dict[str, float]:
    """CPU seconds of a cell with its share of the base model, from the finished ones."""
    times: dict[str, list[float]] = {"sweep": [], "world": []}
    for file in results.glob("*-w[0-9][0-9]-*.json"):
        cell = json.loads(file.read_text(encoding="utf-8"))
        kind = "sweep" if cell["world"] == TUNING else "world"
        times[kind].append(sum(cell["cpu_seconds"].values()))
    return {k: statistics.mean(values) if values else SECONDS[k] for k, values in times.items()}


def write_summary(results: Path, *, figure: Path) -> None:
    """Write tables and figure of the finished cells."""
    summary = summarize(results)
    table = markdown(summary)
    results.mkdir(parents=True, exist_ok=True)
    write_atomic(results / "summary.md", table)
    rows = [contrast.row() for contrast in (*summary.primary, *summary.secondary)]
    if rows:
        write_atomic(results / "contrasts.csv", to_csv(rows))
    content = {
        "verdicts": summary.verdicts,
        "best_generic": {" ".join(key): arm for key, arm in summary.generic.items()},
        "means": {" ".join(key): vars(mean) for key, mean in summary.means.items()},
        "contrasts": rows,
        "sweeps": summary.sweeps,
    }
    write_atomic(results / "summary.json", json.dumps(content, indent=1))
    drawn = forest(summary.primary)
    if drawn:
        write_atomic(figure, drawn["svg"])
    sys.stdout.write(table)


if __name__ == "__main__":
    main()
