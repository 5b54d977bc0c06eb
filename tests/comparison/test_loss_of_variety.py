"""pytest tests/comparison/test_loss_of_variety.py"""

import random
from types import SimpleNamespace
from typing import Any

import pytest

from sfr_eval.comparison.loss_of_variety import (
    DISTANCE,
    SHARE,
    GoodVariety,
    LossOfVariety,
    loss_of_variety,
    losses_of_variety,
)


def run(**prompts: tuple[float, float | None]) -> GoodVariety:
    """One persona's prompts: query=(share, distance)."""
    return GoodVariety(
        shares={(query, "x"): share for query, (share, _) in prompts.items()},
        distances={(query, "x"): d for query, (_, d) in prompts.items() if d is not None},
    )


def split(first: GoodVariety, second: GoodVariety) -> LossOfVariety:
    found = loss_of_variety(first, second)
    assert found is not None
    return found


def test_a_loss_of_both_kinds_by_hand() -> None:
    # .9 * .5 = .45 falls to .6 * .3 = .18. Number: -.3 * .4 = -.12. Likeness: -.2 * .75 = -.15.
    found = split(run(q=(0.9, 0.5)), run(q=(0.6, 0.3)))
    assert found.total.value == pytest.approx(-0.27)
    assert found.fewer_good.value == pytest.approx(-0.12)
    assert found.more_alike.value == pytest.approx(-0.15)
    assert found.n == 1


def test_the_sentence_has_all_three_numbers() -> None:
    sentence = split(run(q=(0.9, 0.5)), run(q=(0.6, 0.3))).sentence
    assert [number in sentence for number in ("-0.27:", "-0.12 because", "-0.15 because")] == [
        True
    ] * 3


def test_one_cause_alone_leaves_the_other_at_zero() -> None:
    alike = split(run(q=(0.8, 0.5), r=(1.0, 0.4)), run(q=(0.8, 0.1), r=(1.0, 0.2)))
    assert alike.fewer_good.value == 0
    assert alike.more_alike.value == pytest.approx(-(0.8 * 0.4 + 0.2) / 2)
    fewer = split(run(q=(0.8, 0.5), r=(1.0, 0.4)), run(q=(0.4, 0.5), r=(0.5, 0.4)))
    assert fewer.more_alike.value == 0
    assert fewer.fewer_good.value == pytest.approx(-(0.4 * 0.5 + 0.5 * 0.4) / 2)


def test_a_prompt_without_good_replies_lost_them_by_number() -> None:
    found = split(run(q=(0.9, 0.5)), run(q=(0.0, None)))
    assert (found.fewer_good.value, found.more_alike.value) == (pytest.approx(-0.45), 0.0)
    lone = split(run(q=(0.9, 0.5)), run(q=(0.125, None)))  # one good reply of eight
    assert lone.total.value == pytest.approx(-0.45)
    back = split(run(q=(0.0, None)), run(q=(0.9, 0.5)))
    assert (back.fewer_good.value, back.more_alike.value) == (pytest.approx(0.45), 0.0)
    neither = split(run(q=(0.0, None)), run(q=(0.1, None)))
    assert neither.total.value == 0


def test_the_parts_add_up_and_change_sign_with_the_order() -> None:
    rng = random.Random(1)

    def drawn() -> GoodVariety:
        prompts = {
            f"q{n}": (rng.random(), rng.random() if rng.random() < 0.8 else None) for n in range(40)
        }
        return run(**prompts)

    a, b = drawn(), drawn()
    forth, back = split(a, b), split(b, a)
    assert forth.total.value == pytest.approx(forth.fewer_good.value + forth.more_alike.value)
    varieties = [
        sum(one.shares[key] * d for key, d in one.distances.items()) / 40 for one in (a, b)
    ]
    assert forth.total.value == pytest.approx(varieties[1] - varieties[0])
    assert forth.fewer_good.value == pytest.approx(-back.fewer_good.value)
    assert forth.more_alike.value == pytest.approx(-back.more_alike.value)


def test_the_interval_is_over_queries_not_prompts() -> None:
    shares = {(q, p): 1.0 for q in ("q", "r", "s") for p in ("x", "y")}
    first = GoodVariety(shares=shares, distances=dict.fromkeys(shares, 0.5))
    losses = {"q": 0.1, "r": 0.2, "s": 0.3}
    distances = {(q, p): 0.5 - losses[q] + (0.05 if p == "x" else -0.05) for q, p in shares}
    found = split(first, GoodVariety(shares=shares, distances=distances))
    assert found.n == 3
    # The personas' +-.05 cancels: mean -.2, standard error .1 / sqrt 3, t(2) = 4.303.
    assert found.more_alike.value == pytest.approx(-0.2)
    assert found.more_alike.low == pytest.approx(-0.2 - 4.3027 * 0.1 / 3**0.5, abs=1e-4)
    assert found.fewer_good.low == found.fewer_good.high == 0


def test_prompts_of_one_run_alone_are_left_out() -> None:
    found = split(run(q=(1.0, 0.5), r=(1.0, 0.5)), run(r=(1.0, 0.4), s=(1.0, 0.1)))
    assert (found.n, found.total.value) == (1, pytest.approx(-0.1))
    assert loss_of_variety(run(q=(1.0, 0.5)), run(r=(1.0, 0.5))) is None


class Stored:
    """A scored run with made-up values: metric -> temperature -> prompt -> value."""

    def __init__(self, values: dict[str, dict[float, Any]], *, gate: str = "relevant") -> None:
        self._values, self._gate = values, gate
        temperatures = {t for by_temperature in values.values() for t in by_temperature}
        suite = SimpleNamespace(metrics=tuple(values), temperatures=tuple(temperatures))
        self.suites = {"desk": suite}

    def values(self, suite: str, metric: str) -> dict[float, Any]:
        return self._values[metric]

    def estimate(self, suite: str, metric: str) -> Any:
        return SimpleNamespace(signature=f"{metric}|version:2|gate:{self._gate}")


def stored(run: GoodVariety, *temperatures: float, gate: str = "relevant") -> Any:
    return Stored(
        {
            SHARE: dict.fromkeys(temperatures, run.shares),
            DISTANCE: dict.fromkeys(temperatures, run.distances),
        },
        gate=gate,
    )


def test_stored_runs_are_split_at_shared_temperatures() -> None:
    first, second = run(q=(0.9, 0.5)), run(q=(0.6, 0.3))
    found = losses_of_variety(stored(first, 0.7, 1.0), stored(second, 1.0, 1.3), "desk")
    assert found == {1.0: loss_of_variety(first, second)}


def test_runs_behind_different_gates_are_not_split() -> None:
    one = run(q=(0.9, 0.5))
    assert losses_of_variety(stored(one, 1.0), stored(one, 1.0, gate="judge_rel"), "desk") == {}
    without: Any = Stored({SHARE: {1.0: one.shares}})
    assert losses_of_variety(stored(one, 1.0), without, "desk") == {}
