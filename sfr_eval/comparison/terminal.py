"""A comparison on the terminal: it fits 80 columns, and 25 lines for three runs that need no
warning."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sfr_eval.comparison.board import board
from sfr_eval.comparison.joined_warnings import JoinedWarning, joined_warnings
from sfr_eval.comparison.overview import (
    HEADLINES,
    MetricRow,
    Side,
    SideValue,
    metric_rows,
    needs,
    sides_of,
    suite_ids,
    suite_pairs,
)
from sfr_eval.comparison.result import Comparison, SuiteComparison
from sfr_eval.comparison.tables import decimals, fixed, interval_text, training_rows
from sfr_eval.report.numbers import Interval
from sfr_eval.report.scoreboard import CUT, LENGTH
from sfr_eval.util import output
from sfr_eval.util.progress import say
from sfr_eval.util.terminal import print_json, wrapped

WIDTH = 80
MOST_NOTES = 3
"""Notes that are shown; the others are counted. All mismatches and warnings are shown, whole."""
MOST_LINES = 24
"""Lines for up to three runs; each further run may add two. For warnings, headline metrics give way
first; then the lines become more."""

_MARKS = {"gain": "+", "loss": "-", "equal": "=", "inconclusive": "?"}
LEGEND = "+ better, - worse, = equal, ? inconclusive; rows without a mark: exploratory"
_ARROWS = {"higher": "\u2191", "lower": "\u2193", "neither": " "}
_SHORT = {LENGTH: "length", CUT: "cut"}


def show_comparison(comparison: Comparison, *, as_json: bool) -> list[str]:
    """Print the tables, or JSON. Returns the lines that belong beside them, for stderr with JSON:
    mismatches that were allowed, warnings, notes, and what is said of each run."""
    warnings = joined_warnings(comparison)
    if as_json:
        print_json(comparison.as_dict())
        return [one.line for one in warnings]
    shown, said = list(_shown(warnings)), []
    for suite in suite_ids(comparison):
        after = _said(comparison, suite, with_letters=False)
        table = _table(comparison, suite, used=len(after) + len(shown))
        for line in table.lines:
            say(line)
        said += _said(comparison, suite, with_letters=table.with_letters)
    return [*shown, *said]


@dataclass(frozen=True, kw_only=True)
class _Table:
    """The lines of a table, and whether letters stand for the runs in it."""

    lines: list[str]
    with_letters: bool


def _shown(warnings: Sequence[JoinedWarning]) -> Iterator[str]:
    """Yield the mismatches and warnings, then the first notes, wrapped."""
    notes = [one for one in warnings if one.kind == "note"]
    for one in warnings:
        if one.kind != "note" or one in notes[:MOST_NOTES]:
            yield from _wrapped(one.line)
    if len(notes) > MOST_NOTES:
        yield f"note: {len(notes) - MOST_NOTES} more in compare.html"


def _width() -> int:
    """Return the columns of the terminal, at least those of the smallest; 80 into a pipe."""
    return max(WIDTH, output.width(output.stdout(), piped=WIDTH))


def _table(comparison: Comparison, suite: str, *, used: int) -> _Table:
    """Return the table of one suite. `used`: lines that come after it."""
    scores = board(comparison, suite)
    about = suite_pairs(comparison, suite)[0].suite.about
    t = scores.temperature
    rows = metric_rows(comparison, suite, t)
    queries = max((row.n for one in rows for row in one.rows), default=0)
    where = "no temperature in common" if t is None else f"T = {t:g}"
    base = f"differences to {comparison.base}" if comparison.base else "decoder by decoder"
    primary = [row for row in rows if row.is_primary]
    facts = [row for row in rows if row.metric in (LENGTH, CUT) and not row.is_primary]
    headlines = [row for row in rows if row.part == HEADLINES and row not in facts]
    lines = MOST_LINES + 2 * max(0, len(comparison.names) - 3)
    room = max(0, lines - used - len(primary) - len(facts) - 4)
    table = _best_fit([*primary, *headlines[:room], *facts], sides_of(comparison))
    return replace(
        table,
        lines=[
            *_wrapped(f"{suite}, {where}, {queries:,} questions; {base}"),
            *(_wrapped(about) if about else ()),
            *table.lines,
            LEGEND,
            *_trainings(comparison, suite),
        ],
    )


def _best_fit(rows: Sequence[MetricRow], sides: Sequence[Side]) -> _Table:
    """Return the table with as much in it as fits: values, differences and intervals; values and
    differences; values. If the runs do not fit side by side, a row for each run."""
    from rich.cells import cell_len

    heads = [side.name for side in sides], [letter(place) for place in range(len(sides))]
    scores = [row for row in rows if row.is_primary or row.metric in (LENGTH, CUT)]
    lines: list[str] = []
    for detail, is_turned in ((2, False), (1, False), (0, False), (1, True), (0, True)):
        for with_letters, names in enumerate(heads):
            cells = [["", *names], *_cells(rows, detail=detail)]
            if is_turned:
                columns = zip(map(_role, scores), _cells(scores, detail=detail), strict=True)
                turned = [["", *names], *([role, *column[1:]] for role, column in columns)]
                cells = [list(line) for line in zip(*turned, strict=True)]
            lines = _aligned(cells)
            if max(map(cell_len, lines)) <= _width():
                return _Table(lines=lines, with_letters=bool(with_letters))
    return _Table(lines=lines, with_letters=True)


def _cells(rows: Sequence[MetricRow], *, detail: int) -> list[list[str]]:
    return [
        [
            f"{row.metric}{', matched' if row.matched else ''} {_ARROWS[row.direction]}",
            *(_cell(one, row, decimals(row), detail=detail) for one in row.values),
        ]
        for row in rows
    ]


def _role(row: MetricRow) -> str:
    """Return the short name of a row as a column's head."""
    if row.matched:
        return "matched"
    roles = [one.role for one in row.rows if one.role is not None]
    return roles[0] if roles else _SHORT.get(row.metric, row.metric)


