"""The style probe: a linear classifier of personas on frozen sentence embeddings.

It is fitted on labelled replies that the model under test did not write: the user's --style-data,
else replies of the suite's own synthetic benchmark, else the example replies of the persona cards.
Its reliability is reported as well: the accuracy on held-out queries, with permuted labels
(chance), and of a probe that sees only lengths.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field

from sfr_eval.plan import sample_seed
from sfr_eval.stats.arrays import Floats, Integers
from sfr_eval.util.reading import read_jsonl

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from sfr_eval.metrics.context import Context

MIN_REPLIES = 10  # labelled replies per persona
WORLD_DRAWS = 2  # per query and persona
FOLDS = 5
PERMUTATIONS = 20
# The best of 1, .1, .01, .001 by held-out log-likelihood on 2,664 replies of the persona benchmark:
# -.93, -.67, -.68, -1.12. Style strength is a probability, so calibration matters.
C = 0.1
RIDGE = 100.0  # for the fast classifier that measures chance

_SEED = 20_240_501
_Strings = npt.NDArray[np.str_]


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Replies with the persona that wrote them and the query that they answer ("" if unknown)."""

    texts: tuple[str, ...]
    personas: tuple[str, ...]
    queries: tuple[str, ...]
    source: str

    @property
    def digest(self) -> str:
        """Short hash of the content, used in signatures."""
        rows = zip(self.texts, self.personas, self.queries, strict=True)
        return hashlib.sha256(repr(list(rows)).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A fitted classifier with its reliability."""

    personas: tuple[str, ...]  # columns of `probabilities`
    signature: Mapping[str, Any]
    notes: Mapping[str, Any]
    model: "Pipeline"

    def probabilities(self, embeddings: Floats) -> Floats:
        """Return p(persona | reply), shape (n, personas)."""
        if not len(embeddings):
            return np.zeros((0, len(self.personas)))
        probabilities: Floats = self.model.predict_proba(embeddings)
        return probabilities


def labelled_replies(context: "Context") -> Labelled:
    """Return the replies to fit on. Those of a synthetic benchmark are equal in every run."""
    suite = context.suite
    labelled: list[tuple[str, str, str]] = []
    if context.style_data is not None:
        rows = read_jsonl(StyleRow, context.style_data)
        labelled = [(r.text, r.persona, r.query) for r in rows if r.persona in suite.personas]
        source = f"--style-data {context.style_data.name}"
    elif suite.world is not None:
        world = suite.world.dialed()
        for query, persona, index in product(suite.queries, suite.personas, range(WORLD_DRAWS)):
            generator = _generator(suite.id, f"{query}/{persona}", index)
            labelled.append((world.sample(persona, query, generator), persona, query))
        source = f"world of suite {suite.id}, {WORLD_DRAWS} replies per query and persona"
    else:
        for persona, card in suite.personas.items():
            labelled += [(reply, persona, "") for reply in card.example_replies]
        source = "example replies of the persona cards"
    texts, personas, queries = zip(*labelled, strict=True) if labelled else ((), (), ())
    return Labelled(texts=texts, personas=personas, queries=queries, source=source)


def fit_probe(context: "Context") -> Probe | str:
    """Return the probe, or the reason why there is none. Deterministic: seeds are fixed, and a
    single thread sums in one order (two threads on two busy cores also took ten times as long)."""
    from threadpoolctl import threadpool_limits

    data = labelled_replies(context)
    counts = Counter(data.personas)
    personas = [p for p in context.suite.personas if counts[p] >= MIN_REPLIES]
    if len(personas) < 2:
        return (
            f"no style probe: {data.source} holds fewer than {MIN_REPLIES} replies for all but "
            f"{len(personas)} personas; give --style-data"
        )
    rows = [i for i, persona in enumerate(data.personas) if persona in personas]
    texts = [data.texts[i] for i in rows]
    labels, queries = np.array(data.personas)[rows], np.array(data.queries)[rows]
    embeddings = context.embeddings(texts)
    with threadpool_limits(limits=1):
        model = _classifier().fit(embeddings, labels)
        notes = {
            "labelled": data.source,
            "labelled_replies": len(rows),
            "personas": len(personas),
            **_trust(texts, embeddings, labels, queries),
        }
    signature = {
        "probe": f"logistic regression on standardised embeddings, C={C:g}",
        "labelled": f"{data.source} ({data.digest})",
        "personas": sorted(personas),
        **context.encoder_signature,
    }
    return Probe(
        personas=tuple(str(name) for name in model.classes_),
        signature=signature,
        notes=notes,
        model=model,
    )


def _generator(suite: str, prompt: str, index: int) -> np.random.Generator:
    seed = sample_seed(_SEED, suite=suite, prompt=prompt, temperature=1.0, index=index)
    return np.random.default_rng(seed)


def _classifier() -> "Pipeline":
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # "balanced", since a run asks personas equally often, whatever their share of labelled data.
    regression = LogisticRegression(C=C, max_iter=300, class_weight="balanced")
    return make_pipeline(StandardScaler(), regression)


def _trust(
    texts: Sequence[str], embeddings: Floats, labels: _Strings, queries: _Strings
) -> dict[str, Any]:
    """Return the balanced accuracy on held-out queries: of the probe, chance, and lengths alone."""
    # A reply to an unknown query forms a group with its copies.
    groups = np.where(queries == "", np.array([f"\0{text}" for text in texts]), queries)
    folds = min(FOLDS, len(np.unique(groups)))
    if folds < 2:
        return {"held_out_accuracy": None, "reason": "labelled replies to two queries are needed"}
    from sklearn.model_selection import GroupKFold

    parts = list(GroupKFold(folds).split(embeddings, labels, groups))
    lengths = np.log1p([[len(text.split()), len(text)] for text in texts])
    chance, within = _chance(embeddings, labels, queries, parts)
    return {
        "held_out_accuracy": _held_out(embeddings, labels, parts),
        "chance_accuracy": float(np.mean(chance)),
        "chance_accuracy_highest": float(np.max(chance)),
        "chance": f"{PERMUTATIONS} permutations of the labels {within}, ridge classifier",
        "length_only_accuracy": _held_out(lengths, labels, parts),
        "folds": f"{folds}, grouped by query",
    }


_Parts = Sequence[tuple[Integers, Integers]]


def _held_out(features: Floats, labels: _Strings, parts: _Parts) -> float:
    guesses = np.empty_like(labels)
    for train, test in parts:
        guesses[test] = _classifier().fit(features[train], labels[train]).predict(features[test])
    return balanced_accuracy(labels, guesses)


def balanced_accuracy(labels: npt.NDArray[Any], guesses: npt.NDArray[Any]) -> float:
    """Mean recall over classes: 0 to 1, 1/classes by chance, whatever their sizes."""
    return float(np.mean([np.mean(guesses[labels == c] == c) for c in np.unique(labels)]))


def _chance(
    embeddings: Floats, labels: _Strings, queries: _Strings, parts: _Parts
) -> tuple[list[float], str]:
    """Return accuracies with permuted labels. Ridge regression on one-hot labels is solved once for
    each fold and serves every permutation."""
    classes, codes = np.unique(labels, return_inverse=True)
    _, block = np.unique(queries, return_inverse=True)
    # Within queries if that changes anything, to keep what a query reveals about its persona.
    within = any(len(set(codes[block == b])) > 1 for b in range(block.max() + 1))
    if not within:
        block = np.zeros_like(block)
    random = np.random.default_rng(_SEED)
    start = np.argsort(block, kind="stable")
    permuted = np.empty((PERMUTATIONS, len(codes)), dtype=codes.dtype)
    for row in permuted:
        row[start] = codes[np.lexsort((random.random(len(codes)), block))]
    guesses = np.empty_like(permuted)
    targets = np.eye(len(classes))[permuted]  # permutation, reply, class
    for train, test in parts:
        mean, scale = embeddings[train].mean(axis=0), embeddings[train].std(axis=0)
        x, x_test = ((embeddings[i] - mean) / np.where(scale > 0, scale, 1) for i in (train, test))
        solve = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T)
        shares = targets[:, train].mean(axis=1, keepdims=True)
        scores = x_test @ (solve @ (targets[:, train] - shares)) + shares
        guesses[:, test] = scores.argmax(axis=2)
    accuracies = [balanced_accuracy(*pair) for pair in zip(permuted, guesses, strict=True)]
    return accuracies, "within query" if within else "over all replies"


class StyleRow(BaseModel):
    """One line of --style-data: a reply and the persona that wrote it."""

    text: str = Field(min_length=1)
    persona: str = Field(min_length=1)
    query: str = ""
