"""The command `calibrate`: tests the metrics, or a judge, where the answer is known."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sfr_eval.commands.options import (
    PATH,
    SettingsCommand,
    json_option,
    judge_settings,
    output_option,
)
from sfr_eval.commands.quiet import quiet_engines
from sfr_eval.util.progress import log, say
from sfr_eval.util.terminal import print_json, print_table

if TYPE_CHECKING:
    from sfr_eval.settings import ScoreSettings

_SEPARATION = ("auc", "cut", "sensitivity", "specificity")


@click.command(cls=SettingsCommand, settings=("metrics", "encoder", "judging", "requests"))
@output_option("folder to write; with --judge: the file for --judge-calibration")
@click.option("--suite", default="persona", help="a suite with a synthetic benchmark")
@click.option("--quick", is_flag=True, help="a small trial of the command; its verdicts are noise")
@click.option(
    "--labels",
    type=PATH,
    help="JSONL of replies that people labelled: alike or different; with --judge: good or bad",
)
@click.option(
    "--items",
    type=click.IntRange(min=2),
    default=30,
    help="with --judge: replies for each fault and rate",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="seed of all draws")
@json_option
@quiet_engines
def calibrate(
    settings: dict[str, Any],
    output: Path | None,
    suite: str,
    quick: bool,
    labels: Path | None,
    items: int,
    seed: int,
    as_json: bool,
) -> int:
    """Validate the metrics, or a judge, on a synthetic benchmark whose collapse is known, or by
    labels that people gave."""
    judging, requests = judge_settings(settings)
    if judging.judge is not None:
        from sfr_eval.judges.trial import calibrate_judge

        trial = calibrate_judge(
            judging, requests=requests, output=output, labels=labels, items=items, seed=seed
        )
        show_judge_trial(trial, as_json=as_json)
        return 3 if trial["trouble"] else 0
    from sfr_eval.settings import ScoreSettings

    scoring = ScoreSettings.from_flat(settings)
    if labels is not None:
        show_validity(
            against_labels(output or Path("runs/validity"), labels=labels, settings=scoring),
            as_json=as_json,
        )
        return 0
    folder = output or Path("runs/calibration")
    calibration = execute(folder, suite=suite, quick=quick, settings=scoring, seed=seed)
    if as_json:
        print_json(calibration)
    else:
        say(f"headline metrics: {', '.join(calibration['headline']) or 'none'}")
    page = (folder / "calibration.md").resolve()
    (log if as_json else say)(f"calibration: {page}")
    return 0


def execute(
    output: Path, *, suite: str, quick: bool, settings: "ScoreSettings", seed: int
) -> dict[str, Any]:
    """Run the calibration and write calibration.json, calibration.md and plots/."""
    from sfr_eval.calibration.design import DEFAULT, QUICK
    from sfr_eval.calibration.run import calibrate as run_calibration
    from sfr_eval.suites.suite import load_suite
    from sfr_eval.util.assets import cache_folder
    from sfr_eval.util.files import writing_to
    from sfr_eval.util.progress import ScoringProgress

    with writing_to(output):
        (output / "plots").mkdir(parents=True, exist_ok=True)
    with ScoringProgress() as progress:
        calibration = run_calibration(
            load_suite(suite),
            size=QUICK if quick else DEFAULT,
            name="quick" if quick else "default",
            cache=cache_folder(),
            encoder=settings.encoder,
            families=settings.metrics,
            seed=seed,
            on_progress=progress,
        )
    write(calibration, output)
    return calibration


def against_labels(output: Path, *, labels: Path, settings: "ScoreSettings") -> dict[str, Any]:
    """Measure the metrics against labels of people, and write validity.json. Return its content,
    with `output`, the path of the file."""
    from functools import partial

    from sfr_eval.calibration.validity import validity
    from sfr_eval.embeddings.encoder import Encoder
    from sfr_eval.util.assets import cache_folder
    from sfr_eval.util.files import write_atomic, writing_to
    from sfr_eval.util.progress import ScoringProgress

    with writing_to(output):
        output.mkdir(parents=True, exist_ok=True)
    progress = partial(ScoringProgress(), "encode")
    encoder = Encoder(settings.encoder, cache_folder(), on_progress=progress)
    result = validity(labels, encoder=encoder, families=settings.metrics)
    file = output / "validity.json"
    with writing_to(output):
        write_atomic(file, json.dumps(result, indent=1, allow_nan=False) + "\n")
    return {**result, "output": str(file.resolve())}


def show_validity(validity: dict[str, Any], *, as_json: bool) -> None:
    """Print how the metrics agree with people's labels."""
    if as_json:
        print_json(validity)
        return
    pairs = validity["pairs"]
    say(
        f"{pairs['measured']:,} of {pairs['labelled']:,} pairs, {validity['same']:.0%} labelled "
        f"the same, prompts: {validity['prompts']}, models: {len(validity['models'])}"
    )
    columns = ["metric", "AUC", "called the same", "sensitivity", "specificity"]
    rows = []
    for metric, row in validity["metrics"].items():
        if row["separation"] is not None:
            sign = "up to " if row["direction"] == "higher" else "from "
            auc, cut, *rates = (_text(row["separation"][name]) for name in _SEPARATION)
            rows.append([metric, auc, sign + cut, *rates])
    print_table("pairs of replies", columns, rows)
    names = ["over_models", "within_prompt", "within_model"]
    ranks = [
        [metric, *(_text(row["ranks"][name]) for name in names)]
        for metric, row in validity["metrics"].items()
        if row["ranks"] is not None and any(row["ranks"].values())
    ]
    if ranks:
        title = (
            f"Spearman's rho with the number of classes among {validity['classes_among']} replies"
        )
        print_table(title, ["metric", "models", "models, by prompt", "prompts, by model"], ranks)
    say(f"validity: {validity['output']}")


