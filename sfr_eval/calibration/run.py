"""One calibration, start to end: draw, measure, judge."""

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sfr_eval.calibration.checks import (
    Verdict,
    count_stability,
    detectable,
    dial_of,
    dose_response,
    moved_by_length,
    noise,
    null_coverage,
    null_verdict,
    pairs_by_query,
    pairs_of_runs,
    runs_differ,
    unevenness,
)
from sfr_eval.calibration.design import LEFT_OUT, LIGHT, WIDE_DIALS, Dial, Size, claims
from sfr_eval.calibration.draws import Bench, Table, matrix
from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.errors import UserError
from sfr_eval.metrics.families import FAMILIES, load_family
from sfr_eval.metrics.table import METRICS
from sfr_eval.stats.intervals import mean_interval
from sfr_eval.suites.suite import Suite
from sfr_eval.types import Sample
from sfr_eval.util.progress import OnProgress
from sfr_eval.version import __version__

FORMAT = 1
QUERIES = (20, 37, 74, 148)
"""Numbers of queries in the power tables."""


def calibrate(
    suite: Suite,
    *,
    size: Size,
    name: str,
    cache: Path,
    encoder: str | None = None,
    families: Sequence[str] | None = None,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Everything that `calibration.json` holds. `families` None takes all of them."""
    if suite.world is None:
        raise UserError(f"--suite {suite.id}: has no world, and nothing else has a known truth")
    started = time.monotonic()
    usual = tuple(family for family in FAMILIES if family not in LEFT_OUT)
    names = usual if families is None else tuple(families)
    for family in names:
        load_family(family)
        if family in LEFT_OUT:
            raise UserError(f"--metrics {family}: is not calibrated; choose of {', '.join(usual)}")

    def report(what: str, done: int, total: int) -> None:
        if on_progress is not None:
            on_progress(what, done, total)

    bench = Bench(
        suite=suite,
        encoder=Encoder(encoder, cache, on_progress=lambda *counts: report("encode", *counts)),
        families=names,
        seed=seed,
    )
    stages: list[Callable[[], Any]] = [
        lambda: _dose(bench, size),
        lambda: _null(bench, size),
        lambda: _wide(bench, size),
        lambda: _counts(bench, size),
        lambda: _lengths(bench, size),
    ]
    found = []
    for number, stage in enumerate(stages):
        report("calibrate", number, len(stages))
        found.append(stage())
    dose, (null, sets), wide, counts, lengths = found
    generator = np.random.default_rng(seed)
    metrics = {}
    for metric in METRICS:
        if metric in dose["cross"]:
            metrics[metric] = _judge(
                metric, size, dose, null, sets, wide, counts, lengths, generator=generator
            )
    report("calibrate", len(stages), len(stages))
    return {
        "format": FORMAT,
        "size": name,
        "design": {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(size).items()
        },
        "suite": f"{suite.id} {suite.version}",
        "seed": seed,
        "families": {family: load_family(family).version for family in names},
        "conditions": {
            "sfr-eval": __version__,
            "encoder": bench.encoder.name if set(names) - set(LIGHT) else None,
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "seconds": round(time.monotonic() - started, 1),
        },
        "headline": [metric for metric, row in metrics.items() if row["headline"]],
        "metrics": metrics,
    }


def settings_of(dial: Dial, step: float) -> dict[str, float]:
    """Dials of the world at one step of a sweep."""
    return {name: step for name in ("cross", "within") if dial in (name, "both")}


def _dose(bench: Bench, size: Size) -> dict[str, dict[str, np.ndarray]]:
    """Dial -> metric -> values, (settings, queries), no collapse first. A metric that is undefined
    at some setting for some query lacks that query everywhere. Metrics that need no encoder cost
    little, so they get more queries and all personas."""
    light = [family for family in bench.families if family in LIGHT]
    heavy = [family for family in bench.families if family not in LIGHT]
    found: dict[str, dict[str, np.ndarray]] = {"cross": {}, "within": {}, "both": {}}
    for families, queries, personas in (
        (light, size.light_queries, None),
        (heavy, size.dose_queries, size.dose_personas),
    ):
        if families:
            draw = partial(bench.draw, size.k, queries=queries, personas=personas)
            for dial, curves in _sweeps(bench, size, draw, families).items():
                found[dial].update(curves)
    return found


def _sweeps(
    bench: Bench, size: Size, draw: Callable[..., list[Sample]], families: Sequence[str]
) -> dict[str, dict[str, np.ndarray]]:
    dials: tuple[Dial, ...] = ("cross", "within", "both")
    # The truth once, then every setting of every dial: one call encodes and measures them all.
    flat = [draw(part="dose")] + [
        draw(part=f"dose/{dial}/{step}", dials=settings_of(dial, step))
        for dial in dials
        for step in size.steps
    ]
    table = bench.measure_sets(_numbered(flat), families=families)
    found: dict[str, dict[str, np.ndarray]] = {}
    for number, dial in enumerate(dials):
        first = 1 + number * len(size.steps)
        places = [0, *range(first, first + len(size.steps))]
        found[dial] = {
            metric: matrix({place: by_set.get(place, {}) for place in places})
            for metric, by_set in table.items()
        }
    return found


def _numbered(sets: Sequence[Sequence[Sample]]) -> list[Sample]:
    return [
        replace(sample, temperature=float(number))
        for number, samples in enumerate(sets)
        for sample in samples
    ]


def _null(bench: Bench, size: Size) -> tuple[Table, dict[int, Table]]:
    """(values of whole runs, k -> values of disjoint sets of k replies of all personas), both of
    the same replies at the truth."""
    pool = bench.draw(size.null_pool, part="null", queries=size.null_queries)
    kept = list(bench.suite.personas)[: size.null_personas]
    runs = bench.measure_runs(
        [sample for sample in pool if sample.persona in kept],
        k=size.k,
        runs=size.null_runs,
        part="null/runs",
    )
    return runs, {
        k: bench.measure(pool, k=k) for k in (size.k // 4, size.k // 2, size.k, size.k * 2)
    }


def _wide(bench: Bench, size: Size) -> Table:
    """Values of sets of k replies at a collapsed source, as many queries as a real run has."""
    pool = bench.draw(
        size.k * size.wide_sets,
        part="wide",
        queries=size.wide_queries,
        personas=size.wide_personas,
        dials=WIDE_DIALS,
    )
    return bench.measure(pool, k=size.k)


def _counts(bench: Bench, size: Size) -> dict[int, Table]:
    """k -> values of all sets of k out of the same replies."""
    pool = bench.draw(
        max(size.counts),
        part="counts",
        queries=size.count_queries,
        personas=size.count_personas,
    )
    return {k: bench.measure(pool, k=k) for k in size.counts}


def _lengths(bench: Bench, size: Size) -> dict[int, Table]:
    """Number of first words -> values; 0 stands for whole replies. No parsing of cut texts."""
    whole = bench.draw(size.k, part="dose", queries=size.dose_queries, personas=size.dose_personas)
    sets = [whole] + [
        [replace(s, text=" ".join(s.text.split()[:words])) for s in whole] for words in size.lengths
    ]
    families = [family for family in bench.families if family != "quality"]
    table = bench.measure_sets(_numbered(sets), families=families)
    return {
        words: {metric: {0: by_set.get(number, {})} for metric, by_set in table.items()}
        for number, words in enumerate((0, *size.lengths))
    }


def _judge(
    metric: str,
    size: Size,
    dose: Mapping[str, Mapping[str, np.ndarray]],
    null: Table,
    sets: Mapping[int, Table],
    wide: Table,
    counts: Mapping[int, Table],
    lengths: Mapping[int, Table],
    *,
    generator: np.random.Generator,
) -> dict[str, Any]:
    higher = METRICS[metric].higher_is_better
    steps = (0.0, *size.steps)
    claimed = claims(metric)
    verdicts: dict[str, Verdict] = {}
    curves = {}
    for dial, curve_of in dose.items():
        curve = curve_of[metric]
        curves[dial] = _curve(curve, steps)
        if dial in claimed and higher is not None:
            verdicts[f"dose {dial}"] = dose_response(curve, higher_is_better=higher)
    values = {k: matrix(table[metric]) for k, table in sets.items()}
    shares, methods = _coverage(
        matrix(null[metric]), matrix(wide[metric]), size, generator=generator
    )
    verdicts["null"] = null_verdict(shares)
    reference = dose[claimed[0]][metric] if claimed else None
    span = _span(reference)
    means = {k: _mean(matrix(table[metric])) for k, table in counts.items()}
    stable: int | None = None
    known = {k: mean for k, mean in means.items() if mean is not None}
    by_words = {
        words: _mean(matrix(table[metric])) if metric in table else None
        for words, table in lengths.items()
    }
    of_words = {words: mean for words, mean in by_words.items() if mean is not None}
    if len(known) < len(means):
        verdicts["count"] = Verdict(passed=False, reason="undefined at some k")
    elif span:
        stable, verdicts["count"] = count_stability(known, scale=span)
    reasons = [f"{check}: {v.reason}" for check, v in verdicts.items() if not v.passed]
    return {
        "claims": list(claimed),
        "direction": METRICS[metric].direction,
        "dose": curves,
        "null": {"cover": shares, "method": methods},
        "counts": {"mean": {str(k): mean for k, mean in means.items()}, "stable_from": stable},
        "lengths": {
            "mean": {str(words): mean for words, mean in by_words.items()},
            "moved": (
                moved_by_length(of_words, scale=span)
                if span and 0 in of_words and len(of_words) > 1
                else None
            ),
        },
        "span": span,
        "power": _power(values, reference, steps, size),
        "verdicts": {check: asdict(verdict) for check, verdict in verdicts.items()},
        "headline": bool(claimed) and all(verdict.passed for verdict in verdicts.values()),
        "reasons": reasons if claimed else ["claims to see no collapse: a fact beside the others"],
    }


def _coverage(
    runs: np.ndarray, wide: np.ndarray, size: Size, *, generator: np.random.Generator
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Share of null intervals that cover zero, and how it was measured, at the truth and at the
    collapsed source; no share where runs hardly differ."""
    shares: dict[str, float | None] = {"truth": None, "collapsed": None}
    methods = dict.fromkeys(shares, "hardly varies")
    if runs_differ(runs):
        pairs = pairs_of_runs(runs, partners=size.null_partners)
        shares["truth"], method = null_coverage(pairs)
        methods["truth"] = (
            f"{method}, {pairs.shape[1]} queries, {len(runs)} runs, {len(pairs)} pairs"
        )
    if runs_differ(wide):
        pairs = pairs_by_query(wide, repeats=size.wide_repeats, generator=generator)
        shares["collapsed"], method = null_coverage(pairs)
        methods["collapsed"] = f"{method}, {pairs.shape[1]} queries, {len(pairs)} pairs"
    return shares, methods


def _curve(curve: np.ndarray, steps: Sequence[float]) -> dict[str, Any]:
    found = [mean_interval(row.tolist()) if len(row) else None for row in curve]
    return {
        "settings": list(steps),
        "mean": [None if one is None else one.value for one in found],
        "low": [None if one is None else one.low for one in found],
        "high": [None if one is None else one.high for one in found],
        "queries": int(curve.shape[1]),
    }


def _span(curve: np.ndarray | None) -> float | None:
    """What full collapse does to a metric; None where that is not known."""
    if curve is None or not curve.shape[1]:
        return None
    span = abs(float(curve[-1].mean() - curve[0].mean()))
    return span or None


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if values.size else None


def _power(
    values: Mapping[int, np.ndarray],
    reference: np.ndarray | None,
    steps: Sequence[float],
    size: Size,
) -> list[dict[str, Any]]:
    """Rows of (queries, k): the smallest drop that is seen with 80% power, as a number, as a part
    of what full collapse does, and as a setting of the dial."""
    span = _span(reference)
    if reference is None or span is None:
        return []
    rows = []
    uneven = unevenness(reference, noise_of_query=0.0)
    for k, of_sets in values.items():
        if not runs_differ(of_sets):
            continue
        spread = noise(of_sets)
        for queries in QUERIES:
            drop = detectable(spread, queries, uneven=uneven)
            rows.append(
                {
                    "queries": queries,
                    "k": k,
                    "noise": spread,
                    "drop": drop,
                    "part": None if drop is None else drop / span,
                    "dial": None
                    if drop is None
                    else dial_of(drop, reference.mean(axis=1).tolist(), steps),
                }
            )
    return rows
