"""The command `train`."""

import click

from sfr_eval.util.progress import say


@click.command()
@click.argument("recipe")
@click.option("--set", "assign", multiple=True, help="a.b=c of any setting; repeatable")
@click.option("--encode-only", is_flag=True, help="only encode the targets of a loss on the future")
def train(recipe: str, assign: tuple[str, ...], encode_only: bool) -> None:
    """Train a checkpoint: SFR, a rival or plain cross-entropy, on any causal model.

    RECIPE: its name, or a YAML file.
    """
    from sfr_train.command import train as train_recipe

    say(str(train_recipe(recipe, list(assign), encode_only=encode_only)))
