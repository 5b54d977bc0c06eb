"""pytest tests/gate/test_baseline.py"""

import json
from pathlib import Path

import pytest

from sfr_eval.errors import RunError, UserError
from sfr_eval.gate.baseline import read_snapshot, save_snapshot
from sfr_eval.gate.check import check, write_baseline
from sfr_eval.gate.decide import decide
from sfr_eval.gate.spec import Check
from tests.support.compare_data import write_code_run

OF_0_2 = Path(__file__).parent / "baselines_of_0_2"
"""Written by version 0.2 from a run of the synthetic benchmark and from made-up verdicts."""


def test_a_baseline_of_0_2_opens_and_is_written_alike(tmp_path: Path) -> None:
    persona = read_snapshot(OF_0_2 / "persona.json").suites["persona"]
    assert persona.metrics == ["oracle_valid", "cs_self_bleu_4"]
    assert persona.temperatures("cs_self_bleu_4") == [1.0]
    assert len(persona.values_at("oracle_valid", 1.0)) == 18  # 6 queries, 3 personas
    assert persona.values_at("cs_self_bleu_4", 1.0)["running.fix", ""] == 0.273957
    for file in OF_0_2.iterdir():
        save_snapshot(read_snapshot(file), tmp_path / "again.json")
        assert read_snapshot(tmp_path / "again.json") == read_snapshot(file)


def test_a_baseline_of_0_2_still_gates() -> None:
    """Against a candidate without any right program."""
    baseline = read_snapshot(OF_0_2 / "programs.json")
    suite = baseline.suites["programs"]
    (counts,) = suite.programs
    wrong = counts.model_copy(update={"right": [0] * len(counts.right)})
    programs = suite.model_copy(update={"programs": [wrong]})
    candidate = baseline.model_copy(update={"suites": {"programs": programs}})
    checks = [Check(metric=f"pass_at_{k}", tolerance=0.02) for k in (1, 4)]
    row, _ = decide(checks, baseline, candidate)
    assert row.low is not None
    assert row.high is not None
    assert (row.baseline, row.candidate, row.delta, row.n) == (0.5, 0.0, -0.5, 20)
    assert (row.p_value, row.p_adjusted) == (1e-05, 1e-05)
    assert row.low < -0.5 < row.high < -0.02
    assert row.line == (
        f"pass_at_1 T=1: fail 0.5 to 0 (-0.5 [{row.low:.3g}, {row.high:.3g}]): worse, beyond the "
        "tolerance of 0.02, p = 1e-05"
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "not found; create it with"),
        ("{", "not a JSON file"),
        ("[]", "not a baseline of this version"),
        ('{"format": 99}', "not a baseline of this version"),
        ('{"format": 1}', "name: missing"),
    ],
)
def test_a_bad_baseline_is_one_line(tmp_path: Path, content: str | None, says: str) -> None:
    file = tmp_path / "b.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UserError, match=says) as caught:
        read_snapshot(file)
    assert str(caught.value).startswith(f"--baseline {file}: ")


def test_programs_are_kept_as_counts(tmp_path: Path) -> None:
    right = {f"p{i}": [j < i % 5 for j in range(4)] for i in range(20)}
    run = write_code_run(tmp_path / "code", right)
    snapshot = write_baseline(run, tmp_path / "b.json")
    (programs,) = snapshot.suites["programs"].programs
    counts = dict(zip(snapshot.suites["programs"].keys["prompt"], programs.right, strict=True))
    assert counts == {(problem, ""): sum(verdicts) for problem, verdicts in right.items()}
    assert set(programs.drawn) == {4}
    gate = check(tmp_path / "b.json", run)
    assert [row.metric for row in gate.rows] == ["pass_at_1"]
    worse = write_code_run(tmp_path / "worse", {p: [False] * 4 for p in right})
    assert check(tmp_path / "b.json", worse).exit_code == 1


def test_ungraded_programs_make_a_run_incomplete(tmp_path: Path) -> None:
    run = write_code_run(tmp_path / "code", {"p": [True, False], "q": [True, True]})
    results = json.loads((run / "results.json").read_text())
    results["notes"] = {"pass_at_1": {"programs": {"not_scored": 1}}}
    (run / "results.json").write_text(json.dumps(results))
    with pytest.raises(RunError, match="1 programs could not be graded"):
        write_baseline(run, tmp_path / "b.json")
