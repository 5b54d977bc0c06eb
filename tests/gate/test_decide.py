"""pytest tests/gate/test_decide.py"""

from typing import Any

import numpy as np
import pytest

from sfr_eval.errors import UserError
from sfr_eval.gate.decide import decide
from sfr_eval.gate.outcome import GateRow
from sfr_eval.gate.snapshot import MetricValues, ProgramCounts, Snapshot, SuiteSnapshot
from sfr_eval.gate.spec import Check


def counts(right: Any, n: int = 4) -> Snapshot:
    """Right programs of n for each problem, made up."""
    problems = [(f"p{i}", "") for i in range(len(right))]
    return Snapshot(
        format=1,
        name="made up",
        fingerprint="made up",
        policy={},
        suites={
            "programs": SuiteSnapshot(
                settings={"suite programs: k": 4},
                keys={"prompt": problems},
                facets={
                    "difficulty": {f"p{i}": ("easy", "hard")[i % 2] for i in range(len(right))}
                },
                replies={"1.0": [n] * len(right)},
                values=[],
                programs=[
                    ProgramCounts(
                        temperature=1.0,
                        signature={},
                        right=[int(c) for c in right],
                        drawn=[n] * len(right),
                    )
                ],
            )
        },
    )


def one(check: Check, before: Any, after: Any, **sizes: int) -> GateRow:
    (row,) = decide([check], counts(before, **sizes), counts(after, **sizes), flips=1_999)
    return row


PASS = Check(metric="pass_at_1")


class Simulated:
    """Pairs of runs over 100 problems, 4 programs each. The chance of a right program varies from
    problem to problem; the candidate's is lower by `drop` on average."""

    def __init__(self, seed: int, problems: int = 100) -> None:
        self.random = np.random.default_rng(seed)
        self.problems = problems

    def pair(self, drop: float = 0.0) -> tuple[Any, Any]:
        p = self.random.beta(2, 2, size=self.problems)
        factor = 1 - 2 * drop  # mean of p is 1/2
        return self.random.binomial(4, p), self.random.binomial(4, p * factor)

    def failing(self, pairs: int, check: Check, drop: float = 0.0) -> float:
        return sum(one(check, *self.pair(drop)).verdict == "fail" for _ in range(pairs)) / pairs


def test_false_alarms_are_5_percent_at_no_change() -> None:
    """400 simulated pairs: within 5 +- 2%."""
    assert 0.03 <= Simulated(1).failing(400, PASS) <= 0.07


def test_a_small_loss_passes_without_a_stated_tolerance() -> None:
    """pass@1 has a span of 1, so a loss that is shown to be within .05 is small."""
    random = np.random.default_rng(7)
    before = random.binomial(40, 0.5, size=400)
    after = before - (random.random(400) < 0.4)  # .01 lost
    row = one(PASS, before, after, n=40)
    assert (row.call, row.verdict) == ("loss", "pass")
    assert "by little" in row.reason
    assert one(Check(metric="pass_at_1", tolerance=0), before, after, n=40).verdict == "fail"


def test_false_alarms_are_5_percent_with_one_program_a_problem() -> None:
    """McNemar's test is exact, so at most 5% and, its steps being coarse, some less."""
    random = np.random.default_rng(2)
    alarms = 0
    for _ in range(400):
        p = random.beta(2, 2, size=120)
        row = one(PASS, random.binomial(1, p), random.binomial(1, p), n=1)
        alarms += row.verdict == "fail"
    assert 0.02 <= alarms / 400 <= 0.07


def test_many_checks_raise_at_most_5_percent_false_alarms() -> None:
    """Both difficulties, two k and the whole: 6 rows that share their data."""
    checks = [
        PASS,
        Check(metric="pass_at_2"),
        Check(metric="pass_at_1", slice="difficulty"),
        Check(metric="pass_at_2", slice="difficulty"),
    ]
    simulated = Simulated(3)
    alarms = 0
    for _ in range(400):
        before, after = simulated.pair()
        rows = decide(checks, counts(before), counts(after), flips=999)
        assert len(rows) == 6
        alarms += any(row.verdict == "fail" for row in rows)
    assert alarms / 400 <= 0.07


def test_power_is_as_printed() -> None:
    """At a drop as large as the smallest detectable one that is printed, 80% of the 400 pairs
    fail; the sampling error of that share is 2%."""
    simulated = Simulated(4)
    printed = np.mean([one(PASS, *simulated.pair()).minimum_detectable for _ in range(50)])
    assert 0.05 < printed < 0.085
    assert 0.74 <= simulated.failing(400, PASS, drop=float(printed)) <= 0.88


def test_a_tolerance_is_given_before_a_drop_counts() -> None:
    """With a tolerance as large as the true drop alarms are at most as rare as alpha."""
    simulated = Simulated(5)
    tolerant = Check(metric="pass_at_1", tolerance=0.06)
    assert simulated.failing(300, tolerant, drop=0.06) <= 0.07
    assert simulated.failing(300, tolerant, drop=0.18) >= 0.9


