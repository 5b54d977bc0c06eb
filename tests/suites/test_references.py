"""pytest tests/suites/test_references.py"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.references import References, references_of
from sfr_eval.suites.suite import Suite, load_suite
from tests.metrics.conftest import make_sample

QUERIES: list[dict[str, Any]] = [
    {"id": "bird", "text": "Name a bird."},
    {"id": "tree", "text": "Name a tree.", "references": ["An oak.", "A lime."]},
    {"id": "again", "text": "Name a bird."},
]


def make_suite(folder: Path, queries: list[dict[str, Any]], *, personas: str = "") -> Suite:
    folder.mkdir(exist_ok=True)
    rows = "\n".join(map(json.dumps, queries))
    (folder / "queries.jsonl").write_text(rows, encoding="utf-8")
    (folder / "suite.yaml").write_text(
        f"id: toy\nversion: '1'\ntitle: t\nqueries: queries.jsonl\nmetrics: [text]\n{personas}",
        encoding="utf-8",
    )
    return load_suite(str(folder))


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return make_suite(tmp_path / "suite", QUERIES)


def read(suite: Suite, file: Path, content: str) -> References:
    file.write_text(content, encoding="utf-8")
    references = references_of(suite, file)
    assert references is not None
    return references


def test_a_suite_s_own_references_are_read(suite: Suite) -> None:
    references = references_of(suite, None)
    assert references is not None
    assert references.texts == {("tree", ""): ("An oak.", "A lime.")}
    assert references.fewest == 2


def test_the_input_of_an_alpaca_row_belongs_to_its_question(tmp_path: Path) -> None:
    """So that --prompts and --references may be one file."""
    suite = make_suite(tmp_path / "s", [{"id": "sum", "text": "Sum up:\n\nTea is hot."}])
    row = {"instruction": "Sum up:", "input": "Tea is hot.", "output": "Hot tea."}
    assert read(suite, tmp_path / "a.jsonl", json.dumps(row)).texts == {("sum", ""): ("Hot tea.",)}


def test_a_suite_without_references_has_none(tmp_path: Path) -> None:
    assert references_of(make_suite(tmp_path / "s", QUERIES[:1]), None) is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '{"query": "tree", "text": "Elm"}\n\n{"id": "tree", "reply": "Ash"}\n'),
        ("b.jsonl", '{"prompt": "Name a tree. ", "replies": ["Elm", "Ash"]}'),
        ("c.json", '[{"question": "Name a tree.", "responses": ["Elm", "Ash"]}]'),
        ("d.csv", '\ufeffprompt,text\nName a tree.,Elm\n"Name a tree.",Ash\n'),
        ("e.tsv", "query\tcompletion\ntree\tElm\ntree\tAsh\n"),
        ("g.jsonl", '{"query": "Name a tree.", "texts": ["Elm", "Ash"]}'),
        (
            "h.jsonl",
            '{"messages": [{"role": "user", "content": "Name a tree."}, '
            '{"role": "assistant", "content": "Elm"}]}\n{"id": "tree", "text": "Ash"}',
        ),
        ("i.jsonl", '{"task_id": "tree", "generations": ["Elm", "Ash"]}'),
        ("j.jsonl", '{"input": "Name a tree.", "outputs": ["Elm", "Ash"]}'),
        (
            "k.jsonl",
            '{"instruction": "Name a tree.", "input": "", "output": "Elm", "text": "### '
            'Instruction: ..."}\n{"id": "tree", "user": "ann", "text": "Ash"}',
        ),
        ("f.jsonl", '{"id": "tree", "prompt": "Name a tree.", "references": ["Elm", "Ash"]}'),
    ],
)
def test_rows_name_questions_by_id_or_text(
    suite: Suite, tmp_path: Path, name: str, content: str
) -> None:
    assert read(suite, tmp_path / name, content).texts == {("tree", ""): ("Elm", "Ash")}


def test_a_line_break_inside_a_csv_cell_is_kept(suite: Suite, tmp_path: Path) -> None:
    references = read(suite, tmp_path / "a.csv", 'query,text\ntree,"Elm,\nor ash"\n')
    assert references.texts == {("tree", ""): ("Elm,\nor ash",)}


def test_rows_for_other_questions_are_counted(suite: Suite, tmp_path: Path) -> None:
    rows = '{"query": "tree", "text": "Elm"}\n{"prompt": "Name a fish.", "text": "Cod"}\n'
    assert read(suite, tmp_path / "a.jsonl", rows).unmatched == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"text": "Elm"}', r"a.jsonl:1: names no question; give `query`"),
        ('{"prompt": "Name a bird.", "text": "Owl"}', "two queries ask this; name one by `query`"),
        ('{"id": "tree", "prompt": "Name a bird.", "text": "Owl"}', "tree asks something else"),
        ('{"query": "tree"}', "has no reply; name its field `reply`"),
        ('{"query": "tree", "text": "a", "response": "b"}', "reply may be text or response"),
        ('{"query": "tree", "text": 3}', "text: must be a text or a list of texts"),
        ('{"query": "tree", "replies": ["Elm", null]}', "must be a text or a list of texts"),
        ('["tree", "Elm"]', "must be an object"),
        ('{"query": "fish", "text": "Cod"}', "no row belongs to a question of suite toy"),
        ("", "holds no rows"),
        ('{"messages": [{"role": "user", "content": "Name a tree."}]}', "does not end with a repl"),
        ("{", "is not JSON"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    suite: Suite, tmp_path: Path, row: str, message: str
) -> None:
    with pytest.raises(UserError, match=message) as error:
        read(suite, tmp_path / "a.jsonl", row)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_strange_folder_are_named(suite: Suite, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        references_of(suite, tmp_path / "none.jsonl")
    with pytest.raises(UserError, match="is a folder, but not of a run"):
        references_of(suite, tmp_path)


def test_personas_are_named_by_the_rows(tmp_path: Path) -> None:
    cards = "personas: [{id: pirate, name: P, system: Arr}]"
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "cards.yaml").write_text(cards, encoding="utf-8")
    suite = make_suite(tmp_path / "s", QUERIES, personas="persona_cards: cards.yaml\n")
    with pytest.raises(UserError, match="do not say which persona they are of"):
        references_of(suite, None)
    with pytest.raises(UserError, match=r"a.jsonl:1: suite toy has personas"):
        read(suite, tmp_path / "a.jsonl", '{"query": "tree", "text": "Elm"}')
    with pytest.raises(UserError, match="persona pirat: not in suite toy; did you mean `pirate`"):
        read(suite, tmp_path / "a.jsonl", '{"query": "tree", "persona": "pirat", "text": "Elm"}')
    row = '{"query": "tree", "persona": "pirate", "text": "Elm"}'
    assert read(suite, tmp_path / "a.jsonl", row).texts == {("tree", "pirate"): ("Elm",)}


# Another run's replies


def make_run(folder: Path, suite: Suite, *, version: str | None = None, id: str = "toy") -> Path:
    samples = [
        make_sample("tree", "", index, text, temperature=t)
        for t in (0.5, 1.0)
        for index, text in enumerate((f"<think>hm</think>Elm {t}", f"Ash {t}"))
    ]
    samples.append(make_sample("tree", "", 2, "", status="error"))
    plan = {"suite": id, "version": version or suite.version, "temperatures": [0.5, 1.0]}
    tags = {"open": "<think>", "close": "</think>", "source": "setting"}
    manifest = {"name": "org/base", "plan": [plan], "thinking": tags}
    with RunFolder(folder) as opened:
        opened.write_manifest(Manifest.model_validate(manifest))
        opened.seal([replace(sample, suite=id) for sample in samples])
    return folder


def test_a_run_s_replies_at_temperature_1_are_references(suite: Suite, tmp_path: Path) -> None:
    references = references_of(suite, make_run(tmp_path / "run", suite))
    assert references is not None
    assert references.texts == {("tree", ""): ("Elm 1.0", "Ash 1.0")}
    assert references.name == "base (T = 1)"


def test_a_run_of_another_suite_is_refused(suite: Suite, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a run of other, not of toy"):
        references_of(suite, make_run(tmp_path / "a", suite, id="other"))
    with pytest.raises(UserError, match="may answer other questions"):
        references_of(suite, make_run(tmp_path / "b", suite, version="2+x"))


def test_the_digest_depends_on_texts_and_prompts_alone() -> None:
    one = References(name="a", texts={("q", ""): ("x", "y"), ("r", ""): ("z",)})
    same = References(name="b", texts={("r", ""): ("z",), ("q", ""): ("x", "y")})
    other = References(name="a", texts={("q", ""): ("x",), ("r", ""): ("y", "z")})
    assert one.digest == same.digest
    assert one.digest != other.digest
