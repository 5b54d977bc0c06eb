"""The quick reader of results.json finds what the whole file says."""

import json
from pathlib import Path

import pytest

from sfr_eval.errors import UserError
from sfr_eval.run_index.headlines import is_shown, read_headlines
from sfr_eval.store.results import Results
from tests.support.index_data import QUALITY, VARIETY, whole


def expected(folder: Path) -> list[object]:
    rows = Results.load(folder).estimates
    return [r for r in rows if not r.persona and r.value is not None and is_shown(r.metric)]


def test_the_rows_are_those_of_the_whole_file(source: Path) -> None:
    found = read_headlines(source / "results.json").estimates
    assert list(found) == expected(source)
    assert {row.metric for row in found} >= {VARIETY, QUALITY, "length", "truncation_rate"}
    assert {row.temperature for row in found} == {0.6, 1.0, 1.4}


@pytest.mark.parametrize("indent", [None, 2])
def test_other_forms_of_the_same_json_say_the_same(
    source: Path, tmp_path: Path, indent: int | None
) -> None:
    text = json.dumps(whole(source), indent=indent)
    (tmp_path / "results.json").write_text(text)
    assert list(read_headlines(tmp_path / "results.json").estimates) == expected(source)


def test_texts_that_look_like_rows_mislead_nobody(source: Path, tmp_path: Path) -> None:
    content = whole(source)
    trap = '\n  {\n   "metric": "length",\n   "persona": "",\n  }\n ]'
    for row in content["estimates"]:
        row["reason"], row["signature"] = trap, f"{row['signature']}|{trap}"
    content["notes"] = {"length": {"persona": {"what": trap}}}
    Results.model_validate(content).save(tmp_path)
    assert list(read_headlines(tmp_path / "results.json").estimates) == expected(tmp_path)


def test_no_estimates_are_no_error(tmp_path: Path) -> None:
    Results(estimates=()).save(tmp_path)
    assert read_headlines(tmp_path / "results.json").estimates == ()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"estimates": 3}', '{"estimates": [3]}', "\0"])
def test_damage_is_a_user_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(UserError, match=r"results\.json: damaged"):
        read_headlines(tmp_path / "results.json")


def test_a_torn_file_is_damaged(source: Path, tmp_path: Path) -> None:
    raw = (source / "results.json").read_bytes()
    (tmp_path / "results.json").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(UserError, match="damaged"):
        read_headlines(tmp_path / "results.json")


def test_a_wrong_type_is_damage(source: Path, tmp_path: Path) -> None:
    raw = (source / "results.json").read_text()
    (tmp_path / "results.json").write_text(raw.replace('"n": 6', '"n": "six"'))
    with pytest.raises(UserError, match="damaged"):
        read_headlines(tmp_path / "results.json")
