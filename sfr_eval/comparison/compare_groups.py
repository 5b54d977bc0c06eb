"""Compare groups of trainings: each with the first, over training seeds and queries at once.

from sfr_eval.comparison.compare_groups import compare_groups
comparison = compare_groups({"sft": ["runs/sft-0", "runs/sft-1"], "sfr": [...]})
comparison.pairs[0].suites[0].summary.headline  # Over 2 trainings each: ...
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from sfr_eval.comparison.compare import chosen_metrics, families_of, refusal
from sfr_eval.comparison.decision import ALPHA
from sfr_eval.comparison.differences import DifferenceRow, headlines
from sfr_eval.comparison.family import MARGIN, Family
from sfr_eval.comparison.group_decision import decided_groups
from sfr_eval.comparison.group_estimates import estimates_of
from sfr_eval.comparison.groups import Folder, RunGroup, equal_weights, open_groups
from sfr_eval.comparison.lengths import UnequalLengths, unequal_lengths
from sfr_eval.comparison.looks import alpha_after, looks
from sfr_eval.comparison.mismatch import Mismatch, conditions, mismatches
from sfr_eval.comparison.notes import notes
from sfr_eval.comparison.pairing import shared_temperatures, unequal_prompts
from sfr_eval.comparison.replicates import Replicated, measure_groups
from sfr_eval.comparison.result import Comparison, Group, Pair, SuiteComparison
from sfr_eval.comparison.run_pairs import place_of
from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.comparison.summary import summarise
from sfr_eval.comparison.warnings import warnings
from sfr_eval.errors import UserError
from sfr_eval.stats.intervals import Interval
from sfr_eval.store.primary import PrimaryFamily
from sfr_eval.types import Cell


def compare_groups(
    groups: Mapping[str, Sequence[Folder]],
    *,
    allow_mismatch: bool = False,
    metrics: Sequence[str] | None = None,
    primary: PrimaryFamily | str | None = None,
    margin: float = MARGIN,
    base: Folder | None = None,
) -> Comparison:
    """Compare groups of scored runs, name -> run folders, all others with the first, or with the
    group that `base` names, or one of whose runs it is.

    The runs of a group are trainings of one recipe with different seeds. Verdicts are about the
    recipes, over trainings and queries; about the one training, where a group has no other.
    `metrics`, `primary` and `margin` are as for `compare_runs`. Raises UserError for a run in two
    places, and, unless `allow_mismatch`, for runs that `compare_runs` would refuse to compare, and
    for two runs of the same weights in one group.
    """
    opened = open_groups(groups)
    if base is not None:
        opened.insert(0, opened.pop(_place_of(base, opened)))
    runs = tuple(run for group in opened for run in group.runs)
    if isinstance(primary, str):
        primary = PrimaryFamily.parse(primary)
    drafts = []
    for second in opened[1:]:
        pair = _Sides(first=opened[0], second=second)
        shown = chosen_metrics(pair.runs, metrics)
        families = families_of(pair.runs, list(shown), primary)
        chosen = {
            suite: list(dict.fromkeys((*families[suite].measures.values(), *names)))
            for suite, names in shown.items()
        }
        different = list(pair.mismatches(chosen, is_allowed=allow_mismatch))
        drafts.append(_draft(pair, chosen, different, families=families, margin=margin))
    level = alpha_after(looks(runs), alpha=ALPHA)
    rows = iter(decided_groups([row for draft in drafts for row in draft.rows], alpha=level))
    return Comparison(
        pairs=tuple(_pair(draft, rows) for draft in drafts),
        alpha=level,
        looks=looks(runs),
        margin=margin,
        runs=runs,
        groups=tuple(_group(group, drafts) for group in opened),
    )


def _place_of(base: Folder, groups: Sequence[RunGroup]) -> int:
    names = [group.name for group in groups]
    if str(base) in names:
        return names.index(str(base))
    runs = [(place, run) for place, group in enumerate(groups) for run in group.runs]
    labels = [names[place] for place, _ in runs]
    return runs[place_of(base, labels, [run.folder for _, run in runs])][0]


@dataclass(frozen=True, kw_only=True)
class _Sides:
    """Two groups."""

    first: RunGroup
    second: RunGroup

    @property
    def runs(self) -> tuple[ScoredRun, ...]:
        return (*self.first.runs, *self.second.runs)

    def mismatches(
        self, metrics: Mapping[str, Sequence[str]], *, is_allowed: bool
    ) -> Iterator[Mismatch]:
        """Yield what should be equal in all runs and is not. Raises UserError for the first such
        run, unless it is allowed."""
        for group in (self.first, self.second):
            for same in equal_weights(group):
                if not is_allowed:
                    raise UserError(f"compare: {same}; leave one out, or pass --allow-mismatch")
                yield same
        first = self.runs[0]
        wanted = conditions(first, metrics)
        for group in (self.first, self.second):
            recipe = conditions(group.runs[0], metrics)
            for run in group.runs:
                here = conditions(run, metrics)
                # Decoder and template may differ between the groups, not between their trainings.
                different = [m for m in mismatches(wanted, here) if not m.is_compared]
                different += [m for m in mismatches(recipe, here) if m.is_compared]
                if different and not is_allowed:
                    raise UserError(refusal(first, run, different))
                for mismatch in different:
                    yield replace(mismatch, what=f"{run.label}: {mismatch.what}")

    @property
    def scope(self) -> str:
        """How far a verdict reaches, as its first words."""
        one, two = len(self.first.runs), len(self.second.runs)
        if one == two == 1:
            return "Of this one training of each"
        if one == 1 or two == 1:
            return f"Of this one training of {(self.first if one == 1 else self.second).name}"
        return f"Over {one} trainings each" if one == two else f"Over {one} and {two} trainings"


@dataclass(frozen=True, kw_only=True)
class _Draft:
    """Two groups before any decision, which depends on all of them; the mappings are by suite."""

    sides: _Sides
    mismatches: Sequence[Mismatch]
    unequal: Mapping[str, Mapping[Cell, int]]
    metrics: Mapping[str, Sequence[str]]
    families: Mapping[str, Family]
    rows: Sequence[Replicated]


def _draft(
    sides: _Sides,
    metrics: Mapping[str, Sequence[str]],
    different: Sequence[Mismatch],
    *,
    families: Mapping[str, Family],
    margin: float,
) -> _Draft:
    ks = {suite: {run.manifest.part(suite).samples for run in sides.runs} for suite in metrics}
    unequal = {
        # With another k in some run all numbers are unequal, and none can be left out.
        suite: {} if len(ks[suite]) > 1 else unequal_prompts(sides.runs, suite)
        for suite in metrics
    }
    return _Draft(
        sides=sides,
        mismatches=different,
        unequal=unequal,
        metrics=metrics,
        families=families,
        rows=[
            row
            for suite, names in metrics.items()
            for row in measure_groups(
                sides.first,
                sides.second,
                suite,
                metrics=names,
                family=families[suite],
                unequal=unequal[suite],
                margin=margin,
            )
        ],
    )


def _pair(draft: _Draft, rows: Iterator[DifferenceRow]) -> Pair:
    """Take the finished rows of a draft, which come in its order."""
    finished = list(islice(rows, len(draft.rows)))
    first, *others = draft.sides.runs
    lines = [
        line
        for run in others
        for line in warnings(first, run, draft.unequal, families=draft.families)
    ]
    return Pair(
        first=draft.sides.first.name,
        second=draft.sides.second.name,
        mismatches=tuple(draft.mismatches),
        warnings=tuple(dict.fromkeys(lines)),
        notes=tuple(dict.fromkeys(line for run in others for line in notes(first, run))),
        suites=tuple(
            _suite(draft, suite, [row for row in finished if row.suite == suite])
            for suite in draft.metrics
        ),
    )


def _suite(draft: _Draft, suite: str, rows: Sequence[DifferenceRow]) -> SuiteComparison:
    sides = draft.sides
    summary = summarise(
        rows,
        first=sides.first.name,
        second=sides.second.name,
        lengths=_lengths(sides, rows, suite, draft.families[suite].temperature),
    )
    said = summary.headline
    if not said.startswith(sides.second.name):  # a sentence of its own
        said = said[:1].lower() + said[1:]
    return SuiteComparison(
        id=suite,
        title=sides.runs[0].suites[suite].title,
        about=sides.runs[0].suites[suite].about,
        temperatures=tuple(shared_temperatures(sides.runs, suite)),
        rows=tuple(rows),
        matched=(),
        unequal=tuple(draft.unequal[suite]),
        missing=draft.families[suite].missing,
        summary=replace(summary, headline=f"{sides.scope}: {said}"),
    )


def _lengths(
    sides: _Sides, rows: Sequence[DifferenceRow], suite: str, temperature: float | None
) -> UnequalLengths | None:
    """Return how the lengths of two groups' replies differ; at equal length, with the interval of
    the row over trainings."""
    if temperature is None:
        return None
    first, second = (group.means(suite) for group in (sides.first, sides.second))
    lengths = unequal_lengths(first, second, temperature)
    for row in rows:
        at_equal_length = lengths and (row.metric, row.temperature) == (lengths.metric, temperature)
        if lengths and at_equal_length and row.delta is not None:
            interval = Interval(row.delta, row.low, row.high, row.method)
            return replace(lengths, difference=interval)
    return lengths


def _group(group: RunGroup, drafts: Sequence[_Draft]) -> Group:
    """Describe a group by the metrics that its comparisons show first."""
    metrics: dict[str, dict[str, None]] = {}
    for draft in drafts:
        if group.name in (draft.sides.first.name, draft.sides.second.name):
            for suite, names in draft.metrics.items():
                primary = draft.families[suite].measures.values()
                metrics.setdefault(suite, {}).update(dict.fromkeys((*primary, *headlines(names))))
    return Group(
        name=group.name,
        runs=tuple(run.label for run in group.runs),
        estimates=tuple(
            estimate
            for suite, names in metrics.items()
            for estimate in estimates_of(group, suite, metrics=list(names))
        ),
    )
