"""Prints tables for a person and JSON for a program."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from sfr_eval.util.untrusted import clean, clean_json


def print_json(value: Any) -> None:
    """Print a value as JSON to stdout."""
    print(clean_json(json.dumps(value, indent=1, ensure_ascii=False)))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a plain table as wide as the terminal, or 120 columns wide into a pipe."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=clean(title), title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(clean(column), overflow="fold")
    for row in rows:
        table.add_row(*map(clean, row))
    width = None if sys.stdout.isatty() else 120
    Console(markup=False, highlight=False, width=width).print(table)
