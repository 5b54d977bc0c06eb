"""pytest tests/commands/test_compare.py"""

from pathlib import Path

import pytest
from click.testing import CliRunner

from sfr_eval.cli import app
from tests.support.compare_data import write_world_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for number, dial in enumerate((0.0, 0.01, 0.6, 0.61)):
        write_world_run(
            folder / f"run-{number}",
            {"cross": 0.0, "within": dial},
            seed=number,
            queries=6,
            temperatures=(1.0,),
        )
    return folder


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["compare", *arguments])
    return result.exit_code, result.output + str(result.exception or "")


def test_labels_and_base_are_everywhere(folder: Path, tmp_path: Path) -> None:
    runs = [str(folder / f"run-{number}") for number in range(3)]
    names = ["--label", "one", "--label", "two", "--label", "three"]
    code, output = run(*runs, *names, "--base", "two", "-o", str(tmp_path / "out"))
    assert code == 0
    lines = [line for line in output.splitlines() if " so far" not in line]  # a busy machine waits
    assert lines[0].endswith("differences to two")
    assert lines[1].split() == ["two", "one", "three"]
    assert lines[-1] == f"comparison: {tmp_path / 'out' / 'compare.html'}"
    page = (tmp_path / "out" / "compare.html").read_text()
    assert "Each run is compared with <strong>two</strong>" in page
    assert "--base NAME" in page


def test_runs_may_stand_beside_groups(folder: Path, tmp_path: Path) -> None:
    code, output = run(
        str(folder / "run-0"), "--group", f"narrow={folder}/run-[23]", "-o", str(tmp_path / "out")
    )
    assert code == 0
    assert "differences to run-0" in output
    assert "narrow: Of this one training of run-0: " in output


def test_a_group_can_be_the_base(folder: Path, tmp_path: Path) -> None:
    groups = ["--group", f"whole={folder}/run-[01]", "--group", f"narrow={folder}/run-[23]"]
    for base in ("narrow", str(folder / "run-3")):
        code, output = run(*groups, "--base", base, "-o", str(tmp_path / "out"))
        assert code == 0
        assert "differences to narrow" in output


def test_wrong_options_say_what_to_do(folder: Path) -> None:
    one, two = (str(folder / f"run-{number}") for number in (0, 1))
    group = f"a={one}"
    for arguments, message in (
        ((one, two, "--base", "run-9"), "--base run-9: no such run; did you mean `run-"),
        ((one, two, "--label", "x"), "--label: 1 given for 2 runs"),
        (("--group", group, "--label", "x"), "--label: names runs; a group has the name"),
        ((one, two, "--text-field", "x"), "--text-field belongs to files of generations"),
        ((one,), "needs two or more run folders, or --group"),
        ((), "needs two or more run folders, or --group"),
    ):
        code, output = run(*arguments)
        assert code != 0
        assert message in output
