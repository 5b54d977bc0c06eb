"""pytest tests/store/test_unfinished.py"""

from pathlib import Path

import pytest

from sfr_eval.errors import RunError, UserError
from sfr_eval.store.results import Results
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.store.unfinished import begin, end, refuse_unfinished
from tests.store.conftest import sample


def test_results_are_refused_while_values_are_replaced(folder: RunFolder) -> None:
    folder.write_results(Results())
    begin(folder.path, ["length", "self_bleu_4"])
    with pytest.raises(UserError, match="values of length, self_bleu_4 were replaced; repeat"):
        folder.read_results()
    assert Results.load(folder.path, interrupted=True) == folder_results(folder)
    end(folder.path, ["length", "self_bleu_4"])
    folder.read_results()


def folder_results(folder: RunFolder) -> Results:
    return Results.model_validate_json(folder.results_file.read_bytes())


def test_metrics_of_another_measurement_stay_unfinished(tmp_path: Path) -> None:
    begin(tmp_path, ["length"])
    begin(tmp_path, ["a", "b", "c", "d"])
    end(tmp_path, ["a", "b", "c", "d"])
    with pytest.raises(UserError, match="values of length were"):
        refuse_unfinished(tmp_path)
    end(tmp_path)
    refuse_unfinished(tmp_path)
    assert list((tmp_path / "scores").iterdir()) == []


def test_a_long_list_is_counted(tmp_path: Path) -> None:
    begin(tmp_path, "dcbae")
    with pytest.raises(UserError, match="of a, b, c and 2 more were"):
        refuse_unfinished(tmp_path)


def test_a_full_disk_is_named_before_anything_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sfr_eval.store.unfinished.write_atomic", full)
    with pytest.raises(RunError, match="the disk is full"):
        begin(tmp_path, ["length"])


def test_sealing_other_rows_removes_their_results(folder: RunFolder) -> None:
    folder.seal([sample(1)])
    folder.write_results(Results())
    folder.seal([sample(1)])
    assert folder.results_file.is_file()  # of the same rows
    folder.seal([sample(1), sample(2)])
    assert not folder.results_file.exists()
