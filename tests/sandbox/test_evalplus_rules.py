"""pytest tests/sandbox/test_evalplus_rules.py: right answers of EvalPlus, and junk for every rule.

The junk goes to every task that has a rule of its own, and to all tasks of both sets if a folder
`shared/data` beside the checkout holds them.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.sandbox import compare
from sfr_eval.sandbox.answers import called_by_rule
from sfr_eval.sandbox.evalplus_inputs import evalplus_inputs
from sfr_eval.sandbox.evalplus_rules import all_floats, answer_is_right
from sfr_eval.sandbox.inside.plain import encode

DATA = Path(__file__).parents[3] / "shared" / "data" / "evalplus"
JUNK: list[Any] = [
    None, True, 0, -1, 1.5, float("nan"), float("inf"), 10**40, "", "x", [], [None], [[]], [["x"]],
    [0, "x", None], {}, {"t": []}, {"t": [[]]}, {"s": []}, {"s": [[1]]}, {"z": [1]}, {"d": []},
    {"d": [[1, 2]]}, {"d": [[[], 1]]}, {"d": [1]}, {"b": "00"}, {"b": "x"}, {"c": [0, 1]},
    {"c": []}, {"q": [1, 2]}, {"q": [1, 0]}, {"m": "sNaN"}, {"m": "1e99"}, {"n": 1.0}, {"a": [1]},
    {"a": [[1], 2]}, {"o": "X", "y": True}, {"o": [], "y": {}}, {"i": "0xff"}, {"i": 3},
    {"unknown": 1}, {"t": None}, {"t": 5}, {"d": None}, {"n": {"t": [1]}},
]  # fmt: skip
EXPECTED: list[Any] = [1, 1.5, True, None, "x", [1, 2], [1.5], {"t": [1.5, 2.5]}, {"d": [[1, 2]]}]
SPECIAL = {
    "HumanEval/32": "find_zero", "Mbpp/164": "f", "Mbpp/295": "f", "Mbpp/581": "f",
    "Mbpp/558": "f", "Mbpp/2": "f", "Mbpp/769": "f", "Mbpp/1": "check_str",
    "HumanEval/0": "f", "Mbpp/3": "f",
}  # fmt: skip
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "HumanEval/32": ([1, 2],),
    "Mbpp/581": (3, 4),
    "Mbpp/558": (12, 345),
}


def reply(form: Any) -> bytes:
    return json.dumps({"v": form}).encode()


def judged(task: str, function: str, arguments: Any, expected: Any, form: Any) -> str:
    rule = (task, function, 1e-4 if task == "HumanEval/32" else 0.0)
    status, _, tolerance = called_by_rule(
        rule, encode(tuple(arguments)), reply(expected), reply(form)
    )
    assert tolerance in (rule[2], 1e-6)
    return status


@pytest.mark.parametrize("task", SPECIAL)
def test_junk_gets_a_verdict_from_every_rule(task: str) -> None:
    for expected in EXPECTED:
        for form in JUNK:
            status = judged(task, SPECIAL[task], ARGUMENTS.get(task, ()), expected, form)
            assert status in ("passed", "wrong", "runtime_error"), form


def rows() -> Iterator[dict[str, Any]]:
    for name in ("HumanEvalPlus", "MbppPlus"):
        text = gzip.decompress((DATA / f"{name}.jsonl.gz").read_bytes())
        yield from map(json.loads, text.splitlines())


@pytest.mark.skipif(not DATA.exists(), reason=f"no {DATA}: the published sets are not shipped")
def test_junk_gets_a_verdict_from_every_published_task() -> None:
    tasks = 0
    for row in rows():
        task, name = row["task_id"], row["entry_point"]
        arguments = evalplus_inputs(task, row["base_input"][:1])[0]
        tasks += 1
        for expected in EXPECTED[:7]:
            for form in JUNK:
                status = judged(task, name, arguments, expected, form)
                assert status in ("passed", "wrong", "runtime_error"), (task, form)
    assert tasks == 542


def right(task: str, form: Any, expected: Any, arguments: Any = (), tolerance: float = 0.0) -> bool:
    return answer_is_right(form, expected, arguments, task=task, function="f", tolerance=tolerance)[
        0
    ]


def test_rules_of_single_tasks() -> None:
    assert right("HumanEval/32", -0.5, -0.5, ([1, 2],), 1e-4)
    assert right("HumanEval/32", -0.50001, -0.5, ([1, 2],), 1e-4)
    assert not right("HumanEval/32", 0.5, -0.5, ([1, 2],), 1e-4)
    assert right("Mbpp/2", [2, 1], (1, 2))
    assert right("Mbpp/2", {"d": [[2, 0], [1, 0]]}, (1, 2))  # set() of a dict is that of its keys
    assert not right("Mbpp/2", [1], (1, 2))
    assert right("Mbpp/558", 6, 99, (1, 25))  # 0 + 2 and 5 - 1
    assert right("Mbpp/295", 0, 7)
    assert not right("Mbpp/164", 0, 7)
    assert not right("Mbpp/296", 0, 7)


def test_floats_have_a_tolerance_and_integers_none() -> None:
    assert right("HumanEval/2", 1.0 + 5e-7, 1.0)
    assert right("HumanEval/2", [1.0 + 5e-7], [1.0])
    assert not right("HumanEval/2", 1.0 + 5e-6, 1.0)
    assert not right("HumanEval/2", {"t": [1.0 + 5e-7]}, [1.0])
    assert not right("HumanEval/2", 2, 1)
    assert [all_floats(v) for v in (1.0, [1.0], (), [1], "x")] == [True, True, False, False, False]
    assert compare.number({"n": 1.5}) == 1.5
