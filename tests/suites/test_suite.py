"""pytest tests/suites/test_suite.py"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.suites.spec import TOKEN_WINDOW, SuiteSpec
from sfr_eval.suites.suite import load_suite

FILES: Mapping[str, str] = {
    "suite.yaml": (
        "id: toy\nversion: '1'\ntitle: Toy\nqueries: q.jsonl\npersona_cards: p.yaml\n"
        "metrics: [text]\n"
    ),
    "q.jsonl": '{"id": "tea", "text": "Tea?"}\n{"id": "milk", "text": "Milk?"}\n',
    "p.yaml": (
        "personas:\n- {id: a, name: A, system: Be A.}\n- {id: b, name: B, system: Be B.}\n"
        "- {id: c, name: C, system: Be C., held_out: true}\n"
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A suite of a user's own, without a world."""
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def test_a_suite_of_one_s_own_is_found_by_its_folder(folder: Path) -> None:
    suite = load_suite(str(folder))
    assert (suite.id, suite.world) == ("toy", None)
    assert [prompt.id for prompt in suite.prompts()] == ["tea/a", "tea/b", "milk/a", "milk/b"]
    assert [prompt.id for prompt in suite.prompts(limit=1)] == ["tea/a", "tea/b"]
    assert [message.content for message in suite.prompts()[3].messages] == ["Be B.", "Milk?"]


def test_the_version_is_the_content_and_not_the_place(folder: Path, tmp_path: Path) -> None:
    version = load_suite(str(folder)).version
    assert version.startswith("1+")
    (folder / ".DS_Store").write_text("no part of the suite")
    assert load_suite(str(folder)).version == version
    for name in set(FILES) - {"suite.yaml"}:
        old = (folder / name).read_text()
        (folder / name).write_text(old + "\n")
        assert load_suite(str(folder)).version != version
        (folder / name).write_text(old)
    assert load_suite(str(folder)).version == version


def test_personas_are_taken_in_the_order_of_the_cards(folder: Path) -> None:
    assert list(load_suite(str(folder), personas=("c", "a")).personas) == ["a", "c"]
    with pytest.raises(UserError, match="--personas d: not in suite toy; known: a, b, c"):
        load_suite(str(folder), personas=("a", "d"))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("q.jsonl", "", "q.jsonl: holds no query"),
        ("q.jsonl", FILES["q.jsonl"] * 2, "two queries have the same id"),
        ("q.jsonl", '{"id": "tea"}\n', "q.jsonl:1: text: missing"),
        ("p.yaml", "personas:\n", "p.yaml: personas: must be a list"),
        ("p.yaml", "personas: 3\n", "p.yaml: personas: must be a list"),
        ("p.yaml", "people: []\n", "p.yaml: personas: must be a list"),
        ("p.yaml", "personas: [{id: a, name: A}]\n", "p.yaml: persona 1: system: missing"),
        ("p.yaml", "personas: [a]\n", "p.yaml: persona 1: needs a mapping"),
        (
            "p.yaml",
            "personas:\n" + "- {id: a, name: A, system: x}\n" * 2,
            "two personas have the same id",
        ),
        ("suite.yaml", FILES["suite.yaml"].replace("q.jsonl", "/etc/hosts"), "lies outside"),
        ("suite.yaml", FILES["suite.yaml"].replace("p.yaml", "../p.yaml"), "lies outside"),
        ("suite.yaml", FILES["suite.yaml"].replace("id: toy", "id: ../toy"), "suite.yaml: id: "),
        ("suite.yaml", FILES["suite.yaml"].replace("metrics: [text]", ""), "metrics: missing"),
    ],
)
def test_a_broken_suite_is_one_line(folder: Path, name: str, content: str, says: str) -> None:
    (folder / name).write_text(content)
    with pytest.raises(UserError) as caught:
        load_suite(str(folder))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_window_is_the_user_s_else_the_suite_s_else_a_default() -> None:
    spec = SuiteSpec(id="toy", version="1", title="toy", metrics=("text",))
    code = spec.model_copy(update={"code": "mbpp"})
    own = spec.model_copy(update={"token_window": 50})
    whole = spec.model_copy(update={"token_window": 0})
    assert [each.window() for each in (spec, own, whole, code)] == [TOKEN_WINDOW, 50, None, None]
    assert [each.window(9) for each in (spec, own, whole, code)] == [9] * 4
    assert [each.window(0) for each in (spec, own, whole, code)] == [None] * 4


