"""pytest tests/util/test_tabular.py"""

import codecs
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sfr_eval.errors import UserError
from sfr_eval.util.tabular import stem_suffix, table_rows, text_lines

ROWS = [{"prompt": "Tea?", "n": "1"}, {"prompt": 'Say "hi",\nplease', "n": "2"}]


def written(folder: Path, name: str) -> Path:
    """Write the rows in the format of a name."""
    file = folder / name
    kind = stem_suffix(file)
    if kind == ".parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), file)
        content = file.read_bytes()
    elif kind in (".csv", ".tsv"):
        mark = "," if kind == ".csv" else "\t"
        cells = [f'"Tea?"{mark}1', f'"Say ""hi"",\nplease"{mark}2']
        content = "\r\n".join([f"prompt{mark}n", *cells]).encode()
    elif kind == ".json":
        content = json.dumps(ROWS, indent=2).encode()
    else:
        content = "\n".join(map(json.dumps, ROWS)).encode()
    file.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
    return file


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("kind", ["jsonl", "ndjson", "json", "csv", "tsv", "parquet"])
def test_every_format_holds_the_same_rows(tmp_path: Path, kind: str, packed: str) -> None:
    file = written(tmp_path, f"rows.{kind}{packed}")
    assert [row for _, row in table_rows(file)] == ROWS


def test_lines_in_a_json_file_are_rows(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    file.write_text('{"a": 1}\n\n{"a": 2}\n')
    assert list(table_rows(file)) == [(f"{file}:1", {"a": 1}), (f"{file}:3", {"a": 2})]


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    for name in ("rows.jsonl", "rows.json", "rows.csv"):
        file = written(tmp_path, name)
        file.write_bytes(codecs.BOM_UTF8 + file.read_bytes())
        assert next(iter(table_rows(file)))[1] == ROWS[0]
    text = tmp_path / "prompts.txt"
    text.write_bytes(codecs.BOM_UTF8 + b"Tea?\r\n\r\n Milk? \n")
    assert [line for _, line in text_lines(text)] == ["Tea?", "Milk?"]


def test_an_empty_cell_of_csv_is_an_absent_field(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("prompt,system\nTea?,\n")
    assert [row for _, row in table_rows(file)] == [{"prompt": "Tea?"}]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.jsonl", b'{"a": 1}\n{"a": \n', "rows.jsonl:2: is not JSON"),
        ("rows.json", b"[1, 2", "rows.json: is not JSON"),
        ("rows.json", b"", "rows.json: is empty"),
        ("rows.jsonl", codecs.BOM_UTF16_LE + b"{\0}\0", "rows.jsonl:1: is UTF-16 text; save it"),
        ("rows.csv", b"a\n\xff\n", "rows.csv: is not UTF-8 text"),
        ("rows.jsonl", b"\x89PNG\0\xff\0", "rows.jsonl:1: is a binary file"),
        ("rows.csv", b"a,b\n1,2,3\n", "rows.csv:2: has more cells than the header"),
        ("rows.csv", b'a\n"open\n', "malformed CSV"),
        ("rows.parquet", b"PAR1 is all of it", "damaged Parquet file"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(UserError) as error:
        list(table_rows(file))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder; name a file"):
        list(table_rows(tmp_path))
    with pytest.raises(UserError, match="no such file"):
        list(table_rows(tmp_path / "rows.jsonl"))


def test_a_list_in_a_file_named_jsonl_is_a_list(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    for text in ('[{"a": 1}, {"a": 2}]', '\ufeff[\n {"a": 1},\n {"a": 2}\n]\n'):
        file.write_text(text, encoding="utf-8")
        assert [row for _, row in table_rows(file)] == [{"a": 1}, {"a": 2}]
    file.write_text("[1]\n[2]\n")
    assert [row for _, row in table_rows(file)] == [[1], [2]]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_csv_may_have_the_separator_of_a_spreadsheet(tmp_path: Path, mark: str) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(f'prompt{mark}n\n"One, two; three"{mark}1\n', encoding="utf-8")
    assert [row for _, row in table_rows(file)] == [{"prompt": "One, two; three", "n": "1"}]


def test_a_csv_of_one_column_has_no_separator(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("prompt\nTea?\n", encoding="utf-8")
    assert [row for _, row in table_rows(file)] == [{"prompt": "Tea?"}]
