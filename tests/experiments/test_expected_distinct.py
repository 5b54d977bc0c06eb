"""pytest tests/experiments/test_expected_distinct.py"""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "experiments"))

from known_truth.distinct import expected_distinct

from sfr_eval.suites.suite import load_suite
from sfr_eval.suites.world.grammar import SlotGrammar
from tests.suites.world.test_grammar import SMALL, distribution, sharpened


@pytest.mark.parametrize("k", [0, 1, 2, 7, 100])
@pytest.mark.parametrize("beta", [0.3, 1.0, 4.0, math.inf])
def test_it_equals_brute_force(k: int, beta: float) -> None:
    grammar: SlotGrammar = sharpened(SMALL, beta)
    brute = sum(1 - (1 - p) ** k for p in distribution(grammar).values())
    assert expected_distinct(grammar, k) == pytest.approx(brute)


def test_it_matches_simulation() -> None:
    rng = np.random.default_rng(11)
    runs = [len({SMALL.sample(rng) for _ in range(12)}) for _ in range(3000)]
    error = np.std(runs) / math.sqrt(len(runs))
    assert abs(np.mean(runs) - expected_distinct(SMALL, 12)) < 4 * error


def test_one_text_gives_one() -> None:
    assert expected_distinct(sharpened(SMALL, math.inf), 50) == 1


def test_a_negative_k_is_refused() -> None:
    with pytest.raises(ValueError, match="k must"):
        expected_distinct(SMALL, -1)


def test_every_pair_of_the_suite_hardly_repeats_itself() -> None:
    world = load_suite("persona").world
    assert world is not None
    for card in world.personas:
        for query in world.queries:
            assert expected_distinct(world.grammar(card.id, query.id), 32) > 31
