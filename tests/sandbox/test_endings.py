"""pytest tests/sandbox/test_endings.py: what a verdict says of a program that failed."""

from typing import Any

import pytest

from sfr_eval.sandbox.grade import grade
from sfr_eval.sandbox.types import (
    MODES,
    AssertsProblem,
    FunctionalProblem,
    HumanEvalProblem,
    IoTest,
    Program,
    StdinProblem,
    missing_package,
)

PROBLEMS: dict[str, Any] = {
    "stdin": StdinProblem(id="stdin", tests=(IoTest(input="1\n", output="1"),)),
    "call": FunctionalProblem(id="call", function="f", tests=(IoTest(input="1", output="1"),)),
    "asserts": AssertsProblem(id="asserts", asserts=("assert f(1) == 1",)),
    "humaneval": HumanEvalProblem(
        id="humaneval", entry_point="f", test="def check(f):\n    assert f(1) == 1\n"
    ),
}
F = "def f(x):\n    return x\n"
CODES = {
    "import no_such_package.part\n" + F: "ModuleNotFoundError: no_such_package",
    "def f(x):\n    import other_one\nif 1:\n    f(input) if callable(input) else 0": ...,
    "class Odd(Exception):\n    pass\nraise Odd('secret text')\n" + F: "Odd",
    "raise ZeroDivisionError\n" + F: "ZeroDivisionError",
    "class M(ModuleNotFoundError):\n    name = 7\nraise M\n" + F: "M",
}


@pytest.mark.parametrize("mode", MODES)
def test_the_exception_is_named_and_a_missing_package_too(mode: Any) -> None:
    programs = [
        Program(id=f"{kind} {place}", code=code, problem=problem)
        for kind, problem in PROBLEMS.items()
        for place, code in enumerate(CODES)
    ]
    details = {verdict.id: verdict.detail for verdict in grade(programs, mode=mode)}
    for kind in PROBLEMS:
        for place, detail in enumerate(CODES.values()):
            expected = "ModuleNotFoundError: other_one" if detail is ... else detail
            assert details[f"{kind} {place}"] == expected, (kind, place, mode)


def test_a_note_of_one_test_does_not_reach_the_next() -> None:
    tests = (IoTest(input="1\n", output="1"), IoTest(input="2\n", output="2"))
    problem = StdinProblem(id="p", tests=tests)
    code = "import os\nx = input()\nif x == '1':\n    print(x)\nelse:\n    os._exit(3)"
    [verdict] = grade([Program(id="a", code=code, problem=problem)])
    assert (verdict.status, verdict.detail) == ("runtime_error", "exit status 3")


def test_the_name_of_a_package_in_a_detail() -> None:
    assert missing_package("ModuleNotFoundError: scipy") == "scipy"
    assert missing_package("ModuleNotFoundError") == ""
    assert missing_package("ValueError: scipy") == ""
    assert missing_package("") == ""
