"""pytest tests/gate/test_warnings.py"""

from dataclasses import replace
from pathlib import Path

from sfr_eval.gate.check import check, write_baseline
from sfr_eval.types import Sample
from tests.support.compare_data import write_world_run

WHOLE = {"cross": 0.0, "within": 0.0}


def short(samples: list[Sample]) -> list[Sample]:
    return [replace(s, text=" ".join(s.text.split()[:10])) for s in samples]


def test_lengths_and_replies_are_warned_of(tmp_path: Path) -> None:
    whole = write_world_run(tmp_path / "whole", WHOLE)
    cut = write_world_run(tmp_path / "cut", WHOLE, change=short)
    write_baseline(whole, tmp_path / "b.json")
    assert check(tmp_path / "b.json", whole).warnings == ()
    (line,) = [w for w in check(tmp_path / "b.json", cut).warnings if "length" in w]
    assert line.startswith("persona, T = 1: the replies differ in length")
    assert "and 10 words on average" in line


def test_a_second_look_is_said_and_paid_for(tmp_path: Path) -> None:
    whole = write_world_run(tmp_path / "whole", WHOLE)
    again = write_world_run(tmp_path / "again", WHOLE, seed=1, looks={"persona": (2, 4)})
    write_baseline(whole, tmp_path / "b.json")
    gate = check(tmp_path / "b.json", again)
    assert "look 2 at a run that was grown: alpha is divided by 3." in gate.warnings
