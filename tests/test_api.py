"""The Python API: the commands as functions, tables as DataFrames, nothing heavy at import."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import sfr_eval as se
from sfr_eval.errors import RunError, UserError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> se.Run:
    return se.run(
        model="world:cross=0.3",
        suite="persona",
        personas=("pirate", "butler"),
        temperatures=(0.7, 1.0),
        samples=2,
        limit=2,
        metrics=["text", "quality"],
        output=tmp_path_factory.mktemp("api") / "run",
    )


def test_results_are_a_row_for_each_estimate(run: se.Run) -> None:
    valid = run.results.query("metric == 'oracle_valid' and persona == '' and temperature == 1.0")
    assert len(valid) == 1
    assert 0 <= valid.value.iloc[0] <= 1
    assert str(run.results.value.dtype) == "float64"
    assert run.results.value.isna().equals(run.results.reason != "")


def test_samples_and_scores_belong_together(run: se.Run) -> None:
    assert len(run.samples) == 2 * 2 * 2 * 2  # queries, personas, temperatures, samples
    scores = run.scores("oracle_valid")
    assert set(scores.sample_id) == set(run.samples.sample_id)
    at_1 = scores[scores.temperature == 1.0].value.mean()
    row = run.results.query("metric == 'oracle_valid' and persona == '' and temperature == 1.0")
    assert at_1 == pytest.approx(row.value.iloc[0])
    with pytest.raises(UserError, match="did you mean `oracle_valid`"):
        run.scores("oracle_vald")


def test_samples_have_the_text_of_their_prompt(run: se.Run) -> None:
    assert run.samples.prompt.str.len().min() > 10
    assert run.samples.groupby("query").prompt.nunique().eq(1).all()


def test_a_notebook_shows_facts_and_scoreboard(run: se.Run) -> None:
    html = run._repr_html_()
    assert html.startswith("<p><strong>world:cross=0.3</strong>")
    assert "<table>" in html
    assert f"<summary>{len(run.warnings)} warnings</summary>" in html


def test_warnings_are_those_of_the_terminal(run: se.Run) -> None:
    assert run.warnings[0] == "This run is partial: only the first 2 queries were asked."
    with pytest.raises(UserError, match="nowhere: no such folder"):
        _ = se.Run(run.folder.parent / "nowhere").warnings


def test_a_metric_is_drawn_over_temperature_or_against_another(run: se.Run) -> None:
    assert list(run.plot("oracle_valid").lines[0].get_xdata()) == [0.7, 1.0]
    ax = run.plot("oracle_valid", against="length")
    assert ax.get_xlabel().startswith("Length in words")
    with pytest.raises(UserError, match="did you mean `oracle_valid`"):
        run.plot("oracle_vald")
    with pytest.raises(UserError, match="known: persona"):
        run.plot(suite="x")


def test_plain_lists_of_replies_are_measured() -> None:
    varied = se.diversity([["a b", "c d", "e f"], ["g h", "i j", "k l"]], metrics="lexical,text")
    same = se.diversity([["a b"] * 3, ["g h"] * 3], metrics="lexical,text")
    assert varied["duplicate_rate"].value == 0
    assert same["duplicate_rate"].value == 1
    assert set(varied.results.metric) >= {"duplicate_rate", "length"}
    assert "length" in repr(varied)
    assert "<table>" in varied._repr_html_()
    with pytest.raises(UserError, match="did you mean `duplicate_rate`"):
        _ = varied["duplicat_rate"]
    with pytest.raises(UserError, match="unknown setting `encodr`"):
        se.diversity([["a"]], encodr="x")


def test_report_manifest_and_loading_again(run: se.Run, tmp_path: Path) -> None:
    assert run.report.read_text().startswith("<!DOCTYPE html>")
    again = se.load(str(run.folder))
    assert again.results.equals(run.results)
    assert again.manifest["status"] == "partial"  # --limit
    with pytest.raises(UserError, match="not a run folder"):
        se.load(tmp_path)
    run.report.rename(tmp_path / "moved")
    with pytest.raises(UserError, match="sfr-eval report"):
        _ = run.report
    (tmp_path / "moved").rename(run.folder / "report.html")


def test_export_and_score_of_text_made_elsewhere(run: se.Run, tmp_path: Path) -> None:
    estimates, samples = run.export("jsonl", output=tmp_path / "out")
    assert se.export(run, format="jsonl", output=tmp_path / "out") == [estimates, samples]
    scored = se.score(samples, output=tmp_path / "back", metrics="text")
    assert scored.samples.equals(run.samples)
    again = se.score(scored, metrics=["text"])
    assert again.results.equals(scored.results)


def test_two_runs_are_compared_prompt_by_prompt(run: se.Run, tmp_path: Path) -> None:
    config = run.manifest["config"]
    other = se.run(
        model="world:cross=0.9",
        suite="persona",
        output=tmp_path / "other",
        **{name: config[name] for name in ("personas", "temperatures", "samples", "limit")},
        metrics=config["metrics"],
    )
    table = se.compare(run, other).table
    assert set(table.temperature) == {0.7, 1.0}
    row = table[(table.metric == "length") & (table.temperature == 1.0)].iloc[0]

    def mean_length(of: se.Run) -> float:
        found = of.results.query("metric == 'length' and persona == '' and temperature == 1.0")
        return float(found.value.iloc[0])

    assert row.delta == pytest.approx(mean_length(other) - mean_length(run))


def test_wrong_settings_are_one_line(run: se.Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean `samples`"):
        se.run(model="world:", suite="persona", smaples=2)
    with pytest.raises(UserError, match="score: unknown setting `encodr`; did you mean `encoder`"):
        se.score(run, encodr="x")
    with pytest.raises(UserError, match="did you mean `persona`"):
        se.run(model="world:", suite="persna", output=tmp_path / "x")


def test_a_run_that_fails_in_part_is_an_error_that_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = importlib.import_module("sfr_eval.pipeline.run")
    ended = module.Outcome(folder=tmp_path, exit_code=3, report=None, lines=("2 failed",))
    monkeypatch.setattr(module, "execute", lambda config: ended)
    with pytest.raises(RunError, match="2 failed"):
        se.run(model="world:", suite="persona")


def test_the_package_offers_the_functions_of_its_api() -> None:
    from sfr_eval import api

    for name in ("run", "load", "score", "compare", "export"):
        assert getattr(se, name) is getattr(api, name)
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        _ = se.runn  # type: ignore[attr-defined]


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, sfr_eval as se\n"
        "assert not {'pandas', 'numpy', 'torch', 'pydantic'} & set(sys.modules)\n"
        "assert callable(se.load) and callable(se.run)\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
