"""The command `demo`."""

from pathlib import Path

import click

from sfr_eval.commands.options import output_option
from sfr_eval.commands.quiet import quiet_engines
from sfr_eval.util.progress import say


@click.command()
@output_option("folder of the demo's runs", default="runs/demo")
@click.option("--full", is_flag=True, help="32 queries, 8 samples")
@quiet_engines
def demo(output: Path, full: bool) -> int:
    """Train two small models, SFT and SFR, sample both with vLLM, and compare them with each other
    and with the reference distribution."""
    from sfr_eval.demo import DemoStopped
    from sfr_eval.demo import demo as run_demo

    try:
        for line in run_demo(output, full=full):
            say(line)
    except DemoStopped as stopped:
        return stopped.exit_code
    return 0
