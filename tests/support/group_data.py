"""Groups of small code runs for the tests of groups of trainings: values chosen by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sfr_eval.comparison.groups import RunGroup, open_groups
from tests.support.compare_data import write_code_run

Shares = Mapping[str, Sequence[float]]
"""Run -> share of right programs of each problem."""


def groups(folder: Path, sides: Mapping[str, Shares]) -> list[RunGroup]:
    """Runs of 4 programs to each problem."""
    return open_groups(
        {
            side: [
                write_code_run(
                    folder / name,
                    {f"p{i}": [j < 4 * share for j in range(4)] for i, share in enumerate(shares)},
                )
                for name, shares in members.items()
            ]
            for side, members in sides.items()
        }
    )


SIDES = {
    "one": {"a0": [0.0, 0.25, 0.5], "a1": [0.5, 0.75, 1.0], "a2": [0.25, 0.5, 0.75]},
    "two": {"b0": [0.5, 0.5, 1.0], "b1": [0.75, 0.75, 1.0]},
}
"""Side -> run -> share of each problem. Means .25, .75, .5 and 2/3, 5/6."""
