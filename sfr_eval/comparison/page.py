"""compare.html: a comparison as one self-contained page that loads nothing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sfr_eval.comparison.board import Board, BoardCell, BoardRow, board
from sfr_eval.comparison.differences import DifferenceRow
from sfr_eval.comparison.forest import place
from sfr_eval.comparison.joined_warnings import joined_warnings, listed
from sfr_eval.comparison.overview import (
    HEADLINES,
    PRIMARY,
    MetricRow,
    SideValue,
    SuitePair,
    metric_rows,
    needs,
    sides_of,
    suite_ids,
    suite_pairs,
)
from sfr_eval.comparison.result import Comparison
from sfr_eval.comparison.summary import rules
from sfr_eval.comparison.tables import (
    call_words,
    decimals,
    difference_cells,
    fixed,
    interval_text,
    matched_cells,
    training_rows,
)
from sfr_eval.comparison.terminal import beside
from sfr_eval.metrics.table import direction, label, metric_info
from sfr_eval.report import page
from sfr_eval.report.columns import aligned
from sfr_eval.report.figures import COLOURS, Figure
from sfr_eval.report.replies import replies_address
from sfr_eval.report.reply_browser import browser_over_runs
from sfr_eval.suites.stored import query_texts

Drawn = Mapping[str, Mapping[str, Sequence[Figure]]]
"""suite -> kind of plot -> figures"""

NAMED = 3
"""Runs that the title names."""

TURNS = 4
"""Edges that tell runs of one colour apart; the stylesheet has them."""

_TONES = {"gain": "up", "loss": "down"}
_BEST = {"variety": "most varied", "style": "most in style", "quality": "best"}


def render(comparison: Comparison, drawn: Drawn, *, images: bool) -> str:
    """Return the page. Text of models and of run folders is escaped, or JSON that a script cannot
    leave. images: whether the figures are there as images, too."""
    return page.render(
        "compare",
        styles=["compare"],
        images=images,
        title=_title(comparison.names),
        base=comparison.base,
        grouped=bool(comparison.groups),
        sides=[
            {"name": side.name, "look": look(side.number), "base": side.base}
            for side in sides_of(comparison)
        ],
        runs=list(_runs(comparison)),
        warnings=joined_warnings(comparison),
        suites=[
            _section(comparison, suite, drawn.get(suite, {}), number)
            for number, suite in enumerate(suite_ids(comparison), start=1)
        ],
        rules=rules(
            alpha=comparison.alpha, margin=comparison.margin, trainings=bool(comparison.groups)
        ),
    )


def look(number: int) -> str:
    """Return the classes of a run's colour and, after so many colours, of the dashes of its edge,
    as the charts have them."""
    turn, colour = divmod(number, len(COLOURS))
    return f"run-{colour} turn-{turn % TURNS}" if turn else f"run-{colour}"


def _title(names: Sequence[str]) -> str:
    if len(names) <= NAMED:
        return listed(names)
    return f"{', '.join(names[: NAMED - 1])} and {len(names) - NAMED + 1} more"


def _runs(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """Yield the facts of each run."""
    for run in comparison.runs:
        side = comparison.side_of(run.label)
        yield {
            "label": run.label,
            "name": run.name,
            "folder": str(run.folder),
            "look": look(side),
            "group": comparison.names[side] if comparison.groups else "",
            "seed": "unknown" if run.identity.seed is None else run.identity.seed,
            "decoder": run.decoder,
        }


def _section(
    comparison: Comparison, suite: str, drawn: Mapping[str, Sequence[Figure]], number: int
) -> dict[str, Any]:
    runs = [run for run in comparison.runs if suite in run.suites]
    pairs = suite_pairs(comparison, suite)
    scores = board(comparison, suite)
    shared = [t for one in pairs for t in one.suite.temperatures]
    temperatures = sorted(set(shared))
    first = metric_rows(comparison, suite, scores.temperature)
    box = f"replies-{number}"
    return {
        "id": suite,
        "title": pairs[0].suite.title,
        "about": runs[0].suites[suite].about,
        "temperature": scores.temperature,
        "temperatures": temperatures,
        "sides": [comparison.side_of(run.label) for run in runs],
        "board": _board(scores, box),
        "needs": needs(first),
        "tables": [
            {"temperature": t, "parts": _parts(metric_rows(comparison, suite, t), box, at=t)}
            for t in temperatures
        ],
        "pairs": [_pair(one) for one in pairs],
        "trainings": list(training_rows(comparison, suite)),
        "plots": {kind: [page.inline(figure) for figure in group] for kind, group in drawn.items()},
        "browser": browser_over_runs(
            {run.label: run.folder for run in runs},
            {run.label: [s for s in run.samples if s.suite == suite] for run in runs},
            runs[0].suites[suite],
            queries=query_texts(runs[0].folder, runs[0].manifest, suite),
            suites=len(suite_ids(comparison)),
        ),
    }


def _board(scores: Board, box: str) -> dict[str, Any]:
    at = {} if scores.temperature is None else {"temperature": scores.temperature}
    columns = [
        aligned([row.cells[place].value for row in scores.rows])
        for place in range(len(scores.columns))
    ]
    return {
        "replies": replies_address(box, **at),
        "has_best": any(cell.is_best for row in scores.rows for cell in row.cells),
        "columns": [
            {
                "role": column.role,
                "metric": column.metric,
                "label": label(column.metric),
                "direction": direction(column.metric),
                "about": _definition(column.metric),
            }
            for column in scores.columns
        ],
        "rows": [
            {
                "name": row.side.name,
                "look": look(row.side.number),
                "base": row.side.base,
                "summary": row.summary,
                "said": _said(row),
                "cells": [
                    _score(cell, column.role, text=texts[number].text)
                    for cell, column, texts in zip(row.cells, scores.columns, columns, strict=True)
                ],
            }
            for number, row in enumerate(scores.rows)
        ],
    }


def _said(row: BoardRow) -> str:
    """Return the headline of a row without the names, which stand beside it."""
    if row.summary is None:
        return ""
    said = row.summary.headline.replace(f"{row.side.name} against {row.side.base}: ", "", 1)
    return said[:1].upper() + said[1:]


def _score(cell: BoardCell, role: str, *, text: str) -> dict[str, Any]:
    row = cell.row
    return {
        "value": cell.value.value,
        "text": text,
        "difference": _difference(row) if row is not None else None,
        "is_best": _BEST[role] if cell.is_best else "",
    }


def _difference(row: DifferenceRow) -> dict[str, Any]:
    digits = decimals(
        MetricRow(
            metric=row.metric,
            temperature=row.temperature,
            matched=row.matched,
            part=PRIMARY,
            values=(SideValue(value=row.second, row=row),),
        )
    )
    return {
        "text": fixed(row.delta, digits, sign=True),
        "interval": interval_text(row, digits),
        "words": call_words(row),
        "tone": _TONES.get(row.call, ""),
    }


def _parts(rows: Sequence[MetricRow], box: str, *, at: float) -> list[dict[str, Any]]:
    """Return the rows of the one table at one temperature, part by part; the primary family and the
    headline metrics are open."""
    parts: dict[str, list[MetricRow]] = {}
    for row in rows:
        parts.setdefault(row.part, []).append(row)
    return [
        {
            "title": _part_title(part, shown, at=at),
            "rows": [_row(row, box) for row in shown],
            "is_open": part in (PRIMARY, HEADLINES),
        }
        for part, shown in parts.items()
    ]


def _part_title(part: str, rows: Sequence[MetricRow], *, at: float) -> str:
    """Return `Primary family at T = 1` or, of a folded part, `Lexical: 26 metrics at T = 1`."""
    if part == PRIMARY:
        decided = next((row.temperature for row in rows if row.temperature is not None), None)
        return part if decided is None else f"{part} at T = {decided:g}"
    if part == HEADLINES:
        return f"{part} at T = {at:g}, exploratory"
    return f"{part}: {len(rows)} metric{'s' if len(rows) > 1 else ''} at T = {at:g}, exploratory"


def _row(row: MetricRow, box: str) -> dict[str, Any]:
    at = {} if row.temperature is None else {"temperature": row.temperature}
    return {
        "metric": row.metric,
        "label": place(row),
        "direction": row.direction,
        "about": _definition(row.metric),
        "replies": replies_address(box, **at),
        "cells": [_cell(one, row, digits=decimals(row)) for one in row.values],
    }


def _cell(one: SideValue, table_row: MetricRow, *, digits: int) -> dict[str, Any]:
    """Return one cell: the value, the difference, its interval as text and as a bar in percent of
    the row's axis, and the words of the call."""
    row = one.row
    text = fixed(one.value, digits)
    if row is None or row.delta is None:
        words = "" if row is None else call_words(row)
        why = "" if row is None else row.reason
        return {"value": one.value, "text": text, "difference": None, "words": words, "why": why}
    reach = table_row.reach or 1.0
    low, middle, high = (
        None if end is None else round(50 + 48 * end / reach, 1)
        for end in (row.low, row.delta, row.high)
    )
    if not table_row.bases_agree or table_row.values[0].row is not None:
        text = f"{fixed(row.first, digits)} \u2192 {text}"  # the base of this pair
    return {
        "value": one.value,
        "text": text,
        "difference": row.delta,
        "difference_text": fixed(row.delta, digits, sign=True),
        "interval": interval_text(row, digits),
        "low": middle if low is None else low,
        "middle": middle,
        "high": middle if high is None else high,
        "words": call_words(row) if table_row.is_primary else "",
        "tone": _TONES.get(row.call, ""),
    }


def _definition(metric: str) -> str:
    info = metric_info(metric)
    return f"{metric}: {info.description}" if info else metric


def _pair(one: SuitePair) -> dict[str, Any]:
    """Return what stands in the folded details of a pair."""
    primary = [row for row in one.suite.rows if row.role is not None]
    return {
        "first": one.pair.first,
        "second": one.pair.second,
        "summary": one.summary,
        "beside": tuple(beside(one.suite)),
        "rows": [{"row": row, **difference_cells(row)} for row in primary],
        "matched": [{"row": row, **matched_cells(row)} for row in one.suite.matched_rows()],
        "unpaired": max((row.unpaired for row in one.suite.rows), default=0),
        "unequal": len(one.suite.unequal),
        "shares_temperature": bool(one.suite.temperatures),
    }
