"""One metric against every criterion: dose and response, null intervals, number of replies,
specificity."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sfr_eval.calibration import checks
from sfr_eval.calibration.attacks import attacks_on
from sfr_eval.calibration.checks import CheckResult
from sfr_eval.calibration.design import Size
from sfr_eval.calibration.draws import Table, matrix
from sfr_eval.calibration.specificity import LOSSES, Move, specificity
from sfr_eval.metrics.metric import Dial, Metric
from sfr_eval.metrics.table import metric_table
from sfr_eval.stats.intervals import mean_interval

QUERIES = (20, 37, 74, 148)
"""Numbers of queries in the power tables."""


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """The values of every metric at every stage of a calibration."""

    dose: Mapping[str, Mapping[str, np.ndarray]]  # dial -> metric -> (settings, queries)
    runs: Table  # whole runs at the reference distribution
    sets: Mapping[int, Table]  # k -> disjoint sets of k replies of all personas, from there too
    wide: Table  # a collapsed source, as many queries as a real run has
    counts: Mapping[int, Table]  # k -> all sets of k out of the same replies
    lengths: Mapping[int, Table]  # number of first words, 0 for whole replies
    attacked: Mapping[str, Mapping[str, np.ndarray]]  # attack -> metric -> (before/after, queries)
    noise: Mapping[str, np.ndarray]  # metric -> (settings, queries)


def check_metric(
    metric: str, measurements: Measurements, size: Size, *, generator: np.random.Generator
) -> dict[str, Any]:
    """Return what `calibration.json` holds about one metric."""
    entry = metric_table()[metric]
    dials, higher = entry.claims, entry.higher_is_better
    reference = measurements.dose[dials[0]][metric] if dials else None
    span = _span(reference)
    null, null_result = _null(metric, measurements, size, generator=generator)
    counts, count_results = _counts(metric, measurements.counts, span)
    results = {
        **{
            f"dose {dial}": checks.dose_response(curves[metric], higher_is_better=higher)
            for dial, curves in measurements.dose.items()
            if dial in dials and higher is not None
        },
        "null": null_result,
        **count_results,
    }
    reasons = [f"{name}: {check.reason}" for name, check in results.items() if not check.passed]
    moves, specific = _specificity(entry, measurements, span)
    steps = (0.0, *size.steps)
    return {
        "claims": list(dials),
        "direction": entry.direction,
        "role": entry.headline[0] if entry.headline else None,
        "dose": {dial: _curve(curves[metric], steps) for dial, curves in measurements.dose.items()},
        "null": null,
        "counts": counts,
        "lengths": _lengths(metric, measurements.lengths, span),
        "span": span,
        "power": _power(metric, measurements.sets, reference, steps),
        "noise": _curve(measurements.noise[metric], (0.0, *size.noise)),
        "specificity": {name: asdict(row) for name, row in moves.items()},
        "verdicts": {
            name: asdict(check) for name, check in {**results, "specific": specific}.items()
        },
        "headline": bool(dials) and all(check.passed for check in results.values()),
        "reasons": reasons if dials else ["claims to see no collapse: a fact beside the others"],
    }


def _specificity(
    entry: Metric, measurements: Measurements, span: float | None
) -> tuple[Mapping[str, Move], CheckResult]:
    """Return how far a metric moves with every attack and, if it claims neither of them nor both
    together, with full collapse of the other kind. A metric that claims no dial has the span of its
    entry, or else 1."""
    attacks = attacks_on({})
    pairs = {name: values[entry.id] for name, values in measurements.attacked.items()}
    spoils = {name: attacks[name].spoils for name in pairs}
    others: tuple[Dial, ...] = ("cross", "within")
    for dial in others:
        if dial not in entry.claims and "both" not in entry.claims:
            pairs[dial] = measurements.dose[dial][entry.id][[0, -1]]
            spoils[dial] = LOSSES[dial]
    if not entry.claims:
        span = entry.span or 1.0
    return specificity(entry, span=span, pairs=pairs, spoils=spoils)


def _null(
    metric: str, measurements: Measurements, size: Size, *, generator: np.random.Generator
) -> tuple[dict[str, Any], CheckResult]:
    """Return the share of null intervals that cover zero at the reference distribution and at the
    collapsed source, with the method, and the check of it. No share if runs hardly differ."""
    runs, wide = matrix(measurements.runs[metric]), matrix(measurements.wide[metric])
    shares: dict[str, float | None] = {"truth": None, "collapsed": None}
    methods = dict.fromkeys(shares, "hardly varies")
    if checks.runs_differ(runs):
        pairs = checks.pairs_of_runs(runs, partners=size.null_partners)
        shares["truth"], method = checks.null_coverage(pairs)
        queries = pairs.shape[1]
        methods["truth"] = f"{method}, {queries} queries, {len(runs)} runs, {len(pairs)} pairs"
    if checks.runs_differ(wide):
        pairs = checks.pairs_by_query(wide, repeats=size.wide_repeats, generator=generator)
        shares["collapsed"], method = checks.null_coverage(pairs)
        methods["collapsed"] = f"{method}, {pairs.shape[1]} queries, {len(pairs)} pairs"
    return {"cover": shares, "method": methods}, checks.null_result(shares)


def _counts(
    metric: str, tables: Mapping[int, Table], span: float | None
) -> tuple[dict[str, Any], dict[str, CheckResult]]:
    """Return the mean at each k with the smallest stable k, and the check of it if there is one."""
    means = {k: _mean(matrix(table[metric])) for k, table in tables.items()}
    defined = {k: mean for k, mean in means.items() if mean is not None}
    stable: int | None = None
    results = {}
    if len(defined) < len(means):
        results["count"] = CheckResult(passed=False, reason="undefined at some k")
    elif span:
        stable, results["count"] = checks.count_stability(defined, scale=span)
    return {"mean": {str(k): mean for k, mean in means.items()}, "stable_from": stable}, results


def _lengths(metric: str, tables: Mapping[int, Table], span: float | None) -> dict[str, Any]:
    """Return the mean over the first words of replies, and how far it moves; decides nothing."""
    means = {
        words: _mean(matrix(table[metric])) if metric in table else None
        for words, table in tables.items()
    }
    defined = {words: mean for words, mean in means.items() if mean is not None}
    return {
        "mean": {str(words): mean for words, mean in means.items()},
        "moved": checks.moved_by_length(defined, scale=span)
        if span and 0 in defined and len(defined) > 1
        else None,
    }


def _power(
    metric: str, tables: Mapping[int, Table], reference: np.ndarray | None, steps: Sequence[float]
) -> list[dict[str, Any]]:
    """Return a row for each (queries, k): the smallest drop that is detected with 80% power, as a
    number, as a part of what full collapse does, and as a setting of the dial."""
    span = _span(reference)
    if reference is None or span is None:
        return []
    rows = []
    uneven = checks.unevenness(reference, noise_of_query=0.0)
    for k, table in tables.items():
        values = matrix(table[metric])
        if not checks.runs_differ(values):
            continue
        spread = checks.noise(values)
        for queries in QUERIES:
            drop = checks.detectable(spread, queries, uneven=uneven)
            part = dial = None
            if drop is not None:
                part = drop / span
                dial = checks.dial_of(drop, reference.mean(axis=1).tolist(), steps)
            row = {"queries": queries, "k": k, "noise": spread}
            rows.append({**row, "drop": drop, "part": part, "dial": dial})
    return rows


def _curve(curve: np.ndarray, steps: Sequence[float]) -> dict[str, Any]:
    means = [mean_interval(row.tolist()) if len(row) else None for row in curve]
    return {
        "settings": list(steps),
        "mean": [None if mean is None else mean.value for mean in means],
        "low": [None if mean is None else mean.low for mean in means],
        "high": [None if mean is None else mean.high for mean in means],
        "queries": int(curve.shape[1]),
    }


def _span(curve: np.ndarray | None) -> float | None:
    """Return what full collapse does to a metric; None if that is unknown or nothing."""
    if curve is None or not curve.shape[1]:
        return None
    return abs(float(curve[-1].mean() - curve[0].mean())) or None


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if values.size else None
