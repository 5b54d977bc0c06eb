"""pytest tests/suites/test_math_problems.py"""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.settings import CodeSettings
from sfr_eval.suites.math_problems import REQUEST, MathProblem
from sfr_eval.suites.suite import Suite, load_suite

GSM8K = {"question": "2 + 3?", "answer": "Two and three are <<2+3=5>>5.\n#### 5"}
MATH = {
    "problem": "Half of 1?",
    "solution": "It is $\\boxed{\\frac{1}{2}}$.",
    "answer": "\\frac{1}{2}",
    "subject": "Algebra",
    "level": 3,
    "unique_id": "test/algebra/1.json",
}
MATH_TRAIN = {"problem": "1 + 1?", "solution": "So \\boxed{1+1=\\boxed{2}}.", "type": "Counting"}
AIME = {"ID": "2024-I-1", "Problem": "17 * 12?", "Answer": 204, "Solution": "..."}


def loaded(tmp_path: Path, *rows: dict[str, Any]) -> Suite:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return load_suite("math", code=CodeSettings(data=str(file)))


def problems(tmp_path: Path, *rows: dict[str, Any]) -> list[MathProblem]:
    suite = loaded(tmp_path, *rows)
    assert suite.math is not None
    return list(suite.math.problems.values())


def test_the_fields_of_every_data_set_are_recognised(tmp_path: Path) -> None:
    one, two, three, four = problems(tmp_path, GSM8K, MATH, MATH_TRAIN, AIME)
    assert [each.answer for each in (one, two, three, four)] == ["5", "\\frac{1}{2}", "2", "204"]
    assert [each.id for each in (one, two, three, four)] == [
        "0",
        "test-algebra-1.json",
        "2",
        "2024-I-1",
    ]
    assert one.prompt == "2 + 3?" + REQUEST
    assert two.facets == {"category": "Algebra", "level": "3"}
    assert three.facets == {"category": "Counting"}


def test_the_suite_asks_and_slices_them(tmp_path: Path) -> None:
    suite = loaded(tmp_path, MATH, GSM8K)
    assert [prompt.messages[0].content for prompt in suite.prompts()] == [
        "Half of 1?" + REQUEST,
        "2 + 3?" + REQUEST,
    ]
    assert suite.facets["test-algebra-1.json"]["category"] == "Algebra"
    assert loaded(tmp_path, MATH).version != suite.version


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{"answer": "5"}], "problem: "),
        ([{"problem": "1 + 1?"}], "answer: missing; give answer, or a solution with"),
        ([{"problem": "1 + 1?", "solution": "It is two."}], "answer: missing"),
        ([{"id": "a", "problem": "x", "answer": "1"}] * 2, "two problems have the id a"),
    ],
)
def test_a_row_without_a_problem_or_a_value_is_one_line(
    tmp_path: Path, rows: list[dict[str, Any]], says: str
) -> None:
    with pytest.raises(UserError) as error:
        loaded(tmp_path, *rows)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_the_bundled_problems_know_right_and_wrong_answers() -> None:
    suite = load_suite("math", code=CodeSettings(data="small"))
    assert suite.math is not None
    assert len(suite.math.problems) == 24
    for problem in suite.math.problems.values():
        assert len(problem.mutants) >= 2
        assert problem.answer not in problem.mutants


def test_what_the_suite_does_not_have_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="--release gsm8: unknown release of math; did you mean"):
        load_suite("math", code=CodeSettings(release="gsm8"))
    with pytest.raises(UserError, match="--window 2024: suite math has no window"):
        load_suite("math", code=CodeSettings(window="2024"))
    with pytest.raises(UserError, match="--release selects data from the Hub"):
        load_suite("math", code=CodeSettings(data="small", release="gsm8k"))
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "sympy" else find(name)
    )
    with pytest.raises(UserError, match="`sympy` is not installed"):
        load_suite("math", code=CodeSettings(data="small"))


def test_a_suite_of_one_s_own_names_its_rows(tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(
        "id: sums\nversion: '1'\ntitle: Sums\nmath: true\nqueries: q.jsonl\nmetrics: [math]\n"
    )
    (tmp_path / "q.jsonl").write_text('{"question": "1 + 1?", "answer": "2"}\n')
    suite = load_suite(str(tmp_path))
    assert suite.math is not None
    assert suite.queries == {"0": "1 + 1?" + REQUEST}
