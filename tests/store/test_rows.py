"""pytest tests/store/test_rows.py"""

from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.judges.votes import Judgement
from sfr_eval.store.rows import (
    appending,
    decode_row,
    encode_row,
    intact_rows,
    to_table,
    unstorable,
)
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.types import Sample
from tests.store.conftest import sample


@given(text=st.text(max_size=50), error=st.text(max_size=20))
def test_every_row_decodes_to_itself(text: str, error: str) -> None:
    row = sample(1, text, error=error)
    assert decode_row(encode_row(row), Sample) == row


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt_tokens": 2**31},
        {"prompt_tokens": -1},
        {"completion_tokens": -(2**31) - 1},
        {"seed": 2**63},
        {"index": 2**31},
        {"text": "half \ud83d"},
        {"error": "\udc00"},
        {"persona": "\ud800"},
        {"index": True},
        {"prompt_tokens": 1.5},
        {"text": None},
        {"temperature": "hot"},
        {"temperature": -0.5},
        {"temperature": float("inf")},
        {"status": "fine"},
    ],
    ids=str,
)
def test_a_row_that_cannot_be_sealed_is_drawn_again(
    changes: dict[str, object], tmp_path: Path
) -> None:
    good, bad = sample(1), replace(sample(2), **changes)  # type: ignore[arg-type]
    assert unstorable(good) == ""
    assert unstorable(bad) == next(iter(changes))
    with RunFolder(tmp_path / "run") as folder:
        (folder.path / "samples" / "0001.jsonl").write_bytes(encode_row(bad) + encode_row(good))
        rows = list(folder.read_samples().values())
        assert rows == [good]
        assert len(folder.damaged) == 1
        folder.seal(rows)


@pytest.mark.parametrize(
    "changes", [{"status": "seen"}, {"vote": 2**63}, {"score": float("nan")}, {"judge": None}]
)
def test_a_row_of_another_kind_has_its_types_too(changes: dict[str, object]) -> None:
    fine = Judgement(
        judgement_id="a", sample_id="b", other_id="", axis="quality", rubric="r", judge="j",
        vote=1, status="ok", score=None, prompt_tokens=1, completion_tokens=1, error="half \ud83d",
    )  # fmt: skip
    assert decode_row(encode_row(fine), Judgement) == fine
    assert decode_row(encode_row(replace(fine, **changes)), Judgement) is None  # type: ignore[arg-type]


def test_every_field_is_stored_and_none_is_a_time() -> None:
    names = {field.name for field in fields(Sample)}
    assert set(to_table([sample(1)]).column_names) == names
    assert not {name for name in names if "time" in name or "date" in name or "second" in name}


def test_a_flipped_bit_anywhere_in_a_line_is_seen() -> None:
    line = encode_row(sample(1, "Shiver me timbers, \u2028 matey"))
    for position in range(len(line) - 1):  # the newline itself belongs to the file
        for bit in range(8):
            damaged = bytearray(line)
            damaged[position] ^= 1 << bit
            found = decode_row(bytes(damaged), Sample)
            assert found is None, (position, bit)


def test_a_last_line_cut_at_any_byte_is_dropped_not_damage(tmp_path: Path) -> None:
    kept, torn = sample(1), sample(2, "the one that tears")
    line = encode_row(torn)
    with RunFolder(tmp_path / "run") as folder:
        file = folder.path / "samples" / "0001.jsonl"
        for cut in range(len(line) + 1):
            file.write_bytes(encode_row(kept) + line[:cut])
            rows = list(folder.read_samples().values())
            # Whole without its newline is still whole: the checksum says so.
            assert rows == ([kept, torn] if cut >= len(line) - 1 else [kept]), cut
            assert folder.damaged == []


def test_a_line_cut_at_any_byte_is_gone_when_the_next_is_added(tmp_path: Path) -> None:
    kept, torn, new = (encode_row(sample(number, "some words")) for number in (1, 2, 3))
    file = tmp_path / "rows.jsonl"
    for cut in range(len(torn) + 1):
        file.write_bytes(kept + torn[:cut])
        with appending(file) as append:
            append(sample(3, "some words"))
        rest = torn if cut >= len(torn) - 1 else b""  # whole without its newline is still whole
        assert file.read_bytes() == kept + rest + new, cut


def test_what_may_be_half_of_another_writers_line_is_left(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    with appending(file) as append, file.open("ab") as theirs:
        append(sample(1))
        theirs.write(encode_row(sample(2))[:20])
        theirs.flush()
        before = file.read_bytes()
        with appending(file) as append_too:
            append_too(sample(3))
        append(sample(4))
    assert file.read_bytes().startswith(before + b"\n")
    assert list(intact_rows(file, Sample)) == [sample(1), sample(3), sample(4)]


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b"[]", b"null", b'{"text":"no checksum"}', b'{"a":1,"crc":"00000000"}', b"\x00"],
)
def test_foreign_lines_are_no_rows(line: bytes) -> None:
    assert decode_row(line + b"\n", Sample) is None
