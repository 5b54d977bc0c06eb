"""pytest tests/suites/problems/test_evalplus.py: HumanEval+ and MBPP+ as suites"""

import gzip
import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.grading.behaviour import probes
from sfr_eval.sandbox.grade import grade
from sfr_eval.sandbox.types import CallsProblem, Program
from sfr_eval.suites.problems import evalplus
from sfr_eval.suites.problems.problem import CodeProblem
from sfr_eval.suites.suite import load_suite
from tests.suites.problems.conftest import load, problems

DATA = Path(__file__).parents[3] / "shared" / "data" / "evalplus"
MBPP = {
    "task_id": "Mbpp/9001",
    "prompt": '"""\nWrite a function to add two numbers.\nassert plus(2, 3) == 5\n"""\n',
    "entry_point": "plus",
    "canonical_solution": "\ndef plus(a, b):\n    return a + b\n",
    "base_input": [[2, 3]],
    "plus_input": [[0, 0], [-1, 0.5]],
    "atol": 0,
    "contract": "",
    "assertion": "\nassert plus(2, 3) == 5\n",
}
HUMANEVAL = {
    "task_id": "HumanEval/901",
    "prompt": 'from typing import List\n\n\ndef top(xs: List[int]) -> int:\n    """Largest.\n'
    '    >>> top([1, 3])\n    3\n    """\n',
    "entry_point": "top",
    "canonical_solution": "    return max(xs)\n",
    "base_input": [[[1, 3]]],
    "plus_input": [[[-1, -2]]],
    "atol": 0,
}
ROWS = {"mbpp-plus": MBPP, "humaneval-plus": HUMANEVAL}
CHEATS = {
    "mbpp-plus": "def plus(a, b):\n    return 5",
    "humaneval-plus": "def top(xs):\n    return 3",
}
RIGHT = {
    "mbpp-plus": "def plus(*numbers):\n    return sum(numbers)",
    "humaneval-plus": "def top(xs):\n    return sorted(xs)[-1]",
}
SUITES = sorted(ROWS)


def passes(problem: CodeProblem, *answers: str) -> list[bool]:
    """Grade answers of a model as the suite does."""
    tests = problem.load_tests()
    programs = [
        Program(id=str(number), code=problem.extract(answer), problem=tests)
        for number, answer in enumerate(answers)
    ]
    return [v.passed for v in sorted(grade(programs, mode="evalplus", unsafe=True), key=by_id)]


def by_id(verdict: Any) -> int:
    return int(verdict.id)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    for suite, row in ROWS.items():
        with gzip.open(tmp_path / f"{suite}.jsonl.gz", "wt") as stream:
            stream.write(json.dumps(row) + "\n")
    return {suite: str(tmp_path / f"{suite}.jsonl.gz") for suite in ROWS}


@pytest.mark.parametrize("suite", SUITES)
def test_the_reference_passes_and_a_constant_fails(suite: str, files: dict[str, str]) -> None:
    (problem,) = problems(load(suite, data=files[suite]))
    cheat, right = f"```python\n{CHEATS[suite]}\n```", f"Sure:\n```python\n{RIGHT[suite]}\n```"
    reference = problem.render(problem.solutions[0])
    assert passes(problem, reference, right, cheat, "no code") == [True, True, False, False]


@pytest.mark.parametrize("suite", SUITES)
def test_base_tests_alone_let_the_constant_pass(suite: str, files: dict[str, str]) -> None:
    (problem,) = problems(load(suite, data=files[suite], release="base"))
    assert passes(problem, f"```python\n{CHEATS[suite]}\n```") == [True]


def test_the_prompt_is_the_published_one(files: dict[str, str]) -> None:
    suite = load("mbpp-plus", data=files["mbpp-plus"])
    assert suite.code is not None
    (problem,) = problems(suite)
    assert problem.prompt == (
        "Please provide a self-contained Python script that solves the following problem in a "
        'markdown code block:\n```python\n"""\nWrite a function to add two numbers.\n'
        'assert plus(2, 3) == 5\n"""\n```'
    )
    assert (suite.code.mode, suite.code.stop) == ("evalplus", ())


def test_no_further_tests_may_be_written_as_in_the_published_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({**MBPP, "plus_input": {}}) + "\n")
    (problem,) = problems(load("mbpp-plus", data=str(file)))
    tests = problem.load_tests()
    assert isinstance(tests, CallsProblem)
    assert tests.inputs == ((2, 3),)


