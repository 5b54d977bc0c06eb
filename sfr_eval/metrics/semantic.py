"""Similarity of meaning: distances between sentence embeddings."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sfr_eval.metrics.chamfer import ROUNDING, chamfer
from sfr_eval.metrics.checks import unit_rows
from sfr_eval.metrics.classes import distinct_k, meaning_classes, utility_k
from sfr_eval.metrics.context import TOO_FEW, Context, QueryKey, metric_result
from sfr_eval.metrics.encoder_languages import language_notes
from sfr_eval.metrics.energy import cross_style_energy, energy_test
from sfr_eval.metrics.equivalence import DRAW, expected_meanings
from sfr_eval.metrics.meanings import distinct_meanings
from sfr_eval.metrics.metric import Metric, by_id
from sfr_eval.metrics.semantic_sets import set_errors, set_values
from sfr_eval.metrics.vendi import dpp_logdet, mean_squared_kernel, vendi_pairs, vendi_score
from sfr_eval.stats.arrays import Floats, Integers
from sfr_eval.stats.permutation import holm
from sfr_eval.store.results import Similarity
from sfr_eval.types import MetricResult, Value

__all__ = [
    "chamfer",
    "cross_style_energy",
    "distinct_k",
    "dpp_logdet",
    "energy_test",
    "expected_meanings",
    "mean_pairwise_distance",
    "mean_squared_kernel",
    "meaning_classes",
    "persona_similarity",
    "utility_k",
    "vendi_pairs",
    "vendi_score",
]

VERSION = "4"

METRICS = by_id(
    Metric("embed_distance", "higher", "Mean cosine distance between two replies to one prompt.",
           range=(0, 2),
           label="Distance in meaning", headline=("variety", 1), claims=("within",), span=0.488,
           primary=("variety", 3)),
    Metric("chamfer", "higher", "Cosine distance of a reply to the nearest other; falls with k.",
           range=(0, 2), claims=("within",)),
    Metric("chamfer_fixed", "higher", "Cosine distance of a reply to the nearest of 3 others.",
           range=(0, 2), claims=("within",), span=0.351),
    Metric("vendi_q1", "higher", "Effective number of distinct replies; rises with k.",
           claims=("within",)),
    Metric("vendi_q2", "higher", "The same of order 2, from pairs; stable from k = 16.",
           claims=("within",), span=2.67),
    Metric("mean_squared_kernel", "lower", "Mean squared cosine of two replies to one prompt.",
           range=(0, 1),
           claims=("within",), span=0.706),
    Metric("dpp_logdet", "higher", "log det(K + I) of the cosines, as in DQO; rises with k.",
           claims=("within",)),
    Metric("distinct_k", "higher", "Expected number of meanings among 4 replies to a prompt.",
           claims=("within",), span=2.66),
    Metric("cross_style_energy", "higher",
           "Energy distance between the personas' replies to a query.", unit="query",
           claims=("cross",), span=0.099),
)  # fmt: skip
PERMUTATIONS = 199


def mean_pairwise_distance(embeddings: npt.ArrayLike) -> float | None:
    """Mean cosine distance over pairs of texts; `embeddings` has shape (n, d), and its rows are
    scaled to unit length.

    1 - (|sum_i x_i|^2 - sum_i |x_i|^2) / (n (n - 1)): the sum over all pairs in O(n d), without
    the diagonal, hence unbiased at every n. Range 0 (same) to 2, about 1 if unrelated; higher is
    more varied. None below two texts. Raises ValueError for a row that is not finite. Source: Tevet
    and Berant 2004.02990.
    """
    rows = unit_rows(embeddings)
    if len(rows) < 2:
        return None
    distance = 1.0 - _mean_off_diagonal(rows.sum(axis=0), rows)
    return distance if distance >= ROUNDING else 0.0


def _mean_off_diagonal(total: Floats, embeddings: Floats) -> float:
    n = len(embeddings)
    squares = np.square(embeddings, dtype=np.float64).sum()  # n up to float32 rounding
    # Rounding may give equal texts 1 + 1e-8, which no cosine can be.
    return min(1.0, float((total @ total - squares) / (n * (n - 1))))


def compute(context: Context) -> list[MetricResult]:
    """Return the measures of sets for each prompt and cross_style_energy for each query."""

    def measure(sets: Sequence[Integers]) -> dict[str, Floats]:
        values = set_values(context.reply_embeddings, sets, workers=context.workers)
        return {**values, "distinct_k": distinct_meanings(context, sets)}

    sets = _readable_rows(context)
    columns = measure(sets)
    errors = set_errors(sets, measure) if context.jackknife else {}
    encoder_notes = {
        **context.encoder.notes(context.texts),
        **language_notes(context.texts, context.encoder),
        **context.window_notes,
    }
    results = []
    for metric, (signature, reason) in signatures(context).items():
        values = _prompt_values(context, columns[metric], sets, reason=reason)
        notes = dict(encoder_notes)
        if metric in errors:
            values = [
                replace(value, standard_error=None if math.isnan(error) else error)
                for value, error in zip(values, errors[metric].tolist(), strict=True)
            ]
            notes["within_prompt"] = within_prompt(values)
        results.append(
            metric_result(
                METRICS[metric], version=VERSION, values=values, signature=signature, notes=notes
            )
        )
    return [*results, _energy(context)]


def _prompt_values(
    context: Context, numbers: Floats, sets: Sequence[Integers], *, reason: str
) -> list[Value]:
    """Return the values of all prompts; the reason says whether replies were left out."""
    values = context.prompt_values(numbers.tolist(), reason=reason)
    unread = f"{reason} that the encoder can read"
    return [
        replace(value, reason=unread) if value.reason and len(rows) < len(all_rows) else value
        for value, rows, all_rows in zip(values, sets, context.prompt_rows(), strict=True)
    ]


def _readable_rows(context: Context) -> list[Integers]:
    """Return the rows of each prompt's replies that the encoder can read."""
    return [rows[context.readable[rows]] for rows in context.prompt_rows()]


