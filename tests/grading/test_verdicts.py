"""pytest tests/code/test_grading.py: what is kept, what is run again, what metrics say of it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.config import RunConfig
from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.grading import verdicts as module
from sfr_eval.grading.behaviour import probes
from sfr_eval.grading.verdicts import Graded, Grading
from sfr_eval.metrics.code import compute
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.table import metric_info, shown_ks
from sfr_eval.pipeline.run import execute
from sfr_eval.sandbox.types import AssertsProblem, Program, Verdict
from sfr_eval.settings import CodeSettings
from sfr_eval.stats.estimate import all_estimates
from sfr_eval.store.rows import decode_row, encode_row
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.problems.simulated import SimulatedCoder
from sfr_eval.suites.suite import Suite, load_suite
from sfr_eval.types import Estimate, MetricResult, Sample
from tests.support.exact_code import exact_distinct_at_k, exact_pass_at_k


class Judge:
    """Stands for the sandbox: what a program says in its first line is its verdict."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.second: str | None = None  # verdict of everything from the second call on

    def __call__(
        self, programs: Iterable[Program], *, mode: str, workers: int | None, unsafe: bool
    ) -> Iterator[Verdict]:
        seen = list(programs)
        if any(m == mode for m, _ in self.calls) and self.second is not None:
            verdicts = [self.second] * len(seen)
        else:
            verdicts = [program.code.split("\n")[0].strip("# ") or "wrong" for program in seen]
        for program, status in zip(seen, verdicts, strict=True):
            self.calls.append((mode, program.id))
            if status.endswith("!"):  # the other mode thinks otherwise
                status = "passed" if mode == "faithful" else "wrong"
            yield Verdict(id=program.id, problem=program.problem.id, status=status)  # type: ignore[arg-type]


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Judge:
    class Tier:
        tier = "bubblewrap"

    monkeypatch.setattr(module, "detect", lambda *, unsafe: Tier)
    return Judge()


def suite(name: str = "mbpp") -> Suite:
    return load_suite(name, code=CodeSettings(data="small"))


def answers(asked: Suite, texts: dict[str, list[str]], *, temperature: float = 1.0) -> list[Sample]:
    """Samples whose programs are these texts; "error" stands for a request without an answer."""
    samples = []
    for query, programs in texts.items():
        for index, text in enumerate(programs):
            failed = text == "error"
            samples.append(
                Sample(
                    sample_id=f"{query}/{index}/{temperature}", suite=asked.id, query=query,
                    persona="", temperature=temperature, index=index, seed=0,
                    status="error" if failed else "ok",
                    text="" if failed else f"```python\n{text}\n```",
                    prompt_tokens=1, completion_tokens=1,
                )
            )  # fmt: skip
    return samples


Measure = Callable[..., dict[str, MetricResult]]


@pytest.fixture
def measure(judge: Judge, tmp_path: Path) -> Measure:
    def run(
        texts: dict[str, list[str]], *, of: Suite | None = None, **settings: Any
    ) -> dict[str, MetricResult]:
        asked = of or suite()
        assert asked.code is not None
        grading = Grading(
            asked.code, file=tmp_path / "verdicts" / "x.jsonl",
            settings=CodeSettings(**settings), grader=judge,
        )  # fmt: skip
        context = Context(
            samples=answers(asked, texts), suite=asked, encoder=Encoder(None, tmp_path),
            grading=grading,
        )  # fmt: skip
        return {result.metric: result for result in compute(context)}

    return run


def values(result: MetricResult) -> list[float | None]:
    return [value.value for value in result.values]


def estimate(result: MetricResult) -> Estimate:
    (found,) = all_estimates(result, 4, ())
    return found


A, B = "longest-run", "fence-posts"
RIGHT = "# passed\nx = {}"


def test_pass_at_k_for_every_k_from_one_set(measure: Measure) -> None:
    found = measure({A: [RIGHT.format(1), "# wrong\n1", "# wrong\n2", "# wrong\n3"],
                     B: [RIGHT.format(1), RIGHT.format(2), "# wrong", "# time_limit"]})  # fmt: skip
    assert [m for m in found if m.startswith("pass_at")] == [f"pass_at_{k}" for k in (1, 2, 3, 4)]
    assert values(found["pass_at_1"]) == pytest.approx([1 / 4, 2 / 4])
    # 1 - C(3, 2) / C(4, 2) = 1/2; 1 - C(2, 2) / C(4, 2) = 5/6
    assert values(found["pass_at_2"]) == pytest.approx([1 / 2, 5 / 6])
    assert values(found["pass_at_4"]) == [1.0, 1.0]
    assert values(found["distinct_correct_at_4"]) == [1.0, 2.0]
    assert values(found["time_limit_rate"]) == [0.0, 0.25]
    assert estimate(found["pass_at_2"]).value == pytest.approx(2 / 3)
    assert found["pass_at_1"].notes["status_wrong"] == 4
    assert found["pass_at_1"].notes["isolation"] == "bubblewrap"


