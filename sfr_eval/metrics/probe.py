"""The style probe: a linear classifier of personas on frozen sentence embeddings.

It is fitted on labelled replies that the model under test did not write (`labels.py`). A reply to a
question that the labelled replies answer as well is read by a probe that was fitted without them.
So a run is scored as the probe's own accuracy is measured, on questions that it has not seen, and
`held_out_accuracy` is what the writers of the labelled replies would score.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sfr_eval.metrics.labels import Labelled, labelled_replies
from sfr_eval.metrics.reliability import (
    PERMUTATIONS,
    C,
    Fold,
    Strings,
    accuracy,
    classifier,
    crossed,
    folds,
    out_of_fold,
    permuted_accuracies,
    question_accuracy,
    question_groups,
    unshared,
)
from sfr_eval.stats.arrays import Floats

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from sfr_eval.metrics.context import Context

MIN_REPLIES = 10  # labelled replies per persona


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A fitted classifier with its reliability."""

    personas: tuple[str, ...]  # columns of `probabilities`
    signature: Mapping[str, Any]
    notes: Mapping[str, Any]
    labelled: Labelled
    model: "Pipeline"  # fitted on all labelled replies
    parts: Sequence["Pipeline"] = ()  # each fitted without the labelled replies to some queries
    part_of: Mapping[str, int] = field(default_factory=dict)  # query -> the part without it

    def probabilities(self, embeddings: Floats, queries: Sequence[str]) -> Floats:
        """Return p(persona | reply), shape (n, personas), of replies to these n queries; each from
        a probe that has not seen labelled replies to its query."""
        table = np.zeros((len(embeddings), len(self.personas)))
        parts = np.array([self.part_of.get(query, -1) for query in queries], dtype=np.intp)
        for part in np.unique(parts):
            rows = np.flatnonzero(parts == part)
            model = self.model if part < 0 else self.parts[part]
            table[rows] = model.predict_proba(embeddings[rows])
        return table


def fit_probe(context: "Context") -> Probe | str:
    """Return the probe, or the reason why there is none. Deterministic: seeds are fixed, and a
    single thread sums in one order (two threads on two busy cores also took ten times as long)."""
    from threadpoolctl import threadpool_limits

    data = labelled_replies(context)
    counts = {persona: _count(data, persona) for persona in context.suite.personas}
    columns = tuple(sorted(p for p, n in counts.items() if n[0] >= MIN_REPLIES and n[1] > 1))
    if len(columns) < 2:
        return (
            f"no style probe: {data.source} holds {MIN_REPLIES} replies to at least 2 questions "
            f"for {len(columns)} of {len(counts)} personas, and 2 are needed; give --style-data"
        )
    rows = [i for i, persona in enumerate(data.personas) if persona in columns]
    texts = [data.texts[i] for i in rows]
    labels, queries = np.array(data.personas)[rows], np.array(data.queries)[rows]
    embeddings = context.embeddings(texts)
    groups = question_groups(texts, queries)
    parts = folds(labels, groups)
    notes = {
        "labelled": data.source,
        "synthetic_labels": data.synthetic,
        "labelled_replies": len(rows),
        "labelled_left_out": data.left_out,
        "personas": len(columns),
        "personas_not_measured": [
            f"{persona} (labelled replies: {replies}, to different questions: {questions})"
            for persona, (replies, questions) in counts.items()
            if persona not in columns
        ],
        "chance_accuracy": 1 / len(columns),
        "chance": "1 / personas, since accuracy is balanced",
    }
    with threadpool_limits(limits=1):
        model = classifier().fit(embeddings, labels)
        models = [classifier().fit(embeddings[train], labels[train]) for train, _ in parts]
        if parts:
            notes |= _reliability(embeddings, labels, groups, parts, models, columns)
            read = [context.part(text) for text in texts]
            notes |= _controls(read, embeddings, labels, queries, groups, parts)
        else:
            notes["reason"] = "no split of the queries leaves replies of every persona to fit on"
        notes |= _questions(context, labels, queries)
    return Probe(
        personas=columns,
        signature={
            "probe": f"logistic regression on standardised embeddings, C={C:g}, out of fold by "
            "query",
            "labelled": f"{data.source} ({data.digest})",
            "personas": list(columns),
            **context.encoder_signature,
        },
        notes=notes,
        labelled=data,
        model=model,
        parts=models,
        part_of={
            query: number
            for number, (_, test) in enumerate(parts)
            for query in set(queries[test].tolist()) - {""}
        },
    )


def _count(data: Labelled, persona: str) -> tuple[int, int]:
    """Return how many labelled replies a persona has, and to how many questions."""
    rows = [i for i, name in enumerate(data.personas) if name == persona]
    texts, queries = [data.texts[i] for i in rows], [data.queries[i] for i in rows]
    return len(rows), len(set(question_groups(texts, np.array(queries, dtype=np.str_)).tolist()))


def _reliability(
    embeddings: Floats,
    labels: Strings,
    groups: Strings,
    parts: Sequence[Fold],
    models: Sequence["Pipeline"],
    personas: Sequence[str],
) -> dict[str, Any]:
    """Return what the labelled replies themselves score: a model's ceiling, on its own scale."""
    table = np.zeros((len(labels), len(personas)))
    for (_, test), model in zip(parts, models, strict=True):
        table[test] = model.predict_proba(embeddings[test])
    own = np.array([personas.index(str(label)) for label in labels])
    strengths = table[np.arange(len(labels)), own]
    held_out = accuracy(labels, np.array(personas)[table.argmax(axis=1)], groups)
    return {
        "held_out_accuracy": held_out.value,
        "held_out_low": held_out.low,
        "held_out_high": held_out.high,
        "held_out_strength": float(np.mean([strengths[own == i].mean() for i in set(own)])),
        "folds": f"{len(parts)}, grouped by query",
    }


def _controls(
    texts: Sequence[str],
    embeddings: Floats,
    labels: Strings,
    queries: Strings,
    groups: Strings,
    parts: Sequence[Fold],
) -> dict[str, Any]:
    """Return what a probe gets from permuted labels, and from the lengths of the embedded texts
    alone."""
    permuted = permuted_accuracies(embeddings, labels, queries, parts)
    within = "within query" if crossed(labels, queries) else "within fold"
    lengths = np.log1p([[len(text.split()), len(text)] for text in texts])
    return {
        "permuted_accuracy": float(np.mean(permuted)),
        "permuted_accuracy_highest": float(np.max(permuted)),
        "permuted": f"{PERMUTATIONS} permutations of the labels {within}, ridge classifier",
        "length_only_accuracy": accuracy(labels, out_of_fold(lengths, labels, parts), groups).value,
    }


def _questions(context: "Context", labels: Strings, queries: Strings) -> dict[str, Any]:
    """Return whether the questions alone give the personas away; nothing to tell where every
    persona answers all of them."""
    if crossed(labels, queries):
        return {}
    texts = context.suite.queries
    # A name without a blank is an id, and an id such as `pirate-12` is no question.
    known = {q: texts.get(q, q) for q in queries.tolist() if q in texts or " " in q.strip()}
    rows = context.embeddings(list(known.values())) if known else np.zeros((0, 1))
    found = question_accuracy(labels, queries, dict(zip(known, rows, strict=True)))
    return {
        "question_accuracy": found and found.value,
        "question_low": found and found.low,
        "unshared_questions": float(unshared(labels, queries).mean()),
    }