def within_prompt(values: Sequence[Value]) -> dict[str, dict[str, Any]]:
    """Return, by temperature, how much of the variation is due to drawing only k replies.

    `error`: root mean square of the prompts' standard errors. `share`: error^2 relative to the
    variance between the prompts' values, at most 1. If it is near 1, more samples narrow the
    interval over queries as more queries would; if it is near 0, only more queries do.
    """
    parts = {}
    for temperature in dict.fromkeys(value.temperature for value in values):
        pairs = [
            (value.value, value.standard_error)
            for value in values
            if value.temperature == temperature
            and value.value is not None
            and value.standard_error is not None
        ]
        if len(pairs) > 1:
            numbers, errors = np.array(pairs).T
            square, spread = float(np.square(errors).mean()), float(numbers.var(ddof=1))
            parts[f"{temperature:g}"] = {
                "error": math.sqrt(square),
                "share": min(1.0, square / spread) if spread > 0 else None,
                "prompts": len(pairs),
            }
    return parts


def signatures(context: Context) -> dict[str, tuple[dict[str, Any], str]]:
    """Return metric -> (signature, why it may be undefined) for every measure of a set."""
    few = f"fewer than {DRAW} replies with text"
    own: dict[str, tuple[dict[str, Any], str]] = {
        "embed_distance": ({"distance": "1 - cosine, without diagonal"}, TOO_FEW),
        "chamfer": ({"distance": "1 - cosine, nearest of all others"}, TOO_FEW),
        "chamfer_fixed": ({"distance": f"1 - cosine, nearest of {DRAW - 1} others"}, few),
        "vendi_q1": ({"kernel": "cosine", "q": 1}, TOO_FEW),
        "vendi_q2": (
            {"kernel": "cosine", "q": 2, "estimator": "pairs, without diagonal"},
            f"{TOO_FEW}, or no two of them have anything in common",
        ),
        "mean_squared_kernel": ({"kernel": "cosine, without diagonal"}, TOO_FEW),
        "dpp_logdet": ({"kernel": "cosine", "form": "log det(K + I)"}, TOO_FEW),
        "distinct_k": ({"k": DRAW, "same": context.equivalence.signature}, few),
    }
    encoder = context.encoder_signature
    return {metric: ({**encoder, **rest}, reason) for metric, (rest, reason) in own.items()}


