"""How much replies sound like the requested persona, measured with the style probe.

The probe sees a sentence embedding. held_out_accuracy in the notes is what the writers of the
labelled replies score, on the same scale, and chance_accuracy (1 / personas) what a model without
any style gets; read a value relative to the two.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sfr_eval.metrics.context import NO_TEXT, Context, metric_result
from sfr_eval.metrics.labels import copied_shares
from sfr_eval.metrics.metric import Metric, Pairs, by_id
from sfr_eval.metrics.probe import MIN_REPLIES, Probe, fit_probe
from sfr_eval.stats.arrays import Floats
from sfr_eval.suites.teacher.reference import TeacherReference
from sfr_eval.types import MetricResult, Value

VERSION = "4"

METRICS = by_id(
    Metric("style_information", "higher",
           "Bits about the requested persona that the probe finds in a reply.", claims=("cross",),
           span=6.49),
    Metric("style_strength", "higher",
           "Mean probability that the probe gives to the requested persona.",
           range=(0, 1), outcomes=True,
           label="Style strength", headline=("style", 1), claims=("cross",), span=0.667,
           primary=("style", 1),
           pairs=Pairs(
               place=6,
               figures=(("embed_distance", "self_bleu_4_fixed", "distinct_2_rarefied"),),
               swept=("embed_distance", "self_bleu_4_fixed", "rouge_l_homogenization",
                      "distinct_valid"),
               compared=("embed_distance", "rouge_l_homogenization"),
           )),
    Metric("style_accuracy", "higher",
           "Share of replies that the probe attributes to the requested persona.",
           range=(0, 1), outcomes=True,
           label="Style accuracy", headline=("style", 2), claims=("cross",), span=0.719,
           primary=("style", 2)),
)  # fmt: skip


def style_strength(probabilities: Floats, persona: int) -> float | None:
    """Mean probability of the requested persona over a prompt's replies.

    `probabilities` has shape (replies, personas), `persona` is a column. Range 0 to 1, higher is
    more in style; None without a reply. Does not depend on k in expectation.
    """
    return float(probabilities[:, persona].mean()) if len(probabilities) else None


def style_accuracy(probabilities: Floats, persona: int) -> float | None:
    """Share of a prompt's replies whose most probable persona is the requested one.

    Shape and range as in `style_strength`. Every persona has the same number of prompts, so the
    mean over prompts is the balanced accuracy.
    """
    return float((probabilities.argmax(axis=1) == persona).mean()) if len(probabilities) else None


def style_information(probabilities: Floats, persona: int) -> float | None:
    """Bits about the persona that the probe finds in a reply: log2 S + mean log2 p(persona), for S
    personas requested equally often.

    Shape as in `style_strength`. A lower bound on the mutual information of persona and reply
    (Barber and Agakov 2003), tight if the probe is the true posterior: 0 without any style, at most
    log2 S; below 0 if the probe is confident and wrong. Each p is at least 1e-6, so one reply
    costs at most 20 bits. None without a reply. Does not depend on k in expectation.
    """
    if not len(probabilities):
        return None
    chances = np.maximum(probabilities[:, persona].astype(np.float64), _LEAST)
    return float(np.log2(probabilities.shape[1]) + np.log2(chances).mean())


FEW = f"it has fewer than {MIN_REPLIES} labelled replies, or none but to one question"

_LEAST = 1e-6
_MEASURES = {
    "style_strength": style_strength,
    "style_accuracy": style_accuracy,
    "style_information": style_information,
}


def compute(context: Context) -> list[MetricResult]:
    """Return the three measures of style for each prompt; undefined if there is no probe."""
    if context.teacher is not None:
        return _by_posterior(context, context.teacher)
    if "probe" not in context.fitted:
        context.fitted["probe"] = fit_probe(context)
    probe: Probe | str = context.fitted["probe"]
    if isinstance(probe, str):
        values = context.per_prompt(lambda _: None, reason=probe)
        return [
            metric_result(
                METRICS[metric], version=VERSION, values=values, signature={"probe": None}
            )
            for metric in _MEASURES
        ]
    columns = {persona: number for number, persona in enumerate(probe.personas)}
    table = _probabilities(context, probe)
    notes = {
        **probe.notes,
        **_copies(context, probe),
        "confusion": _confusion(context, probe.personas, table),
    }
    return _measured(context, table, columns, signature=probe.signature, notes=notes)


def _by_posterior(context: Context, teacher: TeacherReference) -> list[MetricResult]:
    """Return the measures with the teacher's posterior in place of a probe: the best classifier
    that there is, for replies of the teacher."""
    posteriors = map(teacher.posterior, context.replies)
    rows = [[posterior[persona] for persona in teacher.personas] for posterior in posteriors]
    table = np.array(rows, dtype=np.float64).reshape(-1, len(teacher.personas))
    columns = {persona: number for number, persona in enumerate(teacher.personas)}
    notes = {
        "exact": True,
        "labelled": "none: the posterior of the teacher, by Bayes' rule",
        "personas": len(teacher.personas),
        "chance_accuracy": 1 / len(teacher.personas),
        "confusion": _confusion(context, teacher.personas, table),
    }
    signature = {"probe": "posterior", **teacher.signature, "personas": list(teacher.personas)}
    return _measured(context, table, columns, signature=signature, notes=notes)


def _measured(
    context: Context,
    table: Floats,
    columns: Mapping[str, int],
    *,
    signature: Mapping[str, Any],
    notes: Mapping[str, Any],
) -> list[MetricResult]:
    """Return the three measures by p(persona | reply), shape (replies, personas)."""
    values_of: dict[str, list[Value]] = {metric: [] for metric in _MEASURES}
    for key, rows in zip(context.by_prompt, context.prompt_rows(), strict=True):
        column = columns.get(key[2])
        reason = NO_TEXT if column is not None else f"the probe does not know `{key[2]}`: {FEW}"
        for metric, measure in _MEASURES.items():
            number = None if column is None else measure(table[rows], column)
            values_of[metric].append(context.prompt_value(key, number, reason=reason))
    return [
        metric_result(
            METRICS[metric], version=VERSION, values=values, signature=signature, notes=notes
        )
        for metric, values in values_of.items()
    ]


def _probabilities(context: Context, probe: Probe) -> Floats:
    """Return p(persona | reply) of all replies, shape (n, personas)."""
    queries = [reply.query for reply in context.replies]
    table = np.zeros((len(queries), len(probe.personas)))
    first = 0
    for rows in context.reply_embedding_blocks():
        here = slice(first, first + len(rows))
        table[here] = probe.probabilities(rows, queries[here])
        first += len(rows)
    return table


def _copies(context: Context, probe: Probe) -> dict[str, float]:
    """Return the notes on labelled texts among the replies. Those of a synthetic benchmark are what
    a model of it should say."""
    if probe.labelled.synthetic:
        return {}
    texts, replies = copied_shares(probe.labelled, [reply.text for reply in context.replies])
    return {"labelled_texts_among_replies": texts, "replies_among_labelled_texts": replies}


def _confusion(
    context: Context, personas: Sequence[str], table: Floats
) -> dict[str, dict[str, Any]]:
    """Return temperature -> {"personas": ids, "counts": rows}: counts[requested][most probable]."""
    guesses = table.argmax(axis=1).tolist() if len(table) else []
    counts: dict[float, list[list[int]]] = {}
    for reply, guess in zip(context.replies, guesses, strict=True):
        if reply.persona in personas:
            empty = [[0] * len(personas) for _ in personas]
            counts.setdefault(reply.temperature, empty)[personas.index(reply.persona)][guess] += 1
    return {
        f"{temperature:g}": {"personas": list(personas), "counts": rows}
        for temperature, rows in sorted(counts.items())
    }
