"""pytest tests/report/test_relevance_warnings.py"""

from dataclasses import replace

from sfr_eval.report.relevance_warnings import relevance_warnings
from sfr_eval.store.results import SuiteResults
from sfr_eval.types import Estimate
from tests.support.report_data import estimate


def suite(*estimates: Estimate) -> SuiteResults:
    return SuiteResults(
        id="desk",
        title="Desk",
        personas={},
        temperatures=tuple(dict.fromkeys(row.temperature for row in estimates)),
        samples=4,
        estimates={(row.metric, row.temperature, row.persona): row for row in estimates},
        truth={},
        notes={},
        similarity={},
    )


def share(value: float | None, temperature: float = 1.0, reason: str = "") -> Estimate:
    row = estimate("relevant_share", value or 0.0, 0.02)
    return replace(row, value=value, temperature=temperature, reason=reason)


def test_few_answers_to_their_own_question_are_named() -> None:
    (line,) = relevance_warnings(suite(share(0.94, 0.5), share(0.48), share(0.1, 1.5)))
    assert "own question: 48% at T = 1, 10% at T = 1.5." in line


def test_a_run_that_answers_is_not_warned_of() -> None:
    assert not list(relevance_warnings(suite(share(0.87))))
    assert not list(relevance_warnings(suite()))


def test_the_reason_why_it_is_not_measured_is_said_once() -> None:
    why = "fewer than 5 different questions were asked"
    (line,) = relevance_warnings(suite(share(None, 0.5, why), share(None, 1.0, why)))
    assert line == f"Whether replies answer their questions is not measured: {why}."


def test_the_grammar_knows_better() -> None:
    rows = (share(0.3), estimate("oracle_valid", 0.3, 0.02))
    assert not list(relevance_warnings(suite(*rows)))
    assert list(relevance_warnings(suite(share(0.3), estimate("judge_rel", 2.0, 0.02))))
