"""pytest tests/report/test_known_answers.py"""

import sys
from pathlib import Path

import pytest

from sfr_eval import cli
from sfr_eval.report import known_answers
from sfr_eval.report.verdict import finding
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Results, SuiteResults, read_suites


def run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], dials: str, *more: str
) -> tuple[SuiteResults, str]:
    """Draw the suite from the simulated model; return its results and what was printed."""
    arguments = ["run", "--model", dials, "--suite", "known-answers", "--output", str(tmp_path)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["sfr-eval", *arguments, *more])
        with pytest.raises(SystemExit) as end:
            cli.main()
    out, err = capfd.readouterr()
    assert not end.value.code, err
    (suite,) = read_suites(Manifest.load(tmp_path), Results.load(tmp_path))
    return suite, " ".join(out.split())


def test_a_fair_model_is_not_called(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    suite, printed = run(tmp_path, capfd, "world")
    found = finding(suite)
    assert (found.tone, found.headline) == (
        "good",
        "No departure from the stated law found in 30 prompts",
    )
    assert "they cover 96 % of what is valid, where fair draws would cover 96 %" in printed
    assert "they depart from the stated odds in 0 of 12 prompts" in printed
    assert "they depart from equal chances in 0 of 18 prompts" in printed
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "No departure from the stated law found in 30 prompts" in page
    assert page.count("uniform-primary-colour") >= 1


def test_one_answer_for_all_is_called(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    suite, printed = run(tmp_path, capfd, "world:within=1,solve=0.9")
    found = finding(suite)
    assert found.tone == "bad"
    assert found.headline == (
        "The replies do not follow the stated law in 30 of 30 prompts, and variety is lost"
    )
    assert "Furthest from its law is" in found.sentences[-1]
    assert "of the valid replies are" in found.sentences[-1]
    assert "they depart from the stated odds in 12 of 12 prompts" in printed


def test_few_draws_and_few_valid_ones_decide_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    few, _ = run(tmp_path / "few", capfd, "world", "--samples", "8")
    assert finding(few).headline == "Undecided: too few valid replies to hold against the law"
    assert "the stated odds are not tested (12 with too few valid replies)" in (
        known_answers.line(few)
    )
    invalid, _ = run(tmp_path / "invalid", capfd, "world:solve=0.5", "--seed", "1")
    assert finding(invalid).tone == "unsure"
    assert "many replies are not valid" in finding(invalid).headline
    none, _ = run(tmp_path / "none", capfd, "world:solve=0", "--samples", "3", "--limit", "4")
    assert finding(none).tone == "unsure"
    assert known_answers.table(none)[0]["rows"][0]["cells"][3] == "-"


def test_suites_without_answers_have_no_line() -> None:
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
    assert known_answers.line(bare) == ""
    assert known_answers.table(bare) == []
