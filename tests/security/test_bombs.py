"""pytest tests/security/test_bombs.py: bombs in files of others."""

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.grading.program_file import read_programs
from sfr_eval.store.rows import decode_row
from sfr_eval.suites.problems.private_tests import MAX_OPCODES, pickled_text
from sfr_eval.suites.problems.source import FileData
from sfr_eval.suites.spec import QueryRow
from sfr_eval.suites.suite import load_suite
from sfr_eval.types import Sample
from sfr_eval.util import untrusted as hostile
from sfr_eval.util.reading import read_jsonl, read_yaml_mapping
from sfr_eval.util.zip_file import refuse_zip_bomb
from tests.support.hostile_suite import SUITE, make_suite


def test_a_gzip_bomb_stops_before_it_fills_the_memory(tmp_path: Path) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < 60_000
    file = tmp_path / "bomb.jsonl.gz"
    file.write_bytes(bomb)
    with pytest.raises(UserError, match=r"bomb.jsonl.gz: unpacks to more than [\d,]+ bytes"):
        FileData(file=file).rows()


def test_a_bomb_in_a_second_member_is_one_too() -> None:
    raw = gzip.compress(b"{}\n") + gzip.compress(b"\0" * 50_000_000)
    with pytest.raises(UserError, match="unpacks to more than"):
        hostile.unpacked(raw, where="x")


def test_ordinary_gzip_files_come_back_whole() -> None:
    rows = b"".join(b'{"id": %d, "text": "%d"}\n' % (i, i * i) for i in range(20_000))
    assert hostile.unpacked(gzip.compress(rows), where="x") == rows
    halves = gzip.compress(rows[:1_000]) + gzip.compress(rows[1_000:])
    assert hostile.unpacked(halves, where="x") == rows == gzip.decompress(halves)
    with pytest.raises(UserError, match="unpacks to more than 1,000 bytes"):
        hostile.unpacked(gzip.compress(rows), where="x", max_bytes=1_000)


def test_a_log_that_is_a_zip_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    from sfr_eval.formats.read.inspect_log import own_suite
    from sfr_eval.formats.read.source import open_source

    for name, content in (("bomb.eval", b"\0" * 30_000_000), ("fine.eval", b"{}" * 1_000)):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("header.json", content)
    with pytest.raises(UserError, match=r"bomb.eval: unpacks to 30,000,000 bytes"):
        own_suite(open_source(tmp_path / "bomb.eval"))
    refuse_zip_bomb(tmp_path / "fine.eval")
    with pytest.raises(UserError, match=r"fine.eval: is not an inspect log"):
        own_suite(open_source(tmp_path / "fine.eval"))


def lying_zip(file: Path, *, method: int) -> None:
    """Write a zip whose directory says that its part unpacks to far less than it does."""
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("header.json", b"{" + b" " * 400_000 + b"}")
    raw = bytearray(file.read_bytes())
    directory = raw.rindex(b"PK\x01\x02")
    raw[directory + 24 : directory + 28] = (2_000).to_bytes(4, "little")
    file.write_bytes(raw)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_whose_directory_lies_is_refused(method: int, tmp_path: Path) -> None:
    file = tmp_path / "lying.eval"
    lying_zip(file, method=method)
    with pytest.raises(UserError, match=r"header\.json unpacks to more than its directory says"):
        refuse_zip_bomb(file)


@pytest.mark.parametrize("cut", [1, 5, 12, -1, -9])
def test_a_torn_gzip_file_is_one_line(cut: int) -> None:
    with pytest.raises(UserError, match="x: is not a complete gzip file"):
        hostile.unpacked(gzip.compress(b"a" * 100)[:cut], where="x")


def test_a_pickle_of_a_million_opcodes_is_refused_at_once() -> None:
    with pytest.raises(UserError, match="more than a text"):
        pickled_text(b"\x80\x04" + b"\x94" * (MAX_OPCODES + 1) + b".", where="x")


@pytest.mark.parametrize("read", [lambda f: read_jsonl(QueryRow, f), lambda f: [*read_programs(f)]])
def test_a_line_without_end_is_refused_and_named(
    read: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hostile, "MAX_LINE_BYTES", 1_000)
    file = tmp_path / "rows.jsonl"
    file.write_text("\n" + "x" * 5_000)
    with pytest.raises(UserError, match=r"rows.jsonl:2: longer than 1,000 bytes"):
        read(file)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"id": ' + "9" * 5_000 + "}"], ids=["deep", "big"]
)
def test_json_that_python_cannot_read_is_one_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(text)
    for read in (lambda: read_jsonl(QueryRow, file), lambda: FileData(file=file).rows()):
        with pytest.raises(UserError, match=r"rows.jsonl.*: is not JSON \("):
            read()
    assert decode_row(text.encode(), Sample) is None


def test_a_stored_row_that_is_nested_too_deeply_is_no_row() -> None:
    import zlib

    body = '{"sample_id":' + "[" * 100_000
    line = f'{body},"crc":"{zlib.crc32(body.encode()):08x}"}}\n'
    assert decode_row(line.encode(), Sample) is None


def test_a_billion_laughs_in_yaml_ends_in_a_few_short_lines(tmp_path: Path) -> None:
    lines = ["a0: &a0 [lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    folder = make_suite(tmp_path / "own")
    for field in ("title", "metrics", "persona_cards", "a39"):
        text = SUITE.format(id="own", queries="q.jsonl", cards="c.yaml") + "\n".join(lines)
        kept = [line for line in text.splitlines() if not line.startswith(f"{field}:")]
        (folder / "suite.yaml").write_text("\n".join([*kept, f"{field}: *a38"]))
        with pytest.raises(UserError) as error:
            load_suite(str(folder))
        assert len(str(error.value)) < 2_500


@pytest.mark.parametrize("text", ["a: " + "[" * 5_000, "a: " + "9" * 5_000], ids=["deep", "big"])
def test_yaml_that_python_cannot_read_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(UserError, match=r"x.yaml.*malformed YAML"):
        read_yaml_mapping(tmp_path / "x.yaml")


def test_yaml_tags_build_nothing(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(f"a: !!python/object/apply:os.mkdir [{tmp_path / 'owned'}]")
    with pytest.raises(UserError, match="malformed YAML"):
        read_yaml_mapping(file)
    assert not (tmp_path / "owned").exists()
