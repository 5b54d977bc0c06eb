"""The verbs, thin. Nothing heavy is imported until a verb needs it.

Every field of RunConfig can be given on `run` as --set name=value, or just as --name value; the
options declared here are those that most runs need.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from sfr_eval.errors import RunError, UserError, did_you_mean
from sfr_eval.util.progress import log, say
from sfr_eval.version import __version__

app = typer.Typer(
    name="sfr-eval",
    help="Has a fine-tuned language model collapsed, and what did that cost or save in quality?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Choice = TypeVar("Choice", bound=str)
Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]
_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def main() -> None:
    """Entry point: turns our errors into one line and an exit code."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(args=arguments, prog_name="sfr-eval")
    except (UserError, RunError) as error:
        if debug:
            raise
        log(f"sfr-eval: {error}")
        sys.exit(2 if isinstance(error, UserError) else 3)
    except KeyboardInterrupt:
        log("sfr-eval: interrupted")
        sys.exit(130)
    except Exception as error:
        if debug:
            raise
        what = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        log(f"sfr-eval: {what} (unexpected; --debug shows where)")
        sys.exit(3)  # Python's own 1 would read as a failed gate


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command(context_settings=_PASS_ON)
def run(
    context: typer.Context,
    model: Annotated[
        str | None,
        typer.Option(help="Hub id[@revision], folder, LoRA folder, demo[:base], world:cross=0.3"),
    ] = None,
    suite: Annotated[list[str] | None, typer.Option(help="Suite; repeatable.")] = None,
    temperatures: Annotated[
        str | None, typer.Option(help="0.2:1.6:0.2 (both ends in) or 0.6,1.0")
    ] = None,
    samples: Annotated[str | None, typer.Option(help="Per prompt and temperature.")] = None,
    sampling: Annotated[
        str | None, typer.Option(help="neutral, or model: its generation_config")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="vllm, transformers, openai, ray or world")
    ] = None,
    limit: Annotated[str | None, typer.Option(help="First N queries of each suite.")] = None,
    seed: Annotated[str | None, typer.Option(help="Run seed.")] = None,
    output: Annotated[str | None, typer.Option(help="Run folder; the same one resumes.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file of settings.")] = None,
    assign: Annotated[
        list[str] | None, typer.Option("--set", help="name=value of any setting; repeatable.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Print the plan and stop.")] = False,
) -> None:
    """Sample a checkpoint, measure it, write a report. The same command resumes."""
    from sfr_eval.config import load_run_config, parse_assignments

    extra = extra_settings(context.args)
    as_json = bool(extra.pop("json", False))
    named = {
        "model": model,
        "suite": tuple(suite) if suite else None,
        "temperatures": temperatures,
        "samples": samples,
        "sampling": sampling,
        "engine": engine,
        "limit": limit,
        "seed": seed,
        "output": output,
    }
    settings = load_run_config(
        {**parse_assignments(assign or ()), **extra, **named_only(named)}, file=config
    )
    from sfr_eval.demo import train_demo_models

    if settings.base_url is None:
        train_demo_models(settings.model, settings.base_model)
    if dry_run:
        from sfr_eval.commands.show import show_plan

        show_plan(settings, as_json=as_json)
        return
    from sfr_eval.commands.show import show_results
    from sfr_eval.pipeline.run import execute

    outcome = execute(settings)
    if outcome.report is not None:
        show_results(outcome.folder, as_json=as_json)
    for line in outcome.lines:
        (log if as_json or outcome.exit_code else say)(line)
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)


