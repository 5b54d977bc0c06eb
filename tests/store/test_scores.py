"""pytest tests/store/test_scores.py"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sfr_eval.errors import UserError
from sfr_eval.store.scores import read_scores, score_files

ROWS: dict[str, list[Any]] = {
    "metric": ["bleu", "bleu", "words"],
    "suite": ["own", "other", "own"],
    "temperature": [0.7, 0.7, 1.0],
    "query": ["a", "b", "a"],
    "persona": ["", "", ""],
    "sample_id": ["1", "2", "3"],
    "value": [0.5, None, 7.0],
    "reason": ["", "one reply", ""],
}


def written(folder: Path, **changes: Any) -> Path:
    file = folder / "run" / "scores" / "text@1.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    columns = {name: rows for name, rows in {**ROWS, **changes}.items() if rows is not None}
    pq.write_table(pa.table(columns), file)
    return file


def test_the_values_of_one_metric_and_suite_come_back(tmp_path: Path) -> None:
    file = written(tmp_path)
    assert score_files(tmp_path / "run") == [file]
    assert read_scores(file).to_pydict() == ROWS
    chosen = read_scores(file, columns=("query", "value"), metric="bleu", suite="own")
    assert chosen.to_pylist() == [{"query": "a", "value": 0.5}]
    assert len(read_scores(written(tmp_path, standard_error=[0.1, None, None]))) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"value": None},
        {"value": ["a", "b", "c"]},
        {"value": [1.0, float("nan"), 2.0]},
        {"value": [1.0, float("inf"), None]},
        {"temperature": [[1.0], [2.0], [3.0]]},
        {"query": ["a", None, "b"]},
        {"more": [1, 2, 3]},
    ],
    ids=str,
)
def test_a_table_of_something_else_is_one_line(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"not a table of values; run `sfr-eval score .*/run` again"
    ):
        read_scores(written(tmp_path, **changes))


def test_columns_of_no_value_are_numbers_too(tmp_path: Path) -> None:
    table = read_scores(written(tmp_path, value=[None] * 3, temperature=[1, 2, 3]))
    assert (table["value"].type, table["temperature"].type) == (pa.float64(), pa.float64())


def test_a_torn_file_is_one_line(tmp_path: Path) -> None:
    file = written(tmp_path)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UserError, match="damaged; run `sfr-eval score"):
        read_scores(file)


def test_a_column_twice_is_one_line(tmp_path: Path) -> None:
    file = written(tmp_path)
    table = pa.table(ROWS)
    pq.write_table(table.append_column("value", table["value"]), file)
    with pytest.raises(UserError, match="not a table of values"):
        read_scores(file)


def test_a_link_that_leads_nowhere_is_one_line(tmp_path: Path) -> None:
    file = written(tmp_path)
    file.unlink()
    with pytest.raises(FileNotFoundError):  # which a comparison explains
        read_scores(file)
    file.symlink_to("elsewhere")
    with pytest.raises(UserError, match="a link that leads nowhere; run `sfr-eval score"):
        read_scores(file)
