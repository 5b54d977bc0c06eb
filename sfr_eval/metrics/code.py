"""How often code is correct, how many distinct correct programs there are, and how reliable the
grader is. All from one set of n programs per problem; the interval is over problems.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sfr_eval.grading.shape import shape
from sfr_eval.grading.verdicts import Graded, Grading
from sfr_eval.metrics.context import NO_TEXT, Context, metric_result
from sfr_eval.metrics.metric import Metric, Pairs, by_id
from sfr_eval.metrics.over_k import results_over_k
from sfr_eval.sandbox.types import missing_package
from sfr_eval.stats.pass_at_k import distinct_at_k, pass_at_k, pass_hat_k
from sfr_eval.types import Cell, MetricResult, Sample, Value

VERSION = "2"

METRICS = by_id(
    Metric("pass_at_k", "higher", "Chance that one of k programs passes all tests.",
           range=(0, 1), outcomes=True,
           label="pass@1",
           headline=("quality", 1), curve="pass@k", summarised=True, span=1.0, trust="verifier",
           primary=("quality", 2),
           pairs=Pairs(
               place=2,
               figures=(("self_bleu_4_fixed", "distinct_2_rarefied"),),
               swept=("embed_distance", "self_bleu_4_fixed", "rouge_l_homogenization",
                      "distinct_valid"),
               compared=("distinct_correct_at_k", "embed_distance", "self_bleu_4_fixed"),
           )),
    Metric("pass_all_at_k", "higher", "Chance that all of k programs pass all tests (pass^k).",
           range=(0, 1), outcomes=True, curve="pass^k"),
    Metric("distinct_correct_at_k", "higher",
           "Distinct correct programs (normalised syntax tree) among k.",
           curve="Different correct programs", summarised=True,
           primary=("variety", 2)),
    Metric("distinct_behaviour_at_k", "higher",
           "Correct programs among k that differ on inputs close to those of the tests.",
           curve="Correct programs that behave differently"),
    Metric("time_limit_rate", "lower", "Share of graded programs that hit the time limit.",
           range=(0, 1), outcomes=True,
           label="Time limit", headline=("facts", 1)),
    Metric("near_limit_rate", "lower",
           "Share of graded programs that ended within 20% of the limit.",
           range=(0, 1), outcomes=True),
    Metric("runtime_error_rate", "lower", "Share of graded programs that ended in an error.",
           range=(0, 1), outcomes=True,
           label="Runtime error", headline=("failures", 1)),
    Metric("no_code_rate", "lower", "Share of answers without a program.",
           range=(0, 1), outcomes=True,
           label="Answers without code", headline=("failures", 2)),
    Metric("mode_difference_rate", "lower",
           "Share of programs whose verdict the other verdict mode reverses.",
           range=(0, 1), outcomes=True,
           label="Verdict depends on mode", headline=("facts", 3)),
    Metric("grader_flip_rate", "lower", "Share of programs graded twice whose verdict changed.",
           range=(0, 1), outcomes=True,
           label="Verdicts that flip", headline=("facts", 2)),
)  # fmt: skip
NOT_GRADED = "no program of this problem could be graded"
NO_FUNCTION = "nothing to compare: no graded program, or no function to call on other inputs"
LISTED = 50
"""Maximum number of programs that the notes name."""


_Answers = Sequence[tuple[Sample, Graded]]
"""The graded answers to one prompt."""
_ByPrompt = Mapping[Cell, _Answers]


def _right(answers: _Answers) -> list[Sample]:
    return [sample for sample, verdict in answers if verdict.passed]


def compute(context: Context) -> list[MetricResult]:
    """Return pass_at_k and distinct_correct_at_k for every k up to the number of graded programs,
    and how programs ended; nothing for a suite without problems."""
    grading = context.grading
    if grading is None:
        return []
    grading.grade(context.replies)
    answers = {key: _graded(grading, replies) for key, replies in context.by_prompt.items()}
    signature = {"verdicts": grading.mode, "form": grading.problems.prompt_form}
    return [
        *_at_k(
            context,
            answers,
            "pass_at_k",
            lambda graded: partial(pass_at_k, len(graded), len(_right(graded))),
            ceiling=lambda k: 1.0,
            signature={**signature, "estimator": "1 - C(n-c, k) / C(n, k)"},
            notes=_notes(context, grading, answers),
        ),
        *_at_k(
            context,
            answers,
            "pass_all_at_k",
            lambda graded: partial(pass_hat_k, len(graded), len(_right(graded))),
            ceiling=lambda k: 1.0,
            signature={**signature, "estimator": "C(c, k) / C(n, k)"},
        ),
        *_at_k(
            context,
            answers,
            "distinct_correct_at_k",
            lambda graded: _distinct(graded, [shape(grading.program(s)) for s in _right(graded)]),
            ceiling=float,
            signature={**signature, "same": "normalised syntax tree"},
        ),
        *_behaviours(context, grading, answers, signature),
        *_rates(context, grading, answers, signature),
    ]


def _graded(grading: Grading, replies: Sequence[Sample]) -> _Answers:
    pairs = [(reply, grading.verdict(reply)) for reply in replies]
    return [(reply, verdict) for reply, verdict in pairs if verdict is not None]


def _distinct(graded: _Answers, labels: Iterable[Hashable]) -> Callable[[int], float | None]:
    return partial(distinct_at_k, Counter(labels).values(), len(graded))


def _at_k(
    context: Context,
    answers: _ByPrompt,
    name: str,
    measure: Callable[[_Answers], Callable[[int], float | None]],
    *,
    ceiling: Callable[[int], float],
    signature: Mapping[str, Any],
    notes: Mapping[str, Any] | None = None,
    reason: str = NOT_GRADED,
) -> Iterator[MetricResult]:
    """Yield one result for each k up to what every problem has."""
    curves = {key: (len(graded), measure(graded)) for key, graded in answers.items()}
    return results_over_k(
        context,
        METRICS[name],
        curves,
        version=VERSION,
        ceiling=ceiling,
        signature=signature,
        notes=notes,
        reason=reason,
    )


def _behaviours(
    context: Context, grading: Grading, answers: _ByPrompt, signature: Mapping[str, Any]
) -> Iterator[MetricResult]:
    """Yield distinct_behaviour_at_k: undefined for problems without a function to call, absent if
    no problem has one. Programs of one shape behave alike, so only one of them is run."""
    of_shape: dict[tuple[str, str], str] = {}
    for graded in answers.values():
        for sample in _right(graded):
            code = grading.program(sample)
            of_shape.setdefault((sample.query, shape(code)), code)
    by_problem: dict[str, list[str]] = {}
    for (query, _), code in of_shape.items():
        by_problem.setdefault(query, []).append(code)
    numbers = grading.behaviours(by_problem)
    comparable = grading.comparable({query for _, query, _ in answers})

    def measure(graded: _Answers) -> Callable[[int], float | None]:
        if graded and graded[0][0].query not in comparable:
            return lambda k: None
        programs = [(s.query, shape(grading.program(s))) for s in _right(graded)]
        return _distinct(graded, [numbers[p[0], of_shape[p]] for p in programs])

    if comparable:
        yield from _at_k(
            context,
            answers,
            "distinct_behaviour_at_k",
            measure,
            ceiling=float,
            signature={**signature, "same": "answers on inputs near to those of the tests"},
            reason=NO_FUNCTION,
        )


def _rates(
    context: Context, grading: Grading, answers: _ByPrompt, signature: Mapping[str, Any]
) -> Iterator[MetricResult]:
    """Yield shares of a problem's answers, each 0 to 1."""
    ends: dict[str, Callable[[Graded], bool]] = {
        "time_limit_rate": lambda verdict: verdict.status == "time_limit",
        "near_limit_rate": lambda verdict: verdict.near_limit,
        "runtime_error_rate": lambda verdict: verdict.status in ("runtime_error", "memory"),
    }
    for metric, holds in ends.items():
        shares = {key: _mean([holds(verdict) for _, verdict in a]) for key, a in answers.items()}
        values = [context.prompt_value(key, s, reason=NOT_GRADED) for key, s in shares.items()]
        yield _rate(metric, values, signature)
    empty = context.per_prompt(
        lambda replies: _mean([not grading.program(reply).strip() for reply in replies]),
        reason=NO_TEXT,
    )
    yield _rate("no_code_rate", empty, {"form": grading.problems.prompt_form})
    again = {"grader_flip_rate": (_flips, "no program of this problem was graded twice")}
    if grading.other_mode is not None:
        again["mode_difference_rate"] = (_mode_differences, NOT_GRADED)
    for metric, (changed, reason) in again.items():
        pairs = {key: changed(grading, graded) for key, graded in answers.items()}
        if any(pairs.values()):
            values = [
                context.prompt_value(key, _mean([change for _, change in changes]), reason=reason)
                for key, changes in pairs.items()
            ]
            yield _rate(metric, values, signature)


