"""What is printed for a person or a program: tables and JSON."""

import json
from collections.abc import Sequence
from typing import Any

from sfr_eval.util.untrusted import clean, clean_json


def print_json(value: Any) -> None:
    """JSON on stdout."""
    print(clean_json(json.dumps(value, indent=1, ensure_ascii=False)))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A plain table; the terminal's width is used, none is forced on pipes."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=clean(title), title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(clean(column), overflow="fold")
    for row in rows:
        table.add_row(*map(clean, row))
    console = Console(markup=False, highlight=False)
    Console(markup=False, highlight=False, width=None if console.is_terminal else 120).print(table)
