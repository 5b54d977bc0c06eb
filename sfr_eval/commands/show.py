"""Tables on stdout: the plan, the results, and the lists of `ls`."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sfr_eval.config import RunConfig
from sfr_eval.metrics.table import shown_metrics
from sfr_eval.types import Estimate
from sfr_eval.util.progress import log, say
from sfr_eval.util.terminal import print_json, print_table

LISTS = ("suites", "judges", "metrics", "objectives", "engines")


def show_plan(config: RunConfig, *, as_json: bool) -> None:
    """--dry-run: what would be drawn, and the most tokens it can cost."""
    from sfr_eval.pipeline.run import prepare, run_folder

    subject, _, plan = prepare(config)
    folder = run_folder(config, plan, subject.checkpoint)
    parts = [
        {
            "suite": part.suite.id,
            "version": part.suite.version,
            "prompts": len(part.prompts),
            "temperatures": list(part.temperatures),
            "samples": part.samples,
            "requests": part.size,
            "token_bound": part.size * part.sampling.max_tokens,
        }
        for part in plan.suites
    ]
    if as_json:
        print_json(
            {
                "model": subject.checkpoint.name,
                "fingerprint": subject.checkpoint.fingerprint,
                "engine": subject.engine,
                "output": str(folder.path),
                "requests": plan.size,
                "token_bound": plan.token_bound,
                "sampling": plan.identity["sampling"],
                "suites": parts,
            }
        )
        return
    print_table(
        f"{subject.checkpoint.name} on {subject.engine} -> {folder.path}",
        ["suite", "prompts", "temperatures", "samples", "requests", "tokens at most"],
        [
            [
                part.suite.id,
                f"{len(part.prompts):,}",
                " ".join(f"{t:g}" for t in part.temperatures),
                str(part.samples),
                f"{part.size:,}",
                f"{part.size * part.sampling.max_tokens:,}",
            ]
            for part in plan.suites
        ],
    )


def show_results(folder: Path, *, as_json: bool) -> None:
    """Headline estimates of a scored run, a row a metric, a column a temperature."""
    from sfr_eval.store.run_folder import RunFolder

    results = RunFolder(folder).read_results()
    if as_json:
        print_json(results.stored())
        return
    estimates = [row for row in results.estimates if not row.persona]
    for suite in dict.fromkeys(row.suite for row in estimates):
        rows = [row for row in estimates if row.suite == suite]
        temperatures = sorted({row.temperature for row in rows})
        cells = {(row.metric, row.temperature): row for row in rows}
        shown = shown_metrics({row.metric for row in rows if row.value is not None})
        print_table(
            f"{suite}: value +- half of the 95% interval",
            ["metric", *(f"T={t:g}" for t in temperatures)],
            [[metric, *(_cell(cells.get((metric, t))) for t in temperatures)] for metric in shown],
        )


def _cell(row: Estimate | None) -> str:
    if row is None or row.value is None:
        return "-"
    if row.low is None or row.high is None:
        return f"{row.value:.3f}"
    return f"{row.value:.3f}+-{(row.high - row.low) / 2:.3f}"


def show_grading(summary: dict[str, Any], *, as_json: bool) -> None:
    """Counts of the verdicts of `grade`."""
    if as_json:
        print_json(summary)
        return
    total = max(1, summary["programs"])
    rows = [
        [status, str(count), f"{100 * count / total:.1f}%"]
        for status, count in sorted(summary["statuses"].items(), key=lambda item: -item[1])
    ]
    title = f"{summary['programs']} programs, {summary['mode']}, tier {summary['tier']}"
    print_table(title, ["status", "programs", "share"], rows)


def show_lists(kinds: Sequence[str], *, as_json: bool) -> None:
    """What there is to choose from, by kind: name and one sentence."""
    found = {kind: _list(kind) for kind in kinds}
    if as_json:
        print_json({kind: [dict(row) for row in rows] for kind, rows in found.items()})
        return
    for kind, rows in found.items():
        if rows:
            print_table(kind, ["name", "what"], [[row["name"], row["what"]] for row in rows])
        else:
            say(f"{kind}: none")


def _list(kind: str) -> list[dict[str, str]]:
    from sfr_eval.util.assets import available
    from sfr_eval.util.reading import read_yaml_mapping

    if kind == "suites":
        return [
            {"name": name, "what": str(read_yaml_mapping(folder / "suite.yaml").get("title", ""))}
            for name, folder in available("tasks").items()
        ]
    if kind == "judges":
        return [
            {"name": name, "what": str(read_yaml_mapping(file).get("title", ""))}
            for name, file in available("judges").items()
        ]
    if kind == "metrics":
        from sfr_eval.metrics.table import METRICS

        return [{"name": name, "what": info.description} for name, info in METRICS.items()]
    if kind == "engines":
        from sfr_eval.samplers.subject import ENGINES

        return [{"name": name, "what": what} for name, what in ENGINES.items()]
    if importlib.util.find_spec("sfr_train") is None:
        return []
    from sfr_train.objectives import OBJECTIVES

    return [{"name": name, "what": what} for name, what in OBJECTIVES.items()]


def show_judge_trial(trial: dict[str, Any], *, as_json: bool) -> None:
    """`calibrate --judge`: how a judge did on replies whose true verdict is known."""
    if as_json:
        print_json(trial)
    else:
        report = trial["report"]
        print_table(
            f"{trial['judge']} against {trial['labels']}",
            ["axis", "accuracy", "of good", "of bad", "mean of good", "mean of bad", "unread"],
            [
                [
                    axis,
                    *(_interval(row[key]) for key in ("accuracy", "sensitivity", "specificity")),
                    *(_number(row[key]) for key in ("mean_of_good", "mean_of_bad")),
                    str(row["unread"]),
                ]
                for axis, row in report["axes"].items()
            ],
        )
        if "dose_response" in report:
            _show_biases(report)
        say(f"calibration: {trial['output']}")
    for line in trial["trouble"]:
        log(line)


def _show_biases(report: dict[str, Any]) -> None:
    doses = [f"{point['dose']:g}" for point in report["dose_response"][0]["means"]]
    print_table(
        "mean score by rate of a fault; slope: points from rate 0 to 1",
        ["fault", "axis", "should see it", *doses, "slope"],
        [
            [
                row["fault"],
                row["axis"],
                "yes" if row["own"] else "no",
                *(_number(point["value"]) for point in row["means"]),
                _interval(row["slope"]),
            ]
            for row in report["dose_response"]
        ],
    )
    position = report["position"]
    print_table(
        "bias",
        ["what", "value", "without bias"],
        [
            *(
                [f"{axis}: points for twice the length", _interval(gain), "0"]
                for axis, gain in report["length"].items()
            ),
            ["pairs: share of the reply shown first", _interval(position["first_chosen"]), "0.5"],
            ["pairs: verdicts that flip with the order", _interval(position["flips"]), "0"],
            ["pairs: right in both orders", _interval(position["accuracy"]), "1"],
        ],
    )


def _interval(found: dict[str, Any] | None) -> str:
    if found is None or found["value"] is None:
        return "-"
    if found["low"] is None:
        return _number(found["value"])
    return f"{found['value']:.2f} [{found['low']:.2f}, {found['high']:.2f}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
