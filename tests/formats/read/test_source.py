"""Containers: which bytes give which rows, and how what cannot be read is named."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sfr_eval.errors import UserError
from sfr_eval.formats.read.source import open_source

Place = Callable[..., Path]
ROWS = [
    {"prompt": "Where is the tea?", "text": "One\u2028two"},
    {"prompt": "Why?", "text": 'é, "x"\ny'},
]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
CSV = 'prompt,text\nWhere is the tea?,One\u2028two\nWhy?,"é, ""x""\ny"\n'


def parquet(rows: list[Any]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return bytes(sink.getvalue())


def zstd(content: bytes) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", LINES),
        ("a.txt", LINES),  # the content decides
        ("bom.jsonl", b"\xef\xbb\xbf" + LINES.encode()),
        ("utf16.jsonl", LINES.encode("utf-16")),
        ("crlf.jsonl", LINES.replace("\n", "\r\n")),
        ("blank.jsonl", "\n\n" + LINES.replace("}\n", "}\n\n") + "  \n"),
        ("a.jsonl.gz", gzip.compress(LINES.encode(), mtime=0)),
        ("gz-without-its-name.jsonl", gzip.compress(b"\xef\xbb\xbf" + LINES.encode(), mtime=0)),
        ("a.jsonl.zst", zstd(LINES.encode())),
        ("list.json", json.dumps(ROWS)),
        ("list-on-lines.json", json.dumps(ROWS, indent=2)),
        ("columns.json", json.dumps({k: [row[k] for row in ROWS] for k in ROWS[0]})),
        ("pandas.json", json.dumps({k: {"0": ROWS[0][k], "1": ROWS[1][k]} for k in ROWS[0]})),
        ("wrapped.json", json.dumps({"data": ROWS}, indent=1)),
        ("a.csv", CSV),
        (
            "bom.csv",
            b"\xef\xbb\xbf" + CSV.replace("\n", "\r\n").replace('""x""\r\n', '""x""\n').encode(),
        ),
        ("utf16.csv", CSV.encode("utf-16")),
        ("semicolons.csv", 'prompt;text\nWhere is the tea?;One\u2028two\nWhy?;"é, ""x""\ny"\n'),
        ("a.tsv", 'prompt\ttext\nWhere is the tea?\tOne\u2028two\nWhy?\t"é, ""x""\ny"\n'),
        ("a.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("a.parquet", parquet(ROWS)),
        ("a.parquet.gz", gzip.compress(parquet(ROWS), mtime=0)),
    ],
)
def test_every_container_gives_the_same_rows(place: Place, name: str, content: Any) -> None:
    source = open_source(place(name, content))
    assert [row for _, row in source.rows()] == ROWS
    assert list(source.rows()) == list(source.rows())  # can be read again


def test_rows_have_the_line_or_the_number_of_their_place(place: Place) -> None:
    lines = open_source(place("a.jsonl", "\n" + LINES))
    assert [where.rpartition(":")[2] for where, _ in lines.rows()] == ["2", "3"]
    table = open_source(place("a.csv", CSV + "Who?,I\n"))
    assert [where.rpartition(":")[2] for where, _ in table.rows()] == ["2", "3", "5"]
    listed = open_source(place("a.json", json.dumps(ROWS)))
    assert [where.rpartition(": ")[2] for where, _ in listed.rows()] == ["row 1", "row 2"]


def test_facts_beside_a_list_belong_to_every_row(place: Place) -> None:
    document = {"model": "m", "temperature": 0.5, "config": {"a": 1}, "results": ROWS}
    rows = [row for _, row in open_source(place("a.json", json.dumps(document))).rows()]
    assert rows == [{"model": "m", "temperature": 0.5, **row} for row in ROWS]


def test_texts_by_query_are_rows(place: Place) -> None:
    document = {"q1": ["one", "two"], "q2": ["three"]}
    rows = [row for _, row in open_source(place("a.json", json.dumps(document))).rows()]
    assert rows == [{"query": "q1", "text": ["one", "two"]}, {"query": "q2", "text": ["three"]}]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", LINES + "{broken\n", r"a\.jsonl:3: is not JSON"),
        ("a.jsonl", "{'prompt': 'x'}\n" + LINES, r"a\.jsonl:1: is not JSON"),
        ("a.json", '[\n {"prompt": "x"},\n {"prompt" "y"}\n]', r"a\.json:3: is not JSON"),
        ("a.json", '{"data": [{"prompt": "x"},\n', r"a\.json:\d: is not JSON"),
        ("a.jsonl", "nonsense\n", r"a\.jsonl:1: is not JSON"),
        ("a.jsonl", '{"text": "a", "text": "b"}\n', r"a\.jsonl:1: the key `text` is given twice"),
        ("a.jsonl", LINES + "[1]\n", r"a\.jsonl:3: is a list, not a record"),
        ("a.jsonl", LINES + "3\n", r"a\.jsonl:3: is a number, not a record"),
        ("a.jsonl", "[" * 100_000, "nested too deeply"),
        ("a.jsonl", LINES.encode() + b'{"text": "\xff"}\n', r"a\.jsonl:3: is not UTF-8 text"),
        ("a.csv", CSV + "one cell\n", r"a\.csv:5: 1 cells where the header has 2"),
        ("a.csv", "text,text\na,b\n", "two columns are called `text`"),
        ("a.csv", 'prompt,text\n"x,y\n', "is not a table"),
        ("a.txt", "Some words.\n", "is text without fields; give JSON lines"),
        ("a.jsonl", "", "is empty"),
        ("a.jsonl", "\n \n", "is empty"),
        ("a.jsonl", b"\x89PNG\r\n\x1a\n" + bytes(50), "is a PNG image"),
        ("a.json", b"%PDF-1.7 ...", "is a PDF"),
        ("a.pkl", b"\x80\x04\x95...", "is a Python pickle"),
        ("a.arrow", b"ARROW1\0\0", "is an Arrow file"),
        ("a.xlsx", b"PK\x03\x04...", "is a spreadsheet; save it as CSV"),
        ("a.zip", b"PK\x03\x04...", "is a zip archive; unpack it"),
        ("a.bin", b"\1\2\0\0\0\3", "is a binary file"),
        ("a.parquet", b"PAR1 but not really", "a damaged Parquet file"),
        ("a.jsonl.gz", gzip.compress(LINES.encode(), mtime=0)[:-9], "is not a complete gzip file"),
        ("a.jsonl.zst", zstd(LINES.encode())[:-9], "is not a complete zstd file"),
    ],
)
def test_what_cannot_be_read_is_named(place: Place, name: str, content: Any, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        list(open_source(place(name, content)).rows())
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"score .*none\.jsonl: no such file or folder"):
        open_source(tmp_path / "none.jsonl")
    with pytest.raises(UserError, match="is a folder; name the files in it"):
        open_source(tmp_path)


def test_numbers_that_are_no_json_are_read_as_others_write_them(place: Place) -> None:
    (row,) = [row for _, row in open_source(place("a.jsonl", '{"a": NaN, "text": "b"}\n')).rows()]
    assert row["a"] != row["a"]


def test_lines_that_end_in_cr_alone_are_named(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"prompt,text\rWhy so?,x\r")
    with pytest.raises(UserError, match=r"a\.csv: its lines end in CR alone"):
        open_source(file)


def test_columns_of_one_name_in_parquet_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    columns = [pa.array(["a"]), pa.array(["b"])]
    pq.write_table(pa.Table.from_arrays(columns, names=["text", "text"]), file)
    with pytest.raises(UserError, match="two columns are called `text`"):
        list(open_source(file).rows())


def test_a_line_of_any_length_may_be_a_header(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("word, " * 100_000)
    with pytest.raises(UserError, match="is text without fields"):
        open_source(file)
