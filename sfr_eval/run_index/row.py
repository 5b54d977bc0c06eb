"""One run as an index shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sfr_eval.report.scoreboard import Score, Scoreboard, ScoreRole
from sfr_eval.types import Estimate

RunStatus = Literal["running", "partial", "complete", "not scored", "damaged"]
"""running: a process draws or measures it. partial: not all replies of the suite are there, by
design (`--limit`), failure or interruption. not scored: no results.json yet. damaged: a file
cannot be read, and `problem` says which."""

RANKED: tuple[ScoreRole, ...] = ("variety", "style", "quality")
"""Roles whose metric has a direction. Only how these were measured must be equal for runs to share
a leaderboard; nobody is ahead in length."""

Curve = Mapping[float, Estimate]
"""temperature -> estimate, in order"""


@dataclass(frozen=True, kw_only=True)
class IndexRow:
    """One suite of one run; a run without a readable manifest has one row and no suite."""

    folder: Path
    place: str  # the folder, seen from the root of the index
    name: str
    model: str = ""
    suite: str = ""
    title: str = ""  # of the suite
    date: str = ""  # `2026-11-30 18:03` UTC, when the last session began
    date_recorded: bool = True  # False: it is the time of the files
    engine: str = ""
    decoder: str = ""
    step: int | None = None
    series: str = ""  # the training of which this is a step
    status: RunStatus = "damaged"
    problem: str = ""
    queries: int = 0
    samples: int = 0  # k, for each prompt and temperature
    planned: int = 0  # replies
    done: int = 0  # replies on disk
    board: Scoreboard | None = None
    curves: Mapping[str, Curve] = field(default_factory=dict)  # by metric
    settings: Mapping[str, str] = field(default_factory=dict)
    """What has to be equal for numbers to be comparable, by its name in messages. How a headline is
    measured is told part by part: `variety metric`, `variety version`, `variety encoder`."""
    report: Path | None = None
    comparisons: tuple[Path, ...] = ()  # pages that this run is on

    @property
    def scores(self) -> tuple[Score, ...]:
        """The headline values at the scoreboard's temperature; () where nothing is measured."""
        return self.board.cards if self.board else ()

    @property
    def temperature(self) -> float | None:
        """The temperature of the headline values."""
        return self.board.temperature if self.board else None

    @property
    def whole(self) -> bool:
        """Whether all replies of the plan are there."""
        return self.status in ("complete", "partial") and self.done >= self.planned

    def score(self, role: str) -> Score | None:
        """Return the headline value of a role."""
        return next((score for score in self.scores if score.role == role), None)
