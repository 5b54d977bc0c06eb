"""pytest tests/comparison/test_compare.py"""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sfr_eval.comparison.compare import compare_runs
from sfr_eval.comparison.result import Comparison
from sfr_eval.comparison.runs import open_runs
from sfr_eval.errors import UserError
from sfr_eval.types import Sample
from tests.support.changed_runs import NARROW, WHOLE, primary
from tests.support.compare_data import QUERIES, write_code_run, write_world_run
from tests.support.paired import paired_difference


def test_a_model_that_repeats_its_modes_is_less_varied(found: Comparison) -> None:
    """within = 0.5 sharpens every persona to its most probable replies, all of them valid."""
    calls = {(row.role, row.temperature): row.call for row in primary(found)}
    assert calls[("variety", 1.0)] == "loss"
    assert calls[("quality", 1.0)] == "equal"
    (pair,) = found.pairs
    (suite,) = pair.suites
    assert suite.summary.tone == "bad"
    assert suite.summary.headline == "narrow against whole: less varied at equal quality"


def test_what_is_not_primary_has_no_verdict(found: Comparison) -> None:
    others = [row for _, row in found.rows if row.role is None and row.delta is not None]
    assert len(others) > 60
    assert {(row.call, row.words, row.p_adjusted) for row in others} == {("exploratory", "", None)}


def test_two_seeds_of_one_model_are_not_told_apart(runs: dict[str, Path]) -> None:
    same = compare_runs(runs["whole"], runs["again"])
    assert not {row.call for row in primary(same)} & {"gain", "loss"}
    assert any("seeds 0 and 1" in line for line in same.pairs[0].notes)


def test_the_user_may_name_the_family(runs: dict[str, Path]) -> None:
    named = compare_runs(
        runs["whole"],
        runs["narrow"],
        primary="variety=unique_share,style=cs_self_bleu_4,quality=none,temperature=0.6",
    )
    assert [(row.role, row.metric, row.temperature) for row in primary(named)] == [
        ("variety", "unique_share", 0.6),
        ("style", "cs_self_bleu_4", 0.6),
    ]
    assert named.pairs[0].suites[0].summary.headline.endswith("less in style")
    for text, said in (
        ("variety=self_bleu_44", "did you mean `self_bleu_4`"),
        ("varity=embed_distance", "did you mean `variety`"),
        ("variety", "has no value"),
        ("temperature=hot", "temperature"),
    ):
        with pytest.raises(UserError, match=said):
            compare_runs(runs["whole"], runs["narrow"], primary=text)


def test_total_collapse_on_8_questions_is_called(tmp_path: Path) -> None:
    """Every reply to a prompt is the same text."""

    def repeat(samples: list[Sample]) -> list[Sample]:
        first = {sample.cell: sample.text for sample in reversed(samples)}
        return [replace(sample, text=first[sample.cell]) for sample in samples]

    whole = write_world_run(tmp_path / "whole", WHOLE, queries=8, temperatures=(1.0,))
    same = write_world_run(tmp_path / "same", WHOLE, queries=8, temperatures=(1.0,), change=repeat)
    rows = {row.role: row for row in primary(compare_runs(whole, same))}
    assert rows["variety"].call == "loss"
    assert rows["variety"].p_adjusted == pytest.approx(2 / 2**8)


def test_too_few_questions_are_said_once(tmp_path: Path) -> None:
    few = [
        write_world_run(tmp_path / name, dials, queries=5, temperatures=(1.0,))
        for name, dials in (("whole", WHOLE), ("narrow", NARROW))
    ]
    comparison = compare_runs(*few)
    summary = comparison.pairs[0].suites[0].summary
    assert summary.headline.startswith("Inconclusive (needs about 6 questions, has 5)")
    assert {row.words for row in primary(comparison)} == {"inconclusive: needs 6 questions, has 5"}


def test_more_temperatures_make_no_winner(runs: dict[str, Path], tmp_path: Path) -> None:
    """The same samples at T = 0.6 and 1, once with those at 1.4 beside them."""
    fewer = write_world_run(tmp_path / "fewer", WHOLE, temperatures=(0.6, 1.0))
    comparison = compare_runs(fewer, runs["whole"])
    rows = [row for row in comparison.pairs[0].suites[0].matched_rows() if row["value"] is not None]
    assert rows
    assert {row["value"] for row in rows} == {0.0}
    (matched,) = [row for row in primary(comparison) if row.temperature is None]
    assert matched.delta == 0.0


