#!/usr/bin/env python
"""How often the decision rule of `compare` and `check` errs, how often it sees a difference, and
whether the two agree. Prints the tables of docs/design/statistics.md.

    python scripts/decision_rates.py [--pairs 400] [--agreement 200]

Values are made up, query by query: every query has its own level, which both runs share, and each
run's own noise, of the size that real runs of the persona suite have (9 personas, 8 replies). The
measures of one run go together, as they do in real runs. Everything else is the code of the
commands.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from sfr_eval.comparison.compare import compare_runs
from sfr_eval.comparison.decision import FamilyRow, decide
from sfr_eval.comparison.evidence import PairedEvidence
from sfr_eval.comparison.family import margin_of
from sfr_eval.comparison.matched_pairs import pair_curves
from sfr_eval.comparison.pairing import pair_up
from sfr_eval.gate.check import check, write_baseline
from sfr_eval.metrics.metric import PrimaryRole
from sfr_eval.metrics.table import metric_table
from sfr_eval.stats.arrays import Floats
from sfr_eval.stats.estimate import all_estimates
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Results
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.types import MetricResult, Sample, Value
from sfr_eval.util.progress import say

FAMILY: dict[PrimaryRole, str] = {
    "variety": "embed_distance",
    "style": "style_strength",
    "quality": "query_strength",
    "form": "word_order",
}
LEVELS = {"variety": 0.45, "style": 0.78, "quality": 0.92, "form": 0.5}
NOISE = {"variety": 0.020, "style": 0.030, "quality": 0.012, "form": 0.020}
"""Standard deviation of a query's mean between two runs of one model."""

QUERIES = (8, 16, 60, 148)
TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6)
FLIPS = 1_999

Run = dict[PrimaryRole, Floats]
"""Role -> values, (queries, temperatures)."""


def draw(
    generator: np.random.Generator,
    n: int,
    temperatures: Sequence[float],
    *,
    shift: dict[PrimaryRole, float],
    levels: Floats,
) -> Run:
    """Draw one run. `levels` are what the queries do to every run, (queries, roles)."""
    common = generator.normal(size=(n, len(temperatures)))
    run: Run = {}
    for column, role in enumerate(FAMILY):
        own = generator.normal(size=common.shape)
        noise = NOISE[role] * (0.5 * common + np.sqrt(0.75) * own)
        heat = np.array(temperatures) - 1.0
        slope = {"variety": 0.15, "style": -0.1, "quality": -0.05, "form": -0.1}[role]
        run[role] = levels[:, column : column + 1] + slope * heat + noise + shift.get(role, 0.0)
    return run


def pair(
    generator: np.random.Generator,
    n: int,
    temperatures: Sequence[float],
    shift: dict[PrimaryRole, float] | None = None,
) -> tuple[Run, Run]:
    """Draw two runs that share their queries; the second one is shifted."""
    centre = np.array([LEVELS[role] for role in FAMILY])
    levels = centre + generator.normal(scale=0.08, size=(n, len(FAMILY)))
    first = draw(generator, n, temperatures, shift={}, levels=levels)
    return first, draw(generator, n, temperatures, shift=shift or {}, levels=levels)


def by_temperature(
    values: Floats, temperatures: Sequence[float]
) -> dict[float, dict[tuple[str, str], float]]:
    """Return temperature -> prompt -> value."""
    return {
        t: {(f"q{i}", ""): float(v) for i, v in enumerate(values[:, column])}
        for column, t in enumerate(temperatures)
    }


def rows(
    first: Run, second: Run, ours: Sequence[float], theirs: Sequence[float]
) -> Iterator[FamilyRow]:
    """Yield the primary family of two runs, as `compare` makes it."""
    tables = [
        {role: by_temperature(values, temperatures) for role, values in run.items()}
        for run, temperatures in ((first, ours), (second, theirs))
    ]
    at = min(set(ours) & set(theirs), key=lambda t: abs(t - 1.0))
    paired, _ = pair_curves(
        (tables[0]["quality"], tables[0]["variety"]),
        (tables[1]["quality"], tables[1]["variety"]),
        lower_is_better=False,
    )
    evidence = {None: PairedEvidence(paired=paired, step=0.0)} if paired.first else {}
    families = [("variety", one) for one in evidence.values()] + [
        (
            role,
            PairedEvidence(
                paired=pair_up(tables[0][role][at], tables[1][role][at], unit="prompt", unequal={}),
                step=0.0,
            ),
        )
        for role in FAMILY
    ]
    for role, one in families:
        yield FamilyRow(
            suite="s",
            metric=FAMILY[role],
            role=role,
            evidence=one,
            lower_is_better=False,
            margin=margin_of(FAMILY[role]),
        )


def rates(pairs: int) -> None:
    """Print how often anything is called, and how often a gate of the same rows fails."""
    say("| queries | temperatures | compare calls anything | check: a row is lost |")
    say("|---|---|---|---|")
    for n in QUERIES:
        for temperatures in ((1.0,), TEMPERATURES):
            generator = np.random.default_rng((n, len(temperatures)))
            called = lost = 0
            for _ in range(pairs):
                drawn = pair(generator, n, temperatures)
                calls = [
                    d.call
                    for d in decide(list(rows(*drawn, temperatures, temperatures)), flips=FLIPS)
                ]
                called += bool({"gain", "loss"} & set(calls))
                lost += "loss" in calls
            say(
                f"| {n} | {len(temperatures)} | {called / pairs:.1%} | {lost / pairs:.1%} |",
            )


