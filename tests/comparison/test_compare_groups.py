"""pytest tests/comparison/test_compare_groups.py"""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from sfr_eval.cli import app
from sfr_eval.comparison.compare import compare_runs
from sfr_eval.comparison.compare_groups import compare_groups
from sfr_eval.comparison.files import write_comparison
from sfr_eval.comparison.result import Comparison
from sfr_eval.comparison.terminal import show_comparison
from sfr_eval.errors import UserError
from sfr_eval.types import Sample
from tests.support.compare_data import write_code_run, write_world_run

pytestmark = pytest.mark.usefixtures("no_drawing")

TEMPERATURES = (0.6, 1.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trainings of two recipes: the dials differ a little from seed to seed."""
    folder = tmp_path_factory.mktemp("runs")
    for recipe, dial in (("whole", 0.0), ("narrow", 0.6)):
        for seed in range(3):
            write_world_run(
                folder / f"{recipe}-{seed}",
                {"cross": 0.0, "within": dial + 0.01 * seed},
                seed=seed + (recipe == "narrow"),
                queries=10,
                temperatures=TEMPERATURES,
            )
    return folder


def members(folder: Path, recipe: str, *seeds: int) -> list[Path]:
    return [folder / f"{recipe}-{seed}" for seed in seeds or range(3)]


@pytest.fixture(scope="module")
def comparison(folder: Path) -> Comparison:
    return compare_groups({"whole": members(folder, "whole"), "narrow": members(folder, "narrow")})


def headline(comparison: Comparison) -> str:
    return comparison.pairs[0].suites[0].summary.headline


def test_a_recipe_that_narrows_is_called_over_its_seeds(comparison: Comparison) -> None:
    assert headline(comparison).startswith(
        "Over 3 trainings each: narrow against whole: less varied"
    )
    primary = {row.role: row for _, row in comparison.rows if row.role and row.temperature == 1.0}
    assert primary["variety"].call == "loss"
    assert primary["variety"].test == "t over trainings and queries, Holm"
    assert primary["quality"].call == "equal"
    (matched,) = [row for _, row in comparison.rows if row.temperature is None]
    assert matched.n == 10


def test_a_value_is_the_mean_of_the_runs_estimates(comparison: Comparison) -> None:
    group = comparison.groups[1]
    assert group.runs == ("narrow-0", "narrow-1", "narrow-2")
    checked = 0
    for estimate in group.estimates:
        own = [
            run.suites["persona"].at(estimate.metric, estimate.temperature)
            for run in comparison.runs[3:]
        ]
        for value, one in zip(estimate.runs, own, strict=True):
            assert one is not None
            assert value == pytest.approx(one.value)
        (row,) = [
            row
            for _, row in comparison.rows
            if (row.metric, row.temperature) == (estimate.metric, estimate.temperature)
        ]
        assert row.second == pytest.approx(estimate.value)
        checked += 1
    assert checked > 4


def test_verdicts_say_how_many_trainings_they_are_of(folder: Path) -> None:
    several, one = members(folder, "whole"), members(folder, "narrow", 0)
    mixed = compare_groups({"whole": several[:2], "narrow": one})
    assert headline(mixed).startswith("Of this one training of narrow: ")
    alone = compare_groups({"whole": several[:1], "narrow": one})
    assert headline(alone).startswith("Of this one training of each: ")
    # Without a spread between trainings to go by, it is the comparison of two runs.
    pair = compare_runs(several[0], one[0])
    for (_, row), (_, other) in zip(alone.rows, pair.rows, strict=True):
        assert (row.metric, row.delta, row.p_adjusted) == (
            other.metric,
            pytest.approx(other.delta),
            pytest.approx(other.p_adjusted),
        )
    three = compare_groups(
        {"a": several[:1], "b": several[1:], "narrow": members(folder, "narrow")}
    )
    assert [(pair.first, pair.second) for pair in three.pairs] == [("a", "b"), ("a", "narrow")]
    two = compare_groups({"a": several[:2], "narrow": members(folder, "narrow")})
    assert headline(two).startswith("Over 2 and 3 trainings: ")


def test_one_training_counted_twice_is_refused(folder: Path, tmp_path: Path) -> None:
    again = write_world_run(
        tmp_path / "again",
        {"cross": 0.0, "within": 0.0},
        seed=7,
        queries=10,
        temperatures=TEMPERATURES,
    )
    groups = {"whole": [folder / "whole-0", again], "narrow": members(folder, "narrow")}
    with pytest.raises(UserError, match=r"whole: one training counted twice.*: whole-0 and again"):
        compare_groups(groups)
    allowed = compare_groups(groups, allow_mismatch=True)
    assert "one training counted twice" in str(allowed.pairs[0].mismatches[0])


def test_runs_that_differ_are_refused_by_name(folder: Path, tmp_path: Path) -> None:
    other = write_world_run(
        tmp_path / "other", {"cross": 0.0, "within": 0.3}, queries=9, temperatures=TEMPERATURES
    )
    groups = {"whole": members(folder, "whole"), "narrow": [folder / "narrow-0", other]}
    with pytest.raises(UserError, match=r"whole-0 and .*other differ in suite persona: prompts"):
        compare_groups(groups)
    allowed = compare_groups(groups, allow_mismatch=True)
    assert str(allowed.pairs[0].mismatches[0]).startswith("other: suite persona: prompts")
    code = write_code_run(tmp_path / "code", {"p": [True]})
    with pytest.raises(UserError, match="have no suite in common"):
        compare_groups({"whole": members(folder, "whole"), "code": [code]})


def test_unequal_replies_of_one_run_are_left_out_of_all(folder: Path, tmp_path: Path) -> None:
    def lose(samples: list[Sample]) -> list[Sample]:
        first = next(s for s in samples if s.temperature == 1.0 and s.index == 3)
        return [
            replace(s, status="error", text="", error="timed out") if s is first else s
            for s in samples
        ]

    lossy = write_world_run(
        tmp_path / "lossy",
        {"cross": 0.0, "within": 0.65},
        queries=10,
        temperatures=TEMPERATURES,
        change=lose,
    )
    groups = {"whole": members(folder, "whole"), "narrow": [folder / "narrow-0", lossy]}
    rows = {(row.metric, row.temperature): row for _, row in compare_groups(groups).rows}
    assert rows["length", 1.0].unequal == 1
    assert rows["length", 0.6].unequal == 0
    assert rows["cs_self_bleu_4", 1.0].n == 9


def test_shorter_replies_are_said_to_be_why(folder: Path, tmp_path: Path) -> None:
    def cut(samples: list[Sample]) -> list[Sample]:
        return [replace(s, text=" ".join(s.text.split()[:20])) for s in samples]

    short = [
        write_world_run(
            tmp_path / f"short-{seed}",
            {"cross": 0.0, "within": 0.1 * seed},
            seed=seed,
            queries=10,
            temperatures=TEMPERATURES,
            change=cut,
        )
        for seed in (1, 2)
    ]
    found = compare_groups({"narrow": members(folder, "narrow"), "short": short})
    assert ", with shorter replies, which may be why" in headline(found)
    assert any("the replies differ in length" in line for line in found.pairs[0].warnings)


def test_files_and_terminal_show_groups_and_trainings(
    comparison: Comparison, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = write_comparison(comparison, tmp_path / "out")
    text = page.read_text()
    assert "Over 3 trainings each: narrow against whole" in text
    assert "Training by training" in text
    assert "procedure" in text.split('id="rules"')[1]
    assert "one training of each run" not in text
    assert re.search(r'<li class="run-1">narrow: <strong>narrow-2', text)
    loaded = json.loads((page.parent / "comparison.json").read_text())
    assert [group["name"] for group in loaded["groups"]] == ["whole", "narrow"]
    assert len(loaded["groups"][0]["estimates"][0]["runs"]) == 3
    lines = (page.parent / "plots" / "persona-over_temperature.csv").read_text().splitlines()
    assert lines[0] == "suite,group,run,metric,temperature,value,low,high,n"
    assert sum(",narrow,narrow-1," in line for line in lines) >= 2
    shown = show_comparison(comparison, as_json=False)
    out = capsys.readouterr().out
    assert out.splitlines()[1].split() == ["whole", "narrow"]
    assert "training by training" in out
    assert any(line.startswith("narrow: Over 3 trainings each: ") for line in shown)


def test_the_command_takes_groups_or_runs(folder: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["compare", *arguments])
        return result.exit_code, result.output + str(result.exception or "")

    whole, narrow = f"whole={folder}/whole-*", f"narrow={folder}/narrow-*"
    code, output = run("--group", whole, "--group", narrow, "-o", str(tmp_path / "out"))
    assert code == 0
    assert "Over 3 trainings each" in output
    for arguments, message in (
        ((), "needs two or more run folders, or --group"),
        (("--group", whole), "1 given; two or more are needed"),
        (("--group", whole, "--group", f"x={folder}/none-*"), "matches no run folder"),
        (("--group", whole, "--group", f"x={folder}/whole-1"), "is in whole, too"),
        ((str(folder / "whole-0"), "--group", whole), "is in whole-0, too"),
    ):
        code, output = run(*arguments)
        assert code != 0
        assert message in output


def test_the_decoder_may_differ_between_groups_not_within(folder: Path, tmp_path: Path) -> None:
    def with_min_p(run: Path) -> Path:
        other = Path(shutil.copytree(run, tmp_path / run.name, dirs_exist_ok=True))
        manifest = json.loads((other / "manifest.json").read_text())
        manifest["identity"]["sampling"]["persona"]["min_p"] = 0.1
        (other / "manifest.json").write_text(json.dumps(manifest))
        return other

    whole, narrow = (members(folder, recipe) for recipe in ("whole", "narrow"))
    filtered = [with_min_p(run) for run in narrow]
    (pair,) = compare_groups({"whole": whole, "narrow": filtered}).pairs
    assert pair.mismatches == ()
    with pytest.raises(UserError, match=r"min_p: 0\.1 and 0\.0"):
        compare_groups({"whole": whole, "narrow": [*filtered[:2], narrow[2]]})
