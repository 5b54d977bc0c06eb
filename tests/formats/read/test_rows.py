"""Plain rows: places, doubled rows, uneven numbers of replies."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.formats.read.mapping import Fields, longest_inside
from sfr_eval.report.warnings import warnings
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import SuiteResults
from sfr_eval.suites.suite import load_suite
from tests.support.imported import import_generations

Row = dict[str, Any]
Import = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    queries = list(load_suite("persona").queries)[:4]
    return [
        {"query": query, "persona": "pirate", "text": f"{query} {letter}", "temperature": 0.7}
        for query in queries
        for letter in "ab"
    ]


@pytest.fixture
def read(tmp_path: Path) -> Import:
    """Import rows, one list a file; returns the manifest."""

    def write_and_import(*files: list[Row], fields: Fields | None = None) -> Manifest:
        paths = []
        for number, content in enumerate(files):
            paths.append(tmp_path / f"part{number}.jsonl")
            paths[-1].write_text("".join(json.dumps(row) + "\n" for row in content))
        folder, _ = import_generations(
            paths, suite="persona", output=tmp_path / "run", fields=fields
        )
        return Manifest.load(folder.path)

    return write_and_import


def test_ordinary_rows_raise_no_suspicion(read: Import, rows: list[Row]) -> None:
    manifest = read(rows)
    (missing,) = manifest.imported.warnings
    assert missing.startswith("Only 4 of the 148 queries of suite persona have replies, ")
    assert (manifest.samples, manifest.plan[0].samples) == (8, 2)
    assert manifest.identity.sampling == "unknown"


def test_shards_of_one_prompt_are_put_together(read: Import, rows: list[Row]) -> None:
    manifest = read(rows[::2], rows[1::2])
    assert (manifest.samples, manifest.plan[0].samples) == (8, 2)
    with pytest.raises(UserError, match="the same content is named twice"):
        read(rows, rows)


def test_copies_at_temperature_0_are_refused(read: Import, rows: list[Row]) -> None:
    greedy = [{**row, "temperature": 0} for row in rows]
    with pytest.raises(UserError, match=r"part0\.jsonl:2: a second reply .* total collapse"):
        read(greedy)
    assert read(greedy[::2]).plan[0].temperatures == (0.0,)


def test_doubled_rows_are_flagged_and_doubled_ids_refused(read: Import, rows: list[Row]) -> None:
    assert "are the rows doubled?" in read(rows + rows).imported.warnings[1]


@pytest.mark.parametrize(
    ("first", "says"),
    [
        ({"sample_id": "x"}, "sample_id x is already in"),
        ({"index": 0}, r"reply 0 to .* is already in .*:1"),
    ],
)
def test_one_id_or_place_twice_is_refused(
    read: Import, rows: list[Row], first: Row, says: str
) -> None:
    with pytest.raises(UserError, match=rf"jsonl:2: {says}.*doubled"):
        read([{**rows[0], **first}, {**rows[1], **first}])


def test_warnings_of_an_import_reach_the_report(read: Import, rows: list[Row]) -> None:
    manifest = read(rows[:-1])
    said = "Prompts have between 1 and 2 replies"
    assert said in manifest.imported.warnings[1]
    suite = SuiteResults(
        id="persona",
        title="",
        personas={},
        temperatures=(0.7,),
        samples=2,
        estimates={},
        truth={},
        notes={},
        similarity={},
    )
    assert any(said in line for line in warnings(suite, [], manifest))


def test_other_names_of_the_fields(read: Import, rows: list[Row]) -> None:
    foreign = [
        {"meta": {"q": row["query"]}, "who": row["persona"], "text": row["text"]} for row in rows
    ]
    with pytest.raises(UserError, match=r"names a query of suite persona .* --query-field"):
        read(foreign)
    manifest = read(foreign, fields=Fields(query="meta.q", persona="who"))
    assert [persona.id for persona in manifest.plan[0].personas] == ["pirate"]


def test_a_text_inside_a_longer_one_is_not_a_second_match() -> None:
    texts = {"a": "How do I make tea?", "b": "tea?", "c": "Coffee?"}
    assert longest_inside("Q: How do I make tea?", texts) == ["a"]
    assert longest_inside("tea?", texts) == ["b"]
    assert longest_inside("How do I make tea? Coffee?", texts) == ["a", "c"]
    assert longest_inside("", {"a": ""}) == []


ASKED = ("Why is rust red?", "How deep is the sea?")


def foreign(prompt: str = "prompt", text: str = "completion", **more: Any) -> list[Row]:
    return [
        {prompt: asked, text: f"{asked[:3]} {letter}", **more} for asked in ASKED for letter in "ab"
    ]


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        (prompt, text)
        for prompt in ("prompt", "question", "instruction", "input", "problem")
        for text in ("text", "response", "completion", "output", "generated_text")
        if (prompt, text) != ("instruction", "output")  # Alpaca's, which have a reader of their own
    ],
)
def test_without_a_suite_one_is_made_of_the_prompts(
    place: Any, read_one: Any, prompt: str, text: str
) -> None:
    run = read_one(place("mine.jsonl", foreign(prompt, text)))
    assert run.replies == [(asked, f"{asked[:3]} {letter}") for asked in ASKED for letter in "ab"]
    assert run.suite.id == "mine"
    assert run.manifest.status == "complete"
    assert "does not state a temperature" in run.said


def test_two_fields_that_fit_are_named_not_guessed(place: Any, read_one: Any) -> None:
    file = place("a.jsonl", [{**row, "answer": "gold"} for row in foreign()])
    with pytest.raises(UserError, match=r"`completion` and `answer` may each .* --text-field"):
        read_one(file)
    assert read_one(file, text="completion").replies[0] == (ASKED[0], "Why a")
    file = place("b.jsonl", [{**row, "question": "another"} for row in foreign()])
    with pytest.raises(UserError, match=r"`prompt` and `question` may each .* --prompt-field"):
        read_one(file)
    file = place("c.jsonl", [{**row, "model": "a", "generator": "b"} for row in foreign()])
    with pytest.raises(UserError, match=r"`model` and `generator` may each .* --model-field"):
        read_one(file)


def test_two_fields_that_hold_the_same_are_one(place: Any, read_one: Any) -> None:
    rows = [
        {**row, "question": row["prompt"], "messages": [{"role": "user", "content": row["prompt"]}]}
        for row in foreign()
    ]
    assert read_one(place("a.jsonl", rows)).replies[0] == (ASKED[0], "Why a")


def test_no_field_for_prompt_or_reply_is_one_line(place: Any, read_one: Any) -> None:
    with pytest.raises(
        UserError, match=r"no field holds the reply \(fields: prompt, x\); .*--text"
    ):
        read_one(place("a.jsonl", [{"prompt": "a b", "x": 1}]))
    with pytest.raises(
        UserError, match=r"no field holds the prompt \(fields: y\); .*--prompt-field"
    ):
        read_one(place("b.jsonl", [{"text": "a b", "y": 1}]))
    with pytest.raises(UserError, match="`q1` is the id of a query, without its prompt"):
        read_one(place("c.jsonl", [{"query": "q1", "text": "x"}]))
    with pytest.raises(UserError, match=r"`q1` but holds no prompt; .*--suite"):
        read_one(place("d.jsonl", [{"id": "q1", "completion": "x"}]))
    with pytest.raises(UserError, match=r"--text-field nix: no field `nix`; known: completion"):
        read_one(place("e.jsonl", foreign()), text="nix")


def test_dotted_paths_reach_into_records_and_lists(place: Any, read_one: Any) -> None:
    rows = [
        {
            "doc": {"q": asked},
            "choices": [{"message": {"content": f"{asked[:3]} {number}"}}],
            "run": {"T": 0.3, "n": number, "who": "m"},
        }
        for asked in ASKED
        for number in (1, 0)
    ]
    run = read_one(
        place("a.jsonl", rows),
        prompt="doc.q",
        text="choices.0.message.content",
        temperature="run.T",
        sample="run.n",
        model="run.who",
    )
    assert run.replies[:2] == [(ASKED[0], "Why 0"), (ASKED[0], "Why 1")]
    assert {(s.temperature, s.index) for s in run.samples} == {(0.3, 0), (0.3, 1)}
    assert run.manifest.name == "m"
    assert run.manifest.imported.fields["--text-field"] == "choices.0.message.content"


@pytest.mark.parametrize(
    "replies",
    [
        ["one", "two"],
        [["one", "two"]],
        [{"text": "one"}, {"text": "two"}],
        [{"message": {"role": "assistant", "content": t}} for t in ("one", "two")],
        [{"generated_text": "one"}, {"generated_text": "two"}],
    ],
)
def test_a_list_holds_the_replies_to_one_prompt(place: Any, read_one: Any, replies: Any) -> None:
    run = read_one(place("a.jsonl", [{"prompt": ASKED[0], "responses": replies}]))
    assert [s.text for s in run.samples] == ["one", "two"]
    assert [s.index for s in run.samples] == [0, 1]


def test_missing_replies_are_failures_not_empty_texts(place: Any, read_one: Any) -> None:
    lines = (
        '{"prompt": "Why so?", "response": "a"}\n{"prompt": "Why so?", "response": null}\n'
        '{"prompt": "Why so?", "response": NaN}\n{"prompt": "Why so?", "response": ""}\n'
    )
    samples = read_one(place("a.jsonl", lines)).samples
    assert [(s.status, s.text) for s in samples] == [
        ("ok", "a"),
        ("error", ""),
        ("error", ""),
        ("ok", ""),
    ]
    with pytest.raises(UserError, match=r"b\.jsonl:1: the reply is 3, not a text"):
        read_one(place("b.jsonl", [{"prompt": "Why so?", "text": 3}]), text="text")


def test_replies_that_were_cut_or_filtered_keep_that(place: Any, read_one: Any) -> None:
    ends = ("stop", "length", "content_filter")
    rows = [{"prompt": ASKED[0], "text": "x", "finish_reason": end} for end in ends]
    assert [s.status for s in read_one(place("a.jsonl", rows)).samples] == [
        "ok",
        "truncated",
        "refused",
    ]


def test_a_chat_that_ends_in_a_reply_is_prompt_and_reply(place: Any, read_one: Any) -> None:
    chats = [
        {"messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello there"},
            {"role": "assistant", "content": "Hi"},
            {"role": "user", "content": asked},
            {"role": "assistant", "content": f"Reply {number}"},
        ]}
        for asked in ASKED for number in range(2)
    ]  # fmt: skip
    run = read_one(place("a.jsonl", chats))
    assert run.replies[1] == (ASKED[0], "Reply 1")
    turns = [(turn.role, turn.content) for turn in run.suite.prompts()[0].messages]
    assert turns == [
        ("system", "Be brief."),
        ("user", "Hello there"),
        ("assistant", "Hi"),
        ("user", ASKED[0]),
    ]
    both = [{**chat, "response": chat["messages"][-1]["content"]} for chat in chats]
    assert read_one(place("b.jsonl", both)).replies == run.replies
    both[1]["response"] = "another"
    with pytest.raises(UserError, match=r"c\.jsonl:2: .* ends with another reply than `response`"):
        read_one(place("c.jsonl", both))


def test_sharegpt_rows_are_chats(place: Any, read_one: Any) -> None:
    rows = [
        {"id": f"x{number}", "conversations": [
            {"from": "human", "value": ASKED[0]},
            {"from": "gpt", "value": f"Reply {number}"},
        ]}
        for number in range(2)
    ]  # fmt: skip
    assert read_one(place("a.json", json.dumps(rows))).replies == [
        (ASKED[0], "Reply 0"),
        (ASKED[0], "Reply 1"),
    ]


def test_numbers_may_be_ids_and_prompts(place: Any, read_one: Any, quiz: str) -> None:
    rows = [{"query": 2, "text": "The wren."}, {"query": "2", "text": "The owl."}]
    assert {s.query for s in read_one(place("a.jsonl", rows), suite=quiz).samples} == {"2"}
    rows = [{"task_id": 2, "completion": "The wren."}]
    assert {
        s.query for s in read_one(place("b.jsonl", rows), suite=quiz, text="completion").samples
    } == {"2"}
    assert read_one(
        place("c.jsonl", [{"prompt": 2, "response": "x"}]), prompt="prompt"
    ).replies == [("2", "x")]


def test_tables_are_read_as_rows(place: Any, read_one: Any) -> None:
    table = "query,text,temperature,index,seed\nWhy is it so?,a,0.5,1,\nWhy is it so?,b,0.5,0,7\n"
    samples = read_one(place("a.csv", table)).samples
    assert [(s.text, s.temperature, s.index, s.seed) for s in samples] == [
        ("b", 0.5, 0, 7),
        ("a", 0.5, 1, 0),
    ]
    with pytest.raises(UserError, match=r"b\.csv:2: temperature 'hot' is not a number"):
        read_one(place("b.csv", "prompt,text,temperature\na b,c,hot\n"))


def test_category_references_and_answers_are_kept(place: Any, read_one: Any) -> None:
    more = {"category": "nature", "references": ["Iron."], "answers": ["iron oxide"]}
    first, _ = read_one(place("a.jsonl", foreign(**more))).suite.rows.values()
    assert (first.category, first.references, first.answers) == (
        "nature",
        ("Iron.",),
        ("iron oxide",),
    )


def test_cells_of_a_table_may_hold_lists_and_chats_as_json(place: Any, read_one: Any) -> None:
    chat = json.dumps([{"role": "user", "content": ASKED[0]}])

    def table(*cells: str) -> str:
        pairs = [(cell.replace('"', '""') for cell in (chat, cell)) for cell in cells]
        lines = ['"{}","{}"'.format(*pair) for pair in pairs]
        return "\n".join(["messages,responses", *lines]) + "\n"

    run = read_one(place("a.csv", table(json.dumps(["one", "two"]), json.dumps(["x, y", "[z]"]))))
    assert [s.text for s in run.samples] == ["one", "two", "x, y", "[z]"]
    assert run.replies[0] == (ASKED[0], "one")
    with pytest.raises(UserError, match=r"b\.csv:2: `responses` holds a list that is not JSON"):
        read_one(place("b.csv", table("['it''s', 'b']")))
    # A text in brackets is a text.
    assert read_one(place("c.csv", table("[sighs] No."))).samples[0].text == "[sighs] No."


def test_files_of_two_models_without_names_are_flagged(place: Any, read_one: Any) -> None:
    one, two = place("one.jsonl", foreign()), place("two.jsonl", foreign(text="response"))
    assert "2 files answer the same 2 prompts and name no model" in read_one(one, two).said
    halves = place("three.jsonl", foreign()[:2]), place("four.jsonl", foreign()[2:])
    assert "name no model" not in read_one(*halves).said


@pytest.mark.parametrize(
    "row",
    [
        {"Prompt": ASKED[0], "Response": "x"},
        {" user-prompt ": ASKED[0], "Model Output": "x"},
        {"chat_history": [{"role": "user", "content": ASKED[0]}], "output": ["x"]},
        {"messages": [{"role": "user", "content": ASKED[0]},
                      {"role": "assistant", "content": {"answer": "x"}}]},
        {"messages": [{"role": "user", "content": ASKED[0]}],
         "response": {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}},
        {"prompt": ASKED[0], "response": {"content": [{"type": "text", "text": "x"}]}},
        {"prompt": ASKED[0], "outputs": [{"index": 0, "text": "x", "finish_reason": "stop"}]},
    ],
)  # fmt: skip
def test_rows_of_many_tools_are_understood(place: Any, read_one: Any, row: Row) -> None:
    assert read_one(place("a.jsonl", [row])).replies == [(ASKED[0], "x")]
    assert read_one(place("b.jsonl", [row] * 3)).replies == [(ASKED[0], "x")] * 3


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[]", "has no rows"),
        ('["a", "b"]', "row 1: is a text, not a record"),
        ('[[{"generated_text": "a"}]]', "row 1: is a list, not a record"),
        (
            '{"prompt": "b c", "response": "a"}\n{"prompt": " ", "response": "a"}',
            "a.json:2: the prompt is empty; leave the row out",
        ),
        ('{"Frage": "a b", "Antwort": "c"}', "no field holds the reply"),
    ],
)
def test_what_holds_no_rows_is_named(place: Any, read_one: Any, content: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        read_one(place("a.json", content))