def unequal(pairs: int) -> None:
    """Print how often anything is called for one model with unequal sets of temperatures."""
    say("")
    say("| queries | A has | B has | compare calls anything |")
    say("|---|---|---|---|")
    for n in (16, 60):
        for ours, theirs in (((0.4, 0.8), TEMPERATURES), (TEMPERATURES[::3], TEMPERATURES)):
            generator = np.random.default_rng((n, len(ours)))
            called = 0
            for _ in range(pairs):
                first, second = pair(generator, n, TEMPERATURES)
                columns = [TEMPERATURES.index(t) for t in ours]
                fewer = {role: values[:, columns] for role, values in first.items()}
                calls = decide(list(rows(fewer, second, ours, theirs)), flips=FLIPS)
                called += any(d.call in ("gain", "loss") for d in calls)
            say(f"| {n} | {len(ours)} | {len(theirs)} | {called / pairs:.1%} |")


def power(pairs: int) -> None:
    """Print how often a loss of variety is called, in parts of its span."""
    say("")
    say("| queries | loss of variety | called |")
    say("|---|---|---|")
    span = metric_table()["embed_distance"].span
    assert span is not None
    for n in QUERIES:
        for part in (0.025, 0.05, 0.1, 0.25):
            generator = np.random.default_rng((n, int(1000 * part)))
            called = 0
            for _ in range(pairs):
                drawn = pair(generator, n, (1.0,), {"variety": -part * span})
                calls = decide(list(rows(*drawn, (1.0,), (1.0,))), flips=FLIPS)
                called += calls[0].call == "loss"
            say(f"| {n} | {part:.1%} of the span | {called / pairs:.0%} |")


def agreement(pairs: int) -> None:
    """Compare and check pairs of run folders, some equal and some not; print where they differ."""
    generator = np.random.default_rng(5)
    shared = apart = 0
    with tempfile.TemporaryDirectory() as name:
        for number in range(pairs):
            n = int(generator.choice([8, 16, 30]))
            temperatures = ((1.0,), (0.6, 1.0))[number % 2]
            shift = {
                role: float(generator.choice([0.0, 0.5, 1.0, 2.0, -1.0, -2.0]))
                * NOISE[role]
                * 2
                / np.sqrt(n)
                for role in FAMILY
            }
            folders = [Path(name) / f"{number}-{side}" for side in ("a", "b")]
            for folder, run in zip(folders, pair(generator, n, temperatures, shift), strict=True):
                write(folder, run, temperatures)
            compared = {
                (row.metric, row.temperature): row.call
                for _, row in compare_runs(*folders).rows
                if row.role is not None and row.delta is not None
            }
            baseline = Path(name) / "baseline.json"
            write_baseline(folders[0], baseline)
            for row in check(baseline, folders[1]).rows:
                here = compared.get((row.metric, row.temperature))
                if here is not None and row.delta is not None:
                    shared += 1
                    apart += here != row.call
    say(f"{pairs} pairs: {shared} shared rows, {apart} on which compare and check differ")


def write(folder: Path, run: Run, temperatures: Sequence[float]) -> None:
    """Write a scored run folder with these values."""
    n = len(run["variety"])
    keys = [(t, f"q{i}") for t in temperatures for i in range(n)]
    samples = [
        Sample(
            sample_id=f"{t}-{query}",
            suite="s",
            query=query,
            persona="",
            temperature=t,
            index=0,
            seed=0,
            status="ok",
            text=f"{folder.name} {t} {query}",
            prompt_tokens=1,
            completion_tokens=1,
        )
        for t, query in keys
    ]
    about = {
        "name": folder.name,
        "model": {"name": folder.name, "fingerprint": folder.name},
        "plan": [
            {
                "suite": "s",
                "version": "1",
                "prompts": n,
                "queries": n,
                "temperatures": list(temperatures),
                "samples": 1,
            }
        ],
        "status": "complete",
        "samples": len(samples),
    }
    with RunFolder(folder) as opened:
        opened.write_manifest(Manifest.model_validate(about))
        opened.seal(samples)
        estimates = []
        for role, metric in FAMILY.items():
            entry = metric_table()[metric]
            values = [
                Value(suite="s", temperature=t, query=f"q{i}", value=float(run[role][i, column]))
                for column, t in enumerate(temperatures)
                for i in range(n)
            ]
            result = MetricResult(
                metric=metric,
                version="1",
                unit="prompt",
                higher_is_better=entry.higher_is_better,
                signature={},
                values=values,
            )
            estimates += all_estimates(result, 1, ())
            opened.write_scores(f"{entry.family}@1", table_of(metric, values))
        opened.write_results(Results(estimates=tuple(estimates), signatures={}, notes={}))


def table_of(metric: str, values: Sequence[Value]) -> pa.Table:
    """Return the scores of one metric as they are stored."""
    columns = ("suite", "temperature", "query", "persona", "sample_id", "value", "reason")
    stored = {column: [getattr(value, column) for value in values] for column in columns}
    return pa.table({"metric": [metric] * len(values), **stored})


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--agreement", type=int, default=200)
    options = parser.parse_args()
    rates(options.pairs)
    unequal(options.pairs)
    power(options.pairs)
    agreement(options.agreement)


if __name__ == "__main__":
    main()
