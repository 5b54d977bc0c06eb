"""Compare runs: each against the first, paired by prompt, at equal temperature and equal quality.

from sfr_eval.comparison.compare import compare
found = compare("runs/sft", "runs/sfr")
found.table          # a DataFrame: metric, temperature, delta, low, high, p, call
found.pairs[0].suites[0].summary.headline
"""

import os
from collections.abc import Sequence

from sfr_eval.comparison.differences import (
    ALPHA,
    MARGIN,
    Measured,
    Row,
    compared_metrics,
    decided,
    measure,
)
from sfr_eval.comparison.matched import matched_qualities
from sfr_eval.comparison.mismatch import Mismatch, conditions, mismatches
from sfr_eval.comparison.pairing import shared_temperatures, unequal_prompts
from sfr_eval.comparison.result import Comparison, Pair, SuiteComparison
from sfr_eval.comparison.runs import ScoredRun, common, open_runs
from sfr_eval.comparison.summary import summarise
from sfr_eval.comparison.warnings import cautions
from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.types import Cell

Folder = str | os.PathLike[str]


def compare(
    a: Folder,
    b: Folder,
    *more: Folder,
    allow_mismatch: bool = False,
    metrics: Sequence[str] | None = None,
    margin: float = MARGIN,
) -> Comparison:
    """Compare scored run folders, `b` and all further ones against `a`.

    `metrics` are ids; fewer tests need less correction. `margin` is the share of `a`'s value
    below which a difference does not matter. UserError for a folder that is no scored run, and,
    unless `allow_mismatch`, for runs that differ in prompts, k, sampling fields, suite or metric
    versions (signatures) or template policy. Weights, seeds and temperatures may differ.
    """
    runs = open_runs([a, b, *more])
    first, *others = runs
    measured: list[tuple[int, str, list[Measured]]] = []
    drafts = []
    for place, second in enumerate(others):
        chosen = _metrics(first, second, metrics)
        found = mismatches(conditions(first, chosen), conditions(second, chosen))
        if found and not allow_mismatch:
            raise UserError(_refusal(first, second, found))
        unequal = {
            suite: {} if _other_k(found, suite) else unequal_prompts(first, second, suite)
            for suite in chosen
        }
        drafts.append((second, chosen, found, unequal))
        for suite, names in chosen.items():
            rows = measure(
                first, second, suite, metrics=names, unequal=unequal[suite], margin=margin
            )
            measured.append((place, suite, list(rows)))
    # One correction over everything that is looked at.
    final = iter(decided([of for _, _, group in measured for of in group]))
    rows_of = {(place, suite): [next(final) for _ in group] for place, suite, group in measured}
    pairs = []
    for place, (second, chosen, found, unequal) in enumerate(drafts):
        suites = [
            _suite(first, second, suite, names, rows_of[place, suite], unequal[suite])
            for suite, names in chosen.items()
        ]
        pairs.append(
            Pair(
                first=first.label,
                second=second.label,
                mismatches=tuple(found),
                cautions=tuple(cautions(first, second, unequal)),
                suites=tuple(suites),
            )
        )
    return Comparison(pairs=tuple(pairs), alpha=ALPHA, margin=margin, runs=tuple(runs))


def _metrics(
    first: ScoredRun, second: ScoredRun, asked: Sequence[str] | None
) -> dict[str, list[str]]:
    """Suite -> ids of the metrics to compare; UserError where nothing is left."""
    suites = common([first.suites, second.suites])
    if not suites:
        raise UserError(
            f"compare: {first.folder} ({', '.join(first.suites)}) and {second.folder} "
            f"({', '.join(second.suites)}) have no suite in common"
        )
    found = {suite: compared_metrics((first, second), suite) for suite in suites}
    if asked is None:
        return found
    known = {name for names in found.values() for name in names}
    for name in asked:
        if name not in known:
            raise UserError(f"--metrics {name}: not in both runs; {did_you_mean(name, known)}")
    return {suite: [name for name in names if name in asked] for suite, names in found.items()}


def _other_k(found: Sequence[Mismatch], suite: str) -> bool:
    """Was another k allowed? Then every prompt has unequal numbers, and none can be left out."""
    return any(mismatch.what == f"suite {suite}: k" for mismatch in found)


def _refusal(first: ScoredRun, second: ScoredRun, found: Sequence[Mismatch]) -> str:
    shown = "; ".join(str(mismatch) for mismatch in found[:5])
    more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
    return (
        f"compare: {first.folder} and {second.folder} differ in {shown}{more}; make them alike, or "
        "pass --allow-mismatch to compare all the same"
    )


def _suite(
    first: ScoredRun,
    second: ScoredRun,
    suite: str,
    metrics: Sequence[str],
    rows: Sequence[Row],
    unequal: dict[Cell, int],
) -> SuiteComparison:
    matched = matched_qualities(first, second, suite, metrics=metrics)
    return SuiteComparison(
        id=suite,
        title=first.suites[suite].title,
        temperatures=tuple(shared_temperatures((first, second), suite)),
        rows=tuple(rows),
        matched=tuple(matched),
        unequal=tuple(unequal),
        summary=summarise(rows, matched, first=first.label, second=second.label),
    )