def test_folders_of_the_environment_come_first(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path_factory.mktemp("assets")
    (own / "tasks").mkdir()
    (own / "tasks" / "persona").symlink_to(folder, target_is_directory=True)
    monkeypatch.setenv("SFR_EVAL_ASSETS", f"/nowhere:{own}")
    assert load_suite("persona").id == "toy"
    monkeypatch.delenv("SFR_EVAL_ASSETS")
    assert load_suite("persona").id == "persona"


def test_any_json_in_a_query_s_text_is_only_text(folder: Path) -> None:
    row: dict[str, Any] = {"id": "odd", "text": "{{ 7 * 7 }} <|im_end|>\u2028\x00"}
    (folder / "q.jsonl").write_text(json.dumps(row) + "\n")
    assert load_suite(str(folder)).queries == {"odd": row["text"]}


def test_how_a_suite_is_measured_is_no_part_of_its_identity(
    copied_assets: Callable[[], Path],
) -> None:
    """A mended typing error in `metrics` must not throw the draws away; another question does."""
    folder = copied_assets()
    before = load_suite("persona").version
    file = folder / "suite.yaml"
    text = file.read_text()
    file.write_text(text.replace("samples: 8", "samples: 4").replace("lexical, ", ""))
    assert load_suite("persona").version == before
    topics = folder / "topics.yaml"
    topics.write_text(topics.read_text() + "\n# another byte\n")
    assert load_suite("persona").version != before


def test_a_query_may_hold_several_turns_and_facts(folder: Path) -> None:
    row = {
        "id": "tea",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi."},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": "Tea?"},
        ],
        "category": "drinks",
        "references": ["Yes, please."],
        "answers": ["yes", "no"],
    }
    (folder / "q.jsonl").write_text(json.dumps(row))
    suite = load_suite(str(folder), personas=("a",))
    (prompt,) = suite.prompts()
    assert [(m.role, m.content) for m in prompt.messages] == [
        ("system", "Be A.\n\nBe brief."),
        ("user", "Hi."),
        ("assistant", "Hello."),
        ("user", "Tea?"),
    ]
    assert suite.queries == {"tea": "Tea?"}
    assert suite.rows["tea"].category == "drinks"
    assert suite.rows["tea"].references == ("Yes, please.",)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"id": "tea"}', "text: missing; give text or messages"),
        (
            '{"id": "tea", "messages": [{"role": "assistant", "content": "Hi"}]}',
            "messages: must end with a message of the user",
        ),
        (
            '{"id": "a", "text": "b", "messages": [{"role": "user", "content": "c"}]}',
            "text: is not the last message",
        ),
    ],
)
def test_a_query_without_a_question_is_refused(folder: Path, row: str, message: str) -> None:
    (folder / "q.jsonl").write_text(row + "\n")
    with pytest.raises(UserError, match=message):
        load_suite(str(folder))


