"""The command `view`: serves a folder of runs on this machine."""

from pathlib import Path

import click

from sfr_eval.commands.options import PATH


@click.command()
@click.argument("folder", type=PATH, default=Path("runs"))
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="port to listen on; 0: any that is free",
)
@click.option("--host", default="127.0.0.1", help="address to listen on; others can then read it")
def view(folder: Path, port: int, host: str) -> None:
    """Serve the reports of a folder on this machine, with the progress of running runs.

    FOLDER: folder in which to look for runs, at any depth. Read only; Ctrl-C ends it.
    """
    from sfr_eval.run_index.server import serve

    serve(folder, host=host, port=port)
