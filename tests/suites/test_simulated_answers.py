"""pytest tests/suites/test_simulated_answers.py"""

from collections import Counter

import numpy as np
import pytest

from sfr_eval.suites.simulated_answers import INVALID, SimulatedAnswers
from sfr_eval.suites.spec import QueryRow

ROWS = {
    "coin": QueryRow(id="coin", text="Flip.", answers=("H", "T"), law={"H": 0.7, "T": 0.3}),
    "day": QueryRow(id="day", text="Name a day.", answers=("Monday", "Sunday")),
}


def shares(model: SimulatedAnswers, query: str) -> dict[str, float]:
    generator = np.random.default_rng(1)
    counts = Counter(model.sample(query, generator) for _ in range(4_000))
    return {text: count / 4_000 for text, count in counts.items()}


def test_replies_follow_the_law_and_are_even_without_one() -> None:
    model = SimulatedAnswers(ROWS)
    assert shares(model, "coin") == pytest.approx({"H": 0.7, "T": 0.3}, abs=0.03)
    assert shares(model, "day") == pytest.approx({"Monday": 0.5, "Sunday": 0.5}, abs=0.03)


def test_dials_set_the_valid_share_and_the_share_of_the_first_answer() -> None:
    model = SimulatedAnswers(ROWS, solve=0.8, within=0.5)
    expected = {INVALID: 0.2, "H": 0.8 * (0.5 + 0.5 * 0.7), "T": 0.8 * 0.5 * 0.3}
    assert shares(model, "coin") == pytest.approx(expected, abs=0.03)
    assert ROWS["coin"].naming.answer_of(INVALID) is None
