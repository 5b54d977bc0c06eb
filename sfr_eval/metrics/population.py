"""How much of the range of the labelled replies' writers the personas span together.

Three numbers to read next to each persona's fidelity, style_strength: a population can be
stereotyped although each of its members is faithful (Chameleon's Limit, 2604.24698, whose abstract
names the three; the estimators are ours). Neighbourhoods consist of labelled replies to the same
query, in the space of sentence embeddings. Those replies are the probe's: --style-data, or drawn
from the suite's own synthetic benchmark. Nearness to the latter says something only of a model that
was trained on it: 36 replies written in character by a person had a coverage of 0 to .17, where the
benchmark's own had .44 to .83. Any other model needs --style-data, and without it the family is
undefined.

Coverage and uniformity take *one reply of each persona* as the population and average over which
reply that is, so their expectation does not depend on k; neither does that of complexity, up to the
bias of a ratio.

A fidelity of this kind (whether the nearest labelled reply is the persona's own) was tried and
dropped: with 18 labelled replies to a query of the persona benchmark it was .25 for the reference
distribution and .15 with all personas mixed (6 queries, 4 replies), because what is said outweighs
how it is said.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sfr_eval.metrics.context import Context, metric_result
from sfr_eval.metrics.labels import Labelled, labelled_replies
from sfr_eval.metrics.metric import Metric, by_id
from sfr_eval.metrics.spectra import participation_ratio
from sfr_eval.stats.arrays import Floats
from sfr_eval.types import MetricResult, Value

VERSION = "3"

METRICS = by_id(
    Metric("coverage", "higher",
           "Share of the labelled replies' neighbourhoods that one reply of each persona reaches.",
           range=(0, 1), outcomes=True,
           unit="query", label="Coverage by the personas", claims=("within", "both")),
    Metric("uniformity", "higher",
           "Chance that two personas' replies are nearest to different labelled replies.",
           range=(0, 1), outcomes=True,
           unit="query", claims=("both",), span=0.84),
    Metric("complexity", "higher",
           "Number of directions in which all personas' replies to a query spread.", unit="query",
           claims=("both",)),
)  # fmt: skip
NEIGHBOURS = 3
"""A labelled reply's neighbourhood extends to its third nearest labelled reply. With nine personas
and 18 labelled replies from the same source, coverage is .74, which leaves room on both sides."""

NO_PEOPLE = "needs --style-data: labelled replies of people"

_SLACK = 1e-6  # equal texts may differ by as much in float32


def coverage(
    replies: Sequence[Floats], references: Floats, *, neighbours: int = NEIGHBOURS
) -> float | None:
    """Share of the references' neighbourhoods that at least one persona reaches with one reply.

    `replies` holds one array (k_p, d) for each persona, `references` is (r, d), all rows of unit
    length. The neighbourhood of a reference is the ball around it that extends to its
    `neighbours`-th nearest reference (Naeem et al. 2002.09797). With s_pr the share of persona p's
    replies in ball r, the chance that no persona has its one reply there is prod_p (1 - s_pr):
    unbiased at every k. Range 0 to 1, higher is better. None with fewer than `neighbours` + 1
    references, or if a persona has no reply.
    """
    if len(references) <= neighbours or not _all_answered(replies):
        return None
    between = references @ references.T
    np.fill_diagonal(between, np.inf)  # puts the reference itself first
    radius = np.partition(-between, neighbours, axis=1)[:, neighbours]
    missed = np.ones(len(references))
    for rows in replies:
        missed *= 1 - (-(rows @ references.T) <= radius + _SLACK).mean(axis=0)
    return float(1 - missed.mean())


def uniformity(replies: Sequence[Floats], references: Floats) -> float | None:
    """Chance that two personas, with one reply each, are nearest to different references.

    Takes the arguments of `coverage`. 1 - mean over pairs p != q of sum_c a_pc a_qc, where a_pc is
    the share of p's replies whose nearest reference is c: Gini and Simpson's evenness over cells,
    without pairs of a persona with itself, hence unbiased at every k. Range 0 (all in one cell) to
    1; higher is more even. None with fewer than 2 references or personas, or if a persona has no
    reply.
    """
    if len(references) < 2 or len(replies) < 2 or not _all_answered(replies):
        return None
    shares = np.stack([_nearest(rows, references).mean(axis=0) for rows in replies])
    total = shares.sum(axis=0)
    pairs = len(replies) * (len(replies) - 1)
    return float(1 - (total @ total - np.square(shares).sum()) / pairs)


def complexity(embeddings: Floats) -> float | None:
    """Participation ratio of the replies around their mean: (tr S)^2 / tr(S^2), S the covariance.

    `embeddings` is (n, d). The number of directions in which replies spread, 1 to d; higher is
    richer. It has no scale: replies half as far apart in the same directions have the same
    complexity. Both terms are unbiased for independent rows (Himeno and Yamada 2014); their ratio
    is biased by O(1/n) and may exceed d. None below 4 replies, or if they do not differ.
    """
    ratio = participation_ratio(embeddings)
    if ratio is None or embeddings.var(axis=0, ddof=1, dtype=np.float64).sum() <= _SLACK:
        return None
    return ratio if ratio > 0 else None


def _all_answered(replies: Sequence[Floats]) -> bool:
    return bool(replies) and all(len(rows) for rows in replies)


def _nearest(replies: Floats, references: Floats) -> Floats:
    """Return rows with 1 at the reference nearest to a reply, divided among equally near ones."""
    cosines = replies @ references.T
    near = cosines >= cosines.max(axis=1, keepdims=True) - _SLACK
    shares: Floats = near / near.sum(axis=1, keepdims=True)
    return shares


def compute(context: Context) -> list[MetricResult]:
    """Return coverage, uniformity and complexity for each query, for suites with personas. They are
    undefined for a model that does not speak the benchmark's language, without --style-data."""
    if not any(persona for _, _, persona in context.by_prompt):
        return []
    if context.style_data is None and not context.speaks_world:
        return _undefined(context)
    labelled = labelled_replies(context)
    references, rows = _references(context, labelled), context.prompt_embeddings()
    per_query: dict[str, list[Value]] = {metric: [] for metric in METRICS}
    for key, by_persona in context.by_query.items():
        replies = {persona: rows[(*key, persona)] for persona in by_persona}
        for metric, (number, reason) in _of_query(replies, references(key[1])).items():
            per_query[metric].append(context.query_value(key, number, reason=reason))
    signature = {
        "neighbourhoods": f"{labelled.source} ({labelled.digest})",
        "neighbours": NEIGHBOURS,
        "population": "one reply of each persona",
        **context.encoder_signature,
    }
    notes = {"labelled": labelled.source, "labelled_replies": len(labelled.texts)}
    return [
        metric_result(
            METRICS[metric], version=VERSION, values=values, signature=signature, notes=notes
        )
        for metric, values in per_query.items()
    ]


