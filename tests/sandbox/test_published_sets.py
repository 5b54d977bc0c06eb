"""pytest tests/sandbox/test_published_sets.py -- real programs with known verdicts.

The data cannot be shipped: the tests skip unless a folder `shared/data` beside the checkout holds
it.
"""

import gzip
import json
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.sandbox.evalplus_inputs import evalplus_inputs
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

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.exists(), reason=f"no {DATA}: the published sets are not shipped"),
]


def rows(name: str) -> Iterator[dict[str, Any]]:
    file = DATA / name
    data = file.read_bytes()
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode()
    yield from json.loads(text) if name.endswith(".json") else map(json.loads, text.splitlines())


def mbpp(*, sanitized: bool = False) -> list[Program]:
    name = "mbpp/sanitized-mbpp.json" if sanitized else "mbpp/mbpp.jsonl"
    programs = []
    for row in rows(name):
        setup = "\n".join(row["test_imports"]) if sanitized else row["test_setup_code"]
        key = str(row["task_id"])
        problem = AssertsProblem(id=key, asserts=tuple(row["test_list"]), setup=setup)
        programs.append(Program(id=key, code=row["code"], problem=problem))
    return programs


def humaneval() -> list[Program]:
    return [
        Program(
            id=row["task_id"],
            code=row["prompt"] + row["canonical_solution"],
            problem=HumanEvalProblem(
                id=row["task_id"], entry_point=row["entry_point"], test=row["test"]
            ),
        )
        for row in rows("humaneval/HumanEval.jsonl.gz")
    ]


def evalplus(name: str) -> list[Program]:
    programs = []
    for row in rows(f"evalplus/{name}.jsonl.gz"):
        code = row["prompt"] + row["canonical_solution"]
        problem = CallsProblem(
            id=row["task_id"],
            function=row["entry_point"],
            inputs=evalplus_inputs(row["task_id"], row["base_input"]),
            reference=code,
            tolerance=row["atol"],
        )
        programs.append(Program(id=row["task_id"], code=code, problem=problem))
    return programs


def agreement_program(row: dict[str, Any], key: int) -> Program:
    tests = tuple(IoTest(input=text, output=right) for text, right in row["tests"])
    problem: Problem = (
        FunctionalProblem(id=row["question_id"], function=row["fn_name"], tests=tests)
        if row["fn_name"]
        else StdinProblem(id=row["question_id"], tests=tests)
    )
    return Program(id=str(key), code=row["code"], problem=problem)


@pytest.mark.parametrize("name", ["mbpp", "sanitized", "humaneval", "MbppPlus", "HumanEvalPlus"])
def test_reference_solutions_pass(name: str) -> None:
    programs = (
        humaneval()
        if name == "humaneval"
        else evalplus(name)
        if name.endswith("Plus")
        else mbpp(sanitized=name == "sanitized")
    )
    mode: Mode = "evalplus" if name.endswith("Plus") else "faithful"
    failed = [(v.id, v.status, v.detail) for v in grade(programs, mode=mode) if not v.passed]
    assert failed == []


@pytest.mark.parametrize(
    ("mode", "key"), [("lcb-compat", "head_pass"), ("faithful", "faithful_pass")]
)
def test_verdicts_agree_with_the_published_ones(mode: Mode, key: str) -> None:
    published = list(rows("livecodebench/verdict_agreement_dev.jsonl"))
    numbers = [
        number
        for number, row in enumerate(published)
        if row[key] is not None and not (mode == "lcb-compat" and row["racy"])
    ]
    programs = [agreement_program(published[number], number) for number in numbers]
    verdicts = {int(verdict.id): verdict for verdict in grade(programs, mode=mode)}
    wrong = [
        (number, published[number]["question_id"], published[number][key], verdicts[number].status)
        for number in numbers
        if verdicts[number].passed != published[number][key]
    ]
    assert wrong == []


CHANGES = [("+", "-"), ("<", "<="), ("==", "!="), ("1", "2"), ("0", "1"), ("max", "min"),
           ("range(", "range(1, "), ("return ", "return not "), ("and", "or")]  # fmt: skip


def mutants(count: int) -> list[Program]:
    """Returns reference solutions of MBPP with one textual change each."""
    generator = random.Random(4)
    programs: list[Program] = []
    for program in generator.sample(mbpp(), count):
        old, new = generator.choice([c for c in CHANGES if c[0] in program.code] or [("", "")])
        places = [match.start() for match in re.finditer(re.escape(old), program.code)] or [0]
        place = generator.choice(places)
        code = program.code[:place] + new + program.code[place + len(old) :]
        programs.append(Program(id=program.id, code=code, problem=program.problem))
    return programs


def plain_run(program: Program) -> bool:
    """Returns the verdict of an ordinary subprocess."""
    problem = program.problem
    assert isinstance(problem, AssertsProblem)
    text = "\n".join([program.code, problem.setup, *problem.asserts, "print('went through')"])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "program.py"
        file.write_text(text, newline="")
        try:
            process = subprocess.run(
                [sys.executable, "-I", str(file)], capture_output=True, timeout=10, check=False
            )
        except subprocess.TimeoutExpired:
            return False
    return process.returncode == 0 and process.stdout.endswith(b"went through\n")


def test_mutants_get_the_verdict_of_a_plain_subprocess() -> None:
    programs = mutants(300)
    with ThreadPoolExecutor(2) as pool:
        plain = dict(zip([p.id for p in programs], pool.map(plain_run, programs), strict=True))
    verdicts = {v.id: v.passed for v in grade(programs)}
    assert 10 < Counter(plain.values())[True] < 290  # both verdicts occur
    assert {key: passed for key, passed in verdicts.items() if passed != plain[key]} == {}


def test_verdicts_repeat_with_one_and_two_workers() -> None:
    published = list(rows("livecodebench/verdict_agreement_dev.jsonl"))
    programs = [
        agreement_program(row, number)
        for number, row in enumerate(published[:200])
        if not row["racy"]
    ]
    results = []
    for workers in (1, 2, 2):
        verdicts = grade(programs, mode="faithful", workers=workers)
        results.append({v.id: (v.status, [test.status for test in v.tests]) for v in verdicts})
    assert results[0] == results[1] == results[2]


def test_two_thousand_programs_leak_nothing() -> None:
    """After 2,000 programs the server has the memory and open files that it had after 100."""
    from sfr_eval.sandbox.checker import Checker
    from sfr_eval.sandbox.detect import detect
    from sfr_eval.sandbox.host import Host
    from sfr_eval.sandbox.run import run_program

    program = mbpp()[0]
    sizes: list[tuple[int, int]] = []
    with Host(detect().tier) as host, Checker() as checker:
        for number in range(2000):
            assert run_program(
                host, program, mode="faithful", limits=Limits(), checker=checker
            ).passed
            if number in (100, 1999):
                sizes.append(host.size())
    (memory_before, files_before), (memory_after, files_after) = sizes
    assert files_after == files_before
    assert memory_after < memory_before + 4_000_000
