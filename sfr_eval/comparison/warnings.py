"""What a reader must know about two runs before believing their difference, a line each. What is
good to know but takes nothing from it is in `notes.py`."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sfr_eval.comparison.family import Family
from sfr_eval.comparison.lengths import lengths_of_runs
from sfr_eval.comparison.mismatch import compared_signature
from sfr_eval.comparison.pairing import at
from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.comparison.setups import apart_in, same_texts, same_weights, setup_differences
from sfr_eval.report.course import beyond_the_encoder
from sfr_eval.report.encoder_warnings import unreadable
from sfr_eval.report.relevance_warnings import relevance_warnings
from sfr_eval.report.reply_warnings import MANY, orders_apart, reply_warnings
from sfr_eval.report.style_warnings import style_warnings
from sfr_eval.report.verdict import synthetic_style
from sfr_eval.report.warnings import incomplete, programs_lost, undeclared_thinking
from sfr_eval.types import Cell

LISTED = 5
"""Names that a warning lists."""


@dataclass(frozen=True, kw_only=True)
class _Runs:
    """Two runs, as the warnings read them."""

    first: ScoredRun
    second: ScoredRun
    unequal: Mapping[str, Mapping[Cell, int]]  # suite -> prompts with unequal numbers of replies
    families: Mapping[str, Family]  # suite -> its primary family

    @property
    def both(self) -> tuple[ScoredRun, ScoredRun]:
        return self.first, self.second

    @property
    def suites(self) -> list[str]:
        return [suite for suite in self.first.suites if suite in self.second.suites]


def warnings(
    first: ScoredRun,
    second: ScoredRun,
    unequal: Mapping[str, Mapping[Cell, int]],
    *,
    families: Mapping[str, Family] | None = None,
) -> list[str]:
    """Return the warnings, the gravest first; runs with these are still comparable."""
    runs = _Runs(first=first, second=second, unequal=unequal, families=families or {})
    return [line for check in CHECKS for line in check(runs)]


def _incomplete(runs: _Runs) -> Iterator[str]:
    for run in runs.both:
        limit = run.manifest.config.limit or 0
        count = f"{limit:.0%}" if 0 < limit < 1 else f"{limit} queries"
        queries = f"{count} of each suite"
        yield from incomplete(run.label, run.manifest, queries=queries)
        if run.failed:
            yield (
                f"{run.label}: {run.failed:,} requests failed. Failures are not random; repeat "
                "its run command before comparing."
            )


def _unequal(runs: _Runs) -> Iterator[str]:
    for suite, prompts in runs.unequal.items():
        for t in sorted({t for t, _, _ in prompts}):
            here = at(t, prompts)
            names = sorted(f"{query}/{persona}".rstrip("/") for query, persona in here)
            yield (
                f"{suite}, T = {t:g}: {len(names):,} prompts have unequal numbers of replies "
                f"({listed_names(names)}). Means over replies take equally many; values of whole "
                "prompts are left out there."
            )


def _family(runs: _Runs) -> Iterator[str]:
    """Warn of what the primary family lacks, and of lengths that may decide in its place."""
    for suite, family in runs.families.items():
        t = family.temperature
        if t is not None and (lengths := lengths_of_runs(*runs.both, suite, t)):
            yield f"{suite}, {lengths.line}"
        if "quality" not in family.measures:
            yield (
                f"{suite}: no measure of quality in these runs: noise and replies to other "
                "questions are varied, too. Add a judge (--judge) or a reward model "
                "(--reward-model)."
            )
        for missing in family.missing:
            yield f"{suite}: declares its {missing}, which was not measured in both runs."


def _truncated(runs: _Runs) -> Iterator[str]:
    for suite in runs.suites:
        one, two = (_truncated_shares(run, suite) for run in runs.both)
        for t in sorted(set(one) & set(two)):
            if abs(one[t] - two[t]) > MANY:
                yield (
                    f"{suite}, T = {t:g}: {one[t]:.0%} of {runs.first.label}'s replies and "
                    f"{two[t]:.0%} of {runs.second.label}'s were cut at max_tokens; cut texts "
                    "cannot be compared with whole ones."
                )


def _replies(runs: _Runs) -> Iterator[str]:
    """Warn of what makes replies read as varied, or as alike, without being a matter of variety."""
    for suite in runs.suites:
        for run in runs.both:
            about = run.suites[suite]
            for line in (*reply_warnings(about), *relevance_warnings(about)):
                yield f"{suite}, {run.label}: {line}"
        first, second = (run.suites[suite] for run in runs.both)
        for t, (one, two) in orders_apart(first, second).items():
            less, more = runs.both if one < two else runs.both[::-1]
            yield (
                f"{suite}, T = {t:g}: the order of the words tells less in {less.label} "
                f"({min(one, two):.2f} against {max(one, two):.2f}): it has noise among its words, "
                f"or {more.label} says the same to different questions."
            )


def _truncated_shares(run: ScoredRun, suite: str) -> dict[float, float]:
    samples = [sample for sample in run.samples if sample.suite == suite]
    counts = Counter(sample.temperature for sample in samples)
    cut = Counter(sample.temperature for sample in samples if sample.status == "truncated")
    return {t: cut[t] / count for t, count in counts.items()}


def _gates(runs: _Runs) -> Iterator[str]:
    for suite in runs.suites:
        if any("valid_share" not in run.suites[suite].metrics for run in runs.both):
            continue
        one, two = (
            compared_signature(run, suite, "valid_share").get("gate", "") for run in runs.both
        )
        if one != two:
            yield (
                f"{suite}: good replies are those that pass {one} in {runs.first.label} and {two} "
                f"in {runs.second.label}: variety of good replies is not compared."
            )


def _measures(runs: _Runs) -> Iterator[str]:
    """Yield what the runs' own reports say about their measures, once if it holds for both."""
    for suite in runs.suites:
        labels: dict[str, list[str]] = {}
        for run in runs.both:
            results = run.suites[suite]
            synthetic = synthetic_style(results)
            lines = (
                *style_warnings(results),
                synthetic,
                *beyond_the_encoder(results),
                *unreadable(results.notes_of("embed_distance")),
                *programs_lost(results.notes_of("pass_at_1")),
                *_undeclared_thinking(run, suite),
            )
            for line in filter(None, lines):
                labels.setdefault(line, []).append(run.label)
        for line, names in labels.items():
            yield f"{' and '.join(names)}: {line}"