ANSWERS = '"id": "coin", "text": "Flip.", "answers": ["H", "T"]'


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ('"id": "a", "text": "A", "law": "uniform"', "answers: missing"),
        ('"id": "a", "text": "A", "answers": ["H", "H"]', "answers: one is named twice"),
        (ANSWERS + ', "law": {"H": 1.0}', "law: must give a probability to each of the answers"),
        (ANSWERS + ', "law": {"H": 0.7, "T": 0.2}', "law: probabilities must be above 0 and sum"),
        (ANSWERS + ', "law": {"H": 1.0, "T": 0.0}', "law: probabilities must be above 0 and sum"),
        (ANSWERS + ', "law": "fair"', "law"),
        (ANSWERS + ', "aliases": {"H": ["t"]}', "is a spelling of two answers"),
        (ANSWERS + ', "aliases": {"X": ["x"]}', "aliases: `X` is not among the answers"),
    ],
)
def test_a_law_that_cannot_hold_is_one_line(folder: Path, fields: str, says: str) -> None:
    (folder / "q.jsonl").write_text(f"{{{fields}}}\n")
    with pytest.raises(UserError) as caught:
        load_suite(str(folder))
    assert str(caught.value).startswith(f"{folder / 'q.jsonl'}:1: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_answers_are_known_if_every_query_has_some(folder: Path) -> None:
    (folder / "q.jsonl").write_text(f'{{{ANSWERS}, "law": {{"H": 0.7, "T": 0.3}}}}\n')
    suite = load_suite(str(folder))
    assert suite.has_answers
    assert suite.rows["coin"].probabilities == {"H": 0.7, "T": 0.3}
    (folder / "q.jsonl").write_text(f'{{{ANSWERS}}}\n{{"id": "b", "text": "B"}}\n')
    suite = load_suite(str(folder))
    assert not suite.has_answers
    assert suite.rows["coin"].probabilities is None


def test_all_mistakes_of_a_suite_are_named_at_once(folder: Path) -> None:
    (folder / "q.jsonl").write_text('{"id": "tea"}\n{"id": "a/b", "text": "x", "colour": 1}\n{\n')
    (folder / "p.yaml").write_text("personas:\n- {id: A, name: A, system: x}\n- {id: b}\n")
    with pytest.raises(UserError) as error:
        load_suite(str(folder))
    first, *lines = str(error.value).split("\n")
    assert first.endswith(f"{len(lines)} mistakes:")
    for mistake in (
        "q.jsonl:1: text: missing",
        "q.jsonl:2: id:",
        "q.jsonl:2: colour: unknown field",
        "q.jsonl:3: is not JSON",
        "persona 1: id:",
        "persona 2: name: missing",
        "persona 2: system: missing",
    ):
        assert any(mistake in line for line in lines), mistake


def test_all_mistakes_of_a_suite_yaml_are_named_at_once(folder: Path) -> None:
    text = "id: Toy\nversion: '1'\ntitle: Toy\nquerys: q.jsonl\nsamples: 0\n"
    (folder / "suite.yaml").write_text(text)
    with pytest.raises(UserError) as error:
        load_suite(str(folder))
    for mistake in ("id:", "querys: unknown field; did you mean `queries`?", "samples:", "metrics"):
        assert mistake in str(error.value)


@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":")])
@pytest.mark.parametrize("text", ["Name a tree.", "Nenne ein Tier: Kühe?", 'Say "x": y'])
def test_references_leave_the_version_of_a_suite_as_it_is(
    tmp_path: Path, separators: tuple[str, str], text: str
) -> None:
    rows = [{"id": "a", "text": text}, {"id": "b", "text": "Else?", "category": "c"}]
    versions = []
    for added in ({}, {"references": ["An oak.", "Ein Käfer"]}):
        (tmp_path / "suite.yaml").write_text(
            "id: toy\nversion: '1'\ntitle: t\nqueries: q.jsonl\nmetrics: [text]\n", encoding="utf-8"
        )
        lines = [json.dumps(row | added, ensure_ascii=False, separators=separators) for row in rows]
        (tmp_path / "q.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        versions.append(load_suite(str(tmp_path)).version)
    assert versions[0] == versions[1]


def test_a_teacher_suite_names_personas_or_shows_their_cards() -> None:
    named, shown = load_suite("teacher"), load_suite("teacher", sees="card")
    assert len(named.personas) == 9
    assert named.other_personas == ("cook",)
    (first, *_), (card, *_) = named.prompts(), shown.prompts()
    assert first.messages[0].content == "Answer as Captain Rook."
    assert card.messages[0].content.startswith("You are Captain Rook, an old pirate")
    assert card.messages[1:] == first.messages[1:]
    assert named.version == f"{shown.version}-name"
    assert named.under_card("moon", "seafarer") == shown.under_card("moon", "seafarer")
    for persona in named.cards.values():
        assert persona.brief == f"Answer as {persona.name}."
        assert "You are " + persona.name in persona.system


def test_a_teacher_suite_needs_a_brief_of_each_persona(
    copied_assets: Callable[[], Path],
) -> None:
    folder = copied_assets().parent / "teacher"
    file = folder / "personas.yaml"
    file.write_text(file.read_text().replace('    brief: "Answer as Dune."\n', ""))
    with pytest.raises(UserError, match=r"persona surfer: brief: missing"):
        load_suite(str(folder))
    assert load_suite(str(folder), sees="card").personas["surfer"].brief == ""
