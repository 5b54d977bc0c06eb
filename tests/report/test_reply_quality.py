"""pytest tests/report/test_reply_quality.py"""

from pathlib import Path

import pyarrow as pa
import pytest

from sfr_eval.metrics.table import primary_metrics
from sfr_eval.report.reply_quality import Quality, reply_quality
from sfr_eval.store.run_folder import RunFolder
from tests.support.report_data import PERSONAS, TEMPERATURES, write_run

CELL = (1.0, "q", "a")


def test_the_values_are_those_of_scoring_averaged_over_replies(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    metrics = {row.metric for row in folder.read_results().estimates}
    found = reply_quality([folder.path], "persona", metrics=metrics)
    assert found is not None
    assert found.metric == primary_metrics("quality", list(metrics))[0] == "oracle_valid"
    assert found.higher_is_better
    (values,) = found.values
    assert len(values) == 5 * len(PERSONAS) * len(TEMPERATURES)
    estimate = next(
        row
        for row in folder.read_results().estimates
        if (row.metric, row.temperature, row.persona) == ("oracle_valid", 1.0, "")
    )
    own = [value for (t, _, _), value in values.items() if t == 1.0]
    assert sum(own) / len(own) == pytest.approx(estimate.value)


def test_several_replies_to_a_prompt_are_averaged(tmp_path: Path) -> None:
    values: list[float | None] = [1.0, 0.0, None]
    columns = {
        "metric": ["judge_rel"] * 3,
        "suite": ["s"] * 3,
        "temperature": [1.0] * 3,
        "query": ["q"] * 3,
        "persona": ["a"] * 3,
        "sample_id": list("xyz"),
        "value": values,
        "reason": [""] * 3,
    }
    with RunFolder(tmp_path / "run") as folder:
        folder.write_scores("judge@1", pa.table(columns))
    found = reply_quality([folder.path], "s", metrics=["judge_rel"])
    assert found is not None
    assert found.values == ({CELL: 0.5},)
    assert reply_quality([folder.path], "another", metrics=["judge_rel"]) is None
    assert reply_quality([folder.path], "s", metrics=["length"]) is None


def test_worse_is_larger_whichever_way_is_better() -> None:
    two = ({CELL: 0.25}, {CELL: 0.75})
    assert Quality(metric="oracle_valid", values=two).badness(CELL) == -0.5
    assert Quality(metric="embed_distance", values=two).higher_is_better
    lower = Quality(metric="self_bleu_4_fixed", values=two)
    assert lower.badness(CELL) == 0.5
    assert lower.badness((2.0, "q", "a")) is None
