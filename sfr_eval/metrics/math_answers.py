"""How often final answers of mathematics are right, what a vote of them gives, and how they differ.

A reply is right if its final answer equals the problem's by value. All from one set of n replies
per problem; the interval is over problems.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sfr_eval.grading.math_equality import Equality
from sfr_eval.grading.math_text import final_answer
from sfr_eval.metrics import code
from sfr_eval.metrics.context import NO_TEXT, Context, metric_result
from sfr_eval.metrics.metric import Metric, by_id
from sfr_eval.metrics.over_k import results_over_k
from sfr_eval.stats.pass_at_k import distinct_at_k, majority_at_k, pass_at_k, pass_hat_k
from sfr_eval.types import MetricResult, Sample

VERSION = "1"

METRICS = by_id(
    Metric("maj_at_k", "higher",
           "Chance that the most frequent final answer of k is right; ties are broken by chance.",
           range=(0, 1), outcomes=True, curve="maj@k", summarised=True),
    Metric("distinct_answer_at_k", "neither",
           "Different final answers among k, right or wrong.", curve="Different final answers"),
    Metric("no_answer_rate", "lower", "Share of replies without a final answer.",
           range=(0, 1), outcomes=True, label="No final answer", headline=("failures", 3)),
)  # fmt: skip

RIGHT = 0
"""Number of the class of right answers; wrong ones count from 1, -1 is none."""
NONE = -1


@dataclass(frozen=True)
class Graded:
    """The final answers of a run: the class of each reply, and what readers should know."""

    classes: Mapping[str, int]  # sample_id -> RIGHT, NONE or the number of a wrong answer
    notes: Mapping[str, Any]

    def right(self, reply: Sample) -> bool:
        """Return whether the final answer is right."""
        return self.classes[reply.sample_id] == RIGHT


def graded_answers(context: Context) -> Graded | None:
    """Return the classes of all final answers, computed once; None unless the suite is one of
    mathematics."""
    problems = context.suite.math
    if problems is None:
        return None
    if "math" not in context.fitted or context.fitted["math"][0] is not context.samples:
        classes: dict[str, int] = {}
        found: Counter[str] = Counter()
        with Equality() as equality:
            for (_, query, _), replies in context.by_prompt.items():
                answer = problems.problems[query].answer
                classes |= _classes(replies, answer, equality, found)
            notes = {
                **{f"answers_from_{how}": count for how, count in sorted(found.items())},
                "too_slow_to_compare": equality.too_slow,
            }
        context.fitted["math"] = (context.samples, Graded(classes, notes))
    graded: Graded = context.fitted["math"][1]
    return graded


def _classes(
    replies: Sequence[Sample], answer: str, equality: Equality, found: Counter[str]
) -> dict[str, int]:
    """Return the class of each reply to one problem; `found` counts where answers stood."""
    examples = [answer]
    classes = {}
    for reply in replies:
        final = final_answer(reply.text, cut=reply.status == "truncated")
        found[final.found if final else "nothing"] += 1
        if final is None:
            classes[reply.sample_id] = NONE
            continue
        same = (i for i, other in enumerate(examples) if equality.equal(other, final.text))
        number = next(same, len(examples))
        if number == len(examples):
            examples.append(final.text)
        classes[reply.sample_id] = number
    return classes


def compute(context: Context) -> list[MetricResult]:
    """Return pass@k, pass^k, maj@k and the number of different answers for every k, and the share
    of replies without one; nothing for a suite of anything else."""
    graded = graded_answers(context)
    if graded is None:
        return []
    counts = {
        key: Counter(graded.classes[reply.sample_id] for reply in replies)
        for key, replies in context.by_prompt.items()
    }
    signature = {"verdicts": "final answer by value", "form": "boxed-1"}

    def over_k(
        metric: Metric,
        curve: Callable[[Counter[int]], Callable[[int], float | None]],
        *,
        ceiling: Callable[[int], float] = lambda k: 1.0,
        notes: Mapping[str, Any] | None = None,
    ) -> list[MetricResult]:
        curves = {key: (each.total(), curve(each)) for key, each in counts.items()}
        return list(
            results_over_k(
                context,
                metric,
                curves,
                version=VERSION,
                ceiling=ceiling,
                signature=signature,
                reason=NO_TEXT,
                notes=notes,
            )
        )

    return [
        *over_k(
            code.METRICS["pass_at_k"],
            lambda each: partial(pass_at_k, each.total(), each[RIGHT]),
            notes=graded.notes,
        ),
        *over_k(
            code.METRICS["pass_all_at_k"],
            lambda each: partial(pass_hat_k, each.total(), each[RIGHT]),
        ),
        *over_k(METRICS["maj_at_k"], _majority),
        *over_k(METRICS["distinct_answer_at_k"], _distinct, ceiling=float),
        metric_result(
            METRICS["no_answer_rate"],
            version=VERSION,
            values=[
                context.prompt_value(
                    key, each[NONE] / each.total() if each else None, reason=NO_TEXT
                )
                for key, each in counts.items()
            ],
            signature=signature,
        ),
    ]


def _majority(counts: Counter[int]) -> Callable[[int], float | None]:
    wrong = [count for number, count in counts.items() if number not in (RIGHT, NONE)]
    shares = majority_at_k(counts[RIGHT], wrong, counts.total())
    return lambda k: shares[k - 1] if k <= len(shares) else None


def _distinct(counts: Counter[int]) -> Callable[[int], float | None]:
    sizes = [count for number, count in counts.items() if number != NONE]
    return partial(distinct_at_k, sizes, counts.total())
