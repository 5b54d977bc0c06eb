"""Do replies mean the same? Distances between sentence embeddings."""

from typing import Any

import numpy as np
import numpy.typing as npt

from sfr_eval.metrics.classes import distinct_k, meaning_classes, utility_k
from sfr_eval.metrics.context import TOO_FEW, Context, metric_result
from sfr_eval.metrics.energy import cross_style_energy, energy_test
from sfr_eval.metrics.vendi import dpp_logdet, mean_squared_kernel, vendi_pairs, vendi_score
from sfr_eval.types import MetricResult

__all__ = [
    "cross_style_energy",
    "distinct_k",
    "dpp_logdet",
    "energy_test",
    "mean_pairwise_distance",
    "mean_squared_kernel",
    "meaning_classes",
    "persona_similarity",
    "utility_k",
    "vendi_pairs",
    "vendi_score",
]

VERSION = "1"

Floats = npt.NDArray[np.floating[Any]]


def mean_pairwise_distance(embeddings: Floats) -> float | None:
    """Mean cosine distance of two different texts; `embeddings` has unit rows, shape (n, d).

    1 - (|sum_i x_i|^2 - sum_i |x_i|^2) / (n (n - 1)): the sum over all pairs in O(n d), without
    the diagonal, hence unbiased at every n. Range 0 (same) to 2, about 1 when unrelated; higher
    is more varied. None below two texts. Source: Tevet and Berant 2004.02990.
    """
    n = len(embeddings)
    if n < 2:
        return None
    return 1.0 - _mean_off_diagonal(embeddings.sum(axis=0, dtype=np.float64), embeddings)


def _mean_off_diagonal(total: Floats, embeddings: Floats) -> float:
    n = len(embeddings)
    own = np.square(embeddings, dtype=np.float64).sum()  # n, up to float32 rounding
    # Equal texts may come out at 1 + 1e-8; a cosine cannot.
    return min(1.0, float((total @ total - own) / (n * (n - 1))))


def compute(context: Context) -> list[MetricResult]:
    """embed_distance for each prompt."""
    embeddings, place = context.reply_embeddings, 0
    values = []
    for key, replies in context.by_prompt().items():
        rows = embeddings[place : place + len(replies)]
        place += len(replies)
        values.append(context.prompt_value(key, mean_pairwise_distance(rows), reason=TOO_FEW))
    texts = [reply.text for reply in context.replies]
    return [
        metric_result(
            "embed_distance",
            version=VERSION,
            values=values,
            signature={**context.encoder_signature, "distance": "1 - cosine, without diagonal"},
            notes={"truncated_share": context.encoder.truncated_share(texts)},
        )
    ]


def persona_similarity(context: Context) -> dict[float, dict[str, Any]]:
    """How alike two personas answer: temperature -> {"personas": ids, "matrix": rows}.

    `matrix[a][b]` is the mean cosine of a reply of a and a reply of b to the same query, averaged
    over the queries that both answered; the diagonal takes different replies of one persona and is
    None where no query has two. Range -1 to 1. When personas have collapsed into one voice, the
    rest of the matrix is as high as its diagonal.
    """
    personas = list(dict.fromkeys(sample.persona for sample in context.samples))
    order = {persona: number for number, persona in enumerate(personas)}
    cosines: dict[float, list[Floats]] = {}
    embeddings, place = context.reply_embeddings, 0
    rows: dict[tuple[float, str, str], Floats] = {}
    for key, replies in context.by_prompt().items():
        rows[key] = embeddings[place : place + len(replies)]
        place += len(replies)
    for (temperature, query), by_persona in context.by_query().items():
        totals = np.zeros((len(personas), embeddings.shape[1]))
        counts = np.zeros(len(personas))
        diagonal = np.full(len(personas), np.nan)
        for persona in by_persona:
            own, number = rows[temperature, query, persona], order[persona]
            totals[number], counts[number] = own.sum(axis=0, dtype=np.float64), len(own)
            if len(own) > 1:
                diagonal[number] = _mean_off_diagonal(totals[number], own)
        with np.errstate(divide="ignore", invalid="ignore"):  # a persona without replies: NaN
            cosine = totals @ totals.T / np.outer(counts, counts)
        np.fill_diagonal(cosine, diagonal)
        cosines.setdefault(temperature, []).append(cosine)
    return {
        temperature: {"personas": personas, "matrix": _defined_mean(matrices)}
        for temperature, matrices in cosines.items()
    }


def _defined_mean(matrices: list[Floats]) -> list[list[float | None]]:
    """Mean of each cell over the matrices in which it is defined; None where it never is."""
    stack = np.stack(matrices)
    defined = ~np.isnan(stack)
    counts = defined.sum(axis=0)
    sums = np.where(defined, stack, 0.0).sum(axis=0)
    return [
        [float(total / count) if count else None for total, count in zip(*pair, strict=True)]
        for pair in zip(sums, counts, strict=True)
    ]
