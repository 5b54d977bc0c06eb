"""Does a reply answer its own question, rather than another one of the suite?

A reply's sentence embedding is compared with the embedding of every question that was asked.
Nothing is fitted to the run, so a model that answers other questions, by whatever rule, cannot
teach the measure that rule: dealing the replies out to questions on other topics, by a permutation
or at random, brings it to chance. It knows neither the order of words nor truth, and a reply that
only names the topic, or answers a question next to its own, can pass.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sfr_eval.metrics.context import NO_TEXT, Context, metric_result
from sfr_eval.metrics.metric import Metric, Pairs, by_id
from sfr_eval.metrics.normal_text import NORMAL_FORM, normal_text
from sfr_eval.stats.arrays import Floats, Integers, Mask
from sfr_eval.types import MetricResult

if TYPE_CHECKING:
    from sfr_eval.suites.suite import Suite

VERSION = "2"

METRICS = by_id(
    Metric("query_accuracy", "higher",
           "Share of replies that are closer to their own question than to any other one.",
           range=(0, 1), outcomes=True,
           label="Own question recognised", headline=("quality", 7), span=1.0, trust="relevance",
           pairs=Pairs(
               place=7,
               figures=(("embed_distance", "self_bleu_4_fixed", "distinct_2_rarefied"),),
               swept=("embed_distance", "self_bleu_4_fixed", "rouge_l_homogenization"),
               compared=("embed_distance", "rouge_l_homogenization", "self_bleu_4_fixed"),
           )),
    Metric("query_strength", "higher",
           "How far up its own question stands among those that a reply is close to; 0 by chance.",
           range=(-1, 1),
           label="Closeness to the own question", span=1.0, trust="relevance",
           primary=("quality", 8)),
    Metric("relevant_share", "higher",
           "Share of replies that are close enough to their own question to count as answers.",
           range=(0, 1), outcomes=True,
           label="Answers to their own question", span=1.0, trust="relevance"),
)  # fmt: skip
MIN_QUESTIONS = 5
"""Different questions below which chance is too high to tell anything."""
READABLE = 0.5
"""Share of the questions that the encoder must be able to read."""
NEAR = 0.6
"""A reply is relevant if its own question is this near to the best one: the share of the way from
the mean similarity of the other questions to that of the closest one."""
MARGIN = 0.12
"""The least by which its cosine must exceed that mean. With the default encoder and the 148
questions of the persona suite, .6 and .12 accept 92 to 94 % of its replies (of each persona 87 to
95 %), 2 to 4 % of those dealt to other questions and 4 % of random words."""
RELEVANT = {"near": NEAR, "margin": MARGIN}
"""What decides that a reply is relevant, for signatures."""
_COPY_BYTES = 12
"""Length from which a question repeated in a reply is cut out: shorter ones are mere words."""
_STOPS = "?!.:…。\uff1f\uff01"  # the last two are full-width question and exclamation marks
_CELLS = 2**24  # similarities in memory at a time: 128 MB


@dataclass(frozen=True, kw_only=True)
class Recognition:
    """How replies stand to the questions, one entry for each reply."""

    first: Mask  # closer to its own question than to every other one
    strength: Floats  # -1 to 1, 0 by chance
    relevant: Mask  # close enough to its own question to count as an answer to it
    candidates: int  # different questions

    def only(self, spoken: Mask) -> "Recognition":
        """Return the same with nothing recognised where a reply says nothing."""
        return Recognition(
            first=self.first & spoken,
            strength=np.where(spoken, self.strength, 0.0),
            relevant=self.relevant & spoken,
            candidates=self.candidates,
        )


def recognition(
    replies: npt.ArrayLike, own: npt.ArrayLike, questions: npt.ArrayLike
) -> Recognition:
    """Compare replies with questions; all rows are unit vectors.

    `replies` has shape (n, d), `own` (n,) holds the row of `questions` (m, d) that each reply
    answers. With s the cosines of a reply to the questions, r that of its own one and m >= 2:

    first: r > s_j for all others; expectation at most 1 / m by chance. strength: the share of the
    others below r (ties count half), scaled to 2 * share - 1; its expectation does not depend on m.
    relevant: r - mean >= NEAR * (max - mean) and r - mean >= MARGIN, mean over the others.
    """
    table, rows = np.asarray(replies), np.asarray(own, dtype=np.intp)
    columns = np.asarray(questions, dtype=np.float64).T
    others = columns.shape[1] - 1
    if others < 1:
        raise ValueError(f"{columns.shape[1]} questions; two or more are needed")
    first, relevant = np.zeros(len(rows), np.bool_), np.zeros(len(rows), np.bool_)
    strength = np.zeros(len(rows))
    step = max(1, _CELLS // (others + 1))
    for begin in range(0, len(rows), step):
        part = slice(begin, begin + step)
        cosines = table[part].astype(np.float64) @ columns
        right = np.take_along_axis(cosines, rows[part, None], axis=1)[:, 0]
        below = (cosines < right[:, None]).sum(axis=1)
        above = (cosines > right[:, None]).sum(axis=1)
        mean = (cosines.sum(axis=1) - right) / others
        excess = right - mean
        first[part] = below == others
        strength[part] = (below - above) / others
        relevant[part] = excess >= np.maximum(NEAR * (cosines.max(axis=1) - mean), MARGIN)
    return Recognition(first=first, strength=strength, relevant=relevant, candidates=others + 1)


def recognised(context: Context) -> Recognition | str:
    """Recognise the replies of a run, in the order of `Context.replies`, among all questions that
    it asked, or return the reason why that is undefined. A reply that says nothing beyond its
    question, or nothing that the encoder can read, is never recognised. Questions with the same
    text are one candidate."""
    columns, texts = candidates(context.suite, [query for _, query in context.by_query])
    if isinstance(columns, str):
        return columns
    if context.encoder.readable(texts).mean() < READABLE:
        return "the encoder cannot read the questions"
    own = [columns[reply.query] for reply in context.replies]
    # Whole texts: an answer may come late, and the window of measures of variety is short.
    replies = [
        own_words(normal_text(reply.text), texts[column])
        for reply, column in zip(context.replies, own, strict=True)
    ]
    found = recognition(
        context.encoder.encode(replies),
        np.array(own, dtype=np.intp),
        context.encoder.encode(texts),
    )
    spoken = np.array([any(map(str.isalnum, reply)) for reply in replies], dtype=np.bool_)
    return found.only(spoken & context.readable)


def candidates(suite: "Suite", queries: Sequence[str]) -> tuple[dict[str, int] | str, list[str]]:
    """Return (query -> its candidate, texts of the candidates), or a reason instead of the first.

    Texts that differ only in case, spaces or Unicode form are one candidate.
    """
    places: dict[str, int] = {}
    texts: list[str] = []
    columns: dict[str, int] = {}
    for query in dict.fromkeys(queries):
        text = normal_text(suite.queries.get(query, "")).strip()
        if not text:
            return f"the suite does not have the text of query {query}", []
        key = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
        if key not in places:
            places[key] = len(texts)
            texts.append(text)
        columns[query] = places[key]
    if len(texts) < MIN_QUESTIONS:
        return f"fewer than {MIN_QUESTIONS} different questions were asked", []
    return columns, texts


def own_words(reply: str, question: str) -> str:
    """Return a reply without verbatim copies of its question, which would pass for an answer. Case
    and spaces may differ."""
    copy = _copy(question)
    return reply if copy is None else normal_text(copy.sub(" ", reply)).strip()


@lru_cache(maxsize=4096)
def _copy(question: str) -> re.Pattern[str] | None:
    words = question.rstrip(f" \n{_STOPS}").split()
    if len(" ".join(words).encode()) < _COPY_BYTES:
        return None
    copy = r"\s+".join(map(re.escape, words))
    return re.compile(f"{copy}[{_STOPS}]*", re.IGNORECASE)


def compute(context: Context) -> list[MetricResult]:
    """Return all three measures for each prompt; undefined with the reason below MIN_QUESTIONS."""
    found = recognised(context)
    if isinstance(found, str):
        return [
            metric_result(
                metric,
                version=VERSION,
                values=context.per_prompt(lambda _: None, reason=found),
                signature={**context.encoder.signature, "candidates": None},
            )
            for metric in METRICS.values()
        ]
    numbers = {
        "query_accuracy": found.first.astype(np.float64),
        "query_strength": found.strength,
        "relevant_share": found.relevant.astype(np.float64),
    }
    chance = {"query_accuracy": 1 / found.candidates, "query_strength": 0.0}
    signature = signature_of(context, found)
    notes = {
        **context.encoder.notes([reply.text for reply in context.replies]),
        "candidates": found.candidates,
    }
    return [
        metric_result(
            METRICS[metric],
            version=VERSION,
            values=context.prompt_values(_means(column, context.prompt_rows()), reason=NO_TEXT),
            signature=signature | (RELEVANT if metric == "relevant_share" else {}),
            notes={**notes, "chance": chance.get(metric)},
        )
        for metric, column in numbers.items()
    ]


def signature_of(context: Context, found: Recognition) -> dict[str, Any]:
    """Return what two runs must share for their recognition to be comparable."""
    return {
        **context.encoder.signature,
        "text": f"whole, {NORMAL_FORM}",
        "candidates": found.candidates,
        "similarity": "cosine of reply and question, nothing fitted",
    }


def _means(column: Floats, prompts: Sequence[Integers]) -> list[float]:
    return [float(column[rows].mean()) if len(rows) else np.nan for rows in prompts]