def _undefined(context: Context) -> list[MetricResult]:
    values = [context.query_value(key, None, reason=NO_PEOPLE) for key in context.by_query]
    signature = {"neighbourhoods": "none", **context.encoder_signature}
    return [
        metric_result(METRICS[metric], version=VERSION, values=values, signature=signature)
        for metric in METRICS
    ]


def _of_query(
    by_persona: Mapping[str, Floats], references: Floats
) -> dict[str, tuple[float | None, str]]:
    """Return metric -> (value, why there is none)."""
    replies = list(by_persona.values())
    # Without one of its members it is a different population.
    silent = [persona for persona, rows in by_persona.items() if not len(rows)]
    if len(replies) < 2 or silent:
        why = f"no reply of {', '.join(silent)}" if silent else "fewer than 2 personas were asked"
        return dict.fromkeys(METRICS, (None, why))
    few = f"fewer than {NEIGHBOURS + 1} labelled replies to this query"
    spread = complexity(np.concatenate(replies))
    return {
        "coverage": (coverage(replies, references), few),
        "uniformity": (uniformity(replies, references), few),
        "complexity": (spread, "fewer than 4 replies, or no two that differ"),
    }


def _references(context: Context, labelled: Labelled) -> Callable[[str], Floats]:
    """Return query -> embeddings of its labelled replies, shape (r, d); r may be 0. Those of
    personas that the run lacks are left out."""
    personas = {persona for _, _, persona in context.by_prompt}
    queries = {query for _, query in context.by_query}
    rows = zip(labelled.texts, labelled.queries, labelled.personas, strict=True)
    used = [(text, query) for text, query, p in rows if query in queries and p in personas]
    embeddings = context.embeddings([text for text, _ in used])
    places: dict[str, list[int]] = {}
    for place, (_, query) in enumerate(used):
        places.setdefault(query, []).append(place)
    return lambda query: embeddings[places.get(query, [])]
