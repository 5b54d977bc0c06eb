"""The result of a comparison of runs, and its form in comparison.json."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfr_eval.comparison.differences import DifferenceRow
from sfr_eval.comparison.group_estimates import GroupEstimate
from sfr_eval.comparison.loss_of_variety import LossOfVariety
from sfr_eval.comparison.matched import MatchedQuality
from sfr_eval.comparison.mismatch import Mismatch
from sfr_eval.comparison.notebook import comparison_html
from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.comparison.similarity import ModelSimilarity
from sfr_eval.comparison.summary import Summary
from sfr_eval.types import Cell

if TYPE_CHECKING:
    import pandas as pd


FORMAT = 2


@dataclass(frozen=True, kw_only=True)
class SuiteComparison:
    """One suite of two runs."""

    id: str
    title: str
    about: str  # which problems of a code suite
    temperatures: tuple[float, ...]  # that both have
    rows: tuple[DifferenceRow, ...]
    matched: tuple[MatchedQuality, ...]
    unequal: tuple[Cell, ...]  # (temperature, prompt) with unequal numbers of replies
    missing: tuple[str, ...]  # primary measures that the suite declares and nobody measured
    losses: Mapping[float, LossOfVariety] = field(default_factory=dict)
    """Temperature -> what became of the variety of good replies."""
    similarity: tuple[ModelSimilarity, ...] = ()  # how alike the two models are, where asked for
    summary: Summary

    def matched_rows(self) -> list[dict[str, Any]]:
        """Return the rows of all comparisons at equal quality."""
        return [row for matched in self.matched for row in matched.rows()]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A run and the first one. `mismatches` is empty unless they were allowed."""

    first: str  # labels
    second: str
    mismatches: tuple[Mismatch, ...]
    warnings: tuple[str, ...]  # why what is said of them may not hold
    suites: tuple[SuiteComparison, ...]
    notes: tuple[str, ...] = ()  # what is good to know, and takes nothing from it


@dataclass(frozen=True, kw_only=True)
class Group:
    """The trainings of one recipe, with the means of its primary and headline metrics."""

    name: str
    runs: tuple[str, ...]  # labels
    estimates: tuple[GroupEstimate, ...]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All pairs of a comparison, of runs or of groups of trainings. Signs: second minus first."""

    pairs: tuple[Pair, ...]
    alpha: float  # of the primary family, after what earlier looks have spent
    looks: int
    margin: float  # part of a metric's span
    runs: tuple[ScoredRun, ...] = field(repr=False)
    groups: tuple[Group, ...] = ()  # of trainings; then `pairs` name groups

    @property
    def names(self) -> list[str]:
        """The sides that are compared, A first."""
        return [group.name for group in self.groups] or [run.label for run in self.runs]

    @property
    def base(self) -> str | None:
        """What all others are compared with; None where the pairs have different ones."""
        firsts = {pair.first for pair in self.pairs}
        return firsts.pop() if len(firsts) == 1 else None

    def side_of(self, label: str) -> int:
        """Return the place in `names` to which a run belongs."""
        for place, group in enumerate(self.groups):
            if label in group.runs:
                return place
        return self.names.index(label)

    @property
    def rows(self) -> Iterator[tuple[Pair, DifferenceRow]]:
        """Yield every row with its pair."""
        for pair in self.pairs:
            for suite in pair.suites:
                for row in suite.rows:
                    yield pair, row

    @property
    def table(self) -> "pd.DataFrame":
        """A row for each pair, suite, metric and temperature, as a DataFrame."""
        import pandas as pd

        return pd.DataFrame(list(self.records()))

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the verdicts, and a table of the primary family."""
        return comparison_html(self)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the rows as plain mappings, labels of the runs first."""
        for pair, row in self.rows:
            yield {"a": pair.first, "b": pair.second, **asdict(row)}

    def matched_records(self) -> Iterator[dict[str, Any]]:
        """Yield the comparisons at equal quality as plain mappings."""
        for pair in self.pairs:
            for suite in pair.suites:
                for row in suite.matched_rows():
                    yield {"a": pair.first, "b": pair.second, **row}

    def as_dict(self) -> dict[str, Any]:
        """Return what comparison.json holds: plain values, undefined ones null with a reason."""
        return {
            "format": FORMAT,
            "alpha": self.alpha,
            "looks": self.looks,
            "margin": self.margin,
            "runs": [
                {
                    "label": run.label,
                    "name": run.name,
                    "folder": str(run.folder),
                    "fingerprint": run.fingerprint,
                    "seed": run.identity.seed,
                    "decoder": run.decoder,
                    "status": run.manifest.status,
                }
                for run in self.runs
            ],
            "groups": [asdict(group) for group in self.groups],
            "pairs": [
                {
                    "a": pair.first,
                    "b": pair.second,
                    "mismatches": [asdict(mismatch) for mismatch in pair.mismatches],
                    "cautions": [*pair.warnings, *pair.notes],
                    "suites": [_suite_dict(suite) for suite in pair.suites],
                }
                for pair in self.pairs
            ],
        }

    @property
    def default_folder(self) -> Path:
        """runs/compare-..., the same for the same runs."""
        names = "-".join(re.sub(r"[^A-Za-z0-9._]+", "_", name)[:24] for name in self.names)
        key = "\0".join(str(run.folder.resolve()) for run in self.runs)
        return Path("runs") / f"compare-{names[:60]}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def _suite_dict(suite: SuiteComparison) -> dict[str, Any]:
    return {
        "suite": suite.id,
        "temperatures": list(suite.temperatures),
        "summary": asdict(suite.summary),
        "rows": [asdict(row) for row in suite.rows],
        "matched_quality": suite.matched_rows(),
        "variety_of_good_replies": [
            {"temperature": t, **asdict(loss)} for t, loss in suite.losses.items()
        ],
        "similarity": [asdict(row) for row in suite.similarity],
        "unequal_prompts": [
            {"temperature": t, "query": query, "persona": persona}
            for t, query, persona in suite.unequal
        ],
    }
