"""pytest tests/comparison/test_decision.py"""

import numpy as np
import pytest

from sfr_eval.comparison.decision import Decision, FamilyRow, decide, words
from sfr_eval.comparison.evidence import PairedEvidence
from sfr_eval.comparison.pairing import Paired


def row(differences: list[float], *, metric: str = "embed_distance", **fields: object) -> FamilyRow:
    paired = Paired(
        queries=tuple(map(str, range(len(differences)))),
        first=tuple(0.5 for _ in differences),
        second=tuple(0.5 + d for d in differences),
        prompts=1,
        unpaired=0,
        unequal=0,
    )
    given = {"role": "variety", "lower_is_better": False, "margin": 0.02, **fields}
    evidence = PairedEvidence(paired=paired, step=float(given.pop("step", 0.0)))  # type: ignore[arg-type]
    return FamilyRow(suite="s", metric=metric, evidence=evidence, **given)  # type: ignore[arg-type]


SPREAD = list(np.linspace(-0.01, 0.01, 10))


def test_a_drop_on_eight_questions_is_called() -> None:
    """.347 to .070 on 8 questions, the case that `compare` left open while `check` failed it."""
    drops = [-0.277 + d for d in SPREAD[1:9]]
    (decision,) = decide([row(drops)])
    assert decision.call == "loss"
    assert not decision.small
    assert decision.high is not None
    assert decision.high < 0


@pytest.mark.parametrize(
    ("mean", "call", "small"),
    [(0.1, "gain", False), (0.012, "gain", True), (0.0, "equal", True), (-0.1, "loss", False)],
)
def test_calls_by_the_size_of_a_difference(mean: float, call: str, small: bool) -> None:
    (decision,) = decide([row([mean + d for d in SPREAD])])
    assert (decision.call, decision.small) == (call, small)


def test_lower_is_better_turns_the_call_and_not_the_interval() -> None:
    (decision,) = decide([row([0.1 + d for d in SPREAD], lower_is_better=True)])
    assert decision.call == "loss"
    assert decision.low is not None
    assert decision.low > 0


def test_a_wide_interval_names_the_questions_it_needs() -> None:
    """A standard error of .033 on 10 queries: a difference of .02 needs hundreds."""
    (decision,) = decide([row([0.1, -0.1] * 5)])
    assert decision.call == "inconclusive"
    assert decision.questions is not None
    assert 100 < decision.questions < 600
    text = words(decision, metric="embed_distance", role="variety", n=10, margin=0.02)
    assert text == (
        f"inconclusive: a difference of 0.02 needs about {decision.questions} questions, has 10"
    )


def test_too_few_questions_take_no_part_in_the_test() -> None:
    alone = decide([row([0.1 + d for d in SPREAD])])[0]
    few, beside = decide([row([0.5] * 5), row([0.1 + d for d in SPREAD])])
    assert few == Decision(call="inconclusive", questions=6)
    assert beside == alone
    assert decide([row([])])[0].call == "not compared"


def test_no_difference_in_a_few_right_answers_is_not_equality() -> None:
    """8 of 8 right in both runs: up to 37 % of the questions may differ at 95 %."""
    (decision,) = decide([row([0.0] * 8, metric="pass_at_1", role="quality", step=1.0)])
    assert decision.call == "inconclusive"
    assert decision.high == pytest.approx(1 - 0.025 ** (1 / 8))


def test_a_tolerance_moves_what_is_tested() -> None:
    drops = [-0.05 + d for d in SPREAD]
    strict, tolerant = (decide([row(drops, tolerance=t)])[0] for t in (0.0, 0.06))
    assert (strict.call, tolerant.call) == ("loss", "gain")
    assert tolerant.high == pytest.approx(strict.high, rel=0.05)


@pytest.mark.parametrize(
    ("metric", "role", "up", "down"),
    [
        ("embed_distance", "variety", "more varied", "less varied"),
        ("style_strength", "style", "more in style", "less in style"),
        ("judge_rel", "quality", "better", "worse"),
        ("pass_at_1", None, "better", "worse"),
        ("length", None, "higher", "lower"),
    ],
)
def test_words_belong_to_the_role(metric: str, role: str, up: str, down: str) -> None:
    for call, text in (("gain", up), ("loss", down)):
        decision = Decision(call=call, p_value=0.01)  # type: ignore[arg-type]
        assert words(decision, metric=metric, role=role, n=20, margin=0.1) == text  # type: ignore[arg-type]
    assert "better" not in words(
        Decision(call="gain"), metric="embed_distance", role="variety", n=20, margin=0.1
    )
