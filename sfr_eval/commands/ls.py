"""The command `ls`: what there is to choose from, and the runs of a folder."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import click

from sfr_eval.commands.options import json_option
from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.util.progress import say
from sfr_eval.util.terminal import print_json, print_table

LISTS = ("suites", "presets", "judges", "metrics", "objectives", "engines")
RUNS = "runs"
_ARROWS = {"higher": "↑", "lower": "↓", "neither": "↕"}


@click.command(name="ls")
@click.argument("kind", default="")
@click.argument("only", default="")
@json_option
def ls(kind: str, only: str, as_json: bool) -> None:
    """List what there is to choose from, or the runs of a folder.

    KIND: runs, suites, presets, judges, metrics, objectives or engines; default: all but runs.
    ONLY: of `runs` the folder to look through, by default `runs`; of `metrics` a family, a kind
    (variety, style, quality, facts) or a part of a name; of the others a part of a name.
    """
    if kind and kind not in (*LISTS, RUNS):
        raise UserError(f"ls {kind}: unknown; {did_you_mean(kind, (*LISTS, RUNS))}")
    if kind == RUNS:
        list_runs(Path(only or RUNS), as_json=as_json)
        return
    if kind == "metrics":
        list_metrics(only, as_json=as_json)
        return
    lists = {name: _list(name) for name in ([kind] if kind else LISTS)}
    if only:
        lists[kind] = {name: what for name, what in lists[kind].items() if only in name}
        if not lists[kind]:
            raise UserError(f"ls {kind} {only}: none; {did_you_mean(only, _list(kind))}")
    if as_json:
        rows = {
            title: [{"name": name, "what": what} for name, what in entries.items()]
            for title, entries in lists.items()
        }
        print_json(rows)
        return
    for title, entries in lists.items():
        if title == "metrics":
            list_metrics("", as_json=False)
        elif entries:
            print_table(title, ["name", "what"], [list(entry) for entry in entries.items()])
        else:
            say(f"{title}: none")


def list_metrics(only: str, *, as_json: bool) -> None:
    """Print the metrics family by family, with their directions: all, or those that `only` names by
    family, kind or a part of their ids."""
    from sfr_eval.metrics.table import metric_table

    metrics = [
        info
        for name, info in metric_table().items()
        if only
        in ("", info.family, *(place[0] for place in (info.headline, info.primary) if place))
        or only in name
    ]
    if not metrics:
        known = {info.family for info in metric_table().values()}
        raise UserError(f"ls metrics {only}: none; {did_you_mean(only, known)}")
    if as_json:
        rows = [
            {"name": m.id, "what": m.description, "family": m.family, "direction": m.direction}
            for m in metrics
        ]
        print_json({"metrics": rows})
        return
    for family in dict.fromkeys(info.family for info in metrics):
        print_table(
            f"metrics: {family}",
            ["name", "", "what"],
            [[m.id, _ARROWS[m.direction], m.description] for m in metrics if m.family == family],
        )


def list_runs(folder: Path, *, as_json: bool) -> None:
    """Print the runs below a folder with their headline values."""
    from sfr_eval.run_index.runs import read_runs
    from sfr_eval.util import output
    from sfr_eval.util.terminal import Column, fitting_table, print_rich

    rows = read_runs([folder])
    if as_json:
        print_json(
            [
                {
                    "folder": str(row.folder),
                    "model": row.model,
                    "suite": row.suite,
                    "date": row.date,
                    "decoder": row.decoder,
                    "step": row.step,
                    "status": row.status,
                    "replies": row.done,
                    "planned": row.planned,
                    "scores": {
                        s.role: {
                            "metric": s.metric,
                            "value": s.estimate.value,
                            "low": s.estimate.low,
                            "high": s.estimate.high,
                        }
                        for s in row.scores
                    },
                }
                for row in rows
            ]
        )
        return
    if not rows:
        say(f"{folder}: no runs")
        return
    states = [
        f"{row.status}, {row.done:,} of {row.planned:,}" if row.status == "running" else row.status
        for row in rows
    ]
    scores = {
        role: [score.text if (score := row.score(role)) else "-" for row in rows]
        for role in ("variety", "style", "quality")
    }
    steps = ["" if row.step is None else f"{row.step:,}" for row in rows]
    columns = [
        Column(title="run", cells=[row.place for row in rows]),
        Column(title="suite", cells=[row.suite for row in rows], rank=3),
        Column(title="status", cells=states, rank=1),
        Column(title="date", cells=[row.date for row in rows], rank=5),
        Column(title="decoder", cells=[row.decoder for row in rows], rank=6),
        Column(title="step", cells=steps, rank=2, right=True),
        *(
            Column(title=role, cells=cells, rank=rank)
            for rank, (role, cells) in enumerate(scores.items(), start=1)
        ),
    ]
    shown = [column for column in columns if any(cell not in ("", "-") for cell in column.cells)]
    width = output.width(output.stdout(), piped=80)
    print_rich([fitting_table(shown, width=width)], piped=80)
    for row in rows:
        if row.problem:
            say(f"{row.place}: {row.problem}")


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
