"""The question of semantic.py in natural English, with a frozen language model as the reference.

    python experiments/natural.py --model SMOLLM2        continues where it was stopped
    python experiments/natural.py --model SMOLLM2 --cells 4   at most four cells
    python experiments/natural.py --plan                 what is left
    python experiments/natural.py --summary              only the tables

SMOLLM2 is a folder or Hub id of the teacher, from which the student starts too. The protocol is in
docs/experiments/natural-protocol.md, and was committed before the first result. With a CUDA device
the same file uses it: `--model Qwen/Qwen3-8B --engine vllm --limit 24 --results OTHER`.
"""

import argparse
import sys
from pathlib import Path

from natural_arm.cells import Place, remaining, run
from natural_arm.summary import markdown

from sfr_eval.util.files import write_atomic

HERE = Path(__file__).parent


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="the teacher, and what the student starts from")
    parser.add_argument("--results", type=Path, default=HERE / "natural-results")
    parser.add_argument("--work", type=Path, default=Path("runs/natural"), help="chats, models")
    parser.add_argument("--limit", type=int, default=8, help="questions of the suite")
    parser.add_argument("--engine", default="transformers")
    parser.add_argument("--cells", type=int, help="run at most N cells")
    parser.add_argument("--plan", action="store_true")
    parser.add_argument("--summary", action="store_true")
    given = parser.parse_args()
    place = Place(
        model=given.model or "",
        results=given.results,
        work=given.work,
        limit=given.limit,
        engine=given.engine,
    )
    if given.plan:
        names = [f"{cell.arm}-{cell.replicate}" for cell in remaining(place)]
        sys.stdout.write(f"{len(names)} cells left: {' '.join(names)}\n")
        return
    if not given.summary:
        if not given.model:
            parser.error("--model: missing; a folder or Hub id of an instruct model")
        for cell in remaining(place)[: given.cells]:
            run(cell, place=place)
    place.results.mkdir(parents=True, exist_ok=True)
    write_atomic(place.results / "summary.md", markdown(place))
    sys.stdout.write(markdown(place))


if __name__ == "__main__":
    main()
