"""pytest tests/gate/test_check.py"""

import json
import re
import shutil
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sfr_eval import cli
from sfr_eval.errors import RunError, UserError
from sfr_eval.gate.baseline import read_snapshot
from sfr_eval.gate.check import check, write_baseline
from sfr_eval.gate.decide import decide
from sfr_eval.gate.outcome import GateRow
from sfr_eval.gate.snapshot import MetricValues, ProgramCounts, Snapshot, SuiteSnapshot
from sfr_eval.gate.spec import Check, read_checks
from tests.support.compare_data import write_code_run, write_world_run

SETTINGS = {"suite programs: k": 4}


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
                settings=SETTINGS,
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
    assert 0.05 < printed < 0.08
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
    """49 of 50 are fine, one falls from 4 of 4 to 0; one that never passed does not count."""
    check = Check(metric="pass_at_1", floor=0.25)
    row = one(check, [4] * 49 + [0], [4] * 48 + [0, 0])
    assert row.verdict == "fail"
    assert row.reason == "below the floor 0.25, and were not before: 1 (p48)"
    assert one(check, [4] * 49 + [0], [4] * 49 + [0]).verdict == "pass"
    lower = Check(metric="pass_at_1", floor=0.75, direction="lower")
    assert one(lower, [0] * 50, [0] * 49 + [4]).verdict == "fail"


def test_too_few_queries_are_inconclusive() -> None:
    row = one(PASS, [4] * 4, [0] * 4)
    assert row.verdict == "skipped"
    assert "too few" in row.reason
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


# ---- whole runs and files


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("gate")
    whole = {"cross": 0.0, "within": 0.0}
    return {
        "whole": write_world_run(folder / "whole", whole),
        "again": write_world_run(folder / "again", whole, seed=1),
        "narrow": write_world_run(folder / "narrow", {"cross": 0.0, "within": 0.5}),
        "few": write_world_run(folder / "few", whole, queries=2),
    }


@pytest.fixture(scope="module")
def baselines(runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("baselines")
    for name in ("whole", "few"):
        write_baseline(runs[name], folder / f"{name}.json")
    return {name: folder / f"{name}.json" for name in ("whole", "few")}


def test_a_baseline_is_small_and_read_back(
    runs: dict[str, Path], baselines: dict[str, Path]
) -> None:
    assert baselines["whole"].stat().st_size < 8_000
    found = read_snapshot(baselines["whole"])
    assert found.suites["persona"].metrics == ["oracle_valid", "cs_self_bleu_4"]
    assert found.suites["persona"].temperatures("cs_self_bleu_4") == [1.0]
    again = baselines["whole"].with_name("again.json")
    write_baseline(runs["whole"], again)
    assert again.read_bytes() == baselines["whole"].read_bytes()


def test_a_run_equals_its_own_baseline_exactly(
    runs: dict[str, Path], baselines: dict[str, Path]
) -> None:
    gate = check(baselines["whole"], runs["whole"])
    assert gate.verdict == "passed"
    assert [row.delta for row in gate.rows] == [0.0, 0.0]  # rounded alike on both sides


def test_the_gate_finds_collapse_and_lets_another_seed_pass(
    runs: dict[str, Path], baselines: dict[str, Path]
) -> None:
    assert check(baselines["whole"], runs["again"]).verdict == "passed"
    gate = check(baselines["whole"], runs["narrow"])
    assert (gate.verdict, gate.exit_code) == ("failed", 1)
    assert [row.metric for row in gate.rows if row.verdict == "fail"] == ["cs_self_bleu_4"]


def test_programs_are_kept_as_counts(tmp_path: Path) -> None:
    right = {f"p{i}": [j < i % 5 for j in range(4)] for i in range(20)}
    run = write_code_run(tmp_path / "code", right)
    made = write_baseline(run, tmp_path / "b.json")
    (programs,) = made.suites["programs"].programs
    found = dict(zip(made.suites["programs"].keys["prompt"], programs.right, strict=True))
    assert found == {(problem, ""): sum(verdicts) for problem, verdicts in right.items()}
    assert set(programs.drawn) == {4}
    gate = check(tmp_path / "b.json", run)
    assert [row.metric for row in gate.rows] == ["pass_at_1", "pass_at_4"]
    worse = write_code_run(tmp_path / "worse", {p: [False] * 4 for p in right})
    assert check(tmp_path / "b.json", worse).exit_code == 1


def test_a_metric_without_any_value_is_not_checked_by_default(tmp_path: Path) -> None:
    """A suite without personas has no cross-style value, but a row that says so."""
    right = {f"p{i}": [j < i % 5 for j in range(4)] for i in range(20)}
    run = write_code_run(tmp_path / "code", right)
    results = json.loads((run / "results.json").read_text())
    empty = {**results["estimates"][0], "metric": "cs_self_bleu_4", "value": None}
    results["estimates"].append(empty)
    (run / "results.json").write_text(json.dumps(results))
    write_baseline(run, tmp_path / "b.json")
    gate = check(tmp_path / "b.json", run)
    assert [row.metric for row in gate.rows] == ["pass_at_1", "pass_at_4"]


def test_ungraded_programs_make_a_run_incomplete(tmp_path: Path) -> None:
    run = write_code_run(tmp_path / "code", {"p": [True, False], "q": [True, True]})
    results = json.loads((run / "results.json").read_text())
    results["notes"] = {"pass_at_1": {"programs": {"not_scored": 1}}}
    (run / "results.json").write_text(json.dumps(results))
    with pytest.raises(RunError, match="1 programs could not be graded"):
        write_baseline(run, tmp_path / "b.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("checks: [{metric: slef_bleu_4}]", "did you mean `self_bleu_4`"),
        ("checks: [{metric: pass_at_k}]", "write a number for k"),
        ("checks: [{metric: length, tolerence: 1}]", "tolerence: unknown field"),
        ("checks: [{metric: length, mode: strict}]", "mode"),
        ("checks: [{metric: length, alpha: 0.7}]", "alpha"),
        ("checks: []", "checks"),
        ("checks: [", "malformed YAML"),
        ("[1]", "must hold a mapping"),
    ],
)
def test_a_wrong_check_file_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "check.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=re.escape(said)):
        read_checks(file)


