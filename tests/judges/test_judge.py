"""pytest tests/judges/test_judge.py"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import pytest

from sfr_eval.endpoints.address import judge_address
from sfr_eval.judges.judge import Case, Judge, both_orders, preference, votes
from sfr_eval.judges.rubric import Material, load_judge
from tests.support.fake_server import Answerer, FakeServer, Reply, completion, refusal_of, serving
from tests.support.scripted_judge import reasoning, scored

pytestmark = pytest.mark.usefixtures("short_pauses")

CTX, PAIR = load_judge("ctx"), load_judge("pairwise")
KEY = "sk-judge-0123456789abcdef"


@contextmanager
def judge_at(answer: Answerer, **settings: Any) -> Iterator[tuple[Judge, FakeServer]]:
    with (
        serving(answer) as server,
        closing(Judge(judge_address(server.url), key=KEY, **settings)) as judge,
    ):
        yield judge, server


def case(text: str = "a reply", **changes: Any) -> Case:
    material = Material(question="What?", replies=(text,))
    return Case(**{"sample_id": "s1", "spec": CTX, "material": material, **changes})


@pytest.mark.parametrize(
    ("reply", "status", "score", "sent"),
    [
        (scored(4), "ok", 4.0, 1),
        (completion("I would say 4."), "unparsed", None, 1),
        (completion(None), "unparsed", None, 1),
        (completion('{"sco', finish="length"), "unparsed", None, 1),
        (completion(None, refusal="I will not rate this"), "refused", None, 1),
        (refusal_of("bad", param="temperature"), "unsupported", None, 1),
        (Reply(body={"no": "choices"}), "error", None, 1),
        (Reply(status=500, body={}), "error", None, 3),
    ],
)
def test_each_vote_ends_in_one_status(
    reply: Reply, status: str, score: float | None, sent: int
) -> None:
    with judge_at(lambda *_: reply) as (judge, server):
        (found,) = judge.judge([case()])
        assert (found.status, found.score, server.count) == (status, score, sent)


def test_votes_have_seeds_of_their_own_that_repeat() -> None:
    with judge_at(lambda *_: scored(3)) as (judge, server):
        first = {row.judgement_id for row in judge.judge(votes(case(), 4))}
        seeds = {body["seed"] for body in server.bodies}
        assert (len(first), len(seeds)) == (4, 4)
        assert all(0 <= seed < 2**63 for seed in seeds)
        again = {row.judgement_id for row in judge.judge(votes(case(), 4))}
        assert again == first
        assert {body["seed"] for body in server.bodies[4:]} == seeds
        assert list(judge.judge(votes(case(), 4), is_stored=first.__contains__)) == []


def test_another_text_rubric_or_sample_is_another_judgement() -> None:
    cases = [case(), case("other"), case(sample_id="s2"), case(spec=load_judge("rel"))]
    with judge_at(lambda *_: scored(3)) as (judge, _):
        assert len({row.judgement_id for row in judge.judge(cases)}) == 4


def test_the_judge_is_blind() -> None:
    secret = case("a reply", sample_id="run-of-llama-at-0.7")
    with judge_at(lambda *_: scored(3)) as (judge, server):
        list(judge.judge([secret]))
        assert "llama" not in json.dumps(server.bodies)
        assert set(server.bodies[0]) == {
            *("model", "messages", "temperature", "top_p", "max_tokens", "seed"),
            "response_format",
        }


def test_answers_are_read_strictly_without_structured_output() -> None:
    def answer(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        if "response_format" in body:
            return refusal_of("response_format is not supported", param="response_format.type")
        return scored(2)

    with judge_at(answer) as (judge, _):
        (found,) = judge.judge([case()])
        assert (found.status, found.score) == ("ok", 2.0)
        assert judge.facts()["not_sent"] == ["response_format"]


def pair() -> tuple[Case, Case]:
    material = Material(question="What?", replies=("one", "two"))
    return both_orders(Case(sample_id="a", other_id="b", spec=PAIR, material=material))


@pytest.mark.parametrize(
    ("choose", "expected"),
    [
        (lambda shown: "A" if shown == "one" else "B", 1.0),  # always the first reply
        (lambda shown: "B" if shown == "one" else "A", 0.0),
        (lambda shown: "A", 0.5),  # whatever stands first: the order was judged
        (lambda shown: "B", 0.5),
        (lambda shown: "tie", 0.5),
        (lambda shown: "A" if shown == "one" else "tie", 0.5),
    ],
)
def test_a_pair_is_shown_in_both_orders(choose: Callable[[str], str], expected: float) -> None:
    def answer(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        user = body["messages"][1]["content"]
        return completion(
            json.dumps(
                {"better": choose("one" if user.index("one") < user.index("two") else "two")}
            )
        )

    with judge_at(answer) as (judge, _):
        rows = {row.sample_id: row for row in judge.judge(pair())}
    assert preference(rows["a"], rows["b"]) == expected
    assert rows["a"].other_id == "b"


def test_a_pair_with_an_unread_vote_has_no_end() -> None:
    with judge_at(lambda *_: completion("?")) as (judge, _):
        first, second = judge.judge(pair())
    assert preference(first, second) is None


def test_a_judge_that_reasons_gets_the_room_that_it_needs() -> None:
    with judge_at(lambda body, _: reasoning(body), concurrency=1) as (judge, server):
        found = list(judge.judge(votes(case(), 5)))
        assert [row.score for row in found] == [4.0] * 5
        assert [body["max_tokens"] for body in server.bodies] == [64, *[4096] * 5]
        assert judge.facts()["max_tokens"] == 4096


def test_a_limit_that_was_given_is_kept() -> None:
    with judge_at(lambda body, _: reasoning(body), fixed_limit=True) as (judge, server):
        (found,) = judge.judge([case()])
        assert (found.status, server.count) == ("unparsed", 1)
        assert "cut at max_tokens" in found.error


def test_a_judge_without_more_room_is_asked_no_more_for_it() -> None:
    def answer(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        if body["max_tokens"] > 100:
            return refusal_of("max_tokens is too large: the context is 100")
        return reasoning(body)

    with judge_at(answer, concurrency=1) as (judge, server):
        found = list(judge.judge(votes(case(), 4)))
        assert [row.status for row in found] == ["unparsed"] * 4
        assert server.count == 5


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ('<think>4 or 5?</think>{"score": 4}', "ok"),
        ('4 or 5?</think>\n\n{"score": 4}', "ok"),  # its template opens the thinking
        ('<think>{"score": 4}', "unparsed"),
        ('<think>x</think>It is {"score": 4}', "unparsed"),
    ],
)
def test_thinking_before_a_judges_answer_is_set_apart(text: str, status: str) -> None:
    with judge_at(lambda *_: completion(text)) as (judge, _):
        (found,) = judge.judge([case()])
    assert found.status == status
