"""Plain facts about replies: their length, and how often they repeat, are cut or are empty."""

from collections.abc import Callable, Sequence

from sfr_eval.metrics.context import NO_TEXT, TOO_FEW, Context, metric_result
from sfr_eval.metrics.metric import Metric, by_id
from sfr_eval.metrics.normal_text import NORMAL_FORM, normal_text
from sfr_eval.metrics.repetition import collision_rate, modal_share, unique_share
from sfr_eval.metrics.word_count import word_count
from sfr_eval.types import MetricResult, Sample

VERSION = "4"

METRICS = by_id(
    Metric("length", "neither", "Mean number of words in a reply.", label="Length in words",
           headline=("facts", 4)),
    Metric("duplicate_rate", "lower", "Chance that two replies to one prompt are the same text.",
           range=(0, 1), outcomes=True,
           label="Duplicate rate", claims=("within",), span=1),
    Metric("truncation_rate", "lower", "Share of replies cut off at max_tokens.",
           range=(0, 1), outcomes=True,
           label="Truncation rate", headline=("facts", 5)),
    Metric("empty_rate", "lower", "Share of replies without a word.",
           range=(0, 1), outcomes=True),
    Metric("modal_share", "lower", "Share of the most frequent reply; falls as k grows.",
           range=(0, 1), outcomes=True,
           claims=("within",)),
    Metric("unique_share", "higher", "Distinct replies over all replies; falls as k grows.",
           range=(0, 1), outcomes=True,
           claims=("within",)),
)  # fmt: skip


def mean_length(replies: Sequence[Sample]) -> float | None:
    """Mean number of words (`word_count`: characters, in scripts without blanks between words);
    from 0 up, neither direction is better. None without a reply."""
    return _mean([word_count(text) for text in _texts(replies)])


def duplicate_rate(replies: Sequence[Sample]) -> float | None:
    """Chance that two replies are the same text (`collision_rate`); None below two."""
    return collision_rate(_texts(replies))


def _texts(replies: Sequence[Sample]) -> list[str]:
    """Return what can be seen of the texts; outer blanks do not make them different either."""
    return [normal_text(reply.text).strip() for reply in replies]


def truncation_rate(replies: Sequence[Sample]) -> float | None:
    """Share of replies that were cut at max_tokens; 0 to 1, None without a reply.

    Above a few percent, length and every measure of a set also reflect the limit.
    """
    return _mean([reply.status == "truncated" for reply in replies])


def empty_rate(replies: Sequence[Sample]) -> float | None:
    """Share of replies in which nothing can be seen; 0 to 1, None without a reply."""
    return _mean([not text for text in _texts(replies)])


def _mean(numbers: Sequence[int]) -> float | None:
    return sum(numbers) / len(numbers) if numbers else None


COUNTED = "runs of non-blanks; letters, in scripts without blanks"
_EQUALITY = {"equality": "text without outer blanks", "text": NORMAL_FORM}
_MEASURES: dict[str, tuple[Callable[[Sequence[Sample]], float | None], str, dict[str, str]]] = {
    "length": (mean_length, NO_TEXT, {"tokens": COUNTED, "text": NORMAL_FORM}),
    "duplicate_rate": (duplicate_rate, TOO_FEW, _EQUALITY),
    "modal_share": (lambda replies: modal_share(_texts(replies)), TOO_FEW, _EQUALITY),
    "unique_share": (lambda replies: unique_share(_texts(replies)), TOO_FEW, _EQUALITY),
    "truncation_rate": (truncation_rate, NO_TEXT, {}),
    "empty_rate": (empty_rate, NO_TEXT, {"text": NORMAL_FORM}),
}


def compute(context: Context) -> list[MetricResult]:
    """Return all metrics of this family, one value for each prompt."""
    return [
        metric_result(
            METRICS[metric],
            version=VERSION,
            values=context.per_prompt(measure, reason=reason),
            signature=signature,
        )
        for metric, (measure, reason, signature) in _MEASURES.items()
    ]