def _cell(one: SideValue, table_row: MetricRow, digits: int, *, detail: int) -> str:
    text = fixed(one.value, digits)
    row = one.row
    if row is None:
        return f"{text}  "
    mark = _MARKS.get(row.call, " ") if table_row.is_primary else " "
    if row.delta is None:
        return f"{text} {mark}"
    if table_row.values[0].row is not None or not table_row.bases_agree:
        text = f"{fixed(row.first, digits)}\u2192{text}"
    parts = [text]
    if detail:
        parts.append(fixed(row.delta, digits, sign=True))
    if detail > 1 and (ends := interval_text(row, digits)):
        parts.append(ends)
    return f"{' '.join(parts)} {mark}"


def _aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table: the first column to the left, the others to the right."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(_padded(line, widths)).rstrip() for line in cells]


def _padded(line: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """Yield the cells of a line, filled up to columns of a terminal: a CJK character takes two."""
    from rich.cells import cell_len

    for place, (cell, width) in enumerate(zip(line, widths, strict=True)):
        blanks = " " * (width - cell_len(cell))
        yield blanks + cell if place else cell + blanks


def letter(place: int) -> str:
    """Return A to Z, then A2 to Z2."""
    turn, number = divmod(place, 26)
    return chr(ord("A") + number) + (str(turn + 1) if turn else "")


def _trainings(comparison: Comparison, suite: str) -> Iterator[str]:
    """Yield the primary metrics training by training, a line for each metric."""
    lines: dict[tuple[str, float], list[str]] = {}
    for row in training_rows(comparison, suite):
        spread = f" (sd {row.spread})" if row.spread != "-" else ""
        lines.setdefault((row.metric, row.temperature), []).append(
            f"{row.group} {row.values}{spread}"
        )
    if lines:
        yield "training by training:"
    for (metric, _), groups in lines.items():
        yield from _wrapped(f"  {metric}: {'; '.join(groups)}")


def _said(comparison: Comparison, suite: str, *, with_letters: bool) -> list[str]:
    """Return what is said below the table of one suite, as lines."""
    return list(_sentences(comparison, suite, with_letters=with_letters))


def _sentences(comparison: Comparison, suite: str, *, with_letters: bool) -> Iterator[str]:
    """Yield what is beside the rows, what is needed to settle what is open, and the verdict on each
    run, which comes last."""
    scores = board(comparison, suite)
    several = len(suite_pairs(comparison, suite)) > 1
    for one in suite_pairs(comparison, suite):
        for line in beside(one.suite):
            yield from _wrapped(f"{one.pair.second}: {line}" if several else line)
    if open_rows := needs(metric_rows(comparison, suite, scores.temperature)):
        yield from _wrapped(f"to settle what is inconclusive: {'; '.join(open_rows)}")
    places = {side.name: place for place, side in enumerate(sides_of(comparison))}
    for row in scores.rows:
        if row.summary is None:
            if comparison.base is not None and with_letters:
                yield f"{letter(0)} = {row.side.name}: the base"
            continue
        said = row.summary.headline.replace(f"{row.side.name} against {row.side.base}: ", "", 1)
        counts = f" ({row.summary.counts})" if row.summary.counts else ""
        name = row.side.name
        if with_letters:
            name = f"{letter(places[name])} = {name}"
        yield from _wrapped(f"{name}: {said}{counts}")


def _wrapped(text: str) -> list[str]:
    return wrapped(text, width=_width())


def beside(suite: SuiteComparison) -> Iterator[str]:
    """Yield what belongs beside the primary rows: what became of good replies' variety, and how
    alike the models are."""
    t = suite.summary.temperature
    if t is not None and t in suite.losses:
        yield f"T = {t:g}: {suite.losses[t].sentence}."
    for row in suite.similarity:
        cosines = (row.between, row.first, row.second, row.unrelated)
        between, first, second, unrelated = (
            Interval(None) if one is None else Interval(one.value, one.low, one.high)
            for one in cosines
        )
        yield (
            f"T = {row.temperature:g}: cosine of a reply of each model to one prompt "
            f"{between.text()}; of two replies of the first {first.text()}, of the second "
            f"{second.text()}; to unrelated prompts {unrelated.text()}."
        )