def write(calibration: dict[str, Any], output: Path) -> None:
    """Write the files of a calibration; the folder and its plots/ must exist."""
    from sfr_eval.calibration.page import page
    from sfr_eval.calibration.panels import panels
    from sfr_eval.report.figures import files
    from sfr_eval.util.files import write_atomic, writing_to

    with writing_to(output):
        text = json.dumps(calibration, indent=1, allow_nan=False)
        write_atomic(output / "calibration.json", text + "\n")
        write_atomic(output / "calibration.md", page(calibration))
        for name, figures in panels(calibration):
            for suffix, content in files(figures):
                write_atomic(output / "plots" / f"{name}.{suffix}", content)


def show_judge_trial(trial: dict[str, Any], *, as_json: bool) -> None:
    """Print how a judge did on replies whose true verdict is known."""
    from sfr_eval.report.numbers import number

    if as_json:
        print_json(trial)
    else:
        report = trial["report"]
        columns = ["axis", "accuracy", "of good", "of bad", "mean of good", "mean of bad", "unread"]
        rows = [
            [
                axis,
                *(_text(row[key]) for key in ("accuracy", "sensitivity", "specificity")),
                *(number(row[key], ".2f") for key in ("mean_of_good", "mean_of_bad")),
                str(row["unread"]),
            ]
            for axis, row in report["axes"].items()
        ]
        print_table(f"{trial['judge']} against {trial['labels']}", columns, rows)
        if "dose_response" in report:
            _show_biases(report)
        say(f"calibration: {trial['output']}")
    for line in trial["trouble"]:
        log(line)


def _show_biases(report: dict[str, Any]) -> None:
    from sfr_eval.report.numbers import number

    doses = [f"{point['dose']:g}" for point in report["dose_response"][0]["means"]]
    faults = [
        [
            row["fault"],
            row["axis"],
            "yes" if row["own"] else "no",
            *(number(point["value"], ".2f") for point in row["means"]),
            _text(row["slope"]),
        ]
        for row in report["dose_response"]
    ]
    title = "mean score by rate of a fault; slope: points from rate 0 to 1"
    print_table(title, ["fault", "axis", "should see it", *doses, "slope"], faults)
    lengths = [
        [f"{axis}: points for twice the length", _text(gain), "0"]
        for axis, gain in report["length"].items()
    ]
    position = report["position"]
    pairs = [
        ["pairs: share of the reply shown first", _text(position["first_chosen"]), "0.5"],
        ["pairs: verdicts that flip with the order", _text(position["flips"]), "0"],
        ["pairs: right in both orders", _text(position["accuracy"]), "1"],
    ]
    print_table("bias", ["what", "value", "without bias"], [*lengths, *pairs])


def _text(row: dict[str, Any] | None) -> str:
    from sfr_eval.report.numbers import Interval

    return Interval.of(row).text(".2f")
