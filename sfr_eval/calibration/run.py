"""One calibration from start to end: draw, measure, check."""

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sfr_eval.calibration.attacked import along_noise, attacked, noise_vocabulary
from sfr_eval.calibration.criteria import Measurements, check_metric
from sfr_eval.calibration.design import LEFT_OUT, WIDE_DIALS, Size
from sfr_eval.calibration.draws import Bench, Table, matrix
from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.errors import UserError
from sfr_eval.metrics.families import FAMILIES, NEED_NO_ENCODER, load_family
from sfr_eval.metrics.metric import Dial
from sfr_eval.metrics.table import metric_table
from sfr_eval.suites.suite import Suite
from sfr_eval.types import Sample
from sfr_eval.util.progress import OnProgress
from sfr_eval.version import __version__

_DIALS: tuple[Dial, ...] = ("cross", "within", "both")
FORMAT = 2
STAGES = 7


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
    """Return what `calibration.json` holds. `families` None takes all of them."""
    if suite.world is None:
        raise UserError(
            f"--suite {suite.id}: not a synthetic benchmark; no reference distribution is known"
        )
    started = time.monotonic()
    usual = tuple(family for family in FAMILIES if family not in LEFT_OUT)
    names = usual if families is None else tuple(families)
    for family in names:
        load_family(family)
        if family in LEFT_OUT:
            choice = ", ".join(usual)
            raise UserError(f"--metrics {family}: is not calibrated; choose from {choice}")

    report: OnProgress = on_progress or (lambda *_: None)
    bench = Bench(
        suite=suite,
        encoder=Encoder(encoder, cache, on_progress=partial(report, "encode")),
        families=names,
        seed=seed,
    )

    def stage(number: int, function: Callable[[Bench, Size], Any]) -> Any:
        report("calibrate", number, STAGES)
        return function(bench, size)

    dose = stage(0, _dose)
    runs, sets = stage(1, _null)
    measurements = Measurements(
        dose=dose,
        runs=runs,
        sets=sets,
        wide=stage(2, _wide),
        counts=stage(3, _counts),
        lengths=stage(4, _lengths),
        attacked=stage(5, attacked),
        noise=stage(6, along_noise),
    )
    generator = np.random.default_rng(seed)
    vocabulary, words = noise_vocabulary(bench)
    metrics = {
        metric: check_metric(metric, measurements, size, generator=generator)
        for metric in metric_table()
        if metric in dose["cross"]
    }
    report("calibrate", STAGES, STAGES)
    return {
        "format": FORMAT,
        "size": name,
        "design": {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(size).items()},
        "suite": f"{suite.id} {suite.version}",
        "seed": seed,
        "families": {family: load_family(family).version for family in names},
        "conditions": {
            "sfr-eval": __version__,
            "encoder": bench.encoder.name if set(names) - NEED_NO_ENCODER else None,
            "noise": f"{len(words)} words, {vocabulary}",
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "seconds": round(time.monotonic() - started, 1),
        },
        "headline": [metric for metric, row in metrics.items() if row["headline"]],
        "metrics": metrics,
    }


def settings_of(dial: Dial, step: float) -> dict[str, float]:
    """Return the dials of the benchmark at one step of a sweep."""
    return {name: step for name in ("cross", "within") if dial in (name, "both")}


def _dose(bench: Bench, size: Size) -> dict[str, dict[str, np.ndarray]]:
    """Return dial -> metric -> values, (settings, queries), no collapse first. If a metric is
    undefined for a query at some setting, it lacks that query everywhere. Metrics that need no
    encoder cost little, so they get more queries and all personas."""
    light = [family for family in bench.families if family in NEED_NO_ENCODER]
    heavy = [family for family in bench.families if family not in NEED_NO_ENCODER]
    curves: dict[str, dict[str, np.ndarray]] = {dial: {} for dial in _DIALS}
    for families, queries, personas in (
        (light, size.light_queries, None),
        (heavy, size.dose_queries, size.dose_personas),
    ):
        if families:
            draw = partial(bench.draw, size.k, queries=queries, personas=personas)
            for dial, sweep in _sweeps(bench, size, draw, families).items():
                curves[dial].update(sweep)
    return curves


def _sweeps(
    bench: Bench, size: Size, draw: Callable[..., list[Sample]], families: Sequence[str]
) -> dict[str, dict[str, np.ndarray]]:
    # The reference once, then every setting of every dial: one call encodes and measures them all.
    flat = [draw(part="dose")] + [
        draw(part=f"dose/{dial}/{step}", dials=settings_of(dial, step))
        for dial in _DIALS
        for step in size.steps
    ]
    table = bench.measure_sets(_numbered(flat), families=families)
    curves: dict[str, dict[str, np.ndarray]] = {}
    for number, dial in enumerate(_DIALS):
        first = 1 + number * len(size.steps)
        places = [0, *range(first, first + len(size.steps))]
        curves[dial] = {
            metric: matrix({place: by_set.get(place, {}) for place in places})
            for metric, by_set in table.items()
        }
    return curves


def _numbered(sets: Sequence[Sequence[Sample]]) -> list[Sample]:
    return [
        replace(sample, temperature=float(number))
        for number, samples in enumerate(sets)
        for sample in samples
    ]


def _null(bench: Bench, size: Size) -> tuple[Table, dict[int, Table]]:
    """Return (values of whole runs, k -> values of disjoint sets of k replies of all personas),
    both from the same replies of the reference distribution."""
    pool = bench.draw(size.null_pool, part="null", queries=size.null_queries)
    personas = list(bench.suite.personas)[: size.null_personas]
    pool_of_runs = [sample for sample in pool if sample.persona in personas]
    runs = bench.measure_runs(pool_of_runs, k=size.k, runs=size.null_runs, part="null/runs")
    counts = (size.k // 4, size.k // 2, size.k, size.k * 2)
    return runs, {k: bench.measure(pool, k=k) for k in counts}


def _wide(bench: Bench, size: Size) -> Table:
    """Return values of sets of k replies of a collapsed source with the queries of a real run."""
    pool = bench.draw(
        size.k * size.wide_sets,
        part="wide",
        queries=size.wide_queries,
        personas=size.wide_personas,
        dials=WIDE_DIALS,
    )
    return bench.measure(pool, k=size.k)


def _counts(bench: Bench, size: Size) -> dict[int, Table]:
    """Return k -> values of all sets of k out of the same replies."""
    pool = bench.draw(
        max(size.counts), part="counts", queries=size.count_queries, personas=size.count_personas
    )
    return {k: bench.measure(pool, k=k) for k in size.counts}


def _lengths(bench: Bench, size: Size) -> dict[int, Table]:
    """Return number of first words -> values, 0 for whole replies. Cut texts are not parsed."""
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
