"""pytest tests/suites/test_fetched.py: prompts from the Hub, from the web, from --data"""

import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.settings import CodeSettings
from sfr_eval.suites.problems import source
from sfr_eval.suites.suite import Suite, load_suite

QUERIES = [f"Write a metaphor about time, number {number}." for number in range(100)]


def load(name: str, **options: Any) -> Suite:
    return load_suite(name, code=CodeSettings(**options))


def rows_file(folder: Path, field: str, queries: Sequence[str] = QUERIES) -> str:
    file = folder / f"{field}.jsonl"
    file.write_text("".join(json.dumps({field: query}) + "\n" for query in queries))
    return str(file)


class Hub:
    """Stands for the Hub: remembers what was asked of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]]) -> None:
        self.rows, self.asked = rows, [""]
        monkeypatch.setattr(source.HubData, "_load", lambda data: self.load(data.identity))

    def load(self, identity: str) -> list[dict[str, Any]]:
        self.asked.append(identity)
        return self.rows


def test_queries_of_the_hub_and_of_a_file_are_one_suite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("datasets")
    hub = Hub(monkeypatch, [{"query": query} for query in QUERIES])
    fetched, own = load("infinity-chat"), load("infinity-chat", data=rows_file(tmp_path, "query"))
    assert hub.asked[-1] == "liweijiang/infinite-chats-eval:main:-:train"
    assert fetched.version == own.version
    assert next(iter(fetched.queries.items())) == ("p1", QUERIES[0])
    spec = fetched.spec
    assert (spec.samples, spec.temperatures, spec.top_p) == (50, (1.0,), 0.9)


def test_other_queries_are_another_version(tmp_path: Path) -> None:
    versions = {
        load("infinity-chat", data=rows_file(tmp_path, "query", QUERIES[:n])).version
        for n in (3, 4)
    }
    assert len(versions) == 2


@pytest.mark.parametrize("field", ["prompt", "text"])
def test_a_file_may_name_the_prompt_otherwise(field: str, tmp_path: Path) -> None:
    suite = load("infinity-chat", data=rows_file(tmp_path, field, QUERIES[:2]))
    assert list(suite.queries.values()) == QUERIES[:2]


def test_a_data_set_of_another_size_is_not_the_published_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("datasets")
    Hub(monkeypatch, [{"query": query} for query in QUERIES[:7]])
    with pytest.raises(UserError, match="has 7 prompts, the published one has 100"):
        load("infinity-chat")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"answer": "x"}', "no field `query`, which holds the prompt"),
        ('["x"]', "must be a record, not str"),
        ('{"query": 3}', "text: needs a text"),
        ("", "--suite infinity-chat: holds no query"),
    ],
)
def test_a_bad_row_is_one_line_with_its_place(line: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(f"{line}\n")
    with pytest.raises(UserError, match=message) as error:
        load("infinity-chat", data=str(file))
    assert "\n" not in str(error.value)
    assert not line or str(file) in str(error.value)


def test_settings_of_code_suites_are_refused(tmp_path: Path) -> None:
    data = rows_file(tmp_path, "query")
    with pytest.raises(UserError, match="--release plus: suite infinity-chat has no release"):
        load("infinity-chat", data=data, release="plus")


def test_a_file_on_the_web_is_known_by_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [{"id": f"WildChat-{n:032x}", "prompt": query} for n, query in enumerate(QUERIES)]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    monkeypatch.setenv("SFR_EVAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    asked: list[str] = []
    monkeypatch.setattr(
        "urllib.request.urlopen", lambda url, **_: asked.append(url) or io.BytesIO(content)
    )
    with pytest.raises(UserError, match="sent other bytes"):
        load("noveltybench-wildchat")
    assert "/novelty-bench/5b22b53" in asked[0]

    folder = tmp_path / "own"
    folder.mkdir()
    digest = hashlib.sha256(content).hexdigest()
    (folder / "suite.yaml").write_text(
        "id: mine\nversion: '1'\ntitle: Mine\nmetrics: [text]\n"
        f"prompts: {{url: 'https://example.org/p.jsonl', sha256: {digest}, id_field: id, "
        "text_field: prompt}\n"
    )
    suite = load(str(folder))
    assert list(suite.queries)[:2] == [line["id"] for line in lines[:2]]


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        ("{}", "give either hub or url"),
        ("{hub: a/b, url: 'https://x.org/y'}", "give either hub or url"),
        ("{url: 'https://x.org/y'}", "needs its hash"),
        ("{url: 'http://x.org/y', sha256: ''}", "url"),
    ],
)
def test_a_place_needs_what_identifies_it(prompts: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(
        f"id: mine\nversion: '1'\ntitle: Mine\nmetrics: [text]\nprompts: {prompts}\n"
    )
    with pytest.raises(UserError, match=message):
        load(str(tmp_path))
