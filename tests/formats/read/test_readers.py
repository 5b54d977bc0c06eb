"""Which reader a file is for."""

from typing import Any

import pytest

from sfr_eval.formats.read.names import Fields
from sfr_eval.formats.read.readers import reader_of
from sfr_eval.formats.read.source import open_source

FILES = {
    "rows": '{"query": "q", "text": "t"}\n{"prompt": "p", "text": "t"}\n',
    "lm-eval": '{"doc_id": 0, "resps": [["t"]], "arguments": {}}\n',
    "inspect": '{"version": 2, "status": "success", "eval": {}, "samples": []}',
    "promptfoo": '{"results": {"results": [{"prompt": {"raw": "p"}, "provider": {"id": "m"}}]}}',
    "openai-batch": '{"custom_id": "a", "response": {}, "error": null}\n',
    "noveltybench": '{"id": "curated-1", "prompt": "p", "generations": ["t", null]}\n',
    "mt-bench": '{"question_id": 81, "choices": [{"index": 0, "turns": ["t"]}]}\n',
    "livecodebench": '[{"question_id": "a", "code_list": ["t"]}]',
    "evalplus": '{"task_id": "HumanEval/0", "solution": "t"}\n',
    "bigcode": '[["t", "t"], ["t"]]',
    "alpaca": '[{"instruction": "p", "input": "", "output": "t"}]',
}


@pytest.mark.parametrize("name", FILES)
def test_the_content_tells_the_reader(place: Any, name: str) -> None:
    source = open_source(place("file.json", FILES[name]))
    assert reader_of(source, Fields()).name == name


def test_whoever_names_fields_wants_plain_rows(place: Any) -> None:
    source = open_source(place("file.json", FILES["alpaca"]))
    assert reader_of(source, Fields(query="id")).name == "alpaca"
    assert reader_of(source, Fields(text="output")).name == "rows"


def test_a_suite_is_named_by_our_own_rows_only(place: Any) -> None:
    own = '{"suite": "persona", "query": "q", "text": "t"}\n'
    for row, suite in ((own, "persona"), ('{"suite": "BBH", "prompt": "p", "text": "t"}\n', None)):
        source = open_source(place("file.jsonl", row))
        assert reader_of(source, Fields()).own_suite(source) == suite
