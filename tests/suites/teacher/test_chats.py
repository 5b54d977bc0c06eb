from dataclasses import replace

from sfr_eval.suites.suite import load_suite
from sfr_eval.suites.teacher.chats import teacher_chats
from tests.support.teacher_data import reply


def test_chats_have_the_prompt_that_names_the_persona() -> None:
    suite = load_suite("teacher", sees="card")
    fields = {"query": "moon", "persona": "seafarer"}
    rows = [
        reply("Arr!", **fields),
        reply("Arr, and th", **fields, status="truncated"),
        reply(" ", **fields),
    ]
    (chat,) = teacher_chats(suite, rows)
    assert [turn["role"] for turn in chat["messages"]] == ["system", "user", "assistant"]
    assert chat["messages"][0]["content"] == "Answer as Captain Rook."
    assert chat["messages"][2]["content"] == "Arr!"


def test_other_suites_are_written_as_they_were_asked() -> None:
    suite = load_suite("persona", personas=("pirate",))
    query = next(iter(suite.queries))
    (chat,) = teacher_chats(suite, [replace(reply("Arr!"), query=query, persona="pirate")])
    assert chat["messages"][0]["content"] == suite.personas["pirate"].system