def test_renamed_copies_are_one_correct_program(measure: Measure) -> None:
    found = measure(
        {A: ["# passed\na = 1", "# passed\nb = 1  # same", "# passed\na = 2", "# wrong"]}
    )
    assert values(found["distinct_correct_at_4"]) == [2.0]
    assert values(found["distinct_correct_at_1"]) == values(found["pass_at_1"])


def test_ungraded_programs_are_left_out_and_not_wrong(measure: Measure) -> None:
    found = measure({A: [RIGHT.format(1), "# not_scored", RIGHT.format(2)],
                     B: ["# not_scored"] * 3,
                     "caesar": [RIGHT.format(3), "# wrong", "error"]})  # fmt: skip
    assert values(found["pass_at_1"]) == [1.0, None, 0.5]
    assert found["pass_at_1"].values[1].reason == "no program of this problem could be graded"
    # two problems have two graded programs each: k = 3 is not reported for anybody
    assert values(found["pass_at_2"]) == [1.0, None, 1.0]
    assert "pass_at_3" not in found
    assert found["pass_at_1"].notes["not_scored"] == 4
    assert estimate(found["pass_at_1"]).undefined == 1
    assert estimate(found["pass_at_1"]).value == 0.75


def test_a_problem_without_verdicts_is_undefined_not_zero(measure: Measure) -> None:
    found = measure({A: ["# not_scored", "# not_scored"]})
    assert estimate(found["pass_at_1"]).value is None
    assert estimate(found["time_limit_rate"]).value is None


def test_equal_programs_are_graded_once_and_only_once(
    measure: Measure, judge: Judge, tmp_path: Path
) -> None:
    texts = {A: ["# wrong", "# wrong", RIGHT.format(1)], B: ["# wrong", "# not_scored", "# wrong"]}
    first = measure(texts, regrade=0.0)
    assert len(judge.calls) == 4  # two for A; for B one wrong and one that fails
    again = measure(texts, regrade=0.0)
    assert len(judge.calls) == 5  # only the one that nothing is known about
    assert values(again["pass_at_1"]) == values(first["pass_at_1"])
    file = tmp_path / "verdicts" / "x.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    assert len(lines) == 3
    kept = decode_row(lines[1], Graded)
    assert kept is not None
    file.write_bytes(lines[0] + encode_row(replace(kept, grader="0")) + lines[2][:20])
    measure(texts, regrade=0.0)
    assert len(judge.calls) == 5 + 3  # torn, of another version, and the one that fails
    measure(texts, regrade=0.0)  # and no new verdict was lost to the torn line before it
    assert len(judge.calls) == 8 + 1


def test_a_damaged_verdict_is_made_again(measure: Measure, judge: Judge, tmp_path: Path) -> None:
    texts = {A: ["# wrong", RIGHT.format(1)], B: ["# wrong"]}
    measure(texts, regrade=0.0)
    file = tmp_path / "verdicts" / "x.jsonl"
    content = file.read_bytes()
    file.write_bytes(content.replace(b'"wrong"', b'"wrpng"', 1).replace(b'"passed"', b'"qassed"'))
    found = measure(texts, regrade=0.0)
    assert len(judge.calls) == 3 + 2
    assert values(found["pass_at_1"]) == [0.5, 0.0]


def test_a_second_round_shows_flips(measure: Measure, judge: Judge) -> None:
    texts = {A: [RIGHT.format(1), RIGHT.format(2)], B: ["# wrong", "# wrong\n2"]}
    judge.second = "time_limit"
    found = measure(texts, regrade=1.0)
    assert values(found["grader_flip_rate"]) == [1.0, 0.0]  # passed to time limit: wrong stays
    assert values(found["pass_at_1"]) == [1.0, 0.0]  # the first round counts
    assert (found["pass_at_1"].notes["graded_twice"], found["pass_at_1"].notes["flips"]) == (4, 2)


def test_both_modes_of_livecodebench_are_reported(measure: Measure) -> None:
    lcb = suite("livecodebench")
    found = measure({"harbour01_a": ["# wrong!", RIGHT.format(1)]}, of=lcb, regrade=0.0)
    assert values(found["pass_at_1"]) == [0.5]
    assert values(found["mode_difference_rate"]) == [0.5]
    notes = found["pass_at_1"].notes
    assert (notes["verdict_mode"], notes["other_mode"]) == ("lcb-compat", "faithful")
    assert notes["modes_differ_on"] == ["harbour01_a #0 at T = 1"]
    turned = measure({"harbour01_a": ["# wrong!"]}, of=lcb, verdict_mode="faithful")
    assert values(turned["pass_at_1"]) == [1.0]


def test_a_suite_without_problems_has_no_code_metrics(tmp_path: Path) -> None:
    context = Context(samples=[], suite=load_suite("persona"), encoder=Encoder(None, tmp_path))
    assert compute(context) == []


