"""Scores the generations that NoveltyBench's site publishes, and compares with its own numbers.

    git clone https://github.com/novelty-bench/novelty-bench.github.io ARCHIVE
    python scripts/novelty_archive.py ARCHIVE --output runs/novelty

One `sfr-eval score` a model (curated prompts). Prints Markdown: the published `mean_distinct` and
`mean_utility` beside ours, and the rank correlation of each headline measure of variety with the
number of the benchmark's classes, over models and over prompts. A run that is there already is not
scored again. Exit code 1 if a published number is not met, a correlation over models is below .9,
or a headline is undefined for a prompt.
"""
# ruff: noqa: T201  (what this script prints is its result)

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

import sfr_eval.api as se
from sfr_eval.metrics.table import headlines, metric_info

FILES = ("scores.jsonl", "partitions.jsonl")
LEAST = 0.9
OWN = ("distinct_10", "utility_10")


@dataclass(frozen=True)
class Model:
    """One model of the archive, scored."""

    name: str
    published: dict[str, float]
    last_classes: float  # mean of the field `distinct`, the number of the last class
    run: se.Run

    def mean(self, metric: str) -> float:
        """Return the estimate of a metric; NaN where it is undefined."""
        rows = self.run.results
        return float(rows[(rows.metric == metric) & (rows.persona == "")].value.iloc[0])

    def prompts(self, metric: str) -> dict[str, float]:
        """Return query -> value."""
        rows = self.run.scores(metric)
        return dict(zip(rows["query"], rows.value, strict=True))


def scored(folder: Path, output: Path, metrics: str) -> Model:
    """Score one model's folder, unless that was done."""
    file = next(folder / name for name in FILES if (folder / name).is_file())
    target = output / folder.name
    if not (target / "results.json").is_file():
        command = [sys.executable, "-m", "sfr_eval", "score", str(file), "--output", str(target)]
        subprocess.run([*command, "--metrics", metrics], check=True, stdout=subprocess.DEVNULL)
    published = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    last = sum(line["distinct"] for line in lines) / len(lines)
    return Model(folder.name, published, last, se.load(target))


def main() -> int:
    """Score all models and print the two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("--output", type=Path, default=Path("runs/novelty"))
    parser.add_argument("--metrics", default="text,lexical,semantic,novelty")
    options = parser.parse_args()
    folders = sorted(
        (file.parent for file in options.archive.glob("eval/*/curated/*/*/summary.json")),
        key=lambda folder: folder.name.casefold(),
    )
    models = [scored(folder, options.output, options.metrics) for folder in folders]
    faults = published_table(models)
    print()
    faults += correlation_table(models)
    print("\n".join(faults), file=sys.stderr)
    return bool(faults)


def published_table(models: list[Model]) -> list[str]:
    """Print the published means beside ours. Returns a line for each that differs, unless it is a
    summary that averaged the number of the last class, one less than the number of classes."""
    faults, notes = [], []
    print("| model | distinct, published | `distinct_10` | utility, published | `utility_10` |")
    print("|---|---|---|---|---|")
    for model in sorted(models, key=lambda model: model.mean("distinct_10")):
        cells = [model.name]
        for theirs, ours in zip(("mean_distinct", "mean_utility"), OWN, strict=True):
            value, published = model.mean(ours), model.published[theirs]
            cells += [f"{published:.2f}", "-" if np.isnan(value) else f"{value:.2f}"]
            if np.isnan(value) or abs(value - published) < 1e-12:
                continue
            if ours == OWN[0] and published == model.last_classes:
                notes.append(
                    f"{model.name} is published one too low: its summary averages `distinct`."
                )
            else:
                faults.append(f"{model.name}: {theirs} is published as {published}, ours {value}")
        print(f"| {' | '.join(cells)} |")
    print("\n".join(["", *notes]))
    return faults


def correlation_table(models: list[Model]) -> list[str]:
    """Print how each headline measure of variety ranks models and prompts. Returns its faults."""
    faults = []
    measured = set(models[0].run.results.metric)
    shown = [m for m in (*headlines("variety"), "distinct_k") if m in measured and m not in OWN]
    classes = [model.prompts("distinct_10") for model in models]
    print("| measure | models | prompts | within a prompt, over models | undefined |")
    print("|---|---|---|---|---|")
    for metric in shown:
        values = [model.prompts(metric) for model in models]
        table = np.array([[own[query] for query in classes[0]] for own in values], dtype=float)
        theirs = np.array([[own[query] for query in classes[0]] for own in classes], dtype=float)
        undefined = int(np.isnan(table).sum())
        over = float(spearmanr(np.nanmean(table, axis=1), theirs.mean(axis=1)).statistic)
        known = ~np.isnan(table)
        pooled = float(spearmanr(table[known], theirs[known]).statistic)
        columns = [
            spearmanr(table[known[:, i], i], theirs[known[:, i], i]).statistic
            for i in range(table.shape[1])
            if np.ptp(theirs[known[:, i], i]) and np.ptp(table[known[:, i], i])
        ]
        within = float(np.mean(columns))
        cells = [f"{x:.2f}".replace("0.", ".") for x in (over, pooled, within)]
        print(f"| `{metric}` | {' | '.join(cells)} | {undefined} |")
        info = metric_info(metric)
        sign = 1 if info is None or info.direction == "higher" else -1
        if sign * over < LEAST:
            faults.append(f"{metric}: ranks the models with Spearman {over:.3f}")
        if undefined:
            faults.append(f"{metric}: undefined for {undefined} prompts")
    return faults


if __name__ == "__main__":
    sys.exit(main())
