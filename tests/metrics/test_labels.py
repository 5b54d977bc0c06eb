"""pytest tests/metrics/test_labels.py"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sfr_eval.errors import UserError
from sfr_eval.metrics.labels import Labelled, copied_shares, read_style_data
from sfr_eval.suites.suite import Suite, load_suite

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def file(*rows: Mapping[str, str]) -> Path:
        path = tmp_path / "mine.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return file


@pytest.fixture(scope="module")
def two() -> Suite:
    return load_suite("persona", personas=("pirate", "butler"))


def labelled(texts: Sequence[str]) -> Labelled:
    return Labelled(texts=tuple(texts), personas=("a",) * len(texts), queries=(), source="test")


@pytest.mark.parametrize(
    "name", ["Pirate", "PIRATE", " pirate", "pirate ", "pirate\t", "pi-rate", "Pirate.", "pirat"]
)
def test_a_label_near_a_persona_is_refused_by_name(two: Suite, write: Write, name: str) -> None:
    file = write({"text": "Arr.", "persona": "pirate"}, {"text": "Arr.", "persona": name})
    with pytest.raises(UserError) as refused:
        read_style_data(file, two)
    assert str(refused.value) == (
        f"{file}:2: persona: `{name}` is not in suite persona; did you mean `pirate`?"
    )


def test_a_label_of_nobody_is_refused_with_all_names(two: Suite, write: Write) -> None:
    with pytest.raises(UserError, match=r"mine\.jsonl:1: persona: `9` .* known: .*butler, .*"):
        read_style_data(write({"text": "Arr.", "persona": "9"}), two)


def test_a_displayed_name_leads_to_the_id(two: Suite, write: Write) -> None:
    card = two.personas["butler"]
    suite = replace(two, personas={"b1": replace_name(card, "Mr. Jeeves")}, other_personas=())
    with pytest.raises(UserError, match="did you mean `b1`"):
        read_style_data(write({"text": "Sir.", "persona": "mr jeeves"}), suite)


def replace_name(card: object, name: str) -> object:
    return card.model_copy(update={"name": name})  # type: ignore[attr-defined]


def test_rows_that_are_not_this_runs_are_counted(two: Suite, write: Write) -> None:
    rows = [
        {"text": "Arr.", "persona": "pirate"},
        {"text": "Drop!", "persona": "sergeant"},  # of the suite, not asked
        {"text": "Hm.", "persona": "clerk", "suite": "desk"},
        {"text": "Sir.", "persona": "butler", "suite": "persona"},
    ]
    data = read_style_data(write(*rows), two)
    assert data.personas == ("pirate", "butler")
    assert data.left_out == 2
    assert not data.synthetic


def test_a_query_is_an_id_or_its_text(two: Suite, write: Write) -> None:
    id, text = next(iter(two.queries.items()))
    queries = [id, text, f" {text.upper()} ", "another question", ""]
    data = read_style_data(
        write(*({"text": "Arr.", "persona": "pirate", "query": q} for q in queries)), two
    )
    assert data.queries == (id, id, id, "another question", "")


@pytest.mark.parametrize("row", [{"persona": "pirate"}, {"text": " \n", "persona": "pirate"}])
def test_a_row_without_text_is_refused(two: Suite, write: Write, row: dict[str, str]) -> None:
    with pytest.raises(UserError, match=r"mine\.jsonl:1: text: "):
        read_style_data(write(row), two)


def test_copies_are_counted_on_both_sides() -> None:
    texts = ["Hoist the sail at dawn, matey.", "Swab the deck before supper, lad.", "Aye."]
    replies = [
        "hoist the  SAIL at da\u200bwn, matey.",
        "Aye.",
        "Something else entirely, sir.",
        "Aye.",
    ]
    # Of two texts that are long enough one is repeated; one reply of four is a copy.
    assert copied_shares(labelled(texts), replies) == (0.5, 0.25)
    assert copied_shares(labelled([]), replies) == (0.0, 0.0)
    assert copied_shares(labelled(texts), []) == (0.0, 0.0)


def test_chats_as_train_reads_them_are_labelled_replies(two: Suite, tmp_path: Path) -> None:
    id, text = next(iter(two.queries.items()))
    card = {"role": "system", "content": two.personas["butler"].system}
    ask, say = {"role": "user", "content": text}, {"role": "assistant", "content": "Very good."}
    rows = [
        {"messages": [ask, say], "persona": "pirate"},
        {"messages": [card, ask, say, ask, say]},
        {"prompt": [card, ask, say, ask], "completion": [say]},
        {"conversations": [{"from": "human", "value": "Eh?"}, {"from": "gpt", "value": "Arr."}],
         "persona": "pirate"},
        {"instruction": text, "input": "", "output": "Quite.", "system": card["content"]},
        {"messages": [ask, say], "persona": "clerk", "suite": "desk"},
        {"messages": [{"role": "system", "content": "You are a sergeant."}, ask, say]},
    ]  # fmt: skip
    file = tmp_path / "chats.json"
    file.write_text(json.dumps(rows))
    data = read_style_data(file, two)
    assert data.personas == ("pirate", "butler", "butler", "butler", "pirate", "butler")
    assert data.queries == (id, id, id, id, "Eh?", id)
    assert data.texts[-2:] == ("Arr.", "Quite.")
    assert data.left_out == 2


def test_a_chat_that_names_nobody_is_refused(two: Suite, write: Write) -> None:
    suite = replace(two, other_personas=())
    file = write({"prompt": "Eh?", "completion": "Arr."})
    with pytest.raises(UserError, match=r"mine\.jsonl:1: names no persona, .*; add persona"):
        read_style_data(file, suite)
    with pytest.raises(UserError, match=r"did you mean `pirate`"):
        read_style_data(write({"prompt": "E", "completion": "A", "persona": "Pirate"}), suite)