def test_ids_with_a_number_are_described_by_the_table() -> None:
    assert metric_info("pass_at_17") == metric_info("pass_at_k")
    assert metric_info("pass_at_x") is None
    assert metric_info("self_bleu_4") is not None
    assert shown_ks(16) == [1, 2, 5, 10, 16]
    assert shown_ks(1) == [1]


def test_a_run_of_the_simulated_coder_recovers_its_pass_at_k(tmp_path: Path) -> None:
    """World, plan, store, the real sandbox, metrics, report: every solution passes, every mutant
    fails, so pass@k must be that of the twin on these very problems."""
    config = RunConfig(
        model="world:solve=0.5,spread=0.4", suite=("mbpp",), data="small", samples=12,
        temperatures=(0.8,), regrade=0.2, output=tmp_path / "run",
    )  # fmt: skip
    outcome = execute(config)
    assert outcome.exit_code == 0
    results = RunFolder(tmp_path / "run").read_results().stored()
    found = {row["metric"]: row for row in results["estimates"]}
    asked = suite()
    assert asked.code is not None
    twin = SimulatedCoder(asked.code.problems, solve=0.5, spread=0.4)
    for k in (1, 3, 8):
        truth = [exact_pass_at_k(twin, k, name) for name in asked.code.problems]
        row = found[f"pass_at_{k}"]
        # of the 12 draws of each of 25 problems alone: at most 0.5 / sqrt(25 x 12) = 0.03
        assert row["value"] == pytest.approx(sum(truth) / 25, abs=0.1)
        assert row["method"] == "Wilson, effective n"  # fewer than 50 problems
        assert row["low"] < row["value"] < row["high"]
    # exactly: a program is right if and only if the twin drew a solution
    right = {s.strip() for p in asked.code.problems.values() for s in p.solutions}
    samples = RunFolder(tmp_path / "run").sealed_samples()
    drawn = [asked.code.problems[s.query].extract(s.text).strip() in right for s in samples]
    assert found["pass_at_1"]["value"] == pytest.approx(sum(drawn) / len(drawn), abs=1e-12)
    distinct = sum(exact_distinct_at_k(twin, 6, name) for name in asked.code.problems) / 25
    assert found["distinct_correct_at_6"]["value"] == pytest.approx(distinct, abs=0.3)
    assert results["notes"]["pass_at_1"]["mbpp"]["flips"] == 0
    groups = {(row["by"], row["group"]) for row in results["slices"]}
    assert groups == {("difficulty", g) for g in ("easy", "medium", "hard")}
    page = (tmp_path / "run" / "report.html").read_text()
    assert ">pass@k</h3>" in page
    assert "difficulty: hard (3)" in page
    assert (tmp_path / "run" / "plots" / "mbpp-over_k.csv").is_file()


def test_behaviour_is_compared_on_inputs_outside_the_tests(tmp_path: Path) -> None:
    """Real sandbox. All four pass the tests; they differ on negative numbers and by an error."""
    asked = suite()
    assert asked.code is not None
    base = "def staircase(steps):\n    if {}:\n        {}\n    a, b, c = 0, 0, 1\n"
    loop = "    for _ in range(steps):\n        a, b, c = b, c, a + b + c\n    return c\n"
    codes = [
        base.format("steps < 0", "return 1") + loop,
        base.format("steps < 0", "raise ValueError") + loop,
        base.format("steps <= -1", "return 1") + loop,
        base.format("steps < 0", "raise KeyError") + loop,
    ]
    grading = Grading(
        asked.code, file=tmp_path / "verdicts" / "x.jsonl", settings=CodeSettings(regrade=0.0)
    )
    context = Context(
        samples=answers(asked, {"staircase": codes}), suite=asked,
        encoder=Encoder(None, tmp_path), grading=grading,
    )  # fmt: skip
    found = {result.metric: result for result in compute(context)}
    assert values(found["pass_at_1"]) == [1.0]
    assert values(found["distinct_correct_at_4"]) == [4.0]
    assert values(found["distinct_behaviour_at_4"]) == [2.0]
    assert values(found["distinct_behaviour_at_1"]) == [1.0]


def test_standard_input_cannot_be_compared(measure: Measure) -> None:
    found = measure({"harbour01_a": [RIGHT.format(1)]}, of=suite("livecodebench"))
    assert "distinct_behaviour_at_1" not in found


@pytest.mark.parametrize(
    "text",
    ["assert f({[]: 1}) == 1", "assert f(" + "-" * 1900 + "1) == 1", "assert f([1] + 1) == 1",
     "assert f({" + "2305843009213693951, " * 200 + "}) == 1", "assert f(\0) == 1"],
    ids=range(5),
)  # fmt: skip
def test_arguments_that_cannot_be_read_give_no_inputs(text: str) -> None:
    problem = AssertsProblem(id="p", asserts=("assert f(3) == 1", text))
    assert (4,) in set(probes(problem))