def _energy(context: Context) -> MetricResult:
    """Return cross_style_energy, with a permutation test per temperature and Holm over these."""
    values: dict[QueryKey, float] = {}
    tests = {}
    permutations = PERMUTATIONS if context.permutations is None else context.permutations
    of_reply = [reply.cell for reply in context.replies]
    for temperature in dict.fromkeys(temperature for temperature, _ in context.by_query):
        rows = [
            i for i, key in enumerate(of_reply) if key[0] == temperature and context.readable[i]
        ]
        queries = [of_reply[i][1] for i in rows]
        personas = [of_reply[i][2] for i in rows]
        test = energy_test(
            context.reply_embeddings[rows], queries, personas, permutations=permutations
        )
        if test.p_value is not None:
            tests[f"{temperature:g}"] = test.p_value
        for query, number in zip(dict.fromkeys(queries), test.energies.tolist(), strict=True):
            if not math.isnan(number):
                values[temperature, query] = number
    return metric_result(
        METRICS["cross_style_energy"],
        version=VERSION,
        values=context.query_values(values, reason="fewer than 2 personas with 2 replies"),
        signature={**context.encoder_signature, "distance": "Euclidean, unit vectors"},
        notes={
            "p_value": tests,
            "p_value_holm": dict(zip(tests, holm(list(tests.values())), strict=True)),
            "permutations": f"{permutations} of personas within query",
        },
    )


def persona_similarity(context: Context) -> dict[float, Similarity]:
    """Similarity of the personas' answers at each temperature.

    `matrix[a][b]` is the mean cosine of a reply of a and a reply of b to the same query, averaged
    over the queries that both answered; the diagonal takes two replies of one persona and is None
    if no query has two. Range -1 to 1. If personas have collapsed into one voice, the rest of the
    matrix is as high as its diagonal.
    """
    personas = list(dict.fromkeys(sample.persona for sample in context.samples))
    order = {persona: number for number, persona in enumerate(personas)}
    cosines: dict[float, list[Floats]] = {}
    places = dict(zip(context.by_prompt, _readable_rows(context), strict=True))
    rows = {cell: context.reply_embeddings[own] for cell, own in places.items()}
    dimensions = context.reply_embeddings.shape[1]
    for (temperature, query), by_persona in context.by_query.items():
        totals = np.zeros((len(personas), dimensions))
        counts = np.zeros(len(personas))
        diagonal = np.full(len(personas), np.nan)
        for persona in by_persona:
            embeddings, number = rows[temperature, query, persona], order[persona]
            totals[number] = embeddings.sum(axis=0, dtype=np.float64)
            counts[number] = len(embeddings)
            if len(embeddings) > 1:
                diagonal[number] = _mean_off_diagonal(totals[number], embeddings)
        with np.errstate(divide="ignore", invalid="ignore"):  # a persona without replies: NaN
            cosine = totals @ totals.T / np.outer(counts, counts)
        np.fill_diagonal(cosine, diagonal)
        cosines.setdefault(temperature, []).append(cosine)
    return {
        temperature: Similarity(personas=tuple(personas), matrix=_defined_mean(matrices))
        for temperature, matrices in cosines.items()
    }


def _defined_mean(matrices: list[Floats]) -> tuple[tuple[float | None, ...], ...]:
    """Average each cell over the matrices in which it is defined; None if there are none."""
    stack = np.stack(matrices)
    defined = ~np.isnan(stack)
    counts = defined.sum(axis=0)
    sums = np.where(defined, stack, 0.0).sum(axis=0)
    return tuple(
        tuple(float(total / count) if count else None for total, count in zip(*pair, strict=True))
        for pair in zip(sums, counts, strict=True)
    )