def test_differences_are_of_the_estimates_paired_by_query(
    runs: dict[str, Path], found: Comparison
) -> None:
    first, second = open_runs([runs["whole"], runs["narrow"]])
    assert len(list(found.rows)) > 60
    for _, row in found.rows:
        if row.delta is None or row.temperature is None:
            continue
        for run, value in ((first, row.first), (second, row.second)):
            estimate = run.suites["persona"].at(row.metric, row.temperature)
            assert estimate is not None
            assert value == pytest.approx(estimate.value)
        assert row.n == QUERIES
        sides = []
        for run in (first, second):
            queries: dict[str, list[float]] = {}
            for (query, _), v in run.values("persona", row.metric)[row.temperature].items():
                queries.setdefault(query, []).append(v)
            sides.append({query: float(np.mean(v)) for query, v in queries.items()})
        expected, p_value = paired_difference(*sides)
        assert row.delta == pytest.approx(expected.value)
        if row.role is None:
            assert row.low == pytest.approx(expected.low)
            assert row.high == pytest.approx(expected.high)
        else:
            assert row.p_value == pytest.approx(p_value, abs=0.02)


def test_only_the_metrics_asked_for_are_shown(runs: dict[str, Path]) -> None:
    fewer = compare_runs(runs["whole"], runs["narrow"], metrics=["cs_self_bleu_4"])
    assert {row.metric for _, row in fewer.rows if row.role is None} >= {"cs_self_bleu_4"}
    assert len(primary(fewer)) == 3  # what is decided about does not depend on what is shown
    with pytest.raises(UserError, match="near it: cs_self_bleu_4"):
        compare_runs(runs["whole"], runs["narrow"], metrics=["cs_self_bleu4"])


def test_pass_at_1_of_one_program_is_mcnemar(tmp_path: Path) -> None:
    """9 problems lost, 1 won: 2 * (1 + 10) / 2^10 = .0215."""
    before = {f"p{i:02}": [i < 30] for i in range(40)}
    after = {f"p{i:02}": [9 <= i < 31] for i in range(40)}
    comparison = compare_runs(
        write_code_run(tmp_path / "a", before),
        write_code_run(tmp_path / "b", after),
        metrics=["pass_at_1"],
    )
    ((_, row),) = comparison.rows
    assert row.p_value == pytest.approx(22 / 1024)
    assert row.delta == pytest.approx(-8 / 40)
    assert (row.call, row.words) == ("loss", "worse")


def test_further_runs_are_compared_with_the_first(runs: dict[str, Path]) -> None:
    comparison = compare_runs(runs["whole"], runs["narrow"], runs["again"])
    assert [(p.first, p.second) for p in comparison.pairs] == [
        ("whole", "narrow"),
        ("whole", "again"),
    ]
    alone = [row.p_adjusted or 0.0 for row in primary(compare_runs(runs["whole"], runs["again"]))]
    together = [row.p_adjusted or 0.0 for row in primary(comparison)[3:]]
    # One family over both pairs: no row of the second has a smaller p-value for it.
    assert all(
        a is not None and b is not None and a <= b for a, b in zip(alone, together, strict=True)
    )
    assert set(comparison.table["b"]) == {"narrow", "again"}
    assert len(comparison.table) == len(list(comparison.rows))


def test_runs_without_a_suite_in_common_are_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    other = write_code_run(tmp_path / "code", {"p": [True, False], "q": [True, True]})
    with pytest.raises(UserError, match="no suite in common"):
        compare_runs(runs["whole"], other)


def test_comparing_and_checking_need_no_torch(runs: dict[str, Path], tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from sfr_eval.comparison import compare\n"
        "from sfr_eval.gate import check\n"
        "from sfr_eval.comparison.files import write_comparison\n"
        f"write_comparison(compare.compare_runs({str(runs['whole'])!r}, {str(runs['narrow'])!r}), "
        f"Path({str(tmp_path / 'out')!r}))\n"
        f"check.write_baseline({str(runs['whole'])!r}, {str(tmp_path / 'b.json')!r})\n"
        f"assert check.check({str(tmp_path / 'b.json')!r}, {str(runs['whole'])!r}).exit_code == 0\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
        "assert 'transformers' not in sys.modules\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