@app.command()
def score(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Run folder, all shards of one, or text made elsewhere."),
    ],
    suite: Annotated[str | None, typer.Option(help="Of text made elsewhere: which suite.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Of shards and text made elsewhere: run folder to make.")
    ] = None,
    query_field: Annotated[
        str | None, typer.Option(help="Of text made elsewhere: what names the query, doc.task_id")
    ] = None,
    persona_field: Annotated[
        str | None, typer.Option(help="Of text made elsewhere: what names the persona.")
    ] = None,
    metrics: Annotated[list[str] | None, typer.Option(help="Metric family; repeatable.")] = None,
    encoder: Annotated[str | None, typer.Option(help="sentence-transformers name.")] = None,
    encoder_backend: Annotated[
        str | None, typer.Option(help="float32, or faster: bfloat16, onnx")
    ] = None,
    encoder_long_texts: Annotated[
        str | None, typer.Option(help="Beyond the encoder's window: truncate or chunk.")
    ] = None,
    style_data: Annotated[Path | None, typer.Option(help="Persona-labelled JSONL.")] = None,
    tokenizer: Annotated[str | None, typer.Option(help="words-v1, characters-v1, ...")] = None,
    token_window: Annotated[int | None, typer.Option(min=1, help="First N tokens only.")] = None,
    data: Annotated[
        str | None, typer.Option(help="Of text made elsewhere, code suites: their problems.")
    ] = None,
    unsafe_code: Annotated[
        bool, typer.Option("--unsafe-code", help="Run programs even without isolation.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="For geometry, tokens: the checkpoint, if it has moved.")
    ] = None,
    base_model: Annotated[
        str | None, typer.Option(help="For geometry, tokens: what it was trained from.")
    ] = None,
    layers: Annotated[
        str | None, typer.Option(help="For geometry: 0,6,12; 0 is the embedding.")
    ] = None,
    judge: Annotated[
        list[str] | None, typer.Option(help="LLM judge, model or URL[#model]; repeatable.")
    ] = None,
    think_tags: Annotated[
        str | None, typer.Option(help="What sets thinking apart: '<think>,</think>', or none.")
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="For geometry, tokens: run its own code.")
    ] = False,
    assign: Annotated[
        list[str] | None, typer.Option("--set", help="judge_axes=[ctx,rel], judge_votes=3, ...")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default one.")] = None,
    ray_address: Annotated[
        str | None, typer.Option(help="Measure on a Ray cluster: auto or host:port.")
    ] = None,
    jackknife: Annotated[
        bool, typer.Option("--jackknife", help="Standard errors within prompts: semantic family.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure stored samples again, without generating; put shards together."""
    from sfr_eval.commands.show import show_results
    from sfr_eval.config import layers_option
    from sfr_eval.demo import train_demo_models
    from sfr_eval.embeddings.backends import BACKENDS
    from sfr_eval.embeddings.encoder import LONG_TEXTS
    from sfr_eval.formats.read.mapping import Fields
    from sfr_eval.pipeline.score import LookInto, rescore

    train_demo_models(model, base_model)
    fields = Fields(query=query_field, persona=persona_field)
    if len(paths) > 1 and all(path.is_dir() for path in paths):
        from sfr_eval.pipeline.join_shards import join_folders

        paths, output = [join_folders(paths, output)], None
    scored, report, trouble = rescore(
        paths[0],
        more=paths[1:],
        fields=fields if query_field or persona_field else None,
        suite=suite,
        output=output,
        metrics=tuple(part for name in metrics for part in name.split(",")) if metrics else None,
        encoder=encoder,
        style_data=style_data,
        encoder_backend=one_of("--encoder-backend", encoder_backend, BACKENDS),
        encoder_long_texts=one_of("--encoder-long-texts", encoder_long_texts, LONG_TEXTS),
        tokenizer=tokenizer,
        token_window=token_window,
        code={
            "data": data,
            "unsafe_code": unsafe_code or None,
            "trust_remote_code": trust_remote_code or None,
        },
        look_into=LookInto(model=model, base_model=base_model, layers=layers_option(layers)),
        judging=judge_options(judge, assign or ()),
        think_tags=think_tags,
        workers=workers,
        ray_address=ray_address,
        jackknife=jackknife,
    )
    show_results(scored, as_json=as_json)
    for line in trouble:
        log(line)
    (log if as_json else say)(f"report: {report.resolve()}")
    if trouble:
        raise typer.Exit(3)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Run folder.")],
    beside: Annotated[
        Path | None, typer.Option(help="Second run: hidden states of both on shared axes.")
    ] = None,
) -> None:
    """Write report.html and the plots of a scored run again."""
    from sfr_eval.report.report import write_report
    from sfr_eval.store.run_folder import RunFolder

    say(f"report: {write_report(RunFolder(folder)).resolve()}")
    if beside is not None:
        from sfr_eval.report.hidden_two_runs import write_beside

        for file in write_beside(RunFolder(folder), RunFolder(beside)):
            say(f"plot: {file.resolve()}")


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders: A B [C ...], each against A.")],
    output: Annotated[
        Path | None, typer.Option(help="Folder to write; default runs/compare-...")
    ] = None,
    metrics: Annotated[list[str] | None, typer.Option(help="Metric id; repeatable.")] = None,
    margin: Annotated[
        float, typer.Option(min=0, help="Share of A's value that does not matter.")
    ] = 0.1,
    allow_mismatch: Annotated[
        bool, typer.Option("--allow-mismatch", help="Compare runs that were made differently.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare runs, paired by prompt, at equal temperature and at equal quality."""
    if len(runs) < 2:
        raise UserError(f"compare {runs[0]}: needs two or more run folders")
    from sfr_eval.comparison.compare import compare_runs
    from sfr_eval.comparison.files import write_comparison
    from sfr_eval.comparison.terminal import show_comparison

    names = [part for name in metrics for part in name.split(",")] if metrics else None
    found = compare_runs(*runs, allow_mismatch=allow_mismatch, metrics=names, margin=margin)
    page = write_comparison(found, output)
    for line in [*show_comparison(found, as_json=as_json), f"comparison: {page.resolve()}"]:
        (log if as_json else say)(line)


@app.command()
def check(
    baseline: Annotated[Path, typer.Option(help="Baseline file, JSON.")],
    candidate: Annotated[Path | None, typer.Option(help="Run folder to judge.")] = None,
    write_baseline: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Make --baseline from this run and stop.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="check.yaml; default: headlines.")] = None,
    output: Annotated[Path, typer.Option(help="Where check.json goes.")] = Path("check.json"),
    junit: Annotated[Path | None, typer.Option(help="JUnit XML to write.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="What cannot be decided fails too.")
    ] = False,
    fail_exit_code: Annotated[int, typer.Option(help="Exit code of a failed gate.")] = 1,
    as_json: Json = False,
) -> None:
    """CI gate: has a candidate got worse than a baseline? Exit code 0, 1, 2 or 3."""
    from sfr_eval.gate import check as gate

    if (write_baseline is None) == (candidate is None):
        raise UserError(
            "check: needs --candidate RUN to judge, or --write-baseline RUN to make one"
        )
    if write_baseline is not None:
        gate.write_baseline(write_baseline, baseline, config=config)
        say(f"baseline: {baseline.resolve()} ({baseline.stat().st_size:,} bytes)")
        return
    from sfr_eval.gate.files import show_gate, write_gate

    assert candidate is not None
    found = gate.check(
        baseline, candidate, config=config, strict=strict, fail_exit_code=fail_exit_code
    )
    write_gate(found, output=output, junit=junit, environment=os.environ)
    for line in show_gate(found, as_json=as_json, environment=os.environ):
        (log if as_json or not found.rows else say)(line)
    if found.exit_code:
        raise typer.Exit(found.exit_code)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Scored run folder.")],
    format: Annotated[
        str,
        typer.Option(help="lm-eval, inspect, model-card, eval-results, csv, jsonl; hub, mlflow..."),
    ],
    output: Annotated[
        Path | None, typer.Option(help="Folder to write; default RUN/export/FORMAT.")
    ] = None,
    metrics: Annotated[list[str] | None, typer.Option(help="Metric; repeatable.")] = None,
    repo: Annotated[
        str | None, typer.Option(help="hub: where to; eval-results: the benchmark's data set.")
    ] = None,
    artifacts: Annotated[
        bool, typer.Option(help="hub, mlflow, wandb: with report and replies.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Write a run in another tool's format, or upload it."""
    from sfr_eval.formats.export import export as export_run
    from sfr_eval.util.terminal import print_json

    chosen = [part for name in metrics for part in name.split(",")] if metrics else None
    written = export_run(
        folder, format=format, output=output, metrics=chosen, repo=repo, artifacts=artifacts
    )
    if as_json:
        print_json(written)
        return
    for line in written:
        say(line)


@app.command()
def calibrate(
    output: Annotated[
        Path | None,
        typer.Option(help="Folder to write; with --judge the file for --judge-calibration."),
    ] = None,
    suite: Annotated[str, typer.Option(help="A suite with a world.")] = "persona",
    quick: Annotated[bool, typer.Option(help="Does it run? The verdicts are noise.")] = False,
    metrics: Annotated[list[str] | None, typer.Option(help="Metric family; repeatable.")] = None,
    encoder: Annotated[str | None, typer.Option(help="sentence-transformers name.")] = None,
    judge: Annotated[
        str | None, typer.Option(help="Put an LLM judge to the test: model or URL[#model].")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="With --judge: JSONL of replies that people judged.")
    ] = None,
    items: Annotated[
        int, typer.Option(min=2, help="With --judge: replies for each fault and rate.")
    ] = 30,
    seed: Annotated[int, typer.Option(help="Seed of all draws.", min=0)] = 0,
    assign: Annotated[
        list[str] | None, typer.Option("--set", help="judge_axes=[ctx,rel], judge_votes=3, ...")
    ] = None,
    as_json: Json = False,
) -> None:
    """Prove the metrics, or a judge, on a world whose collapse is known."""
    settings = judge_options([judge] if judge else None, assign or ())
    if settings is not None:
        from sfr_eval.commands.show import show_judge_trial
        from sfr_eval.judges.trial import calibrate_judge

        trial = calibrate_judge(settings, output=output, labels=labels, items=items, seed=seed)
        show_judge_trial(trial, as_json=as_json)
        if trial["trouble"]:
            raise typer.Exit(3)
        return
    from sfr_eval.commands.calibrate import execute
    from sfr_eval.util.terminal import print_json

    folder = output or Path("runs/calibration")
    found = execute(
        folder, suite=suite, quick=quick, families=metrics or None, encoder=encoder, seed=seed
    )
    if as_json:
        print_json(found)
    else:
        say(f"headline metrics: {', '.join(found['headline']) or 'none'}")
    page = (folder / "calibration.md").resolve()
    (log if as_json else say)(f"calibration: {page}")


@app.command()
def grade(
    programs: Annotated[Path, typer.Argument(help="JSONL of programs with their tests.")],
    output: Annotated[
        Path | None, typer.Option(help="JSONL of verdicts; the same one resumes.")
    ] = None,
    mode: Annotated[str, typer.Option(help="faithful, lcb-compat or evalplus")] = "faithful",
    workers: Annotated[int | None, typer.Option(help="Default: physical cores.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Time limit; default by kind.")] = None,
    unsafe_code: Annotated[
        bool, typer.Option("--unsafe-code", help="Run also where there is no isolation.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Verdicts for programs made elsewhere, no model. The same command resumes."""
    from sfr_eval.commands.show import show_grading
    from sfr_eval.grading.program_file import grade_file
    from sfr_eval.sandbox.types import MODES

    if mode not in MODES:
        raise UserError(f"grade --mode {mode}: unknown; {did_you_mean(mode, MODES)}")
    target = output or programs.with_suffix(".verdicts.jsonl")
    summary = grade_file(
        programs,
        output=target,
        mode=next(known for known in MODES if known == mode),
        workers=workers,
        seconds=seconds,
        unsafe=unsafe_code,
    )
    show_grading(summary, as_json=as_json)
    (log if as_json else say)(f"verdicts: {target.resolve()}")
    if summary["statuses"].get("not_scored"):
        raise RunError(
            f"{summary['statuses']['not_scored']} programs are not scored: the grader failed on "
            f"them (see {target}); the same command tries them again"
        )


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="Recipe by name, or a YAML file.")],
    assign: Annotated[
        list[str] | None, typer.Option("--set", help="a.b=c of any setting; repeatable.")
    ] = None,
) -> None:
    """Train a checkpoint: SFR, a rival or plain cross-entropy, on any causal model."""
    from sfr_train.command import train as train_recipe

    say(str(train_recipe(recipe, assign or ())))


@app.command(name="ls")
def list_assets(
    kind: Annotated[str, typer.Argument(help="suites, judges, metrics, objectives, engines")] = "",
    as_json: Json = False,
) -> None:
    """List what there is to choose from."""
    from sfr_eval.commands.show import LISTS, show_lists

    if kind and kind not in LISTS:
        raise UserError(f"ls {kind}: unknown; {did_you_mean(kind, LISTS)}")
    show_lists([kind] if kind else list(LISTS), as_json=as_json)


@app.command()
def doctor(
    model: Annotated[str | None, typer.Option(help="Also draw 16 samples from it.")] = None,
    base_url: Annotated[
        list[str] | None, typer.Option(help="Server of --model; asked 64 times, to find a cache.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what is there (engine, encoder, sandbox, Hub) and how to get what is missing."""
    from sfr_eval.commands.doctor import examine
    from sfr_eval.demo import train_demo_models

    if not base_url:
        train_demo_models(model)
    elif not model:
        raise UserError("doctor --base-url: needs --model, the name of a model on that server")
    ok = examine(model=model, as_json=as_json, base_url=base_url or ())
    if not ok:
        raise typer.Exit(3)


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="Folder of the demo's runs.")] = Path("runs/demo"),
    full: Annotated[bool, typer.Option(help="32 queries, 8 samples.")] = False,
) -> None:
    """Train two small models, SFT and SFR, sample both with vLLM, compare them and the truth."""
    from sfr_eval.demo import DemoStopped
    from sfr_eval.demo import demo as show_demo

    try:
        for line in show_demo(output, full=full):
            say(line)
    except DemoStopped as stopped:
        raise typer.Exit(stopped.exit_code) from None


def judge_options(judges: Sequence[str] | None, assignments: Sequence[str]) -> Any:
    """JudgeSettings of a verb that takes --judge and --set; None without a judge."""
    from sfr_eval.config import parse_assignments, read_judge_options
    from sfr_eval.judges.panel import judge_settings

    values = parse_assignments(assignments)
    if not judges:
        if values:
            raise UserError(f"--set {next(iter(values))}: needs --judge")
        return None
    return judge_settings(read_judge_options({**values, "judge": tuple(judges)}))


def one_of(option: str, value: str | None, choices: tuple[Choice, ...]) -> Choice | None:
    """The choice of this name; UserError with the near name if there is none."""
    if value is None:
        return None
    for choice in choices:
        if choice == value:
            return choice
    raise UserError(f"{option} {value}: unknown; {did_you_mean(value, choices)}")


def named_only(values: dict[str, Any]) -> dict[str, Any]:
    """Settings that were given."""
    return {name: value for name, value in values.items() if value is not None}


def extra_settings(arguments: Sequence[str]) -> dict[str, Any]:
    """`--name value` and `--name=value` of settings without an option of their own; a name alone
    is true. Near names of options and settings are suggested for unknown ones."""
    import yaml

    from sfr_eval.config import RunConfig

    known = {name.replace("_", "-") for name in RunConfig.model_fields} | {
        "json",
        "config",
        "set",
        "dry-run",
    }
    found: dict[str, Any] = {}
    left = list(arguments)
    while left:
        word = left.pop(0)
        if not word.startswith("--"):
            raise UserError(f"run: unexpected argument `{word}`; settings are written --name value")
        name, equals, text = word[2:].partition("=")
        if name not in known:
            raise UserError(f"run: unknown option --{name}; {did_you_mean(name, known)}")
        if not equals and left and not left[0].startswith("--") and name != "json":
            text = left.pop(0)
        try:
            value = yaml.safe_load(text) if text else True
        except yaml.YAMLError:
            value = text
        field = name.replace("-", "_")
        if field in ("base_url", "judge") and field in found:
            value = f"{found[field]},{value}"  # repeatable
        found[field] = value
    return found
