"""The option --verbose, and what a command prints without it: only our own lines."""

import functools
from collections.abc import Callable
from typing import Any

import click

from sfr_eval.util.output import be_verbose, own_output


def quiet_engines(command: Callable[..., Any]) -> Callable[..., Any]:
    """Keep what engines and libraries print from the terminal, unless --verbose is given."""

    @click.option("--verbose", is_flag=True, help="show what engines and libraries print")
    @functools.wraps(command)
    def run(*arguments: Any, verbose: bool, **options: Any) -> Any:
        if verbose:
            be_verbose()
        with own_output():
            return command(*arguments, **options)

    return run
