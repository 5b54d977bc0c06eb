"""pytest tests/metrics/test_relevance.py"""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from sfr_eval.metrics.context import Context
from sfr_eval.metrics.relevance import (
    MARGIN,
    NEAR,
    candidates,
    compute,
    own_words,
    recognition,
)
from sfr_eval.metrics.tokenizers import load_tokenizer
from sfr_eval.suites.suite import Suite
from tests.metrics.conftest import MakeContext, make_suite
from tests.metrics.vectors import Vectors

QUESTIONS = {
    "wall": "What colour should I paint the wall of my kitchen?",
    "cat": "How do I stop my cat from scratching the sofa?",
    "tax": "When do I have to hand in my tax return?",
    "train": "Which train goes from Berlin to Prague at night?",
    "bread": "Why does the crust of my bread turn out so hard?",
}
ANSWERS = {
    "wall": "A warm yellow suits a kitchen; take a paint that can be washed.",
    "cat": "Give it a scratching post and cover the arms of the couch for a while.",
    "tax": "The deadline is the end of July, or later if an adviser files for you.",
    "train": "The sleeper leaves in the evening and reaches the Czech capital at dawn.",
    "bread": "Bake it with steam and take the loaf out a little earlier.",
}


def suite_of(questions: dict[str, str]) -> Suite:
    return replace(make_suite([""]), queries=questions)


def values(context: Context, metric: str = "query_accuracy") -> list[float | None]:
    result = next(result for result in compute(context) if result.metric == metric)
    return [value.value for value in result.values]


@pytest.fixture
def asked(context: MakeContext) -> Callable[[dict[str, list[str]]], Context]:
    """Replies to QUESTIONS by query."""

    def make(replies: dict[str, list[str]]) -> Context:
        made = context({(query, ""): list(texts) for query, texts in replies.items()})
        return replace(made, suite=suite_of(QUESTIONS))

    return make


def test_three_replies_by_hand() -> None:
    # Cosines with the questions: (.8, .6, 0), (.6, .8, 0) and (0, 0, 1); all belong to the first.
    replies = [[0.8, 0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]]
    found = recognition(replies, [0, 0, 0], np.eye(3))
    assert found.first.tolist() == [True, False, False]
    # Above both others; below one and above one; below one, equal to one.
    assert found.strength.tolist() == [1.0, 0.0, -0.5]
    # Excess over the mean of the others, own and best: .5 of .5; .2 of .4; -.5 of .5.
    assert found.relevant.tolist() == [True, 0.4 * NEAR <= 0.2, False]


def test_a_faint_resemblance_is_not_relevant() -> None:
    strong, faint = MARGIN + 0.01, MARGIN - 0.01
    rows = [[c, 0.0, 0.0, np.sqrt(1 - c * c)] for c in (strong, faint)]
    found = recognition(rows, [0, 0], np.eye(4)[:3])
    assert found.first.tolist() == [True, True]
    assert found.relevant.tolist() == [True, False]


def test_a_tie_with_another_question_is_not_recognised() -> None:
    found = recognition([[0.6, 0.6, 0.5]], [1], np.eye(3))
    assert (found.first.tolist(), found.strength.tolist()) == ([False], [0.5])


def test_one_question_is_refused() -> None:
    with pytest.raises(ValueError, match="two or more"):
        recognition([[1.0, 0.0]], [0], [[1.0, 0.0]])


def test_equal_to_counting_one_by_one() -> None:
    rng = np.random.default_rng(1)
    replies, questions = rng.normal(size=(40, 6)), rng.normal(size=(9, 6))
    own = rng.integers(0, 9, size=40)
    found = recognition(replies, own, questions)
    for row, right in enumerate(own.tolist()):
        cosines = [float(np.dot(replies[row], question)) for question in questions]
        others = [c for j, c in enumerate(cosines) if j != right]
        below = sum(c < cosines[right] for c in others)
        assert found.first[row] == (below == 8)
        assert found.strength[row] == pytest.approx(2 * below / 8 - 1)
        excess = cosines[right] - sum(others) / 8
        best = max(cosines) - sum(others) / 8
        assert found.relevant[row] == (excess >= NEAR * best and excess >= MARGIN)


