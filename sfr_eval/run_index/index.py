"""The index of a folder tree: its rows as a table, and its page."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfr_eval.errors import UserError
from sfr_eval.run_index.history import History, histories
from sfr_eval.run_index.leaderboard import Leaderboard, leaderboards
from sfr_eval.run_index.page import PAGE, render
from sfr_eval.run_index.row import IndexRow
from sfr_eval.run_index.runs import rows_of
from sfr_eval.run_index.steps import StepRules
from sfr_eval.run_index.tree import find_tree
from sfr_eval.store.manifest import FILE as MANIFEST
from sfr_eval.temperature import OWN_TEMPERATURE
from sfr_eval.util.files import write_atomic, writing_to

if TYPE_CHECKING:
    import pandas as pd

RUNS = Path("runs")
"""Where runs are looked for unless a folder is named."""


@dataclass(frozen=True, kw_only=True)
class Index:
    """Every run below some folders."""

    page: Path  # index.html
    rows: tuple[IndexRow, ...] = field(repr=False)
    histories: tuple[History, ...] = field(repr=False)
    leaderboards: tuple[Leaderboard, ...] = field(repr=False)
    unreadable: tuple[Path, ...] = ()  # folders in which runs may be that are not in the rows

    @property
    def table(self) -> "pd.DataFrame":
        """A row for each suite of each run: facts, then value, low and high of each headline."""
        import pandas as pd

        return pd.DataFrame([record(row) for row in self.rows])


def index(
    paths: Sequence[str | os.PathLike[str]] | str | os.PathLike[str] = (RUNS,),
    *,
    output: str | os.PathLike[str] | None = None,
    steps: Sequence[str] = (),
    step_regex: str | None = None,
    temperature: float = OWN_TEMPERATURE,
) -> Index:
    """Look for runs below the paths, write index.html, and return both.

    `output` is the file to write, by default index.html in the deepest folder that holds all paths.
    `steps` are `PATTERN=N`, as in --step. Raises UserError if a path is not a folder.
    """
    named = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    rules = StepRules.parse(steps, step_regex)
    tree = find_tree([Path(path) for path in named])
    rows = rows_of(tree, rules=rules, temperature=temperature)
    page = Path(output) if output is not None else _shortest(tree.common) / PAGE
    if page.is_dir():
        raise UserError(f"--output {page}: is a folder; name a file, such as {page / PAGE}")
    if output is None and (page.parent / MANIFEST).exists():
        page = _shortest(tree.common.parent) / PAGE  # beside a single run, not inside it
    with writing_to(page):
        page.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(page, render(tree, rows, folder=page.parent))
    return Index(
        page=page,
        rows=tuple(rows),
        histories=tuple(histories(rows)),
        leaderboards=tuple(leaderboards(rows)),
        unreadable=tree.unreadable,
    )


def _shortest(folder: Path) -> Path:
    relative = Path(os.path.relpath(folder))
    return folder if ".." in relative.parts else relative


def record(row: IndexRow) -> dict[str, Any]:
    """Return a row as plain values."""
    facts = {
        "run": row.place,
        "folder": str(row.folder),
        "name": row.name,
        "model": row.model,
        "suite": row.suite,
        "date": row.date,
        "engine": row.engine,
        "decoder": row.decoder,
        "series": row.series,
        "step": row.step,
        "status": row.status,
        "problem": row.problem,
        "queries": row.queries,
        "samples": row.samples,
        "replies": row.done,
        "planned": row.planned,
        "temperature": row.temperature,
    }
    for score in row.scores:
        estimate = score.estimate
        facts[f"{score.role}_metric"] = score.metric
        facts[score.role] = estimate.value
        facts[f"{score.role}_low"], facts[f"{score.role}_high"] = estimate.low, estimate.high
    return facts
