"""pytest tests/sandbox/test_costly_answers.py: what programs return cannot hold or end the grader.

In all forms of problems. Each wrong program is followed by a right one; the grader's own memory and
time stay bounded.
"""

import time

import pytest

from sfr_eval.sandbox.grade import grade
from sfr_eval.sandbox.types import (
    AssertsProblem,
    CallsProblem,
    FunctionalProblem,
    HumanEvalProblem,
    IoTest,
    Limits,
    Mode,
    Problem,
    Program,
    StdinProblem,
)
from tests.support.attack_programs import RIGHT
from tests.support.costly_answers import ANSWERS, FORGED, PRINTED

_TESTS = (IoTest(input="4241", output="4242"),)
_CHECK = "def check(candidate):\n    assert candidate(4241) == 4242\n"
FORMS: dict[str, tuple[Problem, Mode]] = {
    "asserts": (AssertsProblem(id="p", asserts=("assert f(4241) == 4242",)), "faithful"),
    "humaneval": (HumanEvalProblem(id="p", entry_point="f", test=_CHECK), "faithful"),
    "faithful": (FunctionalProblem(id="p", function="f", tests=_TESTS), "faithful"),
    "lcb-compat": (FunctionalProblem(id="p", function="f", tests=_TESTS), "lcb-compat"),
    "equality": (
        CallsProblem(id="p", function="f", inputs=((4241,),), reference=RIGHT),
        "faithful",
    ),
    "evalplus": (
        CallsProblem(id="Mbpp/2", function="f", inputs=((4241,),), reference=RIGHT),
        "evalplus",
    ),
    "root": (
        CallsProblem(
            id="HumanEval/32",
            function="f",
            inputs=(([-4241.5, 1],),),
            reference="def f(x):\n    return 4241.5",
            tolerance=1e-4,
        ),
        "evalplus",
    ),
}
SECONDS = 6.0
PER_PROGRAM = 400.0  # seconds of wall clock at most, with a thirtieth of a core and a second try


def check(programs: dict[str, str], problem: Problem, *, right: str, mode: Mode) -> None:
    """No program passes, and each right one that follows does."""
    pairs = [
        Program(id=id, code=code, problem=problem)
        for name, wrong in programs.items()
        for id, code in ((name, wrong), (f"after {name}", right))
    ]
    verdicts = {}
    started = time.monotonic()
    for verdict in grade(pairs, mode=mode, workers=1, limits=Limits(seconds=SECONDS)):
        verdicts[verdict.id] = verdict
        assert time.monotonic() - started < PER_PROGRAM
        started = time.monotonic()
        assert len(verdict.detail) <= 300
        assert verdict.detail.isprintable()
    assert [name for name in programs if verdicts[name].passed] == []
    assert [name for name in programs if not verdicts[f"after {name}"].passed] == []
    assert [name for name in programs if verdicts[name].status == "not_scored"] == []


QUICK = ("fraction not reduced", "fraction of texts", "object array", "ragged array",
         "signalling NaN", "not a number at all", "name with line ends")  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_costly_answer_fails_and_harms_nobody(form: str) -> None:
    problem, mode = FORMS[form]
    right = "def f(x):\n    return 4241.5" if form == "root" else RIGHT
    check({name: ANSWERS[name] for name in QUICK}, problem, right=right, mode=mode)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_all_answers_and_forged_frames_fail(form: str) -> None:
    problem, mode = FORMS[form]
    right = "def f(x):\n    return 4241.5" if form == "root" else RIGHT
    check(ANSWERS | FORGED, problem, right=right, mode=mode)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["faithful", "lcb-compat"])
def test_costly_output_fails_and_harms_nobody(mode: Mode) -> None:
    problem = StdinProblem(id="p", tests=_TESTS)
    check(PRINTED, problem, right="print(int(input()) + 1)", mode=mode)
