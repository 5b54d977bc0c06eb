"""The verbs, thin. Nothing heavy is imported until a verb needs it.

Every field of RunConfig can be given on `run` as --set name=value, or just as --name value; the
options declared here are those that most runs need.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import sfr_eval
from sfr_eval.errors import RunError, UserError, did_you_mean

app = typer.Typer(
    name="sfr-eval",
    help="Has a fine-tuned language model collapsed, and what did that cost or save in quality?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

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
        print(f"sfr-eval: {' '.join(str(error).splitlines())}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UserError) else 3)
    except KeyboardInterrupt:
        print("sfr-eval: interrupted", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if debug:
            raise
        what = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        print(f"sfr-eval: {what} (unexpected; --debug shows where)", file=sys.stderr)
        sys.exit(3)  # Python's own 1 would read as a failed gate


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(sfr_eval.__version__)
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
    engine: Annotated[str | None, typer.Option(help="vllm, transformers or world")] = None,
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
    if dry_run:
        from sfr_eval.show import show_plan

        show_plan(settings, as_json=as_json)
        return
    from sfr_eval.run import execute
    from sfr_eval.show import show_results

    outcome = execute(settings)
    if outcome.report is not None:
        show_results(outcome.folder, as_json=as_json)
    for line in outcome.lines:
        print(line, file=sys.stderr if as_json or outcome.exit_code else sys.stdout)
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)


@app.command()
def score(
    folder: Annotated[Path, typer.Argument(help="Run folder, or JSONL of generations.")],
    suite: Annotated[str | None, typer.Option(help="For a JSONL file: which suite.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="For a JSONL file: run folder to make.")
    ] = None,
    metrics: Annotated[list[str] | None, typer.Option(help="Metric family; repeatable.")] = None,
    encoder: Annotated[str | None, typer.Option(help="sentence-transformers name.")] = None,
    style_data: Annotated[Path | None, typer.Option(help="Persona-labelled JSONL.")] = None,
    as_json: Json = False,
) -> None:
    """Measure stored samples again, without generating."""
    from sfr_eval.rescore import rescore
    from sfr_eval.show import show_results

    scored, report = rescore(
        folder,
        suite=suite,
        output=output,
        metrics=tuple(metrics) if metrics else None,
        encoder=encoder,
        style_data=style_data,
    )
    show_results(scored, as_json=as_json)
    print(f"report: {report.resolve()}", file=sys.stderr if as_json else sys.stdout)


@app.command()
def report(folder: Annotated[Path, typer.Argument(help="Run folder.")]) -> None:
    """Write report.html and the plots of a scored run again."""
    from sfr_eval.report import write_report
    from sfr_eval.store import RunFolder

    print(f"report: {write_report(RunFolder(folder)).resolve()}")


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="Recipe by name, or a YAML file.")],
    assign: Annotated[
        list[str] | None, typer.Option("--set", help="a.b=c of any setting; repeatable.")
    ] = None,
) -> None:
    """Train a checkpoint: SFR, a rival or plain cross-entropy, on any causal model."""
    from sfr_train.command import train as train_recipe

    print(train_recipe(recipe, assign or ()))


@app.command(name="ls")
def list_assets(
    kind: Annotated[str, typer.Argument(help="suites, judges, metrics, objectives, engines")] = "",
    as_json: Json = False,
) -> None:
    """List what there is to choose from."""
    from sfr_eval.show import LISTS, show_lists

    if kind and kind not in LISTS:
        raise UserError(f"ls {kind}: unknown; {did_you_mean(kind, LISTS)}")
    show_lists([kind] if kind else list(LISTS), as_json=as_json)


@app.command()
def doctor(
    model: Annotated[str | None, typer.Option(help="Also draw 16 samples from it.")] = None,
    as_json: Json = False,
) -> None:
    """Say what is there (engine, encoder, sandbox, Hub) and how to get what is missing."""
    from sfr_eval.doctor import examine

    ok = examine(model=model, as_json=as_json)
    if not ok:
        raise typer.Exit(3)


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="Where the run folder goes.")] = Path("runs/demo"),
    full: Annotated[bool, typer.Option(help="All 148 queries, 8 samples.")] = False,
) -> None:
    """Train the demo model, sample it with vLLM at eight temperatures, and show its collapse."""
    from sfr_eval.config import load_run_config
    from sfr_eval.run import execute

    size: dict[str, Any] = {} if full else {"samples": DEMO_SAMPLES, "limit": DEMO_QUERIES}
    settings = load_run_config(
        {"model": "demo", "suite": ("persona",), "output": output, **size}, environment={}
    )
    outcome = execute(settings)
    for line in outcome.lines:
        print(line)
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)


DEMO_QUERIES = 37
DEMO_SAMPLES = 4


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
            found[name.replace("-", "_")] = yaml.safe_load(text) if text else True
        except yaml.YAMLError:
            found[name.replace("-", "_")] = text
    return found
