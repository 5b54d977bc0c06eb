"""experiments/natural.py: its questions, jobs and verdict, and one cell end to end."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from sfr_train.job import load_job

sys.path.insert(0, str(Path(__file__).parents[2] / "experiments"))

from natural_arm.arms import ARMS, BASE, CONTRASTS, REPLICATES, job
from natural_arm.cells import EACH, MEASURES, QUESTIONS, Cell, Place, all_cells, remaining, run
from natural_arm.summary import contrasts, markdown, values, verdict

from sfr_eval.suites.suite import load_suite


def place_of(folder: Path, *, model: str = "") -> Place:
    return Place(
        model=model,
        results=folder / "results",
        work=folder / "work",
        limit=2,
        engine="transformers",
    )


def fill(place: Place, value: Callable[[str, int, str], float]) -> None:
    """Write every cell with value(arm, replicate, measure)."""
    place.results.mkdir(parents=True)
    for cell in all_cells():
        row = {name: value(cell.arm, cell.replicate, name) for name in MEASURES}
        cell.file(place).write_text(json.dumps({"values": row}), encoding="utf-8")


def test_replicates_share_no_question_and_the_suite_has_none() -> None:
    rows = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    assert len({row["id"] for row in rows}) == len({row["text"] for row in rows}) == 48
    assert len(rows) == REPLICATES * EACH
    suite = {prompt.messages[-1].content for prompt in load_suite("teacher").prompts()}
    assert not suite & {row["text"] for row in rows}


@pytest.mark.parametrize("arm", ARMS)
def test_every_job_is_one_that_train_reads(arm: str, tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    settings = job(arm, model="m", chats=tmp_path / "c.jsonl", replicate=3, output=tmp_path / "o")
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    assert load_job(str(file)).objective["name"] in ("ce", "sfr", "kl_to_base")


def test_arms_of_a_replicate_are_paired(tmp_path: Path) -> None:
    place = place_of(tmp_path)
    fill(place, lambda arm, replicate, _: replicate + (arm == "sfr") * (1 + 0.1 * replicate))
    rows = contrasts(values(place))
    assert len(rows) == len(CONTRASTS) * len(MEASURES)
    for row in rows:
        assert row.difference.mean == pytest.approx(1.25)
        assert row.difference.half is not None
        assert row.difference.half < 0.3


def fall(arm: str, replicate: int, measure: str) -> float:
    """True targets have the lower forward KL, in every replicate by a little more or less."""
    return 9 - (arm == "sfr" and measure == "forward_kl") * (1 + 0.01 * replicate)


def test_the_verdict_is_the_protocols(tmp_path: Path) -> None:
    place = place_of(tmp_path / "a")
    fill(place, fall)
    assert verdict(contrasts(values(place))).startswith("SFR is semantic")
    Cell("sfr", 5).file(place).unlink()
    assert verdict(contrasts(values(place))).startswith("Not decided")
    assert [cell.arm for cell in remaining(place)] == ["sfr"]
    opposite = place_of(tmp_path / "b")
    fill(opposite, lambda *key: -fall(*key))
    assert verdict(contrasts(values(opposite))) == "No, the opposite."
    nothing = place_of(tmp_path / "c")
    fill(nothing, lambda arm, replicate, _: (arm == "sfr") * (-1) ** replicate)
    assert verdict(contrasts(values(nothing))) == "Not shown."


def test_the_shuffled_control_stands_in_the_first_table(tmp_path: Path) -> None:
    place = place_of(tmp_path)
    assert markdown(place) == "No cell is finished yet.\n"
    fill(place, fall)
    lines = markdown(place).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:5]] == [
        f"`{name}`" for name in (BASE, "sfr", "sfr_shuffled")
    ]


@pytest.mark.slow
def test_a_cell_from_the_teachers_replies_to_its_values(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    place = place_of(tmp_path, model=str(tiny_checkpoint))
    run(Cell("sfr_shuffled", 2), place=place)
    values_ = values(place)["sfr_shuffled"][2]
    assert values_.keys() == set(MEASURES)
    assert values_["forward_kl"] > 0
    assert (place.work / "models" / "sfr_shuffled-2" / "final" / "job.json").is_file()