def test_completions_continue_the_prompt(files: dict[str, str]) -> None:
    suite = load("humaneval-plus", data=files["humaneval-plus"], prompt_form="completion")
    assert suite.code is not None
    (problem,) = problems(suite)
    assert problem.prompt == HUMANEVAL["prompt"]
    assert "\ndef " in suite.code.stop
    assert passes(problem, "    return max(xs)\n", "    return 3\n") == [True, False]


def test_nothing_is_added_to_a_script(files: dict[str, str]) -> None:
    """EvalPlus runs what the model wrote: an import that only the prompt has is missing."""
    (problem,) = problems(load("humaneval-plus", data=files["humaneval-plus"]))
    script = "def top(xs: List[int]) -> int:\n    return max(xs)"
    assert passes(problem, f"```python\n{script}\n```", "```python\n    return max(xs)\n```") == [
        *(False, True)
    ]


def test_correct_programs_can_be_told_apart(files: dict[str, str]) -> None:
    (problem,) = problems(load("mbpp-plus", data=files["mbpp-plus"]))
    tests = problem.load_tests()
    assert isinstance(tests, CallsProblem)
    assert len(tests.inputs) == 3
    assert (3, 3) in set(probes(tests))


class Web:
    """Stands for the web."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
        self.asked: list[str] = []
        source = replace(evalplus.SOURCES["mbpp-plus"], sha256=hashlib.sha256(content).hexdigest())
        monkeypatch.setitem(evalplus.SOURCES, "mbpp-plus", source)
        monkeypatch.setattr("urllib.request.urlopen", self)
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        self.content = content

    def __call__(self, url: str, **_: float) -> io.BytesIO:
        self.asked.append(url)
        return io.BytesIO(self.content)


def test_data_are_downloaded_once(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SFR_EVAL_CACHE", str(tmp_path / "cache"))
    web = Web(monkeypatch, Path(files["mbpp-plus"]).read_bytes())
    first, second = load_suite("mbpp-plus"), load_suite("mbpp-plus")
    assert len(web.asked) == 1
    assert web.asked[0].startswith("https://raw.githubusercontent.com/evalplus/mbppplus_release/")
    assert first.version == second.version == load("mbpp-plus", data=files["mbpp-plus"]).version


def test_other_bytes_are_refused(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SFR_EVAL_CACHE", str(tmp_path / "cache"))
    web = Web(monkeypatch, Path(files["mbpp-plus"]).read_bytes())
    web.content += b"\n"
    with pytest.raises(UserError, match="sent other bytes than those of the pinned release"):
        load_suite("mbpp-plus")


def test_without_the_web_the_way_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SFR_EVAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match=r"HF_HUB_OFFLINE is set.*pass --data FILE"):
        load_suite("humaneval-plus")

    def unreachable(url: str, **_: float) -> io.BytesIO:
        raise OSError("no route")

    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    with pytest.raises(UserError, match=r"no download \(no route\); download https:.* --data FILE"):
        load_suite("humaneval-plus")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"release": "mini"}, "--release mini: unknown release of mbpp-plus"),
        ({"window": "2024-01:2024-02"}, "suite mbpp-plus has no window"),
        ({"prompt_form": "few-shot"}, "unknown prompt form of mbpp-plus"),
    ],
)
def test_a_wrong_option_is_one_line(
    options: dict[str, str], message: str, files: dict[str, str]
) -> None:
    with pytest.raises(UserError, match=message):
        load("mbpp-plus", data=files["mbpp-plus"], **options)


@pytest.mark.skipif(not DATA.exists(), reason=f"no {DATA}: the published sets are not shipped")
@pytest.mark.parametrize(
    ("suite", "file", "count"),
    [("humaneval-plus", "HumanEvalPlus", 164), ("mbpp-plus", "MbppPlus", 378)],
)
def test_the_published_files_are_the_pinned_ones(suite: str, file: str, count: int) -> None:
    data = DATA / f"{file}.jsonl.gz"
    content = hashlib.sha256(data.read_bytes()).hexdigest()
    assert content == evalplus.SOURCES[suite].sha256
    all_problems = problems(load(suite, data=str(data)))
    assert len(all_problems) == count
    for problem in all_problems[:2]:
        answer = problem.render(problem.solutions[0])
        assert passes(problem, answer, "```python\npass\n```") == [True, False]
