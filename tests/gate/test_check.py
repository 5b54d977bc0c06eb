"""pytest tests/gate/test_check.py"""

import json
import shutil
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfr_eval import cli
from sfr_eval.comparison.compare import compare_runs
from sfr_eval.errors import UserError
from sfr_eval.gate.baseline import read_snapshot
from sfr_eval.gate.check import check, write_baseline
from tests.support.compare_data import write_code_run, write_world_run


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
    assert baselines["whole"].stat().st_size < 12_000
    found = read_snapshot(baselines["whole"])
    assert found.suites["persona"].metrics == ["rouge_l_homogenization", "oracle_valid", "length"]
    assert found.suites["persona"].temperatures("oracle_valid") == [0.6, 1.0, 1.4]
    again = baselines["whole"].with_name("again.json")
    write_baseline(runs["whole"], again)
    assert again.read_bytes() == baselines["whole"].read_bytes()


def test_a_run_equals_its_own_baseline_exactly(
    runs: dict[str, Path], baselines: dict[str, Path]
) -> None:
    gate = check(baselines["whole"], runs["whole"])
    assert gate.verdict == "passed"
    assert [row.delta for row in gate.rows] == [0.0, 0.0, 0.0]  # rounded alike on both sides


def test_the_gate_finds_collapse_and_lets_another_seed_pass(
    runs: dict[str, Path], baselines: dict[str, Path]
) -> None:
    assert check(baselines["whole"], runs["again"]).verdict == "passed"
    gate = check(baselines["whole"], runs["narrow"])
    assert (gate.verdict, gate.exit_code) == ("failed", 1)
    failed = [row.name for row in gate.rows if row.verdict == "fail"]
    assert failed == ["rouge_l_homogenization T=1"]


def test_check_and_compare_agree_on_every_row(runs: dict[str, Path], tmp_path: Path) -> None:
    for name in ("again", "narrow"):
        write_baseline(runs["whole"], tmp_path / "b.json")
        rows = {(r.metric, r.temperature): r for r in check(tmp_path / "b.json", runs[name]).rows}
        compared = [r for _, r in compare_runs(runs["whole"], runs[name]).rows if r.role]
        assert len(compared) == len(rows) == 3
        for row in compared:
            other = rows[row.metric, row.temperature]
            assert (other.call, other.words, other.n) == (row.call, row.words, row.n)
            assert (other.low, other.high) == pytest.approx((row.low, row.high), abs=1e-3)
            assert (other.verdict == "fail") == (row.call == "loss" and not row.small)


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
    assert [row.metric for row in gate.rows] == ["pass_at_1"]


def _mode(mode: str) -> str:
    return f"checks: [{{metric: cs_self_bleu_4, temperature: 0.6, mode: {mode}, tolerance: 0.08}}]"


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
    loaded["suites"]["persona"]["values"][0]["signature"]["tokenizer"] = "characters-v1"
    file = tmp_path / "other.json"
    file.write_text(json.dumps(loaded))
    reason = check(file, runs["again"]).reason
    assert "chat template: abc and tokenizer" in reason
    assert "metric rouge_l_homogenization: tokenizer: characters-v1 and words-v1" in reason
    assert "prompts: 42" in check(baselines["whole"], runs["few"]).reason
