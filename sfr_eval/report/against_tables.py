"""The tables of a run beside its reference replies, or beside the run of its base model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sfr_eval.metrics.table import headlines
from sfr_eval.report.cells import Cell, in_column, interval_cell
from sfr_eval.report.columns import Number, aligned
from sfr_eval.report.metric_names import metric_name
from sfr_eval.report.numbers import Interval
from sfr_eval.report.replies import replies_address
from sfr_eval.report.row_counts import row_counts
from sfr_eval.report.tables import Row
from sfr_eval.store.against import AgainstRow, Opponent
from sfr_eval.store.results import SuiteResults


@dataclass(frozen=True, kw_only=True)
class AgainstTable:
    """What a run is compared with: the primary rows and the headline metrics, and the rest."""

    kind: Opponent
    name: str
    replies: int | None
    counts: str  # of the calls
    rows: tuple[Row, ...]
    others: tuple[Row, ...]


def against(suite: SuiteResults, *, box: str) -> list[AgainstTable]:
    """Return for the references and for the base model what is shown of the comparison: the primary
    rows and the headline metrics at the temperature of these, and all other rows there. `box` is
    the id of the reply browser that the run's values lead to."""
    first = {*headlines("quality", "style", "variety"), "length"}
    tables = []
    for one in suite.against:
        here = [
            row for row in one.rows if row.role is not None or row.temperature == one.temperature
        ]
        shown = [row for row in here if row.role is not None or row.metric in first]
        others = [row for row in here if row not in shown]
        tables.append(
            AgainstTable(
                kind=one.kind,
                name=one.name,
                replies=one.replies,
                counts=row_counts(one),
                rows=_against_rows(shown, box=box),
                others=_against_rows(others, box=box),
            )
        )
    return [table for table in tables if table.rows]


def _against_rows(rows: Sequence[AgainstRow], *, box: str) -> tuple[Row, ...]:
    lines = [_against_cells(row, box=box) for row in rows]
    columns = (in_column(column) for column in zip(*lines, strict=True))
    return tuple(
        Row(
            name=row.metric,
            metric=metric_name(row.metric),
            cells=line,
            further=(
                f"at matched {row.matched}" if row.temperature is None else f"{row.temperature:g}",
                f"{row.n:,}",
                row.words or "exploratory",
            ),
        )
        for row, line in zip(rows, zip(*columns, strict=True), strict=True)
    )


def _against_cells(row: AgainstRow, *, box: str) -> list[Cell]:
    """Return both values and the difference, with the decimals that its interval warrants."""
    difference = Interval(row.delta, row.low, row.high)
    delta = aligned([difference], signed=True)[0]
    decimals = len(delta.value.partition(".")[2])
    base, run = (
        interval_cell(
            Interval(value), Number(value="-" if value is None else f"{value:.{decimals}f}")
        )
        for value in (row.first, row.second)
    )
    if row.temperature is not None:
        run = replace(run, replies=replies_address(box, temperature=f"{row.temperature:g}"))
    return [base, run, interval_cell(difference, delta)]
