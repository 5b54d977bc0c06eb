"""Looking again after growing --samples: how often, and what that leaves of alpha.

A difference that is tested at every size of a growing run is called by chance more often than one
that is tested once: at four sizes, 4 to 32 replies, in 15 % of cases instead of 5 %.
"""

from collections.abc import Sequence

from sfr_eval.comparison.runs import ScoredRun


def looks(runs: Sequence[ScoredRun]) -> int:
    """Return at how many sizes the most often measured run was measured; 1 for a first look."""
    return max(
        (len(sizes) for run in runs for sizes in run.manifest.looks.values()),
        default=1,
    )


def alpha_after(number: int, *, alpha: float) -> float:
    """Return the level of the look of this number: alpha, a third, a sixth, a tenth of it, ...

    2 alpha / (j (j + 1)). The first look has the whole of it, since most runs are looked at once;
    further ones add little, as they share their data: with runs of one model that are tested at
    4, 8, 16 and 32 replies, one of the four calls something in 6.7 % of cases.
    """
    return 2 * alpha / (number * (number + 1))
