"""Which chats are held out: by chance, and of every stratum its share."""

import numpy as np
import pytest
from sfr_train.data.held_out import held_out

from sfr_eval.errors import UserError


def strata(*sizes: int) -> np.ndarray:
    return np.repeat(np.arange(len(sizes), dtype=np.uint64), sizes)


def test_every_stratum_gives_its_share() -> None:
    groups = strata(40, 20, 10, 10)
    chosen = held_out(groups, 8, seed=0)
    assert np.bincount(groups[chosen]).tolist() == [4, 2, 1, 1]
    assert held_out(groups, 0.1, seed=0).tolist() == chosen.tolist()
    assert held_out(groups, 8, seed=1).tolist() != chosen.tolist()


def test_none_and_all_but_one() -> None:
    assert not held_out(strata(5), 0, seed=0).any()
    assert held_out(strata(5), 4, seed=0).sum() == 4
    with pytest.raises(UserError, match="5 of 5 rows leave none to train on"):
        held_out(strata(5), 5, seed=0)
    with pytest.raises(UserError, match=r"data.validation: 0.05 of 5 rows holds none out"):
        held_out(strata(5), 0.05, seed=0)


def test_every_chat_has_the_same_chance() -> None:
    """3 of 10 chats in strata of 7, 2 and 1, over 4,000 seeds: .3 each, four deviations .029."""
    groups = strata(7, 2, 1)
    rates = np.mean([held_out(groups, 3, seed=seed) for seed in range(4000)], axis=0)
    assert np.abs(rates - 0.3).max() < 0.029


def test_the_number_is_exact_for_any_sizes() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        groups = rng.integers(0, 5, size=rng.integers(2, 60)).astype(np.uint64)
        number = int(rng.integers(0, len(groups)))
        chosen = held_out(groups, number, seed=3)
        assert chosen.sum() == number
        share = np.bincount(groups, minlength=5) * number / len(groups)
        assert (np.abs(np.bincount(groups[chosen], minlength=5) - share) < 1).all()
