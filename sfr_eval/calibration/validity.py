"""External validity: the measures of variety against labels that other people gave."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from sfr_eval.calibration.labels import LabelledPair, LabelledSet, read_labels
from sfr_eval.calibration.rank_agreement import rank_agreement
from sfr_eval.calibration.separation import separation
from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.errors import UserError
from sfr_eval.metrics.classes import distinct_k
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.families import NEED_NO_ENCODER, load_family
from sfr_eval.metrics.metric import Metric
from sfr_eval.stats.arrays import Floats
from sfr_eval.suites.spec import SuiteSpec
from sfr_eval.suites.suite import Suite
from sfr_eval.types import Sample
from sfr_eval.version import __version__

FORMAT = 1
FAMILIES = ("text", "lexical", "semantic")
"""Families whose measures need nothing but the replies to one prompt."""

MOST_PAIRS = 20_000
"""Pairs that are measured; of a larger file, as many at random."""
_SEED = 0

_Cell = tuple[float, str]
"""(number of the model, number of the prompt or pair): what a value belongs to."""


def validity(
    file: Path, *, encoder: Encoder, families: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return what `validity.json` holds: for every measure of variety how well it tells pairs of
    one label from those of the other, where to cut, and, if the file has classes, how well it puts
    models and prompts in their order.

    A measure of sets is taken of each pair as a set of two. Raises UserError for a file that cannot
    be used, and for a family that needs more than replies.
    """
    names = tuple(families or FAMILIES)
    for name in names:
        load_family(name)
        if name not in FAMILIES:
            choice = ", ".join(FAMILIES)
            raise UserError(f"--metrics {name}: needs more than labels; choose from {choice}")
    labels = read_labels(file)
    pairs = list(labels.pairs)
    if len(pairs) > MOST_PAIRS:
        chosen = np.random.default_rng(_SEED).choice(len(pairs), MOST_PAIRS, replace=False)
        pairs = [pairs[i] for i in sorted(chosen.tolist())]
    measured_pairs = _measure(_pair_rows(pairs), names, encoder)
    sets = [labelled for labelled in labels.sets if len(labelled.texts) > 1]
    models = list(dict.fromkeys(labelled.model for labelled in sets))
    prompts = list(dict.fromkeys(labelled.prompt for labelled in sets))
    measured_sets = _measure(_set_rows(sets, models, prompts), names, encoder) if sets else {}
    k = min((len(labelled.texts) for labelled in sets), default=None)
    target = _classes(sets, models, prompts, k) if k else None
    metrics = {
        metric.id: {
            "version": version,
            "direction": metric.direction,
            **_pairs_entry(metric, values, pairs),
            "ranks": None
            if target is None
            else _ranks(metric, measured_sets[metric.id][1], target),
        }
        for metric, (version, values) in (
            (metric, measured_pairs[metric.id]) for metric in _measures(names)
        )
    }
    return {
        "format": FORMAT,
        "labels": file.name,
        "pairs": {"labelled": len(labels.pairs), "measured": len(pairs)},
        "same": sum(pair.same for pair in pairs) / len(pairs),
        "prompts": len({pair.prompt for pair in pairs}),
        "models": models,
        "classes_among": k,
        "conditions": {
            "sfr-eval": __version__,
            "encoder": encoder.name if set(names) - NEED_NO_ENCODER else None,
        },
        "metrics": metrics,
    }


def _measures(families: Sequence[str]) -> list[Metric]:
    """Return the measures of variety within a prompt."""
    return [
        metric
        for family in families
        for metric in load_family(family).metrics.values()
        if metric.unit == "prompt" and "within" in metric.claims
    ]


def _pair_rows(pairs: Sequence[LabelledPair]) -> list[Sample]:
    return [
        _sample(0, f"pair-{number}", i, text)
        for number, pair in enumerate(pairs)
        for i, text in enumerate(pair.texts)
    ]


def _set_rows(
    sets: Sequence[LabelledSet], models: Sequence[str], prompts: Sequence[str]
) -> list[Sample]:
    model_number = {model: number for number, model in enumerate(models)}
    prompt_number = {prompt: number for number, prompt in enumerate(prompts)}
    return [
        _sample(model_number[labelled.model], str(prompt_number[labelled.prompt]), i, text)
        for labelled in sets
        for i, text in enumerate(labelled.texts)
    ]


def _sample(model: int, query: str, index: int, text: str) -> Sample:
    return Sample(
        sample_id=f"{model}/{query}/{index}",
        suite="labels",
        query=query,
        persona="",
        temperature=float(model),  # stands for the model, so that one call measures them all
        index=index,
        seed=0,
        status="ok",
        text=text,
        prompt_tokens=0,
        completion_tokens=0,
    )


def _measure(
    samples: Sequence[Sample], families: Sequence[str], encoder: Encoder
) -> dict[str, tuple[str, dict[_Cell, float]]]:
    """Return metric -> (its version, values of the cells where it is defined)."""
    queries = {sample.query: "unknown" for sample in samples}
    spec = SuiteSpec(id="labels", version="1", title="Labelled replies", metrics=tuple(families))
    suite = Suite(spec=spec, folder=Path(), version="1", queries=queries, personas={}, world=None)
    context = Context(samples=samples, suite=suite, encoder=encoder, permutations=0)
    return {
        result.metric: (
            result.version,
            {(v.temperature, v.query): v.value for v in result.values if v.value is not None},
        )
        for family in families
        for result in load_family(family).compute(context)
    }


def _pairs_entry(
    metric: Metric, values: Mapping[_Cell, float], pairs: Sequence[LabelledPair]
) -> dict[str, Any]:
    """Return how a metric tells pairs apart. A cut is in the metric's own units."""
    defined = [
        (values[0.0, f"pair-{number}"], pair)
        for number, pair in enumerate(pairs)
        if (0.0, f"pair-{number}") in values
    ]
    if len({pair.same for _, pair in defined}) < 2:
        return {"pairs": len(defined), "separation": None}
    sign = 1.0 if metric.higher_is_better else -1.0
    result = separation(
        sign * np.array([value for value, _ in defined]),
        [pair.same for _, pair in defined],
        [pair.prompt for _, pair in defined],
    )
    entry = asdict(result)
    bounds = [entry["cut"][name] for name in ("low", "high")]
    if sign < 0 and None not in bounds:
        bounds = [-bounds[1], -bounds[0]]
    entry["cut"] = {"value": sign * result.cut.value, "low": bounds[0], "high": bounds[1]}
    return {"pairs": len(defined), "separation": entry}


def _classes(
    sets: Sequence[LabelledSet], models: Sequence[str], prompts: Sequence[str], k: int
) -> Floats:
    """Return the expected number of classes among k replies, (models, prompts), NaN for no set."""
    target = np.full((len(models), len(prompts)), np.nan)
    for labelled in sets:
        place = models.index(labelled.model), prompts.index(labelled.prompt)
        number = distinct_k(labelled.classes, k)
        target[place] = np.nan if number is None else number
    return target


def _ranks(metric: Metric, values: Mapping[_Cell, float], target: Floats) -> dict[str, Any]:
    table = np.full(target.shape, np.nan)
    for (model, prompt), value in values.items():
        table[int(model), int(prompt)] = value if metric.higher_is_better else -value
    return asdict(rank_agreement(table, target))
