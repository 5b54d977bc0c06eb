"""pytest tests/sandbox/test_checker.py: the process that compares answers, its limits, its end."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sfr_eval.sandbox.checker import TOO_MUCH, Checker, Reference, fields
from sfr_eval.sandbox.types import AssertsProblem, FunctionalProblem, IoTest

PROBLEM = AssertsProblem(id="p", asserts=("assert f(1) == 2",))
MOST_WALL = 60.0  # seconds, on a machine where this process has a thirtieth of a core


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    with Checker(seconds=1) as checker:
        yield checker


def reply(form: object) -> bytes:
    return json.dumps({"v": form}).encode()


def test_a_plan_holds_the_one_right_reply(checker: Checker) -> None:
    plan = checker.plan(PROBLEM)
    assert [(test.inside, test.split, test.right) for test in plan.tests] == [
        ("f(1)", True, b'{"v":2}')
    ]
    assert (plan.flaw, plan.sure) == ("", True)


LONG = "0x" + "1" * 4_000_000  # 16 million bits
COLLIDING = [place * (2**61 - 1) for place in range(50_000)]
COSTLY = {  # name -> what is expected, and the reply
    "fractions to reduce": ("2", reply({"q": [{"i": LONG + "7"}, {"i": LONG}]})),
    "fraction of texts": ("2", reply({"q": ["1e30000000", None]})),
    "NumPy scalar that is a set": ("2", reply({"n": {"s": COLLIDING}})),
    "set that collides": ("set(range(50000))", reply({"s": COLLIDING})),
    "key that collides": ("{frozenset((1,)): 1}", reply({"d": [[{"z": COLLIDING}, 1]]})),
    "array of long texts": ("[2]", reply({"a": ["x" * 10**6] + ["a"] * 20_000})),
    "decimal of many digits": ("2", reply({"m": "1e999999999999999999"})),
    "nested too deeply": ("2", b'{"v":' + b"[" * 10**6),
    "millions of objects": ("[2]", b'{"v":[' + b"{}," * 15_000_000 + b"{}]}"),
}


@pytest.mark.parametrize("name", COSTLY)
def test_a_costly_answer_is_wrong_in_time(checker: Checker, name: str) -> None:
    expected, body = COSTLY[name]
    problem = AssertsProblem(id="p", asserts=(f"assert f(1) == {expected}",))
    started = time.monotonic()
    status, _ = checker.outcome("asserted", fields(problem), 0, replies=(body,))
    assert status in ("wrong", "runtime_error")
    assert time.monotonic() - started < MOST_WALL
    assert checker.outcome("asserted", fields(PROBLEM), 0, replies=(reply(2.0),)) == ("passed", "")


def test_memory_is_limited_and_the_next_answer_judged(checker: Checker) -> None:
    lines = ("11 " * 10_000_000 + "\n") * 2
    assert (
        checker.outcome("printed", lines.replace("11", "12"), replies=(lines.encode(),)) == TOO_MUCH
    )
    assert checker.outcome("printed", "1 2", replies=(b"1.0  2",)) == ("passed", "")


def test_a_long_line_is_not_split_into_all_its_words(checker: Checker) -> None:
    assert checker.outcome("printed", "11", replies=(b"11 " * 20_000_000,)) == ("wrong", "")


@pytest.mark.parametrize(
    "expected",
    ["9 ** 9 ** 9", "[0] * 10 ** 11", "1 / 0", "set([[1]])", "'%d' % 'x'", "'%9999999999d' % 1",
     "(2 ** 900000) * (2 ** 900000)", "-2 ** -(10 ** 30)", "'a' * 10 ** 12"],
)  # fmt: skip
def test_what_cannot_be_computed_runs_inside(checker: Checker, expected: str) -> None:
    plan = checker.plan(AssertsProblem(id="p", asserts=(f"assert f(1) == {expected}",)))
    assert [test.split for test in plan.tests] == [False]
    assert plan.flaw == ""


@pytest.mark.parametrize(
    "text",
    ["assert f('\ud800') == 1", "assert f(1) == " + "-" * 100_000 + "1", "assert f(\0) == 1",
     "assert f(1) == " + "9" * 2_000_000, f"assert f(1) == {{{str(COLLIDING)[1:-1]}}}",
     "assert f(1) ==", "assert f(1) == " + "(" * 500 + ")" * 500],
    ids=range(7),
)  # fmt: skip
def test_tests_that_cannot_be_read_are_a_flaw(checker: Checker, text: str) -> None:
    started = time.monotonic()
    plan = checker.plan(AssertsProblem(id="p", asserts=(text,)))
    assert plan.flaw.startswith("has tests that")
    assert (plan.tests, plan.sure) == ((), False)
    assert time.monotonic() - started < MOST_WALL
    assert checker.plan(PROBLEM).flaw == ""


def test_functional_tests_that_are_no_json_are_noticed(checker: Checker) -> None:
    def problem(text: str, output: str = "1") -> FunctionalProblem:
        return FunctionalProblem(id="p", function="f", tests=(IoTest(input=text, output=output),))

    assert checker.is_json(problem('1\n"x"'))
    assert checker.is_json(problem("1", "1" + "0" * 6000))
    for text in ("", "x", "[" * 100_000, "1\n"):
        assert not checker.is_json(problem(text))
    assert not checker.is_json(problem("1", ""))


def test_the_oldest_references_make_room() -> None:
    with Checker() as checker:
        for name in ("a", "b", "c"):
            checker.keep((name,), Reference((bytes(2**27),), (0.0,), -1))
        assert checker.reference(("a",)) is None
        assert checker.reference(("c",)) is not None


def test_no_process_outlives_the_checker() -> None:
    with Checker() as checker:
        checker.ask("are_json", ("1",))
        assert checker.pid is not None
        pid = checker.pid
        assert Path(f"/proc/{pid}").exists()
    assert not Path(f"/proc/{pid}").exists()
    assert pid != os.getpid()
