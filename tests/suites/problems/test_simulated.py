"""pytest tests/suites/problems/test_simulated.py"""

from dataclasses import replace

import numpy as np
import pytest

from sfr_eval.errors import UserError
from sfr_eval.settings import CodeSettings
from sfr_eval.stats.bootstrap import bootstrap_interval
from sfr_eval.stats.pass_at_k import pass_at_k
from sfr_eval.suites.problems.problem import CodeProblem
from sfr_eval.suites.problems.simulated import SimulatedCoder
from sfr_eval.suites.suite import load_suite
from tests.support.exact_code import exact_pass_at_k


@pytest.fixture(scope="module")
def problems() -> dict[str, CodeProblem]:
    code = load_suite("mbpp", code=CodeSettings(data="small")).code
    assert code is not None
    return dict(code.problems)


def many(problems: dict[str, CodeProblem], count: int) -> dict[str, CodeProblem]:
    one = next(iter(problems.values()))
    return {f"p{i}": replace(one, id=f"p{i}") for i in range(count)}


@pytest.mark.parametrize("spread", [0.0, 0.2, 0.7, 1.0])
def test_exact_pass_at_k_is_the_mean_over_problems(
    problems: dict[str, CodeProblem], spread: float
) -> None:
    twin = SimulatedCoder(many(problems, 4000), solve=0.4, spread=spread)
    for k in (1, 3, 10):
        mean = np.mean([exact_pass_at_k(twin, k, f"p{i}") for i in range(4000)])
        assert exact_pass_at_k(twin, k) == pytest.approx(mean, abs=0.025)  # 3 standard errors
    assert exact_pass_at_k(twin, 1) == pytest.approx(0.4, abs=1e-9)


def test_answers_are_solutions_at_the_stated_rate(
    problems: dict[str, CodeProblem],
) -> None:
    twin = SimulatedCoder(problems, solve=0.6, spread=0.3)
    for name, problem in list(problems.items())[:5]:
        generator = np.random.default_rng(1)
        programs = [problem.extract(twin.sample(name, generator)) for _ in range(1500)]
        right = {code.strip() for code in problem.solutions}
        wrong = {code.strip() for code in problem.mutants}
        assert {code.strip() for code in programs} <= right | wrong
        share = np.mean([code.strip() in right for code in programs])
        assert share == pytest.approx(twin.chance(name), abs=0.045)  # 3.5 standard errors


def test_the_ends_of_the_dials(problems: dict[str, CodeProblem]) -> None:
    never, always = SimulatedCoder(problems, solve=0), SimulatedCoder(problems, solve=1)
    assert {never.chance(name) for name in problems} == {0}
    assert {exact_pass_at_k(always, 3, name) for name in problems} == {1.0}
    split = SimulatedCoder(problems, solve=0.5, spread=1)
    assert {split.chance(name) for name in problems} == {0.0, 1.0}


def test_problems_need_solutions_but_no_mutants(
    problems: dict[str, CodeProblem],
) -> None:
    one = next(iter(problems.values()))
    with pytest.raises(UserError, match="no reference solution to answer with"):
        SimulatedCoder({"x": replace(one, solutions=())})
    twin = SimulatedCoder({"x": replace(one, mutants=())}, solve=0)
    assert "NotImplementedError" in twin.sample("x", np.random.default_rng(0))


@pytest.mark.parametrize("k", [1, 4])
def test_the_interval_of_pass_at_k_covers_the_exact_value(
    problems: dict[str, CodeProblem], k: int
) -> None:
    """400 worlds of 60 problems with 8 answers: 95% of the intervals hold the truth, give or take
    three standard errors (3.3 points) and a little for the small sample."""
    truth = SimulatedCoder(problems, solve=0.4, spread=0.3)
    a, b = truth._shape()
    generator = np.random.default_rng(7)
    covered = 0
    for _ in range(400):
        right = generator.binomial(8, generator.beta(a, b, 60))
        low, high, _ = bootstrap_interval([pass_at_k(8, int(c), k) or 0.0 for c in right])
        covered += low <= exact_pass_at_k(truth, k) <= high
    assert 0.91 <= covered / 400 <= 0.985
