"""How a model's replies lie among reference replies to the same prompt, of people or of another
model: how much of them it covers, how much of it they support, and whether they differ at all.

Neighbourhoods are balls around each reference that extend to its third nearest other reference, in
the space of sentence embeddings and within one prompt (Naeem et al. 2002.09797, Kynkaanniemi et al.
1904.06991). What replies of the references' own source would get depends on both numbers of
replies, so it stands beside the value: exactly for coverage and density, by leaving out one
reference at a time for support. Nothing here is a matter of variety alone: a model that says one
right thing is supported and covers little, one that rambles covers and is not supported.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from sfr_eval.metrics.context import Context, metric_result
from sfr_eval.metrics.energy import energy_test
from sfr_eval.metrics.metric import Metric, by_id
from sfr_eval.metrics.semantic import mean_pairwise_distance
from sfr_eval.stats.arrays import Floats, Mask
from sfr_eval.stats.permutation import holm
from sfr_eval.types import Cell, MetricResult, PromptKey

VERSION = "1"

METRICS = by_id(
    Metric("reference_coverage", "higher",
           "Share of the references' neighbourhoods that a reply reaches; rises with k.",
           range=(0, 1), outcomes=True, label="References covered", headline=("facts", 6)),
    Metric("reference_coverage_expected", "neither",
           "reference_coverage of as many replies from the references' own source.",
           range=(0, 1)),
    Metric("reference_support", "higher",
           "Share of replies that lie in the neighbourhood of a reference.",
           range=(0, 1), outcomes=True, label="Supported by references", headline=("facts", 7)),
    Metric("reference_support_expected", "neither",
           "reference_support of each reference by the others.", range=(0, 1), outcomes=True),
    Metric("reference_density", "neither",
           "Neighbourhoods that a reply lies in, over their number; 1 for the same source."),
    Metric("reference_energy", "lower",
           "Energy distance between replies and references; 0 for the same source."),
    Metric("reference_similarity", "neither", "Mean cosine of a reply and a reference.",
           range=(-1, 1)),
    Metric("reference_gap", "lower",
           "Mean cosine within replies and within references, less that between them.",
           range=(-2, 2)),
)  # fmt: skip

NEIGHBOURS = 3
"""A neighbourhood extends to the third nearest other reference: 4 references are the fewest."""
PERMUTATIONS = 999
NO_REFERENCES = "no reference replies to this prompt"
FEW = f"fewer than {NEIGHBOURS + 1} references to this prompt, or no reply with text"
FEW_LEFT = f"fewer than {NEIGHBOURS + 2} references to this prompt, or no reply with text"
_SLACK = 1e-6  # equal texts may differ by as much in float32


def coverage(replies: Floats, references: Floats, *, neighbours: int = NEIGHBOURS) -> float | None:
    """Share of the references whose ball holds a reply; rows are unit vectors, (m, d) and (r, d).

    Range 0 to 1, higher is more. It rises with m: see `expected_coverage`. None without a reply or
    with no more than `neighbours` references.
    """
    inside = _inside(replies, references, neighbours)
    return None if inside is None else float(inside.any(axis=0).mean())


def expected_coverage(replies: int, references: int, *, neighbours: int = NEIGHBOURS) -> float:
    """`coverage` of `replies` from the source of the references, in expectation and exactly for any
    continuous distribution: no reply is in a ball if the nearest `neighbours` of all others are
    references, 1 - C(r - 1, n) / C(r - 1 + m, n)."""
    others = references - 1
    return 1 - math.comb(others, neighbours) / math.comb(others + replies, neighbours)


def support(replies: Floats, references: Floats, *, neighbours: int = NEIGHBOURS) -> float | None:
    """Share of the replies that lie in some reference's ball (precision of Kynkaanniemi et al.),
    where one reference after the other is left out, as in `expected_support`: so a reply and a
    reference have the same chance if they are of one source, at every m and r.

    Range 0 to 1. None without a reply or with no more than `neighbours` + 1 references.
    """
    if len(references) <= neighbours + 1 or not len(replies):
        return None
    cosines = references @ references.T
    np.fill_diagonal(cosines, -np.inf)
    ordered = -np.sort(-cosines, axis=1)
    near = cosines >= ordered[:, neighbours - 1 : neighbours] - _SLACK
    across = replies @ references.T
    # A ball that loses one of its nearest reaches to the next one; a reference left out has none.
    inside = across >= ordered[:, neighbours - 1] - _SLACK
    wider = across >= ordered[:, neighbours] - _SLACK
    others = ~np.eye(len(references), dtype=np.bool_)
    held = (inside.astype(np.float64) @ others) + (wider.astype(np.float64) @ near) > 0
    return float(held.mean())


def expected_support(references: Floats, *, neighbours: int = NEIGHBOURS) -> float | None:
    """Share of the references that lie in the ball of another one, made without them: those that
    are among the nearest `neighbours` of another. None with no more than `neighbours` + 1."""
    if len(references) <= neighbours + 1:
        return None
    cosines = references @ references.T
    np.fill_diagonal(cosines, -np.inf)
    reach = -np.partition(-cosines, neighbours - 1, axis=1)[:, neighbours - 1]
    return float((cosines >= reach[:, None] - _SLACK).any(axis=0).mean())


def density(replies: Floats, references: Floats, *, neighbours: int = NEIGHBOURS) -> float | None:
    """Mean number of balls that a reply lies in, over `neighbours`. From 0 up: 1 in expectation for
    replies from the references' source at every m and r, above 1 where replies crowd at its centre.
    None as `coverage`."""
    inside = _inside(replies, references, neighbours)
    return None if inside is None else float(inside.sum(axis=1).mean() / neighbours)


def _inside(replies: Floats, references: Floats, neighbours: int) -> Mask | None:
    """Return which reply lies in which reference's ball, shape (m, r)."""
    if len(references) <= neighbours or not len(replies):
        return None
    cosines = references @ references.T
    np.fill_diagonal(cosines, -np.inf)
    reach = -np.partition(-cosines, neighbours - 1, axis=1)[:, neighbours - 1]
    return np.asarray(replies @ references.T >= reach - _SLACK)


