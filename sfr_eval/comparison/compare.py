"""Compare runs: each with the first, paired by prompt, at equal temperature and at equal quality.

from sfr_eval.comparison.compare import compare_runs
comparison = compare_runs("runs/sft", "runs/sfr")
comparison.table  # a DataFrame: metric, temperature, delta, low, high, p, call
comparison.pairs[0].suites[0].summary.headline
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from sfr_eval.comparison.decision import ALPHA
from sfr_eval.comparison.differences import (
    DifferenceRow,
    Measured,
    compared_metrics,
    decided,
    measure,
    measured_in,
)
from sfr_eval.comparison.family import MARGIN, Family, family
from sfr_eval.comparison.lengths import lengths_of_runs
from sfr_eval.comparison.looks import alpha_after, looks
from sfr_eval.comparison.loss_of_variety import losses_of_variety
from sfr_eval.comparison.matched import matched_qualities
from sfr_eval.comparison.mismatch import Mismatch, conditions, mismatches
from sfr_eval.comparison.notes import notes
from sfr_eval.comparison.pairing import shared_temperatures, unequal_prompts
from sfr_eval.comparison.result import Comparison, Pair, SuiteComparison
from sfr_eval.comparison.run_pairs import open_pairs
from sfr_eval.comparison.runs import ScoredRun, common
from sfr_eval.comparison.similarity import ModelSimilarity, of_runs
from sfr_eval.comparison.summary import summarise
from sfr_eval.comparison.warnings import warnings
from sfr_eval.errors import UserError, nearest_names
from sfr_eval.metrics.table import family_of
from sfr_eval.store.primary import PrimaryFamily
from sfr_eval.types import Cell
from sfr_eval.util.assets import cache_folder

Folder = str | os.PathLike[str]


def compare_runs(
    a: Folder,
    *more: Folder,
    allow_mismatch: bool = False,
    metrics: Sequence[str] | None = None,
    primary: PrimaryFamily | str | None = None,
    margin: float = MARGIN,
    similarity: bool = False,
    labels: Sequence[str] = (),
    base: Folder | None = None,
) -> Comparison:
    """Compare scored run folders, all others with the first, or with `base`: a label or a folder.
    The folder of a sweep stands for the runs of its decoders; several sweeps are compared decoder
    by decoder. `labels` name the runs in their order.

    Only the primary family is decided about; `primary` names its measures, as a PrimaryFamily or as
    `variety=embed_distance,quality=judge_rel`, and by default the suite or a rule does. `metrics`
    are the ids to show, or families of them. `margin` is the part of a metric's span below which a
    difference is small. `similarity` adds how alike the models are, which needs the encoder.

    Raises UserError for a folder that is not a scored run, and, unless `allow_mismatch`, for runs
    that differ in prompts, k, max_tokens or stop, suite or metric versions (signatures) or in the
    role of system messages. Weights, seeds, temperatures, chat templates and decoders (filters and
    penalties) may differ.
    """
    paired = open_pairs((a, *more), labels=labels, base=base)
    runs = paired.runs
    if isinstance(primary, str):
        primary = PrimaryFamily.parse(primary)
    drafts = []
    for first, second in paired.pairs:
        shown = chosen_metrics((first, second), metrics)
        families = families_of((first, second), list(shown), primary)
        chosen = {
            suite: list(dict.fromkeys((*families[suite].measures.values(), *names)))
            for suite, names in shown.items()
        }
        different = [
            mismatch
            for mismatch in mismatches(conditions(first, chosen), conditions(second, chosen))
            if not mismatch.is_compared  # which labels and notes name
        ]
        if different and not allow_mismatch:
            raise UserError(refusal(first, second, different))
        drafts.append(_draft(first, second, chosen, different, families=families, margin=margin))
    # The primary rows of all pairs and suites are one family.
    level = alpha_after(looks(runs), alpha=ALPHA)
    rows = iter(decided([row for draft in drafts for row in draft.rows], alpha=level))
    pairs = [_pair(draft, rows, similarity=similarity) for draft in drafts]
    if paired.left_out:
        pairs[0] = replace(pairs[0], notes=(*pairs[0].notes, *paired.left_out))
    return Comparison(
        pairs=tuple(pairs),
        alpha=level,
        looks=looks(runs),
        margin=margin,
        runs=runs,
    )


def families_of(
    runs: Sequence[ScoredRun], suites: Sequence[str], wanted: PrimaryFamily | None
) -> dict[str, Family]:
    """Return suite -> what is decided about, from what all the runs have; the suite's own choice is
    as the first run records it."""
    return {
        suite: family(
            measured_in(runs, suite), declared=runs[0].manifest.part(suite).primary, wanted=wanted
        )
        for suite in suites
    }


@dataclass(frozen=True, kw_only=True)
class _Draft:
    """Two runs before any decision, which depends on all pairs; the mappings are by suite."""

    first: ScoredRun
    second: ScoredRun
    mismatches: Sequence[Mismatch]
    unequal: Mapping[str, Mapping[Cell, int]]
    metrics: Mapping[str, Sequence[str]]
    families: Mapping[str, Family]
    rows: Sequence[Measured]


def _draft(
    first: ScoredRun,
    second: ScoredRun,
    metrics: Mapping[str, Sequence[str]],
    different: Sequence[Mismatch],
    *,
    families: Mapping[str, Family],
    margin: float,
) -> _Draft:
    unequal = {
        suite: {} if _other_k(different, suite) else unequal_prompts((first, second), suite)
        for suite in metrics
    }
    return _Draft(
        first=first,
        second=second,
        mismatches=different,
        unequal=unequal,
        metrics=metrics,
        families=families,
        rows=[
            row
            for suite, names in metrics.items()
            for row in measure(
                first,
                second,
                suite,
                metrics=names,
                family=families[suite],
                unequal=unequal[suite],
                margin=margin,
            )
        ],
    )


def _pair(draft: _Draft, rows: Iterator[DifferenceRow], *, similarity: bool) -> Pair:
    """Take the finished rows of a draft, which come in its order."""
    finished = list(islice(rows, len(draft.rows)))
    return Pair(
        first=draft.first.label,
        second=draft.second.label,
        mismatches=tuple(draft.mismatches),
        warnings=tuple(warnings(draft.first, draft.second, draft.unequal, families=draft.families)),
        notes=tuple(notes(draft.first, draft.second)),
        suites=tuple(
            _suite(
                draft,
                suite,
                [row for row in finished if row.suite == suite],
                similarity=similarity,
            )
            for suite in draft.metrics
        ),
    )


def _suite(
    draft: _Draft, suite: str, rows: Sequence[DifferenceRow], *, similarity: bool
) -> SuiteComparison:
    first, second = draft.first, draft.second
    temperature = draft.families[suite].temperature
    lengths = None
    if temperature is not None:
        lengths = lengths_of_runs(first, second, suite, temperature)
    matched = matched_qualities(first, second, suite, metrics=draft.metrics[suite])
    return SuiteComparison(
        id=suite,
        title=first.suites[suite].title,
        about=first.suites[suite].about,
        temperatures=tuple(shared_temperatures((first, second), suite)),
        rows=tuple(rows),
        matched=tuple(matched),
        unequal=tuple(draft.unequal[suite]),
        missing=draft.families[suite].missing,
        losses=losses_of_variety(first, second, suite),
        similarity=_similarity(first, second, suite) if similarity else (),
        summary=summarise(rows, first=first.label, second=second.label, lengths=lengths),
    )


def _similarity(first: ScoredRun, second: ScoredRun, suite: str) -> tuple[ModelSimilarity, ...]:
    rows = of_runs(first, second, suite, cache=cache_folder())
    if isinstance(rows, str):
        raise UserError(f"--similarity: {rows}")
    return tuple(rows)


def chosen_metrics(runs: Sequence[ScoredRun], wanted: Sequence[str] | None) -> dict[str, list[str]]:
    """Return suite -> ids of the metrics to compare. Raises UserError where nothing is left."""
    suites = common([run.suites for run in runs])
    if not suites:
        names = " and ".join(f"{run.folder} ({', '.join(run.suites)})" for run in runs)
        raise UserError(f"compare: {names} have no suite in common")
    by_suite = {suite: compared_metrics(runs, suite) for suite in suites}
    if wanted is None:
        return by_suite
    everywhere = {name for names in by_suite.values() for name in names}
    chosen: set[str] = set()
    for name in wanted:
        ids = {name} & everywhere or _of_family(name, everywhere)
        if not ids:
            where = "both" if len(runs) == 2 else "all"
            near = ", ".join(nearest_names(name, everywhere | set(map(family_of, everywhere))))
            raise UserError(f"--metrics {name}: not in {where} runs; near it: {near}")
        chosen |= ids
    return {suite: [name for name in names if name in chosen] for suite, names in by_suite.items()}


def _of_family(family: str, ids: Iterable[str]) -> set[str]:
    return {one for one in ids if family_of(one) == family}


def _other_k(different: Sequence[Mismatch], suite: str) -> bool:
    """Return whether another k was allowed: then all prompts have unequal numbers, and none can be
    left out."""
    return any(mismatch.what == f"suite {suite}: k" for mismatch in different)


def refusal(first: ScoredRun, second: ScoredRun, different: Sequence[Mismatch]) -> str:
    """Return the message of an error about runs that may not be compared."""
    shown = "; ".join(str(mismatch) for mismatch in different[:5])
    more = f"; and {len(different) - 5} more" if len(different) > 5 else ""
    remedy = "make them alike"
    if all(mismatch.what.startswith("metric ") for mismatch in different):
        remedy = "measure both anew in the same way (sfr-eval score FOLDER)"
    return (
        f"compare: {first.folder} and {second.folder} differ in {shown}{more}; {remedy}, or "
        "pass --allow-mismatch to compare them anyway"
    )
