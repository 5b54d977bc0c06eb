"""Do replies repeat the same words? distinct-n, self-BLEU and its cross-style form."""

from collections.abc import Iterator, Sequence

import numpy as np

from sfr_eval.metrics.bleu import (
    MAX_N,
    cross_style_self_bleu,
    self_bleu,
    self_bleu_fixed,
)
from sfr_eval.metrics.context import TOO_FEW, Context, metric_result
from sfr_eval.metrics.distinct import (
    distinct_n,
    expectation_adjusted_distinct_n,
    rarefied_distinct_n,
)
from sfr_eval.metrics.ngrams import Floats
from sfr_eval.metrics.repetition import compression_ratio, self_repetition, self_repetition_rate
from sfr_eval.metrics.rouge import rouge_l_homogenization
from sfr_eval.metrics.tokenizers import words as tokenize
from sfr_eval.types import MetricResult, Sample, Value

__all__ = [
    "compression_ratio",
    "cross_style_self_bleu",
    "distinct_n",
    "expectation_adjusted_distinct_n",
    "rarefied_distinct_n",
    "rouge_l_homogenization",
    "self_bleu",
    "self_bleu_fixed",
    "self_repetition",
    "self_repetition_rate",
    "tokenize",
]

VERSION = "1"
TOKENIZER = "words-v1"


def compute(context: Context) -> list[MetricResult]:
    """distinct_1..3 and self_bleu_1..4 for each prompt, cs_self_bleu_1..4 for each query."""
    tokens = {text: tokenize(text) for text in {reply.text for reply in context.replies}}
    return [
        *_distinct(context, tokens),
        *_self_bleu(context, tokens),
        *_cross_style(context, tokens),
    ]


def _distinct(context: Context, tokens: dict[str, list[str]]) -> Iterator[MetricResult]:
    for n in (1, 2, 3):

        def measure(replies: list[Sample], n: int = n) -> float | None:
            if len(replies) < 2:
                return None
            return distinct_n([tokens[reply.text] for reply in replies], n)

        yield metric_result(
            f"distinct_{n}",
            version=VERSION,
            values=context.per_prompt(measure, reason=f"{TOO_FEW} or without {n}-gram"),
            signature={"tokenizer": TOKENIZER, "n": n, "scope": "k replies of one prompt"},
        )


def _self_bleu(context: Context, tokens: dict[str, list[str]]) -> Iterator[MetricResult]:
    prompts = context.by_prompt()
    groups = [number for number, replies in enumerate(prompts.values()) for _ in replies]
    scores = self_bleu([tokens[reply.text] for reply in context.replies], groups)
    means = _group_means(scores, groups, len(prompts))
    for n in range(1, MAX_N + 1):
        values = [
            context.prompt_value(key, mean, reason=TOO_FEW)
            for key, mean in zip(prompts, means[n - 1], strict=True)
        ]
        yield _bleu_result(f"self_bleu_{n}", n, values, "other replies to the prompt")


def _cross_style(context: Context, tokens: dict[str, list[str]]) -> Iterator[MetricResult]:
    """One reply for each persona, those of equal sample index, make a group. More replies of a
    persona would raise the score with k, and repeats within a persona are not its subject."""
    queries = context.by_query()
    texts, groups, personas, owner = [], [], [], []
    for number, by_persona in enumerate(queries.values()):
        for persona, replies in by_persona.items():
            for reply in replies:
                texts.append(tokens[reply.text])
                groups.append((number, reply.index))
                personas.append(persona)
                owner.append(number)
    scores = cross_style_self_bleu(texts, groups, personas)
    means = _group_means(scores, owner, len(queries))
    for n in range(1, MAX_N + 1):
        values = [
            context.query_value(key, mean, reason="fewer than 2 personas replied")
            for key, mean in zip(queries, means[n - 1], strict=True)
        ]
        yield _bleu_result(
            f"cs_self_bleu_{n}", n, values, "the reply of each other persona with the same index"
        )


def _bleu_result(metric: str, n: int, values: list[Value], references: str) -> MetricResult:
    signature = {
        "tokenizer": TOKENIZER,
        "n": n,
        "weights": "uniform",
        "smoothing": "method1",
        "references": references,
    }
    return metric_result(metric, version=VERSION, values=values, signature=signature)


def _group_means(scores: Floats, groups: Sequence[int], count: int) -> list[list[float | None]]:
    """Mean of each column within each group, without NaN; None where nothing is left."""
    defined = ~np.isnan(scores[:, 0])
    where = np.asarray(groups, dtype=np.int64)[defined]
    sizes = np.bincount(where, minlength=count)
    return [
        [
            total / size if size else None
            for total, size in zip(
                np.bincount(where, weights=column, minlength=count).tolist(),
                sizes.tolist(),
                strict=True,
            )
        ]
        for column in scores[defined].T
    ]