def _changes(
    answers: _Answers, again: Callable[[Sample], Graded | None]
) -> list[tuple[Sample, bool]]:
    """Return whether the verdict changed, for each program that has another one."""
    pairs = [(sample, first, again(sample)) for sample, first in answers]
    return [(s, first.passed != second.passed) for s, first, second in pairs if second is not None]


def _flips(grading: Grading, answers: _Answers) -> list[tuple[Sample, bool]]:
    return _changes(answers, partial(grading.verdict, round=1))


def _mode_differences(grading: Grading, answers: _Answers) -> list[tuple[Sample, bool]]:
    return _changes(answers, partial(grading.verdict, mode=grading.other_mode))


def _rate(metric: str, values: Sequence[Value], signature: Mapping[str, Any]) -> MetricResult:
    return metric_result(METRICS[metric], version=VERSION, values=values, signature=signature)


def _mean(outcomes: Sequence[bool]) -> float | None:
    return sum(outcomes) / len(outcomes) if outcomes else None


def _notes(context: Context, grading: Grading, answers: _ByPrompt) -> dict[str, Any]:
    """Return what a reader of pass@k has to know besides the number."""
    verdicts = [verdict for graded in answers.values() for _, verdict in graded]
    statuses = Counter(verdict.status for verdict in verdicts)
    notes: dict[str, Any] = {
        "verdict_mode": grading.mode,
        "isolation": ", ".join(sorted({verdict.isolation for verdict in verdicts})),
        "programs": len(verdicts),
        "not_scored": len(context.replies) - len(verdicts),
        "lower_trust": sum(verdict.trust == "lower" for verdict in verdicts),
        "retried_alone": sum(verdict.retried for verdict in verdicts),
        **{f"status_{status}": count for status, count in sorted(statuses.items())},
    }
    missing = Counter(missing_package(verdict.detail) for verdict in verdicts)
    del missing[""]
    if missing:
        notes["missing_packages"] = dict(missing.most_common(LISTED))
    flips = [flip for graded in answers.values() for _, flip in _flips(grading, graded)]
    notes |= {"graded_twice": len(flips), "flips": sum(flips)}
    if grading.other_mode is not None:
        differing = [
            f"{sample.query} #{sample.index} at T = {sample.temperature:g}"
            for graded in answers.values()
            for sample, differs in _mode_differences(grading, graded)
            if differs
        ]
        notes |= {"other_mode": grading.other_mode, "modes_differ": len(differing)}
        notes["modes_differ_on"] = differing[:LISTED]
    return notes
