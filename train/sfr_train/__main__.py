"""`accelerate launch -m sfr_train RECIPE [--set a.b=c ...]`: one process of a training job."""

import argparse
import os
import sys

from sfr_eval.errors import RunError, UserError
from sfr_eval.util.progress import log, say
from sfr_train.command import train


def main() -> None:
    """Train, and exit with 2 for a user's error and 3 for a failed run; only rank 0 prints."""
    parser = argparse.ArgumentParser(prog="python -m sfr_train", description=__doc__)
    parser.add_argument("recipe", help="name of a recipe, or a YAML file")
    parser.add_argument("--set", action="append", default=[], metavar="a.b=c", dest="assignments")
    parser.add_argument("--encode-only", action="store_true", help="only encode the targets")
    arguments = parser.parse_args()
    is_first_rank = os.environ.get("RANK", "0") == "0"
    try:
        folder = train(arguments.recipe, arguments.assignments, encode_only=arguments.encode_only)
    except (UserError, RunError) as error:
        if is_first_rank:
            log(f"sfr_train: {error}")
        sys.exit(2 if isinstance(error, UserError) else 3)
    if is_first_rank:
        say(str(folder))


if __name__ == "__main__":
    main()
