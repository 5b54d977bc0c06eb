"""Prints tables for a person and JSON for a program."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sfr_eval.util import output
from sfr_eval.util.untrusted import clean_json, clean_line, without_commands

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

PIPED = 120
"""Columns of a table in a pipe or a file."""


def print_json(value: Any) -> None:
    """Print a value as JSON to stdout."""
    text = clean_json(json.dumps(value, indent=1, ensure_ascii=False))
    print(text, file=output.stdout())


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a plain table as wide as the terminal, or 120 columns wide into a pipe."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(clean_line(column), overflow="fold")
    for row in rows:
        table.add_row(*map(clean_line, row))
    print_rich(
        [Text(clean_line(title)), table]
    )  # as rich's title it would fold to the table's width


def print_rich(parts: Iterable["RenderableType"], *, piped: int = PIPED) -> None:
    """Print what rich draws to stdout, without the spaces that it puts at the ends of lines. There
    is colour on a terminal only, and none with NO_COLOR or on a dumb one."""
    stream = output.stdout()
    from rich.text import Text

    console = _console(width=output.width(stream, piped=piped))
    wrapped = stream.isatty() or "COLUMNS" in os.environ  # else a line stays a line
    with console.capture() as capture:
        for part in parts:
            console.print(part, soft_wrap=not wrapped and isinstance(part, Text))
    lines = capture.get().split("\n")
    # Folded, a cell may begin a line with what was harmless inside of it.
    stream.write("\n".join(without_commands(line.rstrip()) for line in lines))
    stream.flush()


def wrapped(text: str, *, width: int, indent: str = "    ") -> list[str]:
    """Return a sentence as lines of at most `width` columns, broken between words, all but the
    first indented. Nothing is cut: a word that is wider than that has a line of its own."""
    from rich.cells import cell_len

    words = clean_line(text).split()
    if not words:
        return []
    lines = [text[: len(text) - len(text.lstrip())] + words[0]]
    for word in words[1:]:
        longer = f"{lines[-1]} {word}"
        if cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(indent + word)
    return [without_commands(line) for line in lines]


def sentence_lines(text: str) -> list[str]:
    """Return a sentence as lines for stdout: wrapped on a terminal, a single one in a pipe or a
    file, where a program may look for it."""
    stream = output.stdout()
    width = output.width(stream, piped=0)
    return wrapped(text, width=width) if width else [text]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table that has to fit the terminal."""

    title: str
    cells: Sequence[str]
    rank: int = 0
    """Columns of the highest rank are left out first; those of rank 0 never."""
    right: bool = False
    styles: Mapping[int, str] = field(default_factory=dict)  # row -> what rich calls a style


def fitting_table(columns: Sequence[Column], *, width: int) -> "Table":
    """Return the columns as a table, without those for which there is no room."""
    from rich.table import Table
    from rich.text import Text

    shown = list(columns)
    gap = 2
    while (gap, len(shown)) != (1, 0) and _needed(shown, gap) > width:
        rank = max(column.rank for column in shown)
        if gap == 2:
            gap = 1
        elif rank == 0:
            break
        else:
            shown, gap = [column for column in shown if column.rank < rank], 2
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    for column in shown:
        justify: Literal["left", "right"] = "right" if column.right else "left"
        table.add_column(clean_line(column.title), justify=justify, overflow="fold")
    for number in range(len(shown[0].cells)):
        table.add_row(
            *(
                Text(clean_line(column.cells[number]), column.styles.get(number, ""))
                for column in shown
            )
        )
    return table


def _needed(columns: Sequence[Column], gap: int) -> int:
    from rich.cells import cell_len

    widths = [max(map(cell_len, (column.title, *column.cells))) for column in columns]
    return sum(widths) + gap * (len(widths) - 1)


def _console(*, width: int) -> "Console":
    from rich.console import Console

    stream = output.stdout()
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)
