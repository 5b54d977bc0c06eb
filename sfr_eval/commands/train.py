"""The command `train`."""

import click

from sfr_eval.errors import UserError
from sfr_eval.util.progress import say


@click.command()
@click.argument("recipe")
@click.option("--set", "assign", multiple=True, help="a.b=c of any setting; repeatable")
@click.option("--encode-only", is_flag=True, help="only encode the targets of a loss on the future")
@click.option("--dry-run", is_flag=True, help="print steps, memory, texts and hours; train nothing")
@click.option("--gpus", type=int, default=8, help="--dry-run: GPUs  [8]")
@click.option("--gpu-memory", type=float, default=80.0, help="--dry-run: GiB of a GPU  [80]")
@click.option("--tokens-per-second", type=float, help="--dry-run: measured on one GPU")
def train(
    recipe: str,
    assign: tuple[str, ...],
    encode_only: bool,
    dry_run: bool,
    gpus: int,
    gpu_memory: float,
    tokens_per_second: float | None,
) -> None:
    """Train a checkpoint: SFR, a rival or plain cross-entropy, on any causal model.

    RECIPE: its name, or a YAML file.
    """
    from sfr_train.command import dry_run as plan
    from sfr_train.command import train as train_recipe

    if dry_run and encode_only:
        raise UserError("--dry-run and --encode-only: give one of them")
    if dry_run:
        for line in plan(
            recipe,
            list(assign),
            gpus=gpus,
            gpu_memory=gpu_memory,
            tokens_per_second=tokens_per_second,
        ):
            say(line)
        return
    say(str(train_recipe(recipe, list(assign), encode_only=encode_only)))
