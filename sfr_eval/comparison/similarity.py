"""How alike are two models? The similarity in meaning of their replies to the same prompts.

Beside it stand the similarity of each model's own replies and that of unrelated prompts, without
which a cosine says nothing (Artificial Hivemind, 2510.22954, compares models in this way). Measures
of variety cannot show this: two models may each be varied and say the same things.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.embeddings.backends import Backend
from sfr_eval.embeddings.encoder import Encoder, LongTexts
from sfr_eval.errors import UserError
from sfr_eval.metrics.plain_text import PLAIN_FORM
from sfr_eval.metrics.semantic import mean_pairwise_distance
from sfr_eval.metrics.tokenizers import DEFAULT, load_tokenizer
from sfr_eval.stats.arrays import Floats
from sfr_eval.stats.intervals import Interval, mean_interval
from sfr_eval.types import PromptKey, Sample

BASIS = "embed_distance"
"""The metric whose encoder and window are used."""
MIN_QUERIES = 3
"""Below, the floor has no interval."""


@dataclass(frozen=True, kw_only=True)
class ModelSimilarity:
    """How alike two models' replies are at one temperature: mean cosines, -1 to 1, over the queries
    that both answered, with 95% intervals over queries. None is undefined."""

    temperature: float
    queries: int
    between: Interval | None  # a reply of each model to the same prompt
    first: Interval | None  # two replies of the first model to the same prompt
    second: Interval | None
    unrelated: Interval | None  # a reply of each, of the same persona, to different queries
    gap: Interval | None
    """Mean of `first` and `second` less `between`: 0 in expectation for two models that write from
    the same distribution, at most 2. Half the squared distance of the models' mean embeddings to a
    prompt, so it may be slightly negative."""


def of_runs(
    first: ScoredRun, second: ScoredRun, suite: str, *, cache: Path
) -> list[ModelSimilarity] | str:
    """Compare two runs' answers to a suite, with the encoder and window of their embed_distance.
    Returns the reason if that is not possible. Embeddings are in `cache` where they were scored."""
    signatures = {
        estimate.signature
        for run in (first, second)
        for (metric, _, _), estimate in run.suites[suite].estimates.items()
        if metric == BASIS
    }
    if len(signatures) != 1:
        return f"{BASIS} was not measured in the same way in both runs"
    parts = dict(part.split(":", 1) for part in signatures.pop().split("|")[1:])
    try:
        window = parts.get("token_window")
        tokenizer = load_tokenizer(
            parts.get("tokenizer", DEFAULT),
            window=None if window is None else int(window),
            plain=parts.get("text") == PLAIN_FORM,
        )
        encoder = Encoder(
            parts["encoder"],
            cache,
            backend=cast("Backend", parts["encoder_backend"]),
            long_texts=cast("LongTexts", parts["encoder_long_texts"]),
        )
        answers = (
            [
                replace(sample, text=tokenizer.cut(sample.text))
                for sample in run.samples
                if sample.suite == suite
            ]
            for run in (first, second)
        )
        return similarities(*answers, encoder=encoder)
    except UserError as error:  # no encoder on this machine, or no tokenizer file
        return str(error)


def similarities(
    first: Sequence[Sample], second: Sequence[Sample], *, encoder: Encoder
) -> list[ModelSimilarity]:
    """Compare the answers of two runs of one suite at each temperature that both have.

    The texts are embedded as they are: pass the samples with the texts that measures of meaning
    read (`Context.part`), which are in the encoder's cache. Samples without text, and replies that
    the encoder cannot read, are left out. Values are means over the personas of a query, with equal
    weights, and then over queries.
    """
    found = []
    temperatures = {s.temperature for s in first} & {s.temperature for s in second}
    for temperature in sorted(temperatures):
        ours, theirs = (
            _embeddings((s for s in run if s.temperature == temperature), encoder)
            for run in (first, second)
        )
        found.append(_at(temperature, ours, theirs))
    return found


_Rows = dict[PromptKey, Floats]


def _embeddings(samples: Iterable[Sample], encoder: Encoder) -> _Rows:
    """Return prompt -> embeddings of its replies, shape (k, d), where there are any."""
    replies = [sample for sample in samples if sample.has_text]
    texts = [reply.text for reply in replies]
    rows, readable = encoder.encode(texts), encoder.readable(texts)
    places: dict[PromptKey, list[int]] = {}
    for place, reply in enumerate(replies):
        if readable[place]:
            places.setdefault(reply.prompt_key, []).append(place)
    return {prompt: rows[own].astype(np.float64) for prompt, own in places.items()}


def _at(temperature: float, ours: _Rows, theirs: _Rows) -> ModelSimilarity:
    prompts = [prompt for prompt in ours if prompt in theirs]
    between: dict[PromptKey, float | None] = {}
    first: dict[PromptKey, float | None] = {}
    second: dict[PromptKey, float | None] = {}
    gap: dict[PromptKey, float | None] = {}
    for prompt in prompts:
        a, b = ours[prompt], theirs[prompt]
        cosine = float(a.mean(axis=0) @ b.mean(axis=0))
        own, other = _alike(a), _alike(b)
        between[prompt], first[prompt], second[prompt] = cosine, own, other
        both = own is not None and other is not None
        gap[prompt] = (own + other) / 2 - cosine if both else None  # type: ignore[operator]
    return ModelSimilarity(
        temperature=temperature,
        queries=len({query for query, _ in prompts}),
        between=_over_queries(between),
        first=_over_queries(first),
        second=_over_queries(second),
        unrelated=_unrelated(ours, theirs, prompts),
        gap=_over_queries(gap),
    )


def _alike(rows: Floats) -> float | None:
    distance = mean_pairwise_distance(rows)
    return None if distance is None else 1 - distance


def _over_queries(values: dict[PromptKey, float | None]) -> Interval | None:
    by_query: dict[str, list[float]] = {}
    for (query, _), value in values.items():
        if value is not None:
            by_query.setdefault(query, []).append(value)
    means = [sum(own) / len(own) for own in by_query.values()]
    return mean_interval(means) if means else None


def _unrelated(ours: _Rows, theirs: _Rows, prompts: Sequence[PromptKey]) -> Interval | None:
    """Return the mean cosine over pairs of queries, of one persona each; None below two queries.

    Pairs that share a query are not independent: the interval is of the jackknife's pseudo-values,
    n U - (n - 1) U_-q, whose mean is the mean U over pairs.
    """
    queries = list(dict.fromkeys(query for query, _ in prompts))
    n = len(queries)
    if n < 2:
        return None
    place = {query: number for number, query in enumerate(queries)}
    totals, counts = np.zeros((n, n)), np.zeros((n, n))
    for persona in dict.fromkeys(persona for _, persona in prompts):
        own = [(place[query], (query, p)) for query, p in prompts if p == persona]
        numbers = [number for number, _ in own]
        a = np.stack([ours[prompt].mean(axis=0) for _, prompt in own])
        b = np.stack([theirs[prompt].mean(axis=0) for _, prompt in own])
        cosines = a @ b.T
        totals[np.ix_(numbers, numbers)] += (cosines + cosines.T) / 2
        counts[np.ix_(numbers, numbers)] += 1
    np.fill_diagonal(counts, 0)
    if not counts.any():
        return None
    sums = np.where(counts > 0, totals / np.maximum(counts, 1), 0.0)
    pairs = counts > 0
    total, number = float(sums.sum()), float(pairs.sum())
    mean = total / number
    if n < MIN_QUERIES:
        return Interval(mean, None, None, "none: two queries")
    without = [
        (total - 2 * float(sums[q].sum())) / (number - 2 * float(pairs[q].sum()))
        for q in range(n)
        if number > 2 * float(pairs[q].sum())
    ]
    pseudo = [n * mean - (n - 1) * value for value in without]
    return mean_interval(pseudo)
