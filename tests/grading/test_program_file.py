"""pytest tests/grading/test_program_file.py: forms of rows, resume, bad input."""

import fcntl
import json
from pathlib import Path

import pytest

from sfr_eval.errors import UserError
from sfr_eval.grading.program_file import grade_file, read_programs

ROWS = [
    {"id": "io", "code": "print(int(input()) + 1)", "fn_name": None, "tests": [["1", "2"]]},
    {"id": "call", "code": "def f(x): return x + 1", "fn_name": "f", "tests": [["1", "2"]]},
    {"id": 3, "code": "def f(x): return x", "test_list": ["assert f(1) == 2"]},
    {
        "id": "he",
        "code": "def f(x): return x + k",
        "test": "k = 1\ndef check(c):\n    assert c(1) == 2\n",
        "entry_point": "f",
    },
]


def written(file: Path, rows: list[dict[str, object]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_every_form_of_row_is_graded_once(tmp_path: Path) -> None:
    source, output = written(tmp_path / "p.jsonl", ROWS), tmp_path / "v.jsonl"
    summary = grade_file(source, output=output, mode="faithful", workers=1)
    assert summary["statuses"] == {"passed": 3, "wrong": 1}
    rows = {row["id"]: row for row in lines(output)[1:]}
    assert {key: row["passed"] for key, row in rows.items()} == {
        "io": True, "call": True, "3": False, "he": True,
    }  # fmt: skip
    assert rows["3"]["results"] == ["wrong"]
    before = output.read_bytes()
    assert grade_file(source, output=output, mode="faithful", workers=1) == summary
    assert output.read_bytes() == before


PLUS = {
    "task_id": "Mbpp/2",  # EvalPlus: its arguments are tuples, the order of the answer is free
    "prompt": "",
    "entry_point": "shared",
    "canonical_solution": "def shared(a, b):\n    return tuple(set(a) & set(b))\n",
    "base_input": [[[1, 2, 3], [3, 2]]],
    "plus_input": [[[1], [2]], [[], []]],
    "atol": 0,
}


EMPTY_PLUS = {**PLUS, "id": "a", "code": "", "base_input": []}


def test_no_further_evalplus_inputs_may_be_an_empty_object(tmp_path: Path) -> None:
    row: dict[str, object] = {
        **PLUS,
        "plus_input": {},
        "id": "1",
        "code": PLUS["canonical_solution"],
    }
    output = tmp_path / "v.jsonl"
    grade_file(written(tmp_path / "p.jsonl", [row]), output=output, mode="evalplus", workers=1)
    assert json.loads(output.read_text().splitlines()[1])["passed"] is True


def test_evalplus_rows_are_graded_in_their_mode_only(tmp_path: Path) -> None:
    right = "def shared(a, b):\n    return sorted(set(a) & set(b), reverse=True)"
    close = "def third(x):\n    return x / 3 + 1e-9"
    third = {
        **PLUS,
        "task_id": "HumanEval/2",
        "entry_point": "third",
        "canonical_solution": "def third(x):\n    return x / 3\n",
        "base_input": [[1.0]],
        "plus_input": [[2.5]],
    }
    rows: list[dict[str, object]] = [
        {**PLUS, "id": "set", "code": right},
        {**PLUS, "id": "wrong", "code": "def shared(a, b):\n    return a"},
        {**third, "id": "close", "code": close},
        {**third, "id": "text", "code": "def third(x):\n    return str(x / 3)"},
    ]
    source = written(tmp_path / "p.jsonl", rows)
    found = {}
    for mode in ("evalplus", "faithful"):
        output = tmp_path / f"{mode}.jsonl"
        grade_file(source, output=output, mode=mode, workers=1)  # type: ignore[arg-type]
        found[mode] = {row["id"]: row["passed"] for row in lines(output)[1:]}
    assert found["evalplus"] == {"set": True, "wrong": False, "close": True, "text": False}
    assert found["faithful"] == {"set": False, "wrong": False, "close": False, "text": False}


def test_resume_grades_what_is_missing_after_a_torn_line(tmp_path: Path) -> None:
    source, output = written(tmp_path / "p.jsonl", ROWS), tmp_path / "v.jsonl"
    grade_file(source, output=output, mode="faithful", workers=1)
    kept = output.read_text().splitlines()[:2]
    output.write_text("\n".join(kept) + '\n{"id": "torn')
    summary = grade_file(source, output=output, mode="faithful", workers=1)
    assert summary["statuses"] == {"passed": 3, "wrong": 1}
    assert sorted(str(row["id"]) for row in lines(output)[1:]) == ["3", "call", "he", "io"]


def test_packages_that_the_sandbox_lacks_are_counted(tmp_path: Path) -> None:
    rows = [
        {
            "id": id,
            "code": f"import {package}\ndef f(x): return x",
            "test_list": ["assert f(1) == 1"],
        }
        for id, package in (("a", "no_such"), ("b", "no_such.part"), ("c", "math"))
    ]
    file = written(tmp_path / "p.jsonl", rows)
    for _ in range(2):  # the second time from the file
        summary = grade_file(file, output=tmp_path / "v.jsonl", mode="faithful")
        assert summary["missing_packages"] == {"no_such": 2}


def test_a_torn_first_line_is_rewritten(tmp_path: Path) -> None:
    source, output = written(tmp_path / "p.jsonl", ROWS[:1]), tmp_path / "v.jsonl"
    grade_file(source, output=output, mode="faithful", workers=1)
    whole = output.read_text()
    output.write_text(whole[:7])
    grade_file(source, output=output, mode="faithful", workers=1)
    assert [row["passed"] for row in lines(output)[1:]] == [True]
    assert output.read_text().splitlines()[0] == whole.splitlines()[0]


@pytest.mark.parametrize(
    "content", ["ten years of work", "ten\nyears", "[1]\n[2]", '{"a": 1}\n{"b']
)
def test_a_foreign_output_file_is_left_untouched(tmp_path: Path, content: str) -> None:
    source, output = written(tmp_path / "p.jsonl", ROWS[:1]), tmp_path / "thesis.txt"
    output.write_text(content)
    with pytest.raises(UserError, match="choose another --output"):
        grade_file(source, output=output, mode="faithful", workers=1)
    assert output.read_text() == content


def test_two_processes_do_not_write_to_one_file(tmp_path: Path) -> None:
    source, output = written(tmp_path / "p.jsonl", ROWS[:1]), tmp_path / "v.jsonl"
    with output.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another sfr-eval is writing here"):
            grade_file(source, output=output, mode="faithful", workers=1)
    grade_file(source, output=output, mode="faithful", workers=1)
    assert len(lines(output)) == 2


def test_an_unwritable_output_is_a_one_line_error(tmp_path: Path) -> None:
    source = written(tmp_path / "p.jsonl", ROWS[:1])
    for place in (source / "v.jsonl", tmp_path / ("n" * 300)):
        with pytest.raises(UserError, match="cannot be written"):
            grade_file(source, output=place, mode="faithful", workers=1)


def test_verdicts_of_other_settings_are_not_mixed(tmp_path: Path) -> None:
    source, output = written(tmp_path / "p.jsonl", ROWS[:1]), tmp_path / "v.jsonl"
    grade_file(source, output=output, mode="faithful", workers=1)
    with pytest.raises(UserError, match="was graded with mode: faithful"):
        grade_file(source, output=output, mode="lcb-compat", workers=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "p.jsonl:1: is not JSON"),
        ('{"id": "a"}', "p.jsonl:1: code: missing; add it"),
        ('{"id": "a", "code": ""}', "p.jsonl:1: no tests"),
        ('{"id": "a", "code": "", "tests": [["1"]]}', "p.jsonl:1: tests.0"),
        ('{"id": 1, "code": "", "tests": [["", "1"]]}\n' * 2, "p.jsonl:2: id '1' appears twice"),
        ('{"id": "a", "code": "", "tests": []}', "p.jsonl:1: id 'a' has no tests; give it tests"),
        ('{"id": "a", "code": "", "fn_name": "f", "tests": []}', "p.jsonl:1: id 'a' has no tests;"),
        ('{"id": "a", "code": "", "test_list": []}', "p.jsonl:1: id 'a' has no tests;"),
        ('{"id": "a", "code": "", "test_list": ["1"]}', "p.jsonl:1: id 'a' has no test that"),
        (
            '{"id": "a", "code": "", "test_list": ["assert ("]}',
            "id 'a' has tests that are not valid",
        ),
        (
            '{"id": "a", "code": "", "test": "def check(c): pass", "entry_point": "f"}',
            "has no test",
        ),
        (
            json.dumps({**PLUS, "id": "a", "code": "", "base_input": [], "plus_input": []}),
            "no tests",
        ),
        (
            json.dumps({**PLUS, "id": "a", "code": "", "base_input": [[1, 2]]}),
            "p.jsonl:1: Mbpp/2: ",
        ),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text(text)
    with pytest.raises(UserError, match=message.replace(".", r"\.")):
        list(read_programs(file))


def test_a_changed_program_does_not_keep_its_verdict(tmp_path: Path) -> None:
    source, output = tmp_path / "p.jsonl", tmp_path / "v.jsonl"
    grade_file(written(source, ROWS), output=output, mode="faithful", workers=1)
    before = output.read_bytes()
    other_code = {**ROWS[2], "code": "def f(x): return x + 1"}
    other_tests = {**ROWS[2], "test_list": ["assert f(1) == 1"]}
    for row in (other_code, other_tests):
        written(source, [*ROWS[:2], row, ROWS[3]])
        with pytest.raises(UserError, match=r"other code or tests than .* for 1 of its ids \(3\)"):
            grade_file(source, output=output, mode="faithful", workers=1)
    assert output.read_bytes() == before
    written(source, [{"extra": 1, **row} for row in reversed(ROWS)])
    grade_file(source, output=output, mode="faithful", workers=1)
    assert output.read_bytes() == before


@pytest.mark.parametrize("seconds", [0.0, -5.0, float("nan"), float("inf")])
def test_an_impossible_time_limit_is_refused(tmp_path: Path, seconds: float) -> None:
    source = written(tmp_path / "p.jsonl", ROWS[:1])
    with pytest.raises(UserError, match="--seconds"):
        grade_file(source, output=tmp_path / "v.jsonl", mode="faithful", seconds=seconds)


def test_the_detail_of_a_verdict_is_one_short_line(tmp_path: Path) -> None:
    names = ["'x' * 10**7", r"'a\nb\x1b[2J\u202e'", "'  ' * 400 + 'end'"]
    form = "E = type({}, (Exception,), {{}})\nE.__name__ = {}\ndef f(x): raise E"
    floods = [form.format("'E'", name) for name in names]
    frame = (
        "import os\nbody = b'{\"e\": \"' + b'y' * 30_000_000 + b'\"}'\n"
        "for fd in range(3, 20):\n    try: os.write(fd, len(body).to_bytes(4, 'little'))\n"
        "    except OSError: continue\n    sent = 0\n"
        "    while sent < len(body): sent += os.write(fd, body[sent:])\n"
    )
    rows: list[dict[str, object]] = [
        {"id": f"{form}{number}", "code": code, **tests}
        for number, code in enumerate((*floods, frame))
        for form, tests in (
            ("asserts", {"test_list": ["assert f(1) == 2"]}),
            ("call", {"fn_name": "f", "tests": [["1", "2"]]}),
        )
    ]
    for mode in ("faithful", "lcb-compat"):
        output = tmp_path / f"{mode}.jsonl"
        source = written(tmp_path / "p.jsonl", rows)
        grade_file(source, output=output, mode=mode, workers=1)  # type: ignore[arg-type]
        verdicts = lines(output)[1:]
        assert len(verdicts) == len(rows)
        for row in verdicts:
            assert row["passed"] is False
            detail = str(row["detail"])
            assert len(detail) <= 300
            assert detail.isprintable()
