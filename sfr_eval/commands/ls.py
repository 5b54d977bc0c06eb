"""The command `ls`: suites, presets, judges, metrics, objectives and engines to choose from."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import click

from sfr_eval.commands.options import json_option
from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.util.progress import say
from sfr_eval.util.terminal import print_json, print_table

LISTS = ("suites", "presets", "judges", "metrics", "objectives", "engines")


@click.command(name="ls")
@click.argument("kind", default="")
@json_option
def ls(kind: str, as_json: bool) -> None:
    """List what there is to choose from.

    KIND: suites, presets, judges, metrics, objectives or engines; default: all.
    """
    if kind and kind not in LISTS:
        raise UserError(f"ls {kind}: unknown; {did_you_mean(kind, LISTS)}")
    lists = {name: _list(name) for name in ([kind] if kind else LISTS)}
    if as_json:
        rows = {
            title: [{"name": name, "what": what} for name, what in entries.items()]
            for title, entries in lists.items()
        }
        print_json(rows)
        return
    for title, entries in lists.items():
        if entries:
            print_table(title, ["name", "what"], [list(entry) for entry in entries.items()])
        else:
            say(f"{title}: none")


def _list(kind: str) -> dict[str, str]:
    from sfr_eval.util.assets import available

    if kind == "suites":
        return _titles({n: folder / "suite.yaml" for n, folder in available("tasks").items()})
    if kind == "presets":
        from sfr_eval.decoders.presets import preset_line

        return {name: preset_line(file) for name, file in available("presets").items()}
    if kind == "judges":
        return _titles(available("judges"))
    if kind == "metrics":
        from sfr_eval.metrics.table import metric_table

        return {name: info.description for name, info in metric_table().items()}
    if kind == "engines":
        from sfr_eval.samplers.subject import ENGINES

        return {name: engine.description for name, engine in ENGINES.items()}
    if importlib.util.find_spec("sfr_train") is None:
        return {}
    from sfr_train.objectives import OBJECTIVES

    return dict(OBJECTIVES)


def _titles(files: Mapping[str, Path]) -> dict[str, str]:
    from sfr_eval.util.reading import read_yaml_mapping

    return {name: str(read_yaml_mapping(file).get("title", "")) for name, file in files.items()}