def _undeclared_thinking(run: ScoredRun, suite: str) -> Iterator[str]:
    if run.manifest.thinking is None:
        yield from undeclared_thinking([row for row in run.samples if row.suite == suite])


def _models(runs: _Runs) -> Iterator[str]:
    for run in runs.both:
        if not isinstance(run.identity.sampling, dict):
            yield f"{run.label}: the sampling settings are unknown, so they cannot be checked."
    differing = setup_differences(runs.first, runs.second)
    if same_weights(runs.first, runs.second) and same_texts(runs.first, runs.second):
        apart = apart_in(runs.first, runs.second)
        if apart:
            yield (
                "Both runs are of the same weights and hold the same replies, although their "
                f"{' and '.join(apart)} {'differ' if len(apart) > 1 else 'differs'}."
            )
        else:
            yield "Both runs hold the same replies: one run, seen twice."
    for one in differing:
        yield (
            f"The {one.what} differs: {one.first} in {runs.first.label}, {one.second} in "
            f"{runs.second.label}. It may cause some of the difference."
        )


def listed_names(names: list[str]) -> str:
    """Return the first names, with dots for the others."""
    return ", ".join(names[:LISTED]) + (", ..." if len(names) > LISTED else "")


CHECKS: tuple[Callable[[_Runs], Iterator[str]], ...] = (
    _incomplete,
    _unequal,
    _family,
    _replies,
    _truncated,
    _gates,
    _measures,
    _models,
)
"""By gravity."""