def _mode(mode: str) -> str:
    return f"checks: [{{metric: cs_self_bleu_4, temperature: 0.6, mode: {mode}, tolerance: 0.06}}]"


def _damaged(run: Path, folder: Path, change: Callable[[Path], Any]) -> Path:
    copied = Path(shutil.copytree(run, folder))
    change(copied)
    return copied


def _unfinished(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "status": "running"}))


def _without_metric(run: Path) -> None:
    results = json.loads((run / "results.json").read_text())
    results["estimates"] = [
        row for row in results["estimates"] if row["metric"] != "cs_self_bleu_4"
    ]
    (run / "results.json").write_text(json.dumps(results))


def _other_k(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["plan"][0]["samples"] = 8
    (run / "manifest.json").write_text(json.dumps(manifest))


CASES = {
    # candidate, what is done to it, baseline: exit code in regression, non-inferiority, --strict
    "equal": ("again", None, "whole", (0, 0, 0)),
    "worse": ("narrow", None, "whole", (1, 1, 1)),
    "two queries": ("few", None, "few", (3, 1, 1)),
    "no such run": (None, None, "whole", (2, 2, 2)),
    "no manifest": ("again", lambda r: (r / "manifest.json").unlink(), "whole", (2, 2, 2)),
    "no results": ("again", lambda r: (r / "results.json").unlink(), "whole", (2, 2, 2)),
    "no scores": ("again", lambda r: shutil.rmtree(r / "scores"), "whole", (2, 2, 2)),
    "no samples": ("again", lambda r: (r / "samples.parquet").unlink(), "whole", (2, 2, 2)),
    "other k": ("again", _other_k, "whole", (2, 2, 2)),
    "still running": ("again", _unfinished, "whole", (3, 3, 3)),
    "metric missing": ("again", _without_metric, "whole", (3, 3, 3)),
    "no baseline": ("again", None, None, (2, 2, 2)),
    "damaged baseline": ("again", None, "damaged", (2, 2, 2)),
    "no config": ("again", None, "whole", (2, 2, 2)),
}


@pytest.mark.parametrize("column", [0, 1, 2], ids=["regression", "non-inferiority", "strict"])
@pytest.mark.parametrize("case", CASES)
def test_exit_codes_and_files_agree_in_every_case(
    case: str,
    column: int,
    runs: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Verdicts x modes x missing files: check.json, JUnit and the summary are always there, and
    all of them, the printed line and the exit code say the same."""
    name, change, baseline, codes = CASES[case]
    monkeypatch.chdir(tmp_path)
    config = Path("check.yaml")
    config.write_text(_mode("non-inferiority" if column == 1 else "regression"))
    candidate = runs[name] if name else tmp_path / "nowhere"
    if change is not None:
        candidate = _damaged(candidate, tmp_path / "candidate", change)
    file = Path("baseline.json")
    if baseline in runs:
        write_baseline(runs[baseline], file, config=config)
    elif baseline == "damaged":
        file.write_text("{")
    if case == "no config":
        config.unlink()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    arguments = ["check", "--baseline", str(file), "--candidate", str(candidate)]
    arguments += ["--config", str(config), "--junit", "junit.xml"]
    arguments += ["--strict"] if column == 2 else []
    capfd.readouterr()
    monkeypatch.setattr(sys, "argv", ["sfr-eval", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    code = ended.value.code or 0
    printed = capfd.readouterr()
    assert code == codes[column], printed
    gate = json.loads(Path("check.json").read_text())
    verdict = {0: "passed", 1: "failed", 2: "invalid", 3: "incomplete"}[code]
    assert (gate["verdict"], gate["exit_code"]) == (verdict, code)
    assert f"check: {verdict}" in printed.out + printed.err
    assert verdict in Path("summary.md").read_text()
    root = ET.parse("junit.xml").getroot()
    bad = int(root.get("failures", 0)) + int(root.get("errors", 0))
    skipped = int(root.get("skipped", 0))
    assert (bad > 0) == (code != 0) or skipped
    assert ("::error" in printed.out + printed.err) == bool(bad)


def test_the_exit_code_of_a_failed_gate_can_be_chosen(
    runs: dict[str, Path], baselines: dict[str, Path]
) -> None:
    assert check(baselines["whole"], runs["narrow"], fail_exit_code=100).exit_code == 100
    assert check(baselines["whole"], runs["narrow"], fail_exit_code=0).exit_code == 0
    assert check(baselines["whole"], runs["again"], fail_exit_code=100).exit_code == 0
    for code in (2, 3, 130, 256, -1):
        with pytest.raises(UserError, match="--fail-exit-code"):
            check(baselines["whole"], runs["again"], fail_exit_code=code)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"suite persona: k": 8}, "suite persona: k: 8 and 4"),
        ({"suite persona: top_p": 0.9}, "suite persona: top_p: 0.9 and 1.0"),
        ({"suite persona: max_tokens": 512}, "suite persona: max_tokens: 512 and 96"),
        ({"suite persona: version": "9"}, "suite persona: version: 9 and"),
    ],
)
def test_a_candidate_with_other_settings_is_bad_input(
    runs: dict[str, Path],
    baselines: dict[str, Path],
    tmp_path: Path,
    change: dict[str, Any],
    named: str,
) -> None:
    loaded = json.loads(baselines["whole"].read_text())
    loaded["suites"]["persona"]["settings"].update(change)
    file = tmp_path / "other.json"
    file.write_text(json.dumps(loaded))
    gate = check(file, runs["again"])
    assert gate.exit_code == 2
    assert named in gate.reason


def test_other_templates_prompts_and_signatures_are_bad_input(
    runs: dict[str, Path], baselines: dict[str, Path], tmp_path: Path
) -> None:
    loaded = json.loads(baselines["whole"].read_text())
    loaded["policy"]["chat template"] = "abc"
    loaded["suites"]["persona"]["values"][1]["signature"]["tokenizer"] = "characters-v1"
    file = tmp_path / "other.json"
    file.write_text(json.dumps(loaded))
    reason = check(file, runs["again"]).reason
    assert "chat template: abc and tokenizer" in reason
    assert "metric cs_self_bleu_4: tokenizer: characters-v1 and words-v1" in reason
    assert "prompts: 42" in check(baselines["whole"], runs["few"]).reason
