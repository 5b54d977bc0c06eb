"""pytest tests/metrics/test_facts.py"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.metrics import facts
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.facts import PromptWords, prompt_languages
from sfr_eval.metrics.word_order import order_words
from sfr_eval.suites.problems.problem import ProblemSet
from sfr_eval.suites.suite import Suite, load_suite
from sfr_eval.types import Value
from tests.metrics.conftest import make_sample, make_suite

QUESTION = "I want to bake my own sourdough bread. Where do I begin?"
ANSWER = "You should feed the starter at the same hour every day, and be patient."
GERMAN = "Du solltest den Sauerteig jeden Tag zur gleichen Zeit füttern und Geduld haben."
REFUSAL = "I'm sorry, but I can't help with that."


def words(text: str) -> list[str]:
    return order_words(text)


def measured(
    replies: Mapping[tuple[str, str], Sequence[str | None]],
    queries: Mapping[str, str],
    tmp_path: Path,
    **suite: object,
) -> dict[str, list[Value]]:
    """The family over replies by (query, persona); None stands for an error row."""
    personas = list(dict.fromkeys(persona for _, persona in replies))
    samples = [
        make_sample(query, persona, index, text or "", status="error" if text is None else "ok")
        for (query, persona), texts in replies.items()
        for index, text in enumerate(texts)
    ]
    made: Suite = replace(make_suite(personas), queries=dict(queries), **suite)  # type: ignore[arg-type]
    context = Context(samples=samples, suite=made, encoder=Encoder(None, tmp_path))
    return {result.metric: list(result.values) for result in facts.compute(context)}


def test_shares_of_one_prompt_by_hand(tmp_path: Path) -> None:
    texts = [ANSWER, GERMAN, REFUSAL, QUESTION]
    values = measured({("q", ""): texts}, {"q": QUESTION}, tmp_path)
    assert values["refusal_rate"][0].value == 1 / 4
    assert values["language_mismatch_rate"][0].value == 1 / 4
    assert values["prompt_copy_rate"][0].value == 1 / 4
    assert values["word_order"][0].reason == "fewer than 5 queries to learn the order from"


def test_replies_without_text_or_language_are_undefined(tmp_path: Path) -> None:
    replies = {("q", ""): ["Rye.", ""], ("r", ""): [None], ("s", ""): [ANSWER]}
    values = measured(replies, dict.fromkeys("qrs", QUESTION), tmp_path)
    rows = [(value.value, value.reason) for value in values["language_mismatch_rate"]]
    nothing = "no reply is long enough to tell its language"
    assert rows == [(None, nothing), (None, nothing), (0, "")]
    rows = [(value.value, value.reason) for value in values["refusal_rate"]]
    assert rows == [(0, ""), (None, "no reply with text"), (0, "")]


def test_prompts_without_a_known_text_or_language(tmp_path: Path) -> None:
    queries = {"r": "2 + 2 = ?", "s": "Say hello in French, please, to all of us."}
    replies = {(query, ""): [ANSWER] for query in "qrs"}
    values = measured(replies, queries, tmp_path)
    assert [value.reason for value in values["language_mismatch_rate"]] == [
        "the text of the prompt is not known",
        "",  # the only other prompt is English
        "the prompt names a language, which may be that of the reply",
    ]
    values = measured(replies, {"q": "???", "r": "2 + 2 = ?", "s": "x"}, tmp_path)
    assert {value.reason for value in values["language_mismatch_rate"]} == {
        "the language of the prompt cannot be told"
    }
    assert values["prompt_copy_rate"][0].value == 0


def test_programs_have_no_language_and_may_copy(tmp_path: Path) -> None:
    code = ProblemSet(problems={}, identity="", mode="faithful", prompt_form="chat")
    values = measured({("q", ""): [REFUSAL, QUESTION]}, {"q": QUESTION}, tmp_path, code=code)
    assert values["refusal_rate"][0].value == 1 / 2
    for metric in ("language_mismatch_rate", "prompt_copy_rate", "word_order"):
        assert values[metric][0].reason == "the replies are programs"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("a b c d e", 1),
        ("x a b c d e", 5 / 6),
        ("a b c d x", 0),  # a run of four
        ("c d e f g y a b c d e z", 10 / 12),
        ("", 0),
    ],
)
def test_copied_share_by_hand(reply: str, expected: float) -> None:
    assert PromptWords.of([list("abcdefg")]).copied_share(reply.split()) == pytest.approx(expected)


def test_a_short_prompt_is_copied_as_a_whole() -> None:
    assert PromptWords.of([["tell", "a", "joke"]]).copied_share(["tell", "a", "joke"]) == 1
    assert PromptWords.of([["tell", "a", "joke"]]).copied_share(["a", "joke", "then"]) == 0
    assert PromptWords.of([[]]).copied_share(["anything"]) == 0


@pytest.mark.parametrize(
    ("reply", "copy"),
    [
        (QUESTION, True),
        (QUESTION.upper() + "\n\n" + QUESTION, True),
        (f"Q: {QUESTION} {ANSWER}", True),
        (ANSWER, False),
        (f"{ANSWER} You asked: {QUESTION}", False),
        ("If you want to bake my own sourdough bread, feed the starter every day.", False),
        ("", False),
    ],
)
def test_a_reply_that_repeats_its_prompt(reply: str, copy: bool) -> None:
    assert PromptWords.of([words(QUESTION)]).is_repeated_by(words(reply)) is copy


def test_an_answer_in_a_whole_sentence_is_no_copy() -> None:
    prompt = words("Give one popular name for a baby boy in Papua New Guinea.")
    reply = words("One popular name for a baby boy in Papua New Guinea is Kepas.")
    assert not PromptWords.of([prompt]).is_repeated_by(reply)


def test_the_persona_card_counts_as_prompt() -> None:
    card = words("You are Captain Brine, an old pirate captain on a creaking ship.")
    assert PromptWords.of([card, words(QUESTION)]).is_repeated_by(card)


def test_the_language_of_a_prompt_comes_from_its_last_message() -> None:
    prompts = {
        ("a", ""): ["You are a baker and you answer in one short sentence.", GERMAN],
        ("b", ""): ["You are a baker and you answer in one short sentence.", "Brot?"],
    }
    assert prompt_languages(prompts) == {("a", ""): "de", ("b", ""): "en"}


def test_a_short_prompt_speaks_as_nearly_all_others() -> None:
    english = {(str(i), ""): [QUESTION] for i in range(9)}
    assert prompt_languages({**english, ("x", ""): ["Rye?"]})[("x", "")] == "en"
    mixed = {**english, ("y", ""): [GERMAN], ("z", ""): [GERMAN]}
    assert prompt_languages({**mixed, ("x", ""): ["Rye?"]})[("x", "")] is None


def test_temperatures_learn_the_order_apart(tmp_path: Path) -> None:
    suite = load_suite("persona", personas=("pirate",))
    suite = replace(suite, queries=dict(list(suite.queries.items())[:6]))
    text = "you should feed the starter at the same hour every day of the week "
    samples = [
        make_sample(query, "pirate", 0, t, suite="persona", temperature=temperature)
        for query in suite.queries
        for temperature, t in ((0.5, text * 9), (1.5, " ".join(sorted(text.split())) * 9))
    ]
    context = Context(samples=samples, suite=suite, encoder=Encoder(None, tmp_path))
    by_metric = {result.metric: result for result in facts.compute(context)}
    order = by_metric["word_order"].values
    assert {value.temperature for value in order} == {0.5, 1.5}
    assert len({value.value for value in order if value.temperature == 0.5}) == 1
    assert all(value.value is not None and value.value > 0.5 for value in order)
