"""job.json: what the digest holds, and how two jobs are told apart."""

from pathlib import Path
from typing import Any

import pytest
from sfr_train.job_file import Fingerprints, JobFile, differences, job_file, read_job_file

from sfr_eval.errors import UserError

SETTINGS: dict[str, Any] = {
    "name": "x",
    "model": "m",
    "output": None,
    "data": {"file": "a.jsonl", "validation": 0.0},
    "objective": {"name": "sfr", "width": 8},
    "lora": None,
    "training": {"learning_rate": 1e-3, "logging_steps": 10, "hub_token": "secret"},
}


def record(*, rows: str = "r", rows_a_step: int = 8, **changes: Any) -> JobFile:
    settings = {**SETTINGS, **changes}
    return job_file(
        settings,
        fingerprints=Fingerprints(rows=rows, model="w"),
        rows=10,
        held_out=0,
        rows_a_step=rows_a_step,
        processes=1,
    )


def training(**changes: Any) -> dict[str, Any]:
    return {"training": {**SETTINGS["training"], **changes}}


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "y"},
        {"output": "elsewhere"},
        {"data": {"file": "b.jsonl", "validation": 0.0}},
        training(logging_steps=1),
        training(save_steps=5, eval_strategy="steps", dataloader_num_workers=4),
    ],
)
def test_names_places_and_logs_do_not_count(changes: dict[str, Any]) -> None:
    assert record(**changes).digest == record().digest


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"objective": {"name": "mtp", "tokens": 4}}, "objective.name: sfr there, mtp here"),
        ({"objective": {"name": "sfr", "width": 9}}, "objective.width: 8 there, 9 here"),
        (training(learning_rate=2e-3), "training.learning_rate: 0.001 there, 0.002 here"),
        (training(dataloader_drop_last=True), "training.dataloader_drop_last: null there, true"),
        ({"rows_a_step": 16}, "rows a step: 8 there, 16 here"),
        ({"rows": "q"}, "content of rows: r there, q here"),
        ({"lora": {"r": 4, "alpha": 8}}, 'lora: null there, {"r": 4, "alpha": 8} here'),
    ],
)
def test_one_difference_is_one_entry(changes: dict[str, Any], line: str) -> None:
    other = record(**changes)
    assert other.digest != record().digest
    found = differences(record(), other)
    assert len(found) == 1
    assert found[0].startswith(line)


def test_evaluation_counts_where_it_decides() -> None:
    best = training(load_best_model_at_end=True, eval_steps=5)
    other = training(load_best_model_at_end=True, eval_steps=9)
    assert record(**best).digest != record(**other).digest


def test_a_record_survives_its_file_without_secrets(tmp_path: Path) -> None:
    record().write(tmp_path)
    assert read_job_file(tmp_path) == record()
    assert "secret" not in (tmp_path / "job.json").read_text()


@pytest.mark.parametrize("text", ["{", '{"format": 99}', "[]"])
def test_another_file_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(text)
    with pytest.raises(UserError, match=r"job\.json: not .*set another `output`"):
        read_job_file(tmp_path)


def test_jobs_of_two_trainers_name_the_objective_first() -> None:
    """Their `training` has other fields, of which there are too many to list."""
    gradient = training(temperature=1.0, beta=0.0, max_steps=5)
    gradient["training"].pop("logging_steps")
    other = record(objective={"name": "dqo", "alpha": 1}, **gradient)
    base = record(**training(packing=True, max_steps=3))
    assert differences(base, other) == [
        "objective.name: sfr there, dqo here",
        "training.max_steps: 3 there, 5 here",
    ]
