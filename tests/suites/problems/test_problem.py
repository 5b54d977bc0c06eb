"""pytest tests/suites/problems/test_problem.py"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.sandbox.types import AssertsProblem, FunctionalProblem, HumanEvalProblem, StdinProblem
from sfr_eval.settings import CodeSettings
from sfr_eval.suites.problems.livecodebench import RELEASES, read_window
from sfr_eval.suites.problems.problem import CodeProblem
from sfr_eval.suites.problems.source import json_rows
from sfr_eval.suites.suite import Suite, load_suite

DATA = Path(os.environ.get("SFR_EVAL_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
HUMANEVAL = {
    "task_id": "HumanEval/900",
    "prompt": 'from typing import List\n\n\ndef top(xs: List[int]) -> int:\n    """Largest."""\n',
    "entry_point": "top",
    "canonical_solution": "    return max(xs)\n",
    "test": "def check(candidate):\n    assert candidate([1, 3, 2]) == 3\n",
}


def load(name: str, **options: Any) -> Suite:
    return load_suite(name, code=CodeSettings(**options))


def problems(suite: Suite) -> list[CodeProblem]:
    assert suite.code is not None
    return list(suite.code.problems.values())


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


def test_the_prompts_of_mbpp() -> None:
    chat = problems(load("mbpp", data="small"))[0]
    assert chat.prompt.startswith("You are an expert Python programmer, and here is your task: ")
    assert "Your code should pass these tests:\n\nassert longest_run([1, 1" in chat.prompt
    shown = load("mbpp", data="small", prompt_form="few-shot")
    few = problems(shown)[0]
    assert few.prompt.count("[BEGIN]\n") == 4  # three that are shown and the one to answer
    assert few.prompt.count("[DONE]") == 3
    assert few.prompt.endswith("[BEGIN]\n")
    assert shown.spec.stop == ("[DONE]",)
    assert "double_letters" in few.prompt
    assert "double-letters" not in shown.queries  # what is shown is never asked
    assert [message.role for message in shown.prompts()[0].messages] == ["user"]


def test_the_prompts_of_livecodebench() -> None:
    suite = load("livecodebench", data="small")
    prompt = suite.prompts()[0]
    assert [message.role for message in prompt.messages] == ["system", "user"]
    assert prompt.messages[1].content.startswith("### Question:\nA ferry")
    assert "```python\n# YOUR CODE HERE\n```" in prompt.messages[1].content
    functional = next(p for p in suite.prompts() if p.query == "orchard01_1")
    assert "def ripestWindow(self" in functional.messages[1].content
    assert "starter code" in functional.messages[1].content


def test_humaneval_in_both_forms(tmp_path: Path) -> None:
    file = tmp_path / "h.jsonl"
    file.write_text(json.dumps(HUMANEVAL) + "\n")
    (chat,) = problems(load("humaneval", data=str(file)))
    assert isinstance(chat.load_tests(), HumanEvalProblem)
    assert chat.extract("```python\ndef top(xs):\n    return max(xs)\n```").startswith(
        "from typing import List\n"
    )
    assert chat.extract("```python\n    return max(xs)\n```") == (
        HUMANEVAL["prompt"] + "    return max(xs)"
    )
    assert chat.extract("no") == ""
    (completion,) = problems(load("humaneval", data=str(file), prompt_form="completion"))
    assert completion.prompt == HUMANEVAL["prompt"]
    for problem in (chat, completion):
        program = problem.extract(problem.render(problem.solutions[0]))
        space: dict[str, Any] = {}
        exec(program + "\n" + HUMANEVAL["test"], space)
        space["check"](space["top"])


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return tmp_path / "rows.jsonl"


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


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "no rows"),
        ("{", "rows.jsonl:1: is not JSON"),
        ('{"task_id": 1}', "rows.jsonl:1: test_list: missing"),
        ('{"task_id": "x", "test_list": ["assert 1"]}', "needs a text or a prompt"),
        ('{"task_id": "x", "text": "t", "test_list": ["a"]}\n' * 2, "two problems have the id x"),
        ('{"task_id": 5, "text": "t", "test_list": ["a"]}', "no problems of the test split"),
        ("[3]", "rows.jsonl: row 1"),
    ],
)
def test_a_broken_file_is_a_one_line_error_with_the_row(
    rows: Path, content: str, says: str
) -> None:
    rows.write_text(content)
    with pytest.raises(UserError) as caught:
        load("mbpp", data=str(rows))
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


def test_windows_and_releases() -> None:
    assert read_window(None) == ("0000-01-01", "9999-12-31")
    assert read_window("2024-08:2025-01") == ("2024-08-01", "2025-01-31")
    assert read_window("2024-08-15:") == ("2024-08-15", "9999-12-31")
    assert read_window("2024-08") == ("2024-08-01", "2024-08-31")
    assert RELEASES["release_v1"] == ("test.jsonl",)
    assert RELEASES["release_v5"][-1] == "test5.jsonl"
    chosen = load("livecodebench", data="small", window="2024-06:2024-08")
    assert list(chosen.queries) == ["harbour03_a", "orchard01_1", "orchard01_2", "orchard02_1"]


def test_options_may_be_given_by_suite() -> None:
    options = CodeSettings(data="mbpp=a.jsonl,livecodebench=b.jsonl", window="2024-01:")
    assert options.for_suite("mbpp") == CodeSettings(data="a.jsonl", window="2024-01:")
    assert options.for_suite("humaneval").data is None


def test_rows_through_datasets_are_the_rows_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way of the Hub, from the downloaded file on: real `datasets`, whose reader turns ISO
    dates into times."""
    from sfr_eval.suites.problems import source

    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    small = Path(__file__).parents[3] / "tasks" / "livecodebench" / "small.jsonl"
    monkeypatch.setattr(source.HubData, "_load", lambda self: json_rows([str(small)]))
    hub, own = load("livecodebench"), load("livecodebench", data="small")
    assert list(hub.queries.items()) == list(own.queries.items())
    assert hub.version != own.version
    for ours, theirs in zip(problems(own), problems(hub), strict=True):
        assert ours.load_tests() == theirs.load_tests()
        assert ours.facets == theirs.facets


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
