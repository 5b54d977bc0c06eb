"""Results of a batch, with their requests and without."""

from typing import Any

import pytest

from sfr_eval.errors import UserError

ASKED = ("Why is rust red?", "Which bird sings at night?")


def requests(**body: Any) -> list[Any]:
    return [
        {
            "custom_id": f"{number}-{copy}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {
                "model": "small",
                "messages": [{"role": "user", "content": asked}],
                "temperature": 0.8,
                "top_p": 0.9,
                "max_completion_tokens": 30,
                **body,
            },
        }
        for number, asked in enumerate(ASKED, start=1)
        for copy in range(2)
    ]


def result(id: str, *texts: str, finish: str = "stop") -> Any:
    choices = [
        {"index": n, "finish_reason": finish, "message": {"role": "assistant", "content": text}}
        for n, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": 3, "completion_tokens": 5}
    body = {"id": "c", "model": "small-2026", "choices": choices, "usage": usage}
    response = {"status_code": 200, "request_id": "r", "body": body}
    return {"id": f"batch_{id}", "custom_id": id, "response": response, "error": None}


RESULTS = [
    result("2-0", "wren"),  # in any order
    result("1-1", "iron"),
    result("1-0", "oxide", finish="length"),
    {"id": "b", "custom_id": "2-1", "response": None, "error": {"message": "expired", "code": "x"}},
]


@pytest.mark.parametrize("named", [True, False])
def test_requests_give_the_prompts(place: Any, read_one: Any, named: bool) -> None:
    results = place("output.jsonl", RESULTS)
    asked = place("elsewhere/input.jsonl" if named else "input.jsonl", requests())
    place("other.jsonl", [{"nothing": "of it"}])
    run = read_one(*((results, asked) if named else (results,)))
    assert run.manifest.name == "small"
    assert run.manifest.imported.format == "openai-batch"
    (suite,) = run.manifest.identity.sampling.values()
    assert suite == {"top_p": 0.9, "max_tokens": 30}
    assert [(s.status, s.text, s.error) for s in run.samples] == [
        ("ok", "wren", ""),
        ("error", "", "expired"),
        ("ok", "iron", ""),
        ("truncated", "oxide", ""),
    ]
    assert run.replies[0] == (ASKED[1], "wren")
    assert {s.temperature for s in run.samples} == {0.8}
    assert run.samples[0].completion_tokens == 5


def test_without_requests_the_ids_name_the_queries(place: Any, read_one: Any, quiz: str) -> None:
    file = place("output.jsonl", RESULTS)
    assert [s.query for s in read_one(file, suite=quiz).samples] == ["1", "1", "2", "2"]
    with pytest.raises(UserError, match=r"output\.jsonl:1: has no prompt, and no file of requests"):
        read_one(file)
    with pytest.raises(UserError, match="`x` names no query of suite quiz"):
        read_one(place("x.jsonl", [result("x-1", "a")]), suite=quiz)


def test_ids_and_requests_that_disagree_are_refused(place: Any, read_one: Any, quiz: str) -> None:
    swapped = [{**row, "custom_id": f"{3 - int(row['custom_id'][0])}-0"} for row in requests()[::2]]
    place("input.jsonl", swapped)
    file = place("output.jsonl", [result("2-0", "iron"), result("1-0", "wren")])
    with pytest.raises(UserError, match=r"output\.jsonl:1: `2` names the query `Which bird"):
        read_one(file, suite=quiz)


def test_several_choices_and_other_interfaces(place: Any, read_one: Any) -> None:
    place("input.jsonl", requests(n=2))
    run = read_one(place("output.jsonl", [result("1-0", "a", "b")]))
    assert [s.text for s in run.samples] == ["a", "b"]
    row = result("1-0")
    row["response"]["body"] = {
        "model": "small",
        "status": "incomplete",
        "output": [
            {"type": "reasoning", "summary": []},
            {"type": "message", "content": [{"type": "output_text", "text": "so far"}]},
        ],
    }
    (sample,) = read_one(place("output.jsonl", [row])).samples
    assert (sample.text, sample.status) == ("so far", "truncated")


def test_requests_alone_are_no_replies(place: Any, read_one: Any) -> None:
    with pytest.raises(UserError, match="holds requests without replies"):
        read_one(place("input.jsonl", requests()))
    place("again.jsonl", [*requests(), {**requests()[0], "custom_id": "3-0"}])
    with pytest.raises(UserError, match=r"again\.jsonl and input\.jsonl both hold its requests"):
        read_one(place("output.jsonl", RESULTS))


def test_doubled_and_missing_results_are_told(place: Any, read_one: Any) -> None:
    asked = place("elsewhere/in.jsonl", requests())
    run = read_one(place("some.jsonl", RESULTS[:1]), asked)
    assert "3 of the 4 requests have no result in some.jsonl, such as `1-0`" in run.said
    with pytest.raises(UserError, match=r"twice\.jsonl:2: the result of `2-0` is there before"):
        read_one(place("twice.jsonl", [RESULTS[0], *RESULTS]), asked)
    place("mixed/in.jsonl", [*requests(), requests(model="large")[0]])
    mixed = place("elsewhere/mixed.jsonl", [*requests(), requests(model="large")[0]])
    with pytest.raises(UserError, match=r"mixed\.jsonl:5: `1-0` is another request before"):
        read_one(place("output.jsonl", RESULTS), mixed)
