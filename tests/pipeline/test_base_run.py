"""pytest tests/pipeline/test_base_run.py"""

import shutil
import sys
from pathlib import Path

import pytest

from sfr_eval import cli
from sfr_eval.commands.score import show_results
from sfr_eval.comparison.compare import compare_runs
from sfr_eval.errors import UserError
from sfr_eval.pipeline.base_run import add_base, check_base_run
from sfr_eval.report.report import write_report
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Results
from sfr_eval.store.run_folder import RunFolder
from tests.support.toy_runs import score, write_replies, write_suite


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scored runs, of which the second is less varied."""
    folder = tmp_path_factory.mktemp("base")
    suite = write_suite(folder / "suite")
    for name, words in (("base", 12), ("tuned", 2)):
        replies = write_replies(folder / f"{name}.jsonl", words=words, temperatures=(0.5, 1.0))
        score(folder / name, replies, suite)
    return folder


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def test_the_report_says_what_compare_says(copied: Path) -> None:
    add_base(RunFolder(copied / "tuned"), copied / "base")
    (against,) = Results.load(copied / "tuned").against["toy"]
    (suite,) = compare_runs(copied / "base", copied / "tuned").pairs[0].suites
    assert against.headline == suite.summary.headline
    assert "less varied" in against.headline
    assert against.kind == "base model"
    primary = {row.metric: row for row in suite.rows if row.role is not None}
    for row in (row for row in against.rows if row.role is not None):
        assert row.delta == primary[row.metric].delta
        assert row.low == primary[row.metric].low


def test_the_base_stands_in_figures_and_tables(copied: Path) -> None:
    add_base(RunFolder(copied / "tuned"), copied / "base")
    results, base = Results.load(copied / "tuned"), Results.load(copied / "base")
    assert results.reference_of == {"toy": "the base model"}
    expected = {e.metric: e.value for e in base.estimates if e.temperature == 1.0}
    assert {e.metric: e.value for e in results.reference["toy"]} == expected
    page = write_report(RunFolder(copied / "tuned")).read_text(encoding="utf-8")
    assert "Against the base model base.jsonl" in page
    assert "Reference: the base model" in page


def test_the_command_report_takes_a_base_run(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ("report", str(copied / "tuned"), "--base-run", str(copied / "base"))
    monkeypatch.setattr(sys, "argv", ["sfr-eval", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    assert "report: " in capfd.readouterr().out
    page = (copied / "tuned" / "report.html").read_text(encoding="utf-8")
    assert "tuned.jsonl against base.jsonl: less varied" in page


def test_the_terminal_says_what_the_report_says(
    copied: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    show_results(copied / "tuned", as_json=False)
    alone = capfd.readouterr().out
    assert "For a verdict, add `--references FILE`" in alone
    add_base(RunFolder(copied / "tuned"), copied / "base")
    show_results(copied / "tuned", as_json=False)
    beside = capfd.readouterr().out
    assert "toy: tuned.jsonl against base.jsonl: less varied" in beside
    assert "For a verdict" not in beside


def test_adding_it_twice_changes_nothing(copied: Path) -> None:
    add_base(RunFolder(copied / "tuned"), copied / "base")
    before = (copied / "tuned" / "results.json").read_bytes()
    add_base(RunFolder(copied / "tuned"), copied / "base")
    assert (copied / "tuned" / "results.json").read_bytes() == before


def test_references_keep_their_place_before_the_base(copied: Path) -> None:
    people = write_replies(copied / "people.jsonl", words=12, k=4, seed=5)
    settings = {"references": str(people), "base_run": copied / "base"}
    score(copied / "both", copied / "tuned.jsonl", copied / "suite", **settings)
    results = Results.load(copied / "both")
    assert [one.kind for one in results.against["toy"]] == ["references", "base model"]
    assert results.reference_of == {"toy": "the references"}
    page = (copied / "both" / "report.html").read_text(encoding="utf-8")
    assert page.index("tuned.jsonl against the references") < page.index(
        "tuned.jsonl against base.jsonl"
    )


def test_runs_that_may_not_be_compared_leave_the_reason(copied: Path) -> None:
    few = write_replies(copied / "few.jsonl", words=2, k=2)
    score(copied / "few", few, copied / "suite", base_run=copied / "base")
    (against,) = Results.load(copied / "few").against["toy"]
    assert against.rows == ()
    assert against.headline == "Not compared with the base model base"
    assert "differ in suite toy: k" in against.sentences[0]
    page = (copied / "few" / "report.html").read_text(encoding="utf-8")
    assert "Not compared with the base model base." in page


def test_what_is_no_base_run_is_refused(copied: Path, tmp_path: Path) -> None:
    base, output = copied / "base", copied / "tuned"
    version = Manifest.load(base).part("toy").version
    check_base_run(base, {"toy": version}, output=output)
    with pytest.raises(UserError, match="is this run itself"):
        check_base_run(output, {"toy": version}, output=output)
    with pytest.raises(UserError, match="is a run of toy, not of other"):
        check_base_run(base, {"other": version}, output=output)
    with pytest.raises(UserError, match="run the base model again"):
        check_base_run(base, {"toy": "2+x"}, output=output)
    with pytest.raises(UserError, match="not a run folder"):
        check_base_run(tmp_path, {"toy": version}, output=output)
    (base / "results.json").unlink()
    with pytest.raises(UserError, match=r"no results\.json"):
        check_base_run(base, {"toy": version}, output=output)
