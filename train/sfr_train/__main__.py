"""`accelerate launch -m sfr_train RECIPE [--set a.b=c ...]`: one process of a training job."""

import argparse
import os
import sys

from sfr_eval.errors import RunError, UserError
from sfr_eval.util.progress import log, say
from sfr_train.command import dry_run, train


def main() -> None:
    """Train, and exit with 2 for a user's error and 3 for a failed run; only rank 0 prints."""
    parser = argparse.ArgumentParser(prog="python -m sfr_train", description=__doc__)
    parser.add_argument("recipe", help="name of a recipe, or a YAML file")
    parser.add_argument("--set", action="append", default=[], metavar="a.b=c", dest="assignments")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--encode-only", action="store_true", help="only encode the targets")
    other.add_argument("--dry-run", action="store_true", help="print what it needs; train nothing")
    parser.add_argument("--gpus", type=int, default=8)
    parser.add_argument("--gpu-memory", type=float, default=80.0, metavar="GB")
    parser.add_argument("--tokens-per-second", type=float)
    arguments = parser.parse_args()
    is_first_rank = os.environ.get("RANK", "0") == "0"
    try:
        if arguments.dry_run:
            options = vars(arguments)
            numbers = {k: options[k] for k in ("gpus", "gpu_memory", "tokens_per_second")}
            answer = "\n".join(dry_run(arguments.recipe, arguments.assignments, **numbers))
        else:
            only = arguments.encode_only
            answer = str(train(arguments.recipe, arguments.assignments, encode_only=only))
    except (UserError, RunError) as error:
        if is_first_rank:
            log(f"sfr_train: {error}")
        sys.exit(2 if isinstance(error, UserError) else 3)
    if is_first_rank:
        say(answer)


if __name__ == "__main__":
    main()
