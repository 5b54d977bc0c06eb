"""index.html: all runs of a folder tree as one self-contained page that loads nothing.

Served by `sfr-eval view`, the same page asks its server how far running runs have got.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sfr_eval.report import page
from sfr_eval.report.columns import Number, aligned
from sfr_eval.report.metric_names import MetricName, metric_name
from sfr_eval.report.numbers import Interval
from sfr_eval.report.page import script_json
from sfr_eval.report.scoreboard import ScoreRole
from sfr_eval.run_index.history import History, histories
from sfr_eval.run_index.leaderboard import ROLES, RULE, Leaderboard, Rank, leaderboards
from sfr_eval.run_index.payload import payload
from sfr_eval.run_index.row import IndexRow
from sfr_eval.run_index.tree import Tree
from sfr_eval.temperature import OWN_TEMPERATURE
from sfr_eval.types import Estimate

PAGE = "index.html"
FIRST = 100
"""Rows that a page with scripts shows until something is looked for: laying out five hundred rows
takes longer than all the rest."""
PARTIAL = "not all replies of the suite are there: a limit, a failure or an interruption"
_MOST_CHOICES = 40
"""A chooser with more entries helps nobody; the text filter does."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A headline value in a table."""

    role: str
    number: Number
    estimate: Estimate | None
    metric: MetricName | None = None  # where the column does not name it
    rank: Rank | None = None
    ranked: bool = False  # whether its column has ranks
    otherwise: bool = False  # whether it is measured otherwise than that of the first run


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row of the table of runs."""

    number: int
    row: IndexRow
    report: str  # address, "" without one
    comparisons: tuple[tuple[str, str], ...]  # name, address
    cells: tuple[Cell, ...]


def render(tree: Tree, rows: Sequence[IndexRow], *, folder: Path, live: str = "") -> str:
    """Return the page, whose links lead from `folder`. `live` is a stamp of the rows; with it the
    page asks its server for changes."""
    past = histories(rows)
    named = {role: {score.metric for row in rows if (score := row.score(role))} for role in ROLES}
    roles = [role for role in ROLES if named[role]]
    heads = {role: metric_name(next(iter(ids))) for role, ids in named.items() if len(ids) == 1}
    return page.render(
        "index",
        scripts=["index", "overlay", "history", *(["live"] if live else [])],
        styles=["index"],
        title=_title(tree),
        facts=_facts(rows),
        unreadable=[str(path) for path in tree.unreadable],
        lines=list(_lines(rows, heads, folder, roles=roles)),
        roles=roles,
        heads=heads,
        choices=_choices(rows),
        columns=list(_columns(rows, roles)),
        partial=PARTIAL,
        first=FIRST,
        boards=[_board(board) for board in leaderboards(rows)],
        rule=RULE,
        histories=[_history(history) for history in past],
        data=script_json(payload(rows, past)),
        live=live,
    )


def _title(tree: Tree) -> str:
    names = [str(root) for root in tree.roots]
    return "Runs in " + ", ".join(names[:3]) + (", ..." if names[3:] else "")


def _facts(rows: Sequence[IndexRow]) -> str:
    """Return `12 runs: 9 complete, 2 partial, 1 damaged`."""
    status = {row.place: row.status for row in rows}
    counts = {name: list(status.values()).count(name) for name in dict.fromkeys(status.values())}
    parts = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    runs = "1 run" if len(status) == 1 else f"{len(status):,} runs"
    return f"{runs}: {parts}." if parts else "No run here yet."


def _lines(
    rows: Sequence[IndexRow], heads: Collection[str], folder: Path, *, roles: Sequence[ScoreRole]
) -> Iterator[Line]:
    numbers: dict[tuple[int, str], Number] = {}
    for role in roles:
        for metric in {score.metric for row in rows if (score := row.score(role))}:
            column = [
                (number, score)
                for number, row in enumerate(rows)
                if (score := row.score(role)) is not None and score.metric == metric
            ]
            texts = aligned([Interval.of(score.estimate) for _, score in column])
            numbers |= {(at, role): text for (at, _), text in zip(column, texts, strict=True)}
    for number, row in enumerate(rows):
        cells = []
        for role in roles:
            score = row.score(role)
            cells.append(
                Cell(
                    role=role,
                    number=numbers.get((number, role), Number(value="")),
                    estimate=score.estimate if score else None,
                    metric=None if score is None or role in heads else metric_name(score.metric),
                )
            )
        yield Line(
            number=number,
            row=row,
            report=_address(row.report, folder),
            comparisons=tuple((p.parent.name, _address(p, folder)) for p in row.comparisons),
            cells=tuple(cells),
        )


def _address(file: Path | None, folder: Path) -> str:
    """Return where a link leads: relative, so that the tree can be moved."""
    if file is None:
        return ""
    relative = os.path.relpath(os.path.abspath(file), os.path.abspath(folder))
    return quote(relative.replace(os.sep, "/"))


def _choices(rows: Sequence[IndexRow]) -> dict[str, list[str]]:
    """Return what each chooser offers, where there is something to choose."""
    offered = {
        key: sorted({str(getattr(row, key)) for row in rows} - {""})
        for key in ("model", "suite", "decoder", "status")
    }
    return {key: names for key, names in offered.items() if 1 < len(names) <= _MOST_CHOICES}


def _columns(rows: Sequence[IndexRow], roles: Sequence[ScoreRole]) -> Iterator[dict[str, Any]]:
    """Yield the columns that can be chosen. One that says the same everywhere starts hidden."""
    columns: tuple[tuple[str, str, Collection[object]], ...] = (
        ("model", "Model", {row.name for row in rows}),
        ("suite", "Suite", {row.suite for row in rows} - {""}),
        ("date", "Date", {row.date[:10] for row in rows}),
        ("decoder", "Decoder", {row.decoder for row in rows} - {""}),
        ("step", "Step", {row.step for row in rows}),
        ("size", "Queries x k", {(row.queries, row.samples) for row in rows if row.queries}),
        ("status", "Status", {"", *(row.status for row in rows)}),
        ("t", "T", {row.temperature for row in rows if row.scores}),
        *((role, role.capitalize(), ROLES) for role in roles),
        ("comparisons", "Comparisons", {row.comparisons for row in rows}),
    )
    for key, name, values in columns:
        yield {"key": key, "name": name, "shown": len(values) > 1 or len(rows) == 1}


def _board(board: Leaderboard) -> dict[str, Any]:
    metrics = [metric_name(metric) for metric in board.metrics.values()]
    columns = {
        role: aligned(
            [
                Interval.of(score.estimate if (score := standing.row.score(role)) else None)
                for standing in board.standings
            ]
        )
        for role in board.metrics
    }
    scores = board.standings[0].row.scores
    usual = {score.estimate.signature for score in scores}
    ranked = [role for role in board.metrics if any(role in s.ranks for s in board.standings)]
    return {
        "title": board.title,
        "settings": _settings_line(board),
        "columns": [
            {"role": role, "metric": metric, "ranked": role in ranked}
            for role, metric in zip(board.metrics, metrics, strict=True)
        ],
        "rows": [
            {
                "name": standing.row.name,
                "place": standing.row.place,
                "note": "" if standing.row.whole else standing.row.status,
                "cells": [
                    Cell(
                        role=role,
                        number=columns[role][number],
                        estimate=score.estimate if (score := standing.row.score(role)) else None,
                        rank=standing.ranks.get(role),
                        ranked=role in ranked,
                        otherwise=score is not None and score.estimate.signature not in usual,
                    )
                    for role in board.metrics
                ],
            }
            for number, standing in enumerate(board.standings)
        ],
    }


def _settings_line(board: Leaderboard) -> str:
    settings = board.settings
    parts = [
        f"{settings.get('queries', '?')} queries x {settings.get('k', '?')} replies",
        f"T = {settings.get('temperature', '?')}",
        f"version {settings['version']}" if "version" in settings else "",
    ]
    told = {"queries", "k", "temperature", "version", "prompts", "suite"}
    parts += [f"{name}: {value}" for name, value in board.distinct.items() if name not in told]
    return "; ".join(filter(None, parts))


def _history(history: History) -> dict[str, Any]:
    """Return the values of a history as a table: they stand where no script runs."""
    rows = [row for training in history.trainings for row in training.rows]
    steps = sorted({row.step for row in rows if row.step is not None})
    middle = rows[0].temperature or OWN_TEMPERATURE
    return {
        "title": history.title,
        "steps": steps,
        "temperatures": history.temperatures,
        "temperature": middle,
        "tables": [
            {
                "metric": metric_name(metric),
                "rows": _by_step(history, metric, temperature=middle, steps=steps),
            }
            for metric in history.metrics
        ],
    }


def _by_step(
    history: History, metric: str, *, temperature: float, steps: Sequence[int]
) -> list[dict[str, Any]]:
    """Return a row for each training, all with one number of decimals."""
    values = [dict(training.values(metric, temperature)) for training in history.trainings]
    numbers = iter(aligned([Interval.of(row.get(step)) for row in values for step in steps]))
    return [
        {"name": training.name, "cells": [next(numbers) for _ in steps]}
        for training in history.trainings
    ]
