"""pytest tests/store/test_sweep_folder.py"""

import json
from pathlib import Path

import pytest

from sfr_eval.errors import UserError
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.sweep_folder import (
    FILE,
    decoders_of,
    expanded,
    refuse_run_in,
    refuse_sweep_in,
    write_sweep,
)


def test_a_sweep_stands_for_its_decoders_in_order(tmp_path: Path) -> None:
    runs = [tmp_path / "s" / name for name in ("min_p=0.1", "min_p=0+top_p=0.9")]
    write_sweep(tmp_path / "s", runs)
    other = tmp_path / "other"
    assert decoders_of(tmp_path / "s") == runs
    assert expanded([other, tmp_path / "s"]) == [other, *runs]
    assert decoders_of(other) == []


@pytest.mark.parametrize("name", ["../min_p=0", "/etc", "min_p=../../x", "min_p=0/..", "", "a b=1"])
def test_no_decoder_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / FILE).write_text(json.dumps({"format": 1, "decoders": [name]}))
    with pytest.raises(UserError, match=r"sweep\.json: decoders"):
        decoders_of(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 2}', '{"format": 1, "decoders": []}'])
def test_a_damaged_sweep_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(UserError, match=r"sweep\.json"):
        decoders_of(tmp_path)


def test_runs_and_sweeps_do_not_share_a_folder(tmp_path: Path) -> None:
    write_sweep(tmp_path / "s", [tmp_path / "s" / "min_p=0"])
    with pytest.raises(UserError, match="holds a sweep"):
        refuse_sweep_in(tmp_path / "s")
    with pytest.raises(UserError, match="a sweep; name one of the runs"):
        Manifest.load(tmp_path / "s")
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(UserError, match="holds a run"):
        refuse_run_in(tmp_path)
