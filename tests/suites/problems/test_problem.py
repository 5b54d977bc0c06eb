"""pytest tests/suites/problems/test_problem.py"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.sandbox.types import AssertsProblem, FunctionalProblem, StdinProblem
from sfr_eval.settings import CodeSettings
from sfr_eval.suites.problems.problem import CodeProblem
from sfr_eval.suites.suite import load_suite
from tests.suites.problems.conftest import load, problems

DATA = Path(os.environ.get("SFR_EVAL_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))


def test_the_bundled_set_is_large_enough_and_unpacks() -> None:
    mbpp, lcb = problems(load("mbpp", data="small")), problems(load("livecodebench", data="small"))
    kinds = [type(problem.load_tests()) for problem in lcb]
    assert len(mbpp) >= 20
    assert kinds.count(StdinProblem) >= 4
    assert kinds.count(FunctionalProblem) >= 4
    assert len({m.facets["month"] for m in lcb}) > 3
    for problem in (*mbpp, *lcb):
        assert len(problem.solutions) >= 2
        assert len(problem.mutants) >= 2
        for code in (*problem.solutions, *problem.mutants):
            assert problem.extract(problem.render(code)).strip() == code.strip()


def test_a_number_says_of_which_problems_it_is() -> None:
    suite = load("livecodebench", data="small", window="2023-01:2025-06")
    first, *_, last = sorted(problem.date for problem in problems(suite))
    shown = "the prompt shows the examples of the statement"
    head = f"small.jsonl, window 2023-01:2025-06, {len(suite.queries)} problems"
    assert suite.about(suite.queries) == f"{head}, contests from {first} to {last}, {shown}"
    one = next(iter(suite.queries))
    assert ", 1 problem, contests from " in suite.about([one, one])
    mbpp = load("mbpp", data="small")
    assert mbpp.about(mbpp.queries).startswith(f"small, {len(mbpp.queries)} problems, the prompt")
    assert load_suite("noveltybench").about(["curated-0"]) == ""


_JUDGE = """
import json, signal, sys, typing
def late(*_): raise TimeoutError
signal.signal(signal.SIGALRM, late)
for name, text in json.load(sys.stdin):
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    try:
        exec(text, {"__name__": "__main__"})
        print(json.dumps([name, True]), file=sys.stderr)
    except BaseException:
        print(json.dumps([name, False]), file=sys.stderr)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
