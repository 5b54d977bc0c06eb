"""The command line. Nothing heavy is imported until a command needs it."""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from sfr_eval.commands.calibrate import calibrate
from sfr_eval.commands.check import check
from sfr_eval.commands.compare import compare
from sfr_eval.commands.demo import demo
from sfr_eval.commands.doctor import doctor
from sfr_eval.commands.export import export
from sfr_eval.commands.grade import grade
from sfr_eval.commands.index import index
from sfr_eval.commands.ls import ls
from sfr_eval.commands.options import CONTEXT
from sfr_eval.commands.report import report
from sfr_eval.commands.run import run
from sfr_eval.commands.score import score
from sfr_eval.commands.train import train
from sfr_eval.commands.view import view
from sfr_eval.errors import RunError, UserError, did_you_mean, machine_trouble, nearest_names
from sfr_eval.util.progress import log
from sfr_eval.version import __version__

COMMANDS = (
    run, score, report, compare, index, view, check, export, calibrate, grade, train,
    ls, doctor, demo,
)  # fmt: skip


class Stopped(Exception):
    """Ctrl-C, which click would turn into an empty line. The message says what is kept."""


class Commands(click.Group):
    """Lists the commands in the order in which one meets them."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Stopped(str(error)) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names as they were registered."""
        return list(self.commands)


@click.group(cls=Commands, context_settings=CONTEXT)
@click.version_option(__version__, message="%(version)s")
def app() -> None:
    """Has a fine-tuned language model collapsed, and what did that cost or save in quality?"""


for _command in COMMANDS:
    app.add_command(_command)


def main() -> None:
    """Entry point: turns our errors into one line and an exit code."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        sys.exit(app.main(arguments, prog_name="sfr-eval", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.message)
        sys.exit(0)
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(141)
    except click.ClickException as error:
        log(f"sfr-eval: {_usage(error)}")
        sys.exit(2)
    except (Stopped, click.Abort) as error:
        finished = "interrupted; what was finished is kept: repeat the command"
        log(f"sfr-eval: {error if isinstance(error, Stopped) and str(error) else finished}")
        sys.exit(130)
    except (UserError, RunError) as error:
        if debug:
            _show_traceback()
        log(f"sfr-eval: {error}")
        sys.exit(2 if isinstance(error, UserError) else 3)
    except Exception as error:  # noqa: BLE001 (whatever it is ends in one line)
        if debug:
            _show_traceback()
        log(f"sfr-eval: {_machine_line(error) or _unexpected_line(error)}")
        sys.exit(3)  # Python's own 1 would read as a failed gate
    finally:
        # CPython remembers a Ctrl-C that passed through exec() of a text, as dataclasses use it,
        # and `python -m` would then end as if killed, whatever the exit code, until the next exec.
        exec("")


def _show_traceback() -> None:
    """Show where an error came from, without our keys: an error of a client quotes its request."""
    for line in traceback.format_exc().splitlines():
        log(line)


def _machine_line(error: Exception) -> str | None:
    trouble = machine_trouble(error) if isinstance(error, OSError) else None
    if trouble is None or not isinstance(error, OSError) or error.filename is None:
        return trouble
    return f"{error.filename}: {trouble}"


def _unexpected_line(error: Exception) -> str:
    what = " ".join(f"{type(error).__name__}: {error}".split())[:500]
    return f"{what} (unexpected; --debug shows where)"


def _usage(error: click.ClickException) -> str:
    """Returns one line about a command line that does not parse."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return error.format_message()
    where = context.command_path.removeprefix("sfr-eval ")
    if isinstance(error, click.NoSuchOption):
        parameters = context.command.get_params(context)
        options = [name for option in parameters for name in option.opts if name.startswith("--")]
        return f"{where}: unknown option {error.option_name}; {_near(error.option_name, options)}"
    if context.command is app:
        name = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
        return f"unknown command {name}; {did_you_mean(name, app.commands)}"
    return f"{where}: {error.format_message()}"


def _near(name: str, options: Sequence[str]) -> str:
    """Return the option that was probably meant, or the nearest ones and where all of them are."""
    words = [option.removeprefix("--") for option in options]
    typed = name.lstrip("-")
    if len(typed) > 1 and (guess := did_you_mean(typed, words)).startswith("did you mean"):
        return guess
    near = ", ".join(f"--{word}" for word in nearest_names(typed, words))
    return f"nearest: {near}; see --help"
