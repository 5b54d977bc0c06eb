"""pytest tests/comparison/test_group_decision.py"""

import numpy as np
import pytest

from sfr_eval.comparison.differences import DifferenceRow
from sfr_eval.comparison.evidence import PairedEvidence
from sfr_eval.comparison.group_decision import decided_groups
from sfr_eval.comparison.pairing import Paired
from sfr_eval.comparison.replicates import Replicated
from sfr_eval.metrics.metric import PrimaryRole
from sfr_eval.stats.arrays import Doubles
from sfr_eval.stats.hierarchical import crossed_difference


def row(
    first: Doubles,
    second: Doubles,
    *,
    metric: str = "embed_distance",
    role: PrimaryRole | None = "variety",
    higher_is_better: bool = True,
    margin: float | None = 0.05,
    step: float = 0.0,
) -> Replicated:
    n = first.shape[1]
    paired = Paired(
        queries=tuple(map(str, range(n))),
        first=tuple(first.mean(axis=0)),
        second=tuple(second.mean(axis=0)),
        prompts=1,
        unpaired=0,
        unequal=0,
    )
    several = min(len(first), len(second)) > 1 and n > 1
    return Replicated(
        row=DifferenceRow(
            suite="s",
            metric=metric,
            temperature=1.0,
            role=role,
            headline=True,
            higher_is_better=higher_is_better,
            n=n,
            unpaired=0,
            unequal=0,
            margin=margin,
        ),
        evidence=PairedEvidence(paired=paired, step=step),
        crossed=crossed_difference(first, second) if several else None,
        trainings=max(len(first), len(second)),
    )


def side(mean: float, *, seed: int, runs: int = 3, between: float = 0.01, n: int = 12) -> Doubles:
    random = np.random.default_rng(seed)
    means = mean + between * np.linspace(-1, 1, runs)[:, None]
    return np.asarray(means + random.normal(0, 0.02, size=(runs, n)))


@pytest.mark.parametrize(
    ("mean", "higher_is_better", "call"),
    [(0.8, True, "gain"), (0.2, True, "loss"), (0.8, False, "loss"), (0.5, True, "equal")],
)
def test_calls_over_trainings(mean: float, higher_is_better: bool, call: str) -> None:
    one = row(side(0.5, seed=1), side(mean, seed=2), higher_is_better=higher_is_better)
    (decided,) = decided_groups([one])
    assert decided.call == call
    assert decided.test == "t over trainings and queries, Holm"
    assert decided.low is not None
    assert decided.high is not None
    assert (decided.low <= 0 <= decided.high) == (call == "equal")


def test_trainings_that_scatter_are_not_called() -> None:
    """The same mean difference of .3 on 12 queries: trainings of .5 +- .01 and .5 +- .4."""
    tight, wide = (
        row(side(0.5, seed=1, between=b), side(0.8, seed=2, between=b)) for b in (0.01, 0.4)
    )
    assert decided_groups([tight])[0].call == "gain"
    (decided,) = decided_groups([wide])
    assert decided.call == "inconclusive"
    assert (
        decided.words
        == "inconclusive: a difference of 0.05 needs more trainings and questions, has 12"
    )


def test_a_row_that_is_open_names_the_trainings_it_needs() -> None:
    """A spread of .05 between trainings: their means differ by .04 at a standard error of .04."""
    one = row(side(0.5, seed=1, between=0.05), side(0.54, seed=2, between=0.05))
    (decided,) = decided_groups([one])
    assert decided.words.startswith("inconclusive: a difference of 0.05 needs about ")
    number = int(decided.words.split("about ")[1].split()[0])
    assert 10 < number < 40


def test_all_primary_rows_are_one_family() -> None:
    """One row is called alone and not among three more that show nothing."""
    clear = row(side(0.5, seed=1, between=0.05), side(0.68, seed=2, between=0.05))
    (alone,) = decided_groups([clear])
    nothing = [row(side(0.5, seed=s), side(0.5, seed=s + 10), metric="vendi") for s in (3, 4, 5)]
    among = decided_groups([clear, *nothing])[0]
    assert alone.p_value == among.p_value
    assert alone.p_adjusted is not None
    assert among.p_adjusted == pytest.approx(4 * alone.p_adjusted)
    assert alone.high is not None
    assert among.high is not None
    assert among.high > alone.high


def test_one_training_is_decided_over_queries() -> None:
    """With a group of one training beside several: half of alpha for each row."""
    several = row(side(0.5, seed=1), side(0.8, seed=2))
    single = row(side(0.5, seed=1), side(0.8, seed=2, runs=1))
    crossed, paired = decided_groups([several, single])
    assert (crossed.call, paired.call) == ("gain", "gain")
    assert crossed.test == "t over trainings and queries, Holm"
    assert paired.test == "step-down max-t, sign flips"
    alone = decided_groups([several])[0]
    assert alone.high is not None
    assert crossed.high is not None
    assert crossed.high > alone.high


def test_few_queries_exploratory_rows_and_none() -> None:
    few = row(side(0.5, seed=1, n=5), side(0.8, seed=2, n=5))
    other = row(side(0.5, seed=1), side(0.8, seed=2), role=None)
    none = row(np.empty((3, 0)), np.empty((3, 0)))
    decided = decided_groups([few, other, none])
    assert decided[0].words == "inconclusive: needs 6 questions, has 5"
    assert (decided[0].low, decided[0].test) == (None, "none")
    assert decided[1].call == "exploratory"
    assert decided[2] == none.row
    assert decided_groups([]) == []


def test_shares_without_a_wrong_one_keep_a_width() -> None:
    """12 of 12 right in all trainings: up to 26 % of the queries may differ by a quarter."""
    same = np.ones((3, 12))
    (decided,) = decided_groups([row(same, same, step=0.25, role="quality")])
    assert decided.high == pytest.approx(0.25 * (1 - 0.025 ** (1 / 12)))
    assert decided.call == "inconclusive"
    assert decided.words.startswith("inconclusive: a difference of 0.05 needs about ")
    assert decided.words.endswith(" questions, has 12")
    (all_equal,) = decided_groups([row(same, same + 0.5)])
    assert (all_equal.call, all_equal.p_value) == ("gain", 2 / 2**12)