def similarity(replies: Floats, references: Floats) -> float | None:
    """Mean cosine over pairs of a reply and a reference, -1 to 1; None without one of the two."""
    if not len(replies) or not len(references):
        return None
    return float(replies.mean(axis=0, dtype=np.float64) @ references.mean(axis=0, dtype=np.float64))


def gap(replies: Floats, references: Floats) -> float | None:
    """Mean cosine of two replies and of two references, less `similarity`: half the squared
    distance of the two mean embeddings, 0 in expectation for one source, so it may be slightly
    negative. None with fewer than two of either."""
    between, own = similarity(replies, references), mean_pairwise_distance(replies)
    other = mean_pairwise_distance(references)
    if between is None or own is None or other is None:
        return None
    return (1 - own + 1 - other) / 2 - between


def compute(context: Context) -> list[MetricResult]:
    """Return all metrics of this family, one value for each prompt."""
    references = _embedded(context)
    replies = _readable(context)
    columns: dict[str, dict[Cell, float | None]] = {metric: {} for metric in METRICS}
    for cell, rows in replies.items():
        others = references.get(cell[1:])
        if others is None:
            continue
        enough = len(others) > NEIGHBOURS and len(rows) > 0
        expected = expected_coverage(len(rows), len(others)) if enough else None
        columns["reference_coverage"][cell] = coverage(rows, others)
        columns["reference_coverage_expected"][cell] = expected
        columns["reference_support"][cell] = support(rows, others)
        columns["reference_support_expected"][cell] = expected_support(others)
        columns["reference_density"][cell] = density(rows, others)
        columns["reference_similarity"][cell] = similarity(rows, others)
        columns["reference_gap"][cell] = gap(rows, others)
    energies, notes = _energies(context, replies, references)
    columns["reference_energy"] = dict(energies)
    source = context.references
    signature = {
        **context.encoder_signature,
        "references": f"{source.name} ({source.digest})" if source else "none",
        "neighbours": NEIGHBOURS,
    }
    counts = [len(rows) for rows in references.values()]
    facts = {"references": sum(counts), "fewest_references": min(counts, default=0)}
    return [
        metric_result(
            entry,
            version=VERSION,
            values=[
                context.prompt_value(
                    cell,
                    columns[metric].get(cell),
                    reason=_reason(metric) if cell[1:] in references else NO_REFERENCES,
                )
                for cell in context.by_prompt
            ],
            signature=signature,
            notes={**facts, **(notes if metric == "reference_energy" else {})},
        )
        for metric, entry in METRICS.items()
    ]


def _reason(metric: str) -> str:
    if metric in ("reference_gap", "reference_energy"):
        return "fewer than 2 replies with text, or fewer than 2 references"
    if metric.startswith("reference_support"):
        return FEW_LEFT
    return "no reply with text" if metric == "reference_similarity" else FEW


def _readable(context: Context) -> dict[Cell, Floats]:
    """Return the embeddings of each prompt's replies that the encoder can read."""
    places = zip(context.by_prompt, context.prompt_rows(), strict=True)
    return {
        cell: context.reply_embeddings[rows[context.readable[rows]]].astype(np.float64)
        for cell, rows in places
    }


def _embedded(context: Context) -> dict[PromptKey, Floats]:
    """Return the embeddings of the references that the encoder can read, of prompts of the run."""
    if context.references is None:
        return {}
    asked = {cell[1:] for cell in context.by_prompt}
    known = {key: own for key, own in context.references.texts.items() if key in asked}
    texts = [context.part(text) for own in known.values() for text in own]
    rows, readable = context.encoder.encode(texts), context.encoder.readable(texts)
    ends = np.cumsum([len(own) for own in known.values()], dtype=np.intp)
    parts = zip(known, np.split(rows, ends), np.split(readable, ends), strict=False)
    return {key: own[good].astype(np.float64) for key, own, good in parts}


def _energies(
    context: Context, replies: Mapping[Cell, Floats], references: Mapping[PromptKey, Floats]
) -> tuple[dict[Cell, float], dict[str, Any]]:
    """Return the energy distance of each prompt, and for each temperature the chance of a mean as
    large if replies and references are exchanged within prompts."""
    energies: dict[Cell, float] = {}
    tests = {}
    permutations = PERMUTATIONS if context.permutations is None else context.permutations
    for t in dict.fromkeys(cell[0] for cell in replies):
        cells = [c for c in replies if c[0] == t and len(references.get(c[1:], ()))]
        cells = [cell for cell in cells if len(replies[cell])]
        if not cells:
            continue
        sides = [(cell, rows) for cell in cells for rows in (replies[cell], references[cell[1:]])]
        test = energy_test(
            np.concatenate([rows for _, rows in sides]),
            [cell for cell, rows in sides for _ in rows],
            [place % 2 for place, (_, rows) in enumerate(sides) for _ in rows],
            permutations=permutations,
        )
        if test.p_value is not None:
            tests[f"{t:g}"] = test.p_value
        found = zip(cells, test.energies.tolist(), strict=True)
        energies |= {cell: number for cell, number in found if not math.isnan(number)}
    notes = {
        "p_value": tests,
        "p_value_holm": dict(zip(tests, holm(list(tests.values())), strict=True)),
        "permutations": f"{permutations} of replies and references within prompt",
    }
    return energies, notes
