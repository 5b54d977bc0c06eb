"""pytest tests/report/test_known_answers.py"""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sfr_eval import cli
from sfr_eval.report import known_answers
from sfr_eval.report.verdict import finding
from sfr_eval.stats.estimate import all_estimates
from sfr_eval.store.results import Notes, SuiteResults
from sfr_eval.suites.suite import load_suite
from tests.metrics.test_answers import simulated


def measured(seed: int = 5, *, k: int = 100, limit: int = 40, **dials: float) -> SuiteResults:
    """The results of the simulated model."""
    suite = load_suite("known-answers")
    suite = replace(suite, rows=dict(list(suite.rows.items())[:limit]))
    results = simulated(suite, seed, k=k, **dials)
    return SuiteResults(
        id=suite.id,
        title="",
        personas={},
        temperatures=(1.0,),
        samples=k,
        estimates={(result.metric, 1.0, ""): all_estimates(result, k, ())[0] for result in results},
        truth={},
        notes={
            result.metric: Notes.model_validate(dict(result.notes))
            for result in results
            if result.notes
        },
        similarity={},
    )


def test_a_fair_model_is_not_called() -> None:
    found = finding(measured())
    assert (found.tone, found.headline) == (
        "good",
        "No departure from the stated law found in 30 prompts",
    )


def test_one_answer_for_all_is_called() -> None:
    found = finding(measured(within=1.0, solve=0.9))
    assert (found.tone, found.headline) == (
        "bad",
        "The replies do not follow the stated law in 30 of 30 prompts, and variety is lost",
    )
    # By distance less that of fair draws, so a question with many answers is not at an advantage.
    assert found.sentences[-1] == (
        "Furthest from its law is odds-lottery: 100 % of the valid replies are 'Win', where 10 % "
        "were asked for."
    )


def test_few_draws_and_few_valid_ones_decide_nothing() -> None:
    few = measured(k=8)
    assert finding(few).headline == "Undecided: too few replies to hold against the law"
    line = " ".join(finding(few).sentences)
    assert "The stated odds are not tested (12 with too few valid replies)" in line
    invalid = finding(measured(solve=0.7))
    assert invalid.tone == "unsure"
    assert "No departure found in 30 prompts, but many replies are not" in invalid.headline
    none = measured(k=3, limit=4, solve=0.0)
    assert finding(none).headline.startswith("Most replies are not valid answers")
    row = known_answers.table(none, box="replies-1")[0]["rows"][0]
    assert row["cells"][3] == "-"
    assert row["replies"] == f"#replies-1?temperature=1&query={row['name']}"


def test_the_page_and_the_terminal_say_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("run", "--model", "world", "--suite", "known-answers", "--output", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["sfr-eval", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    printed = " ".join(capfd.readouterr().out.split())
    assert "They cover 96 % of what is valid, where fair draws would cover 96 %" in printed
    assert "They depart from the stated odds in 0 of 12 prompts" in printed
    assert "They depart from equal chances in 0 of 18 prompts" in printed
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "No departure from the stated law found in 30 prompts" in page
    assert '&amp;query=uniform-primary-colour">uniform-primary-colour</a></th>' in page


def test_suites_without_answers_have_no_verdict() -> None:
    bare = SuiteResults(
        id="x",
        title="",
        personas={},
        temperatures=(1.0,),
        samples=1,
        estimates={},
        truth={},
        notes={},
        similarity={},
    )
    assert not known_answers.known(bare)
    assert known_answers.table(bare, box="replies-1") == []
