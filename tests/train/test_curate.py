"""The published filters, on rows small enough to check by eye."""

import gzip
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sfr_train.curate import REASONING_TOKENS, adjacent_hash, curate, opencodeinstruct, rstar_coder

from sfr_eval.errors import UserError


def star(**values: Any) -> dict[str, Any]:
    return {
        "question": "Add two numbers that are given on one line",
        "starter_code": "",
        "response": "I add them.\n```python\nprint(1)\n```",
        "code": "print(1)",
        "verified": True,
        "is_passed": True,
        **values,
    }


def test_statements_with_the_same_windows_are_one() -> None:
    assert adjacent_hash("A  b c\nD e f") == adjacent_hash("a b c d e f")
    assert adjacent_hash("a b c d e f") != adjacent_hash("a b c d e g")
    assert adjacent_hash("few words") != adjacent_hash("few words more")
    # Windows repeat within a text, but the set holds each once.
    assert adjacent_hash("a b c d e " * 3) == adjacent_hash("a b c d e " * 4)


def test_rstar_keeps_the_first_verified_row_of_a_statement() -> None:
    counts: Counter[str] = Counter()
    rows = [
        star(verified=False),
        star(is_passed="false"),
        star(),
        star(question="add TWO numbers  that are given on one line"),
        star(question="another " * 9, response="x" * (4 * REASONING_TOKENS + 4)),
        star(
            question="another " * 9, response="y" * (4 * REASONING_TOKENS), starter_code="def f():"
        ),
        star(question="third one", response=" "),
    ]
    chats = list(rstar_coder(rows, counts))
    assert +counts == {
        "read": 7,
        "not verified and passed": 2,
        "same statement": 1,
        "reasoning too long": 1,
        "no response": 1,
        "kept": 2,
    }
    first, second = (chat["messages"] for chat in chats)
    assert first[1]["content"].count("print(1)") == 1  # the reply already ends with the code
    assert second[1]["content"].endswith("```python\nprint(1)\n```")
    assert second[0]["content"].endswith("\n\nStarter code:\n```python\ndef f():\n```")


@pytest.mark.parametrize(
    ("response", "code", "appended"),
    [
        ("```python\nprint(1)\n```\nIt prints one. " + "So it goes. " * 30, "print(1)", False),
        ("```python\nprint(1)\n```\nIt prints one. " + "So it goes. " * 60, "print(1)", True),
        ("```python\n" + "x = 1\n" * 9 + "# and more\n```", "x = 1\n" * 9 + "# otherwise", False),
        ("I think.", "  \n", False),
        ("I think.", "\nprint(1)\n", True),
    ],
)
def test_code_is_appended_unless_the_reply_ends_with_its_start(
    response: str, code: str, appended: bool
) -> None:
    """Its first 50 characters are looked for in the last len(code) + 500 of the reply."""
    (chat,) = rstar_coder([star(response=response, code=code)], Counter())
    assert chat["messages"][1]["content"] == response + f"\n\n```python\n{code}\n```" * appended


def test_rstar_rows_are_sorted_by_their_ids(tmp_path: Path) -> None:
    rows = [star(question=f"problem {i} of several", question_id=i) for i in ("b", "c", "a")]
    source, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    curate("rstar-coder", out, source=str(source), limit=None)
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == ["a", "b", "c"]


def judged(edge: int, output: str, question: str = "q", **values: Any) -> dict[str, Any]:
    scores = {
        "requirement_conformance": 5,
        "logical_correctness": 5,
        "edge_case_consideration": edge,
    }
    scores |= values.pop("scores", {})
    return {
        "input": question,
        "output": output,
        "llm_judgement": json.dumps(
            {k: {"score": v, "justification": ""} for k, v in scores.items()}
        ),
        "tests_execution_status": '["pass", "pass"]',
        **values,
    }


def test_opencodeinstruct_prefers_better_then_shorter_answers() -> None:
    counts: Counter[str] = Counter()
    rows = [
        judged(4, "short"),
        judged(5, "a longer answer", " q "),
        judged(5, "longest answer of all"),
        judged(5, "brief", tests_execution_status='["pass", "fail"]'),
        judged(3, "x"),
        judged(5, "x", scores={"logical_correctness": 4}),
        judged(5, "x", llm_judgement="no json"),
        judged(4, "other", "p"),
    ]
    replies = [chat["messages"][2]["content"] for chat in opencodeinstruct(rows, counts)]
    assert replies == ["a longer answer", "other"]
    assert +counts == {
        "read": 8,
        "same question": 2,
        "tests failed": 1,
        "scores too low": 2,
        "no judgement": 1,
        "kept": 2,
    }


def test_rows_as_the_card_describes_them() -> None:
    """All columns are text. Read is the list of results, not the mean score, which is `nan` without
    tests; a score that is text is none; the order is that of the rows that are kept."""
    common = {"average_test_score": "nan", "domain": "generic"}
    rows = [
        judged(4, "first p", "p", **common),
        judged(5, "none ran", "a", tests_execution_status="[]", **common),
        judged(5, "no list", "b", tests_execution_status="nan", **common),
        judged(5, "one failed", "c", tests_execution_status='["pass", "fail"]', **common),
        judged(5, "text", "d", scores={"logical_correctness": "5"}),
        judged(5, "better p", "p\n", average_test_score="0.5"),
        {**judged(5, "no results", "e"), "tests_execution_status": None},
    ]
    counts: Counter[str] = Counter()
    chats = [chat["messages"] for chat in opencodeinstruct(rows, counts)]
    assert [(turns[1]["content"], turns[2]["content"]) for turns in chats] == [
        ("a", "none ran"),
        ("p\n", "better p"),
    ]
    assert chats[0][0]["content"].startswith("You are an expert Python programmer. Solve the given")
    assert counts["tests failed"] == 3
    assert counts["scores too low"] == 1


def test_the_file_and_its_counts_are_written_whole(tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text(
        "".join(json.dumps(star(question=f"problem {i} of several")) + "\n" for i in range(5))
    )
    out = tmp_path / "out.jsonl"
    counts = curate("rstar-coder", out, source=str(source), limit=3)
    assert counts["kept"] == len(out.read_text().splitlines()) == 3
    written = json.loads((tmp_path / "out.jsonl.counts.json").read_text())
    assert {name: count for name, count in written.items() if count} == {"read": 3, "kept": 3}
    assert written["reasoning too long"] == 0  # filters that removed nothing are listed too


def test_a_source_is_read_like_the_data_of_a_job(tmp_path: Path) -> None:
    """Packed, or with half of a surrogate pair, which JSON can say; a bad line is named."""
    line = json.dumps(star(question="problem one of several \ud83d")) + "\n"
    source, out = tmp_path / "rows.jsonl.gz", tmp_path / "out.jsonl"
    source.write_bytes(gzip.compress(line.encode()))
    assert curate("rstar-coder", out, source=str(source), limit=None)["kept"] == 1
    assert "\ud83d" in json.loads(out.read_text())["messages"][0]["content"]
    out.unlink()
    source = tmp_path / "rows.jsonl"
    for bad in ("{half", "[1]"):
        source.write_text(line + bad + "\n")
        with pytest.raises(UserError, match=r"rows.jsonl:2: "):
            curate("rstar-coder", out, source=str(source), limit=None)
        assert not out.exists()


@pytest.mark.parametrize(
    "arguments", [["rstar", "out.jsonl"], ["rstar-coder", "out.jsonl", "--source", "none.jsonl"]]
)
def test_bad_arguments_exit_with_two_and_leave_no_file(
    arguments: list[str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sfr_train.curate", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
