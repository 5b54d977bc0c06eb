"""How far a model is from its teacher: divergences in nats, from exact log-probabilities.

For a prompt (query, persona) with the teacher's distribution p and the model's q, both over replies
that are cut at the run's limit of tokens, p under the full card at the teacher's temperature and q
in the model's own prompt at its sampling temperature:

    forward KL(p || q) = E_p[log p(y) - log q(y)]   large where q leaves out what the teacher says
    reverse KL(q || p) = E_q[log q(y) - log p(y)]   large where q says what the teacher would not

Each is the mean over k replies to the prompt: unbiased at every k, so a value may be below 0. A
token's share is the sum of the differences over the sum of the tokens, as the teacher counts them.
Each model scores the tokens that its own tokenizer gives to a text. For equal tokenizers both sides
miss the same other tokenizations; for different ones the difference has an error of their mass.
"""

import math
from collections.abc import Callable, Sequence

from sfr_eval.metrics.context import NO_TEXT, Context, metric_result
from sfr_eval.metrics.metric import Metric, by_id
from sfr_eval.suites.teacher.reference import TeacherReference
from sfr_eval.suites.teacher.reply import ReplyText
from sfr_eval.types import Cell, MetricResult, Sample, Value

VERSION = "1"

METRICS = by_id(
    Metric("forward_kl", "lower", "KL divergence of the model from its teacher, nats a reply.",
           label="Forward KL to the teacher"),
    Metric("forward_kl_token", "lower", "forward_kl, nats a token."),
    Metric("reverse_kl", "lower", "KL divergence of the teacher from the model, nats a reply.",
           label="Reverse KL to the teacher"),
    Metric("reverse_kl_token", "lower", "reverse_kl, nats a token."),
    Metric("teacher_surprise", "neither",
           "How improbable the teacher finds the model's replies, nats a token."),
    Metric("teacher_entropy", "neither", "Entropy of the teacher's replies, nats a reply."),
    Metric("teacher_entropy_token", "neither", "teacher_entropy, nats a token."),
)  # fmt: skip

Difference = Callable[[Sample], tuple[float, int]]
"""A reply's difference of log-probabilities, and its tokens."""


def per_reply_and_token(terms: Sequence[tuple[float, int]]) -> tuple[float, float] | None:
    """Return the mean of the terms, and their sum over the sum of the tokens. None without a term,
    or without a token."""
    tokens = sum(count for _, count in terms)
    if not terms or not tokens:
        return None
    total = math.fsum(number for number, _ in terms)
    return total / len(terms), total / tokens


def compute(context: Context) -> list[MetricResult]:
    """Return the divergences of each prompt; nothing for a suite without a teacher. Those that need
    the model's own probabilities are undefined where they are not known."""
    teacher = context.teacher
    if teacher is None:
        return []
    values: dict[str, list[Value]] = {metric: [] for metric in METRICS}
    for cell, replies in context.by_prompt.items():
        for metric, (number, reason) in _of_prompt(teacher, cell, replies).items():
            values[metric].append(context.prompt_value(cell, number, reason=reason))
    return [
        metric_result(METRICS[metric], version=VERSION, values=rows, signature=teacher.signature)
        for metric, rows in values.items()
    ]


def _of_prompt(
    teacher: TeacherReference, cell: Cell, replies: Sequence[Sample]
) -> dict[str, tuple[float | None, str]]:
    """Return metric -> (value, why there is none)."""
    temperature, query, persona = cell
    own = [reply for reply in teacher.replies.get((query, persona), ()) if reply.has_text]
    unknown = teacher.student.why_unknown(temperature)
    logs = teacher.student.scores.get(temperature, {})

    def surprise(reply: Sample) -> tuple[float, int]:
        score = teacher.score(reply)
        return -score.log_prob, score.tokens

    def difference(reply: Sample) -> tuple[float, int]:
        score = teacher.score(reply)
        of_student = logs[query, persona, ReplyText.of(reply).digest].log_prob
        return score.log_prob - of_student, score.tokens

    def reverse(reply: Sample) -> tuple[float, int]:
        number, tokens = difference(reply)
        return -number, tokens

    def both(term: Difference, rows: Sequence[Sample]) -> tuple[float | None, float | None]:
        return per_reply_and_token([term(row) for row in rows]) or (None, None)

    forward: tuple[float | None, float | None] = (None, None)
    backward: tuple[float | None, float | None] = (None, None)
    if not unknown:
        forward, backward = both(difference, own), both(reverse, replies)
    no_own = "no reply of the teacher with text"
    entropy, entropy_token = both(surprise, own)
    return {
        "forward_kl": (forward[0], unknown or no_own),
        "forward_kl_token": (forward[1], unknown or no_own),
        "reverse_kl": (backward[0], unknown or NO_TEXT),
        "reverse_kl_token": (backward[1], unknown or NO_TEXT),
        "teacher_surprise": (both(surprise, replies)[1], NO_TEXT),
        "teacher_entropy": (entropy, no_own),
        "teacher_entropy_token": (entropy_token, no_own),
    }
