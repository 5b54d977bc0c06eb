"""pytest tests/suites/problems/test_humaneval.py"""

import json
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.sandbox.types import HumanEvalProblem
from tests.suites.problems.conftest import load, problems

HUMANEVAL = {
    "task_id": "HumanEval/900",
    "prompt": 'from typing import List\n\n\ndef top(xs: List[int]) -> int:\n    """Largest."""\n',
    "entry_point": "top",
    "canonical_solution": "    return max(xs)\n",
    "test": "def check(candidate):\n    assert candidate([1, 3, 2]) == 3\n",
}


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
    assert completion.extract("    return 1") == HUMANEVAL["prompt"] + "    return 1"
    for problem in (chat, completion):
        program = problem.extract(problem.render(problem.solutions[0]))
        space: dict[str, Any] = {}
        exec(program + "\n" + HUMANEVAL["test"], space)
        space["check"](space["top"])


@pytest.mark.parametrize(
    "answer",
    [
        "    return max(xs)\n",
        "    return max(xs)\n```\n\nIt is done.",
        "```python\n    return max(xs)\n```",
        "return max(xs)",  # a harness stripped it
        "    return max(xs)<|im_end|>",
        "    return max(xs)\n\n\ndef other():\n    pass\n",
        "    best = xs[0]\n    for x in xs:\n        best = max(x, best)\n    return best\n\nSo.",
        "1. So:\n   ```python\n   def top(xs):\n       return max(xs)\n   ```",
        "def top(xs):\n    return max(xs)\n```",
        "def top(xs):\n    return max(xs)\n\nIt takes the largest.",
    ],
)
@pytest.mark.parametrize("form", ["chat", "completion"])
def test_a_body_or_a_function_is_completed(tmp_path: Path, answer: str, form: str) -> None:
    file = tmp_path / "h.jsonl"
    file.write_text(json.dumps(HUMANEVAL) + "\n")
    (problem,) = problems(load("humaneval", data=str(file), prompt_form=form))
    space: dict[str, Any] = {}
    exec(problem.extract(answer) + "\n" + str(HUMANEVAL["test"]), space)
    space["check"](space["top"])