def test_non_inferiority_passes_only_what_is_shown() -> None:
    """A candidate worse by the tolerance passes in at most about 5% of cases, an equal one mostly
    where the data suffice."""
    check = Check(metric="pass_at_1", mode="non-inferiority", tolerance=0.1)
    simulated = Simulated(6)
    assert 1 - simulated.failing(300, check, drop=0.1) <= 0.08
    row = one(check, *simulated.pair())
    assert row.minimum_detectable < 0.1
    assert simulated.failing(300, check) <= 0.15


@pytest.mark.parametrize(("n", "passes"), [(50, False), (148, False), (149, True)])
def test_few_changes_show_little(n: int, passes: bool) -> None:
    """No change at all in n problems: a loss of 2% of the problems is ruled out at 5% once
    .98^n <= .05, from n = 149 on."""
    check = Check(metric="pass_at_1", mode="non-inferiority", tolerance=0.02)
    row = one(check, [1] * n, [1] * n, n=1)
    assert (row.verdict == "pass") == passes
    assert row.p_value == pytest.approx(0.98**n, abs=1e-9)


def test_mcnemar_decides_single_programs() -> None:
    """5 lost, none won: 2^-5 = .031 fails; 4 lost: 2^-4 = .0625 does not."""
    before = [1] * 40
    for lost, verdict in ((5, "fail"), (4, "pass")):
        row = one(PASS, before, [0] * lost + [1] * (40 - lost), n=1)
        assert row.verdict == verdict
        assert row.p_value == pytest.approx(2.0**-lost)
        assert row.delta == pytest.approx(-lost / 40)


def test_the_detectable_drop_is_one_the_exact_test_can_see() -> None:
    row = one(PASS, [1] * 100, [1] * 100, n=1)
    assert row.minimum_detectable is not None
    assert row.minimum_detectable > 5 / 100  # 4 losses of 100 cannot fail
    assert one(PASS, [1] * 100, [0] * 6 + [1] * 94, n=1).verdict == "fail"


def test_pass_at_any_k_comes_from_the_counts() -> None:
    """1 of 4 right: pass@2 is 1/2. 2 of 4: 5/6."""
    row = one(Check(metric="pass_at_2"), [1] * 30, [2] * 30)
    assert row.baseline == pytest.approx(1 / 2)
    assert row.candidate == pytest.approx(5 / 6)
    with pytest.raises(UserError, match="not in the baseline"):
        one(Check(metric="pass_at_5"), [1] * 30, [2] * 30)


def test_a_drop_in_one_group_is_found_there() -> None:
    """All hard problems are lost, the easy ones improve as much: the mean hides it."""
    before = [2] * 40
    after = [4, 0] * 20
    rows = decide(
        [PASS, Check(metric="pass_at_1", slice="difficulty")], counts(before), counts(after)
    )
    assert {row.slice: row.verdict for row in rows} == {
        "": "pass",
        "difficulty=easy": "pass",
        "difficulty=hard": "fail",
    }
    assert [row.n for row in rows] == [40, 20, 20]
    for wrong, said in (("difficulty=hrad", "did you mean `hard`"), ("month", "it has difficulty")):
        with pytest.raises(UserError, match=said):
            decide([Check(metric="pass_at_1", slice=wrong)], counts(before), counts(after))


def test_the_floor_finds_one_prompt_that_never_passes() -> None:
    """49 of 50 are fine, one falls from 10 of 10 to 0; one that never passed does not count."""
    check = Check(metric="pass_at_1", floor=0.25)
    row = one(check, [10] * 49 + [0], [10] * 48 + [0, 0], n=10)
    assert row.verdict == "fail"
    assert row.reason == "fell below the floor 0.25: 1 (p48)"
    assert one(check, [10] * 49 + [0], [10] * 49 + [0], n=10).verdict == "pass"
    lower = Check(metric="pass_at_1", floor=0.75, direction="lower")
    assert one(lower, [0] * 50, [0] * 49 + [10], n=10).verdict == "fail"
    few = one(check, [4] * 50, [4] * 49 + [0])
    assert few.verdict == "pass"
    assert "the floor is not tested: with 4 replies to each of 50 prompts" in few.reason


def test_too_few_queries_are_inconclusive() -> None:
    row = one(PASS, [4] * 4, [0] * 4)
    assert row.verdict == "skipped"
    assert row.reason == "inconclusive: needs 5 questions, has 4"
    assert one(PASS, [4] * 5, [0] * 5).verdict == "fail"


def test_without_a_direction_a_check_needs_one() -> None:
    with pytest.raises(UserError, match="set `direction: higher`"):
        one(Check(metric="length"), [1] * 5, [1] * 5)


def test_unequal_replies_leave_prompts_out_except_of_counts() -> None:
    before = counts([2] * 30)
    suites = {}
    for side, replies in (("b", [4] * 30), ("a", [3] + [4] * 29)):
        values = MetricValues(
            metric="duplicate_rate", temperature=1.0, signature={}, values=[0.1] * 30
        )
        suite = before.suites["programs"].model_copy(
            update={"replies": {"1.0": replies}, "values": [values]}
        )
        suites[side] = before.model_copy(update={"suites": {"programs": suite}})
    rows = decide([Check(metric="duplicate_rate"), PASS], suites["b"], suites["a"])
    assert [(row.n, row.unequal) for row in rows] == [(29, 1), (30, 0)]