"""


def plain_programs(problem: CodeProblem, code: str) -> str:
    """Program and tests as one text, without anything of the sandbox."""
    tests = problem.load_tests()
    if isinstance(tests, AssertsProblem):
        return "\n".join([code, tests.setup, *tests.asserts])
    assert isinstance(tests, StdinProblem | FunctionalProblem)
    pairs = [(test.input, test.output) for test in tests.tests]
    if isinstance(tests, FunctionalProblem):
        return (
            f"from typing import *\n{code}\nimport json\nfor a, b in {pairs!r}:\n"
            f"    got = Solution().{tests.function}(*map(json.loads, a.split(chr(10))))\n"
            "    assert got == json.loads(b)\n"
        )
    return (
        "import contextlib, io, sys\n"
        f"for a, b in {pairs!r}:\n    sys.stdin = io.StringIO(a)\n    out = io.StringIO()\n"
        f"    with contextlib.redirect_stdout(out):\n        exec({code!r}, {{}})\n"
        "    assert out.getvalue().split() == b.split()\n"
    )


def test_bundled_solutions_pass_and_mutants_fail_in_plain_python() -> None:
    asked: list[tuple[str, str]] = []
    for name in ("mbpp", "livecodebench"):
        for problem in problems(load(name, data="small")):
            asked += [
                (f"right {problem.id}", plain_programs(problem, c)) for c in problem.solutions
            ]
            asked += [(f"wrong {problem.id}", plain_programs(problem, c)) for c in problem.mutants]
    done = subprocess.run(
        [sys.executable, "-I", "-c", _JUDGE],
        input=json.dumps(asked), capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    found = [json.loads(line) for line in done.stderr.splitlines()]
    assert len(found) == len(asked) > 130
    assert [name for name, passed in found if passed != name.startswith("right")] == []


@pytest.mark.parametrize(
    ("suite", "options", "says"),
    [
        ("mbpp", {"data": "nowhere.jsonl"}, "--data nowhere.jsonl: no such file"),
        ("mbpp", {"release": "ful"}, "did you mean `full`?"),
        ("mbpp", {"data": "small", "release": "full"}, "omit it with --data"),
        ("mbpp", {"data": "small", "prompt_form": "chatt"}, "did you mean `chat`?"),
        ("mbpp", {"data": "small", "window": "2024-01:"}, "suite mbpp has no window"),
        ("livecodebench", {"data": "small", "prompt_form": "x"}, "has no prompt_form"),
        ("livecodebench", {"release": "release_v9"}, "unknown release"),
        ("livecodebench", {"data": "small", "window": "2030-01:"}, "no problems between"),
        ("livecodebench", {"data": "small", "window": "soon"}, "write first:last"),
        ("livecodebench", {"data": "small", "window": "2024-05:2024-01"}, "after the last"),
        ("mbpp", {}, "HF_HUB_OFFLINE is set; load it once online, or pass --data FILE"),
        ("livecodebench", {}, "HF_HUB_OFFLINE is set; load it once online, or pass --data FILE"),
        ("humaneval", {}, "HF_HUB_OFFLINE is set; load it once online, or pass --data FILE"),
    ],
)
def test_unloadable_problems_are_a_one_line_error(
    suite: str, options: dict[str, str], says: str
) -> None:
    with pytest.raises(UserError) as caught:
        load(suite, **options)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_version_is_data_selection_and_prompt_form(rows: Path) -> None:
    versions = {
        load("livecodebench", data="small").version,
        load("livecodebench", data="small", window="2024-02:").version,
        load("mbpp", data="small").version,
        load("mbpp", data="small", prompt_form="few-shot").version,
    }
    assert len(versions) == 4
    row = {"task_id": "x", "text": "t", "test_list": ["assert f(1)"]}
    rows.write_text(json.dumps(row))
    before = load("mbpp", data=str(rows)).version
    rows.write_text(json.dumps(row | {"test_list": ["assert f(2)"]}))
    assert load("mbpp", data=str(rows)).version != before


def test_options_may_be_given_by_suite() -> None:
    options = CodeSettings(data="mbpp=a.jsonl,livecodebench=b.jsonl", window="2024-01:")
    assert options.for_suite("mbpp") == CodeSettings(data="a.jsonl", window="2024-01:")
    assert options.for_suite("humaneval").data is None


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no test data in {DATA}")
def test_the_real_sets() -> None:
    def count(name: str, file: str, **options: str) -> int:
        return len(problems(load(name, data=str(DATA / file), **options)))

    assert count("mbpp", "mbpp/mbpp.jsonl", prompt_form="few-shot") == 500
    assert count("mbpp", "mbpp/sanitized-mbpp.json") == 257
    assert count("humaneval", "humaneval/HumanEval.jsonl.gz") == 164
    lcb = load("livecodebench", data=str(DATA / "livecodebench/problems_v1_public.jsonl"))
    tests = [problem.load_tests() for problem in problems(lcb)]
    assert len(tests) == 400
    assert sum(isinstance(test, FunctionalProblem) for test in tests) == 181
    assert sum(len(test.tests) for test in tests) == 1043  # type: ignore[union-attr]


NO_TESTS: list[tuple[str, dict[str, Any]]] = [
    ("mbpp", {"task_id": "1", "text": "t", "test_list": ["# assert f(1) == 2"]}),
    ("mbpp", {"task_id": "1", "text": "t", "test_list": ["", "x = 1"]}),
    ("humaneval", {"task_id": "1", "prompt": "p", "entry_point": "f", "test": "def check(c): 1"}),
    (
        "livecodebench",
        {
            "question_id": "1",
            "question_content": "q",
            "platform": "p",
            "difficulty": "d",
            "contest_date": "2024-01-01",
            "public_test_cases": "[]",
            "private_test_cases": " [] ",
        },
    ),
]


@pytest.mark.parametrize(("suite", "row"), NO_TESTS)
def test_a_row_without_tests_is_refused(suite: str, row: dict[str, Any], rows: Path) -> None:
    rows.write_text(json.dumps(row))
    with pytest.raises(UserError, match=r"rows.jsonl:1: .*(no assert|no tests)"):
        load(suite, data=str(rows))
