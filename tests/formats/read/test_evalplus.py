"""Samples of human-eval and EvalPlus."""

import json
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.suites.problems.problem import ProblemSet

DOUBLE = "    return 2 * n\n"
WHOLE = f"def double(n):\n{DOUBLE}"


def code_of(run: Any) -> ProblemSet:
    code = run.suite.code
    assert code is not None
    return code


def programs(run: Any) -> list[str]:
    problems = code_of(run).problems
    return [problems[sample.query].extract(sample.text) for sample in run.samples]


def test_completions_continue_the_prompt(place: Any, read_one: Any, problems: Path) -> None:
    rows = [{"task_id": "Own/0", "completion": text} for text in (DOUBLE, "    return n + n\n")]
    run = read_one(place("samples.jsonl", rows), suite="humaneval", code={"data": str(problems)})
    assert code_of(run).prompt_form == "completion"
    assert run.manifest.config.stored()["prompt_form"] == "completion"
    namespace: dict[str, Any] = {}
    exec(programs(run)[0], namespace)
    assert namespace["double"](4) == 8


@pytest.mark.parametrize("text", [WHOLE, f"```python\n{WHOLE}```"])
def test_whole_functions_are_answers(place: Any, read_one: Any, problems: Path, text: str) -> None:
    for name in ("completion", "solution"):
        file = place(f"{name}.jsonl", [{"task_id": "Own/0", name: text}])
        run = read_one(file, suite="humaneval", code={"data": str(problems)})
        assert code_of(run).prompt_form == "chat"
        namespace: dict[str, Any] = {}
        exec(programs(run)[0], namespace)
        assert namespace["double"](4) == 8


def test_the_form_that_the_user_names_counts(place: Any, read_one: Any, problems: Path) -> None:
    file = place("samples.jsonl", [{"query": "Own/0", "text": DOUBLE}])
    code = {"data": str(problems), "prompt_form": "completion"}
    assert code_of(read_one(file, suite="humaneval", code=code)).prompt_form == "completion"
    file = place("more.jsonl", [{"task_id": "Own/0", "completion": DOUBLE}])
    code["prompt_form"] = "chat"
    assert code_of(read_one(file, suite="humaneval", code=code)).prompt_form == "chat"


def test_the_data_set_before_an_id_is_known(place: Any, read_one: Any) -> None:
    task = {"task_id": 11, "text": "Add 1.", "test_list": ["assert f(1) == 2"]}
    data = place("mbpp.jsonl", [task])
    for id in ("Mbpp/11", "11", 11):
        file = place("samples.jsonl", [{"task_id": id, "solution": "def f(n):\n    return n + 1"}])
        run = read_one(file, suite="mbpp", code={"data": str(data)})
        assert [sample.query for sample in run.samples] == ["11"]


def test_missing_problems_are_counted(place: Any, read_one: Any, problems: Path) -> None:
    file = place("samples.jsonl", [{"task_id": "Own/0", "solution": WHOLE}] * 2)
    run = read_one(file, suite="humaneval", code={"data": str(problems)})
    assert run.manifest.status == "partial"
    assert run.manifest.imported.missing == 2
    assert (
        "Only 1 of the 3 problems of suite humaneval has replies, and all numbers are of it alone; "
        "missing: Own/1, Own/2."
    ) in run.said
    run = read_one(file, suite="humaneval", code={"data": str(problems)}, missing_fail=True)
    assert run.manifest.status == "complete"
    assert "2 of the 3 problems have no reply and count as failed: Own/1, Own/2." in run.said
    assert [(s.query, s.index, s.text) for s in run.samples[2:]] == [
        ("Own/1", 0, ""),
        ("Own/1", 1, ""),
        ("Own/2", 0, ""),
        ("Own/2", 1, ""),
    ]


def test_only_problems_can_fail(place: Any, read_one: Any, quiz: str) -> None:
    file = place("a.jsonl", [{"query": "1", "text": "x"}])
    with pytest.raises(UserError, match="--missing fail: suite quiz has no problems"):
        read_one(file, suite=quiz, missing_fail=True)


def test_programs_need_their_problems(place: Any, read_one: Any, problems: Path) -> None:
    file = place("samples.jsonl", [{"task_id": "Own/0", "solution": WHOLE}])
    with pytest.raises(UserError, match=r"holds programs without their problems; .*--suite"):
        read_one(file)
    with pytest.raises(UserError, match=r"--data .*: needs --suite"):
        read_one(file, code={"data": str(problems)})
    file = place("samples.jsonl", [{"task_id": "Other/0", "solution": WHOLE}])
    with pytest.raises(UserError, match=r"samples\.jsonl:1: query `Other/0` is not in suite"):
        read_one(file, suite="humaneval", code={"data": str(problems)})


def test_models_and_temperatures_are_kept_apart(place: Any, read_all: Any, problems: Path) -> None:
    rows = [
        {"task_id": "Own/0", "solution": f"{m} {t}", "model": m, "temperature": t}
        for m in ("one", "two")
        for t in (0.2, 0.8)
    ]
    runs = read_all(place("a.jsonl", rows), suite="humaneval", code={"data": str(problems)})
    assert {m: [(s.temperature, s.text) for s in run.samples] for m, run in runs.items()} == {
        m: [(0.2, f"{m} 0.2"), (0.8, f"{m} 0.8")] for m in ("one", "two")
    }
    assert "state a temperature" not in runs["one"].said


def test_results_hold_samples_by_problem(place: Any, read_one: Any, problems: Path) -> None:
    verdicts = {"base_status": "pass", "plus_status": "fail"}
    results = {
        "date": "2026-01-01",
        "hash": "x",
        "eval": {
            f"Own/{n}": [{"task_id": f"Own/{n}", "solution": f"p{n}{k}", **verdicts} for k in "ab"]
            for n in range(3)
        },
    }
    file = place("samples_eval_results.json", json.dumps(results))
    run = read_one(file, suite="humaneval", code={"data": str(problems)})
    assert [s.text for s in run.samples] == ["p0a", "p0b", "p1a", "p1b", "p2a", "p2b"]


def test_a_problem_without_replies_at_one_temperature_counts(
    place: Any, read_one: Any, problems: Path
) -> None:
    rows = [
        {"task_id": f"Own/{n}", "solution": "x = 1", "temperature": t}
        for n, t in ((0, 0.2), (1, 0.8))
    ]
    code = {"data": str(problems)}
    run = read_one(place("a.jsonl", rows), suite="humaneval", code=code)
    assert "Not all of the 2 queries have replies at each temperature (1 at T = 0.2" in run.said
    failed = read_one(place("b.jsonl", rows), suite="humaneval", code=code, missing_fail=True)
    assert len(failed.samples) == 6
    assert "Not all" not in failed.said