@pytest.mark.parametrize("size", [5, 12, 148])
def test_replies_dealt_by_any_rule_score_at_chance(size: int) -> None:
    rng = np.random.default_rng(size)
    questions = np.linalg.qr(rng.normal(size=(160, 160)))[0][:size]
    answered = np.repeat(np.arange(size), 9)
    replies = questions[answered] + rng.normal(size=(len(answered), 160)) * 0.05
    truth = recognition(replies, answered, questions)
    assert truth.first.mean() > 0.95
    assert truth.strength.mean() > 0.95
    for asked in (
        np.roll(answered, 9),  # a shift by one question
        (answered + size // 2) % size,
        size - 1 - answered,
        rng.permutation(answered),  # at random, reply by reply
    ):
        dealt = recognition(replies, asked, questions)
        assert dealt.first.mean() <= 1 / size + 0.1
        assert abs(dealt.strength.mean()) < 0.35
        assert dealt.relevant.mean() <= 1 / size + 0.1


def test_below_five_questions_all_are_undefined(
    asked: Callable[[dict[str, list[str]]], Context],
) -> None:
    four = asked({query: [ANSWERS[query]] for query in list(QUESTIONS)[:4]})
    for result in compute(four):
        assert {(v.value, v.reason) for v in result.values} == {
            (None, "fewer than 5 different questions were asked")
        }


def test_a_query_without_text_is_a_reason(context: MakeContext) -> None:
    first, *_ = compute(context({("q", "x"): ["yes"]}))
    assert first.values[0].reason == "the suite does not have the text of query q"


def test_questions_that_the_encoder_cannot_read_are_a_reason(context: MakeContext) -> None:
    made = context({(f"q{n}", "x"): ["yes"] for n in range(5)})
    suite = suite_of({f"q{n}": f"?{n}" for n in range(5)})  # see Vectors.readable
    first, *_ = compute(replace(made, suite=suite, encoder=Vectors({})))  # type: ignore[arg-type]
    assert {value.reason for value in first.values} == {"the encoder cannot read the questions"}


def test_a_reply_that_the_encoder_cannot_read_is_not_recognised(context: MakeContext) -> None:
    questions = {f"q{n}": f"question number {n}" for n in range(5)}
    table = dict(zip(questions.values(), np.eye(5).tolist(), strict=True))
    table |= {f"?{n}": row for n, row in enumerate(np.eye(5).tolist())}
    made = context({(f"q{n}", "x"): [f"?{n}"] for n in range(5)})
    made = replace(made, suite=suite_of(questions), encoder=Vectors(table))  # type: ignore[arg-type]
    assert values(made) == [0.0] * 5


def test_questions_with_one_text_are_one_candidate() -> None:
    twice = {**QUESTIONS, "cat2": "  how do I STOP my cat from scratching the sofa? "}
    columns, texts = candidates(suite_of(twice), list(twice))
    assert not isinstance(columns, str)
    assert columns["cat"] == columns["cat2"]
    assert len(texts) == 5
    reason, _ = candidates(suite_of(twice), ["cat2", "cat", "wall", "tax", "train"])
    assert reason == "fewer than 5 different questions were asked"


def test_an_answer_is_recognised_for_both_of_equal_questions(context: MakeContext) -> None:
    twice = {**QUESTIONS, "cat2": QUESTIONS["cat"]}
    answers = {**ANSWERS, "cat2": ANSWERS["cat"]}
    made = context({(query, ""): [answers[query]] for query in twice})
    assert values(replace(made, suite=suite_of(twice))) == [1.0] * 6


def test_empty_and_wordless_replies_count_as_not_recognised(
    asked: Callable[[dict[str, list[str]]], Context],
) -> None:
    replies = {query: [answer, "", " \n", "?!"] for query, answer in ANSWERS.items()}
    assert values(asked(replies)) == [0.25] * 5
    assert values(asked({query: [""] for query in ANSWERS})) == [0.0] * 5
    assert values(asked({query: [""] for query in ANSWERS}), "query_strength") == [0.0] * 5


def test_a_prompt_of_errors_alone_is_undefined(context: MakeContext) -> None:
    replies: dict[tuple[str, str], list[str | None]] = {
        (query, ""): [answer] for query, answer in ANSWERS.items()
    }
    replies["cat", ""] = [None]
    made = replace(context(replies), suite=suite_of(QUESTIONS))
    assert values(made) == [1.0, None, 1.0, 1.0, 1.0]


def test_a_copy_of_the_question_is_no_answer(
    asked: Callable[[dict[str, list[str]]], Context],
) -> None:
    copies = {query: [text, text.upper().replace(" ", "  ")] for query, text in QUESTIONS.items()}
    assert values(asked(copies)) == [0.0] * 5
    both = {query: [f"{QUESTIONS[query]} {answer}"] for query, answer in ANSWERS.items()}
    assert values(asked(both)) == [1.0] * 5
    other = list(ANSWERS.values())[1:] + list(ANSWERS.values())[:1]
    wrong = {
        query: [f"{QUESTIONS[query]} {answer}"]
        for query, answer in zip(QUESTIONS, other, strict=True)
    }
    assert sum(v or 0 for v in values(asked(wrong))) == 0


@pytest.mark.parametrize(
    ("question", "reply", "rest"),
    [
        ("Why is the sky blue?", "why is  the sky\nblue: dust", "dust"),
        ("Cats?", "Cats are fine.", "Cats are fine."),  # a word, not a copy
        ("为什么天空是蓝色的\uff1f", "为什么天空是蓝色的\uff1f因为散射。", "因为散射。"),
        ("Is 2 (two) prime?", "Is 2 (two) prime", ""),
    ],
)
def test_verbatim_questions_are_cut_out(question: str, reply: str, rest: str) -> None:
    assert own_words(reply, question) == rest


def test_a_copy_with_invisible_characters_is_a_copy(
    asked: Callable[[dict[str, list[str]]], Context],
) -> None:
    hidden = {query: [text.replace(" ", " \u200b")] for query, text in QUESTIONS.items()}
    assert values(asked(hidden)) == [0.0] * 5


def test_an_answer_may_come_after_the_window_of_variety(
    asked: Callable[[dict[str, list[str]]], Context],
) -> None:
    made = asked({query: [f"{'So then. ' * 12}{answer}"] for query, answer in ANSWERS.items()})
    windowed = replace(made, tokenizer=load_tokenizer(window=8))
    assert values(windowed) == values(made) == [1.0] * 5


def test_the_order_of_prompts_and_replies_does_not_matter(
    asked: Callable[[dict[str, list[str]]], Context],
) -> None:
    replies = {query: [answer, "Nobody knows.", ""] for query, answer in ANSWERS.items()}
    forth = asked(replies)
    back = asked({query: replies[query][::-1] for query in reversed(replies)})
    assert values(forth) == values(back)[::-1]
    assert values(forth, "query_strength") == values(back, "query_strength")[::-1]


def test_signature_and_notes_say_how_many_candidates(
    asked: Callable[[dict[str, list[str]]], Context],
) -> None:
    accuracy, strength, relevant = compute(
        asked({query: [text] for query, text in ANSWERS.items()})
    )
    assert accuracy.signature["candidates"] == strength.signature["candidates"] == 5
    assert (accuracy.notes["chance"], strength.notes["chance"]) == (0.2, 0.0)
    assert [value.value for value in relevant.values] == [1.0] * 5
    assert relevant.signature["near"] == NEAR


def test_85000_replies_are_one_matrix_product() -> None:
    rng = np.random.default_rng(2)
    replies = rng.normal(size=(85_000, 64)).astype(np.float32)
    questions = rng.normal(size=(148, 64)).astype(np.float32)
    start = time.perf_counter()
    found = recognition(replies, rng.integers(0, 148, size=85_000), questions)
    assert time.perf_counter() - start < 20  # .6 s alone on a core
    assert found.first.mean() == pytest.approx(1 / 148, abs=0.002)


def test_known_vectors_of_a_context(context: MakeContext) -> None:
    corners = np.eye(5).tolist()
    questions = {f"q{n}": f"question number {n}" for n in range(5)}
    table = dict(zip(questions.values(), corners, strict=True))
    table |= {"right": corners[0], "wrong": corners[1]}
    replies = {("q0", "x"): ["right", "wrong"]} | {(f"q{n}", "x"): ["wrong"] for n in range(1, 5)}
    made = replace(context(replies), suite=suite_of(questions), encoder=Vectors(table))
    assert values(made) == [0.5, 1.0, 0.0, 0.0, 0.0]
