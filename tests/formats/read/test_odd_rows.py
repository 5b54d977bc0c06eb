"""Plain rows as other tools write them, where a hasty reading would be wrong without a word."""

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sfr_eval.errors import UserError
from sfr_eval.report.warnings import warnings
from sfr_eval.store.results import SuiteResults

ASKED = ("Why is rust red?", "Which bird sings at night?")


def test_rows_that_look_like_noveltybench_keep_their_temperature(place: Any, read_one: Any) -> None:
    rows = [
        {"id": id, "prompt": ASKED[0], "generations": [f"a{t}", f"b{t}"], "temperature": t}
        for id, t in (("x", 0.5), ("x", 1.0))
    ]
    run = read_one(place("a.jsonl", rows))
    assert run.manifest.imported.format == "rows"
    assert [s.temperature for s in run.samples] == [0.5, 0.5, 1.0, 1.0]
    numbered = [{"id": 7, "prompt": ASKED[0], "generations": ["a", "b"]}]
    assert len(read_one(place("b.jsonl", numbered)).samples) == 2


@pytest.mark.parametrize("name", ["text", "response", "output"])
def test_an_empty_cell_is_a_failed_reply(place: Any, read_one: Any, name: str) -> None:
    file = place("a.csv", f"prompt,{name}\nWhy so?,x\nWhy so?,\n")
    assert [(s.status, s.text) for s in read_one(file).samples] == [("ok", "x"), ("error", "")]
    table = pa.table({"prompt": ["Why so?"] * 3, name: ["x", None, ""]})
    pq.write_table(table, file.with_suffix(".parquet"))
    samples = read_one(file.with_suffix(".parquet")).samples
    assert [s.status for s in samples] == ["ok", "error", "ok"]


def test_lists_in_cells_are_replies_unless_rows_are(place: Any, read_one: Any) -> None:
    cell = '"[""x"", ""y""]"'
    lists = place("a.csv", f"prompt,responses\nWhy so?,{cell}\nAnd then?,\n")
    assert [s.status for s in read_one(lists).samples] == ["ok", "ok", "error"]
    single = place("b.csv", f"prompt,response\nList two.,{cell}\nList two.,{cell}\n")
    assert [s.text for s in read_one(single).samples] == ['["x", "y"]'] * 2


def test_replies_that_name_their_models_make_runs(place: Any, read_all: Any) -> None:
    nested = [{"model": m, "response": f"by {m}"} for m in ("one", "two")]
    runs = read_all(place("a.jsonl", [{"instruction": ASKED[0], "completions": nested}]))
    assert {name: run.replies for name, run in runs.items()} == {
        m: [(ASKED[0], f"by {m}")] for m in ("one", "two")
    }
    answers = [
        {"prompt": ASKED[0], "response": {"model": m, "choices": [{"message": {"content": "x"}}]}}
        for m in ("one", "two")
    ]
    assert list(read_all(place("b.jsonl", answers))) == ["one", "two"]


def test_finish_reasons_are_read_in_any_spelling(place: Any, read_one: Any) -> None:
    ends = {"MAX_TOKENS": "truncated", "SAFETY": "refused", "eos_token": "ok", "abort": "error"}
    rows = [{"prompt": ASKED[0], "response": "x", "finish_reason": end} for end in ends]
    assert [s.status for s in read_one(place("a.jsonl", rows)).samples] == list(ends.values())
    own = [{"query": ASKED[0], "text": "x", "stop_reason": end} for end in ends]
    assert [s.status for s in read_one(place("b.jsonl", own)).samples] == list(ends.values())


def test_own_rows_may_lack_a_text_and_be_numbered(place: Any, read_one: Any) -> None:
    rows = [{"query": ASKED[0], "text": text, "n": n} for n, text in ((3, None), (1, "x"))]
    samples = read_one(place("a.jsonl", rows), sample="n").samples
    assert [(s.index, s.status) for s in samples] == [(1, "ok"), (3, "error")]


def test_what_is_no_prompt_is_refused(place: Any, read_one: Any) -> None:
    rows = '{"prompt": "Why so?", "text": "x"}\n{"prompt": NaN, "text": "x"}\n'
    with pytest.raises(UserError, match=r"a\.jsonl:2: `prompt` holds neither a prompt nor"):
        read_one(place("a.jsonl", rows))
    with pytest.raises(UserError, match=r"b\.jsonl:1: the text holds half of a surrogate"):
        read_one(place("b.jsonl", '{"prompt": "Why \\ud83d", "text": "x"}\n'))


def test_a_chat_without_a_last_text_has_no_reply(place: Any, read_one: Any) -> None:
    turns = [{"role": "user", "content": ASKED[0]}, {"role": "assistant", "content": None}]
    (sample,) = read_one(place("a.jsonl", [{"messages": turns}])).samples
    assert sample.status == "error"


def test_rows_without_a_temperature_among_others_are_counted(place: Any, read_one: Any) -> None:
    rows = [{"prompt": ASKED[0], "response": "x", "temperature": t} for t in (0.5, None)]
    assert (
        "1 of the rows have no temperature, unlike others" in read_one(place("a.jsonl", rows)).said
    )


def test_replies_that_begin_with_their_prompt_are_told(place: Any, read_one: Any) -> None:
    rows = [{"prompt": asked, "generated_text": f"{asked} x"} for asked in ASKED]
    assert "replies begin with their prompt" in read_one(place("a.jsonl", rows)).said
    assert (
        "begin with"
        not in read_one(
            place(
                "b.jsonl", rows[:1] + [{"prompt": asked, "generated_text": "x"} for asked in ASKED]
            )
        ).said
    )


def test_ids_of_two_queries_in_one_row_are_refused(place: Any, read_one: Any, quiz: str) -> None:
    row = {"task_id": "3", "id": 1, "response": "Deep"}
    with pytest.raises(UserError, match=r"a\.jsonl:1: `3` and `1` name two queries"):
        read_one(place("a.jsonl", [row]), suite=quiz)
    said = read_one(place("b.jsonl", [row]), suite=quiz, query="task_id")
    assert said.samples[0].query == "3"
    asked = {**row, "prompt": "How deep is the North Sea?"}
    assert read_one(place("c.jsonl", [asked]), suite=quiz).samples[0].query == "3"


def test_failed_replies_of_files_are_not_to_be_drawn_again(place: Any, read_one: Any) -> None:
    run = read_one(place("a.jsonl", [{"prompt": ASKED[0], "response": t} for t in ("x", None)]))
    suite = SuiteResults(
        id=run.suite.id,
        title="",
        personas={},
        temperatures=(1.0,),
        samples=2,
        estimates={},
        truth={},
        notes={},
        similarity={},
    )
    said = " ".join(warnings(suite, run.samples, run.manifest))
    assert "1 of 2 replies are failures in the files, or have no text there" in said
    assert "repeat the run command" not in said


def test_records_that_name_models_make_runs(place: Any, read_all: Any) -> None:
    rows = [{"prompt": ASKED[0], "text": m, "model": {"name": m}} for m in ("one", "two")]
    assert list(read_all(place("a.jsonl", rows))) == ["one", "two"]


def test_fields_of_own_rows_may_be_null(place: Any, read_one: Any) -> None:
    empty = {"persona": None, "temperature": float("nan"), "seed": None, "status": None}
    row = {"query": ASKED[0], "text": "x", "sample_id": 7, **empty}
    (sample,) = read_one(place("a.jsonl", [row])).samples
    assert (sample.status, sample.temperature, sample.sample_id) == ("ok", 1.0, "7")
