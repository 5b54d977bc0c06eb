"""`index` as a function: a table and a page."""

import time
from pathlib import Path

import pytest

from sfr_eval.errors import UserError
from sfr_eval.run_index.index import index
from tests.support.index_data import QUALITY, VARIETY, copy_run, write_many, write_training


def test_the_table_has_values_and_intervals(source: Path, tmp_path: Path) -> None:
    copy_run(source, tmp_path / "sft" / "step-4", values={(VARIETY, 1.0): (0.25, 0.2, 0.3)})
    table = index(tmp_path).table
    (row,) = table.to_dict("records")
    assert (row["run"], row["step"], row["status"]) == ("sft/step-4", 4, "complete")
    assert (row["variety"], row["variety_low"], row["variety_high"]) == (0.25, 0.2, 0.3)
    assert (row["variety_metric"], row["quality_metric"]) == (VARIETY, QUALITY)


def test_the_page_stands_in_the_common_folder(source: Path, tmp_path: Path) -> None:
    first = copy_run(source, tmp_path / "a" / "run")
    copy_run(source, tmp_path / "b" / "run")
    assert index([tmp_path / "a", tmp_path / "b"]).page == tmp_path / "index.html"
    # Beside a single run, since a run folder is written by its run alone.
    assert index(first).page == tmp_path / "a" / "index.html"
    text = (tmp_path / "index.html").read_text()
    assert 'href="a/run/report.html"' in text
    assert 'href="b/run/report.html"' in text


def test_links_lead_from_wherever_the_page_is(source: Path, tmp_path: Path) -> None:
    copy_run(source, tmp_path / "runs" / "a b")
    done = index(tmp_path / "runs", output=tmp_path / "pages" / "mine.html")
    assert done.page.is_file()
    assert 'href="../runs/a%20b/report.html"' in done.page.read_text()


def test_a_folder_as_output_is_refused(source: Path, tmp_path: Path) -> None:
    copy_run(source, tmp_path / "run")
    with pytest.raises(UserError, match="is a folder; name a file"):
        index(tmp_path, output=tmp_path)


def test_steps_and_temperature_are_passed_on(source: Path, tmp_path: Path) -> None:
    write_training(source, tmp_path / "sft", {4: (0.2, 0.1, 0.3)})
    copy_run(source, tmp_path / "sft" / "base")
    done = index(tmp_path, steps=["base=0"], temperature=0.6)
    assert [row.step for row in done.rows] == [0, 4]
    assert {row.temperature for row in done.rows} == {0.6}
    (history,) = done.histories
    assert [row.step for row in history.trainings[0].rows] == [0, 4]


def test_an_empty_folder_gives_an_empty_page(tmp_path: Path) -> None:
    done = index(tmp_path)
    assert len(done.table) == 0
    assert "No run here yet." in done.page.read_text()


@pytest.mark.slow
def test_five_hundred_runs_take_five_seconds(source: Path, tmp_path: Path) -> None:
    """Of the processor, since others may use the machine; benchmarks/index.py has more."""
    write_many(source, tmp_path, 500)
    start = time.process_time()
    done = index(tmp_path)
    assert time.process_time() - start < 5
    assert len(done.rows) == 500
    assert done.page.stat().st_size < 2_500_000
