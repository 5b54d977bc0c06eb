"""pytest tests/judges/test_trial_statistics.py"""

import pytest

from sfr_eval.judges.judge import Case, both_orders
from sfr_eval.judges.rubric import Material, load_judge
from sfr_eval.judges.trial_items import TrialItem
from sfr_eval.judges.trial_statistics import accuracy, dose_response, length_gain, position_bias
from sfr_eval.judges.votes import Judgement
from sfr_eval.suites.world.faults import Specimen

FLU, PAIR = load_judge("flu"), load_judge("pairwise")
MATERIAL = Material(question="Q", replies=("A",))


def item(id: str, good: bool | None, *, fault: str = "", dose: float = 0.0) -> TrialItem:
    specimen = Specimen(id=id, query="q", persona="p", text="A", truth={}, fault=fault, dose=dose)
    return TrialItem(id=id, spec=FLU, material=MATERIAL, good=good, specimen=specimen)


def test_calls_from_a_score_of_3_5_are_counted() -> None:
    """Good: 5 right, 3 wrong; bad: 1 right; one bad reply without a score, one unlabelled."""
    items = [item("a", True), item("b", True), item("c", False), item("d", False), item("e", None)]
    scores = dict(zip([i.key for i in items], [5.0, 3.0, 1.0], strict=False))
    row = accuracy(items, scores)
    assert (row["positives"], row["negatives"], row["unread"]) == ((1, 2), (1, 1), 1)
    assert row["accuracy"]["value"] == pytest.approx(2 / 3)
    assert row["balanced_accuracy"] == (1 / 2 + 1) / 2
    assert (row["mean_of_good"], row["mean_of_bad"]) == (4, 1)
    assert accuracy([], {})["accuracy"] == {"value": None, "low": None, "high": None}


def test_the_slope_is_points_from_rate_0_to_1() -> None:
    """Scores 5, 4, 3 at rates 0, .5, 1 lie on a line that falls by 2."""
    items = [item(f"{d:g}", None, fault="grammar" if d else "", dose=d) for d in (0.0, 0.5, 1.0)]
    scores = dict(zip([i.key for i in items], [5.0, 4.0, 3.0], strict=True))
    rows = {row["fault"]: row for row in dose_response(items, scores, [FLU])}
    assert rows["grammar"]["slope"]["value"] == pytest.approx(-2)
    assert rows["grammar"]["own"]
    assert rows["grammar"]["means"][1] == {
        "dose": 0.5, "n": 1, "value": 4.0, "low": None, "high": None,
    }  # fmt: skip
    assert not rows["topic"]["own"]
    assert rows["topic"]["slope"] is None  # only rate 0 is there


def test_the_length_gain_is_longer_minus_short() -> None:
    pairs = [(item("a", True), item("a-long", True)), (item("b", True), item("b-long", True))]
    scores = {pairs[0][0].key: 3.0, pairs[0][1].key: 4.0, pairs[1][0].key: 3.0}
    gain = length_gain(pairs, scores, [FLU])["flu"]
    assert gain == {"value": 1.0, "low": None, "high": None, "n": 1}  # b-long has no score


def judgement(case: Case, score: float | None) -> Judgement:
    return Judgement(
        judgement_id="", sample_id=case.sample_id, other_id=case.other_id, axis="pairwise",
        rubric="", judge="", vote=0, status="ok", score=score, prompt_tokens=0, completion_tokens=0,
    )  # fmt: skip


def test_position_bias_counts_flips_and_right_verdicts() -> None:
    """A prefers the good reply in both orders, B whatever stands first; C is unread."""
    material = Material(question="Q", replies=("good", "bad"))
    cases = [
        both_orders(Case(sample_id=id, other_id=f"{id}-bad", spec=PAIR, material=material))
        for id in "ABC"
    ]
    scores = [(1.0, 0.0), (1.0, 1.0), (None, 1.0)]
    rows = [
        judgement(case, score)
        for pair, both in zip(cases, scores, strict=True)
        for case, score in zip(pair, both, strict=True)
    ]
    bias = position_bias(cases, {row.key: row for row in rows})
    assert (bias["pairs"], bias["read"]) == (3, 2)
    assert bias["first_chosen"]["value"] == (0.5 + 1) / 2
    assert (bias["flips"]["value"], bias["accuracy"]["value"]) == (0.5, 0.5)
