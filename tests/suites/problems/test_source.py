"""pytest tests/suites/problems/test_source.py"""

from pathlib import Path

import pytest

from sfr_eval.errors import UserError
from sfr_eval.suites.problems.source import json_rows
from tests.suites.problems.conftest import load, problems


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "no rows"),
        ("{", "rows.jsonl:1: is not JSON"),
        ('{"task_id": 1}', "rows.jsonl:1: test_list: missing"),
        ('{"task_id": "x", "test_list": ["assert 1"]}', "needs a text or a prompt"),
        (
            '{"task_id": "x", "text": "t", "test_list": ["assert a"]}\n' * 2,
            "two problems have the id x",
        ),
        ('{"task_id": 5, "text": "t", "test_list": ["assert a"]}', "no problems of the test split"),
        ("[3]", "rows.jsonl: row 1"),
    ],
)
def test_a_broken_file_is_a_one_line_error_with_the_row(
    rows: Path, content: str, says: str
) -> None:
    rows.write_text(content)
    with pytest.raises(UserError) as caught:
        load("mbpp", data=str(rows))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rows_through_datasets_are_the_rows_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way of the Hub, from the downloaded file on: real `datasets`, whose reader turns ISO
    dates into times."""
    from sfr_eval.suites.problems import source

    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    small = Path(__file__).parents[3] / "tasks" / "livecodebench" / "small.jsonl"
    monkeypatch.setattr(source.HubData, "_load", lambda self: json_rows([str(small)]))
    hub, own = load("livecodebench"), load("livecodebench", data="small")
    assert list(hub.queries.items()) == list(own.queries.items())
    assert hub.version != own.version
    for ours, theirs in zip(problems(own), problems(hub), strict=True):
        assert ours.load_tests() == theirs.load_tests()
        assert ours.facets == theirs.facets
