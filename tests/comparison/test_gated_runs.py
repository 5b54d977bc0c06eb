"""pytest tests/comparison/test_gated_runs.py: relevance and gates of two runs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sfr_eval.comparison.differences import compared_metrics
from sfr_eval.comparison.runs import ScoredRun, open_runs
from sfr_eval.comparison.warnings import warnings
from sfr_eval.types import Estimate
from tests.support.compare_data import write_code_run
from tests.support.report_data import estimate

SUITE = "programs"
With = Callable[[Sequence[Estimate], Sequence[Estimate]], list[ScoredRun]]


@pytest.fixture
def runs(tmp_path: Path) -> With:
    """Two runs with more estimates than were measured of them."""
    right = {"a": [True, False], "b": [True, True]}
    opened = open_runs([write_code_run(tmp_path / name, right) for name in ("one", "two")])

    def make(*more: Sequence[Estimate]) -> list[ScoredRun]:
        made = []
        for run, rows in zip(opened, more, strict=True):
            suite = run.suites[SUITE]
            # A verifier knows better than relevance, so only its own estimates are left.
            added = {(row.metric, row.temperature, row.persona): row for row in rows}
            made.append(replace(run, suites={SUITE: replace(suite, estimates=added)}))
        return made

    return make


def behind(gate: str) -> Estimate:
    signature = f"valid_share|version:2|gate:{gate}|gate_votes:1"
    return replace(estimate("valid_share", 0.9, 0.02), signature=signature)


def test_what_the_replies_of_either_run_do_is_named(runs: With) -> None:
    good, bad = estimate("relevant_share", 0.95, 0.02), estimate("relevant_share", 0.3, 0.02)
    lines = warnings(*runs([good], [bad, estimate("refusal_rate", 0.4, 0.02)]), {})
    (about,) = [line for line in lines if "own question" in line]
    assert about.startswith(f"{SUITE}, two: Few replies")
    (refusals,) = [line for line in lines if "refuse to answer" in line]
    assert refusals.startswith(f"{SUITE}, two: 40%")
    assert not [line for line in lines if line.startswith(f"{SUITE}, one:")]


def test_variety_behind_different_gates_is_not_compared_and_said(runs: With) -> None:
    first, second = runs([behind("judge_rel")], [behind("relevant")])
    assert compared_metrics((first, second), SUITE) == []
    (line,) = [line for line in warnings(first, second, {}) if "good replies" in line]
    assert "pass judge_rel in one and relevant in two" in line


def test_variety_behind_one_gate_is_compared(runs: With) -> None:
    first, second = runs([behind("relevant")], [behind("relevant")])
    assert compared_metrics((first, second), SUITE) == ["valid_share"]
    assert not [line for line in warnings(first, second, {}) if "good replies" in line]
