"""NoveltyBench's submission: generations.jsonl, and where classes and scores were given also
partitions.jsonl, scores.jsonl and summary.json, as its own scripts write them.

Their field `distinct` is the number of the last class, one less than the number of classes; the
summary's `mean_distinct` counts them.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.formats.write.source import ExportSource, Task
from sfr_eval.formats.write.tables import jsonl
from sfr_eval.metrics.novelty import utility_in_order
from sfr_eval.store.given import Given, read_given
from sfr_eval.thinking import answers
from sfr_eval.types import Sample
from sfr_eval.util.files import write_atomic
from sfr_eval.util.untrusted import file_name

Row = dict[str, Any]


def write(source: ExportSource, output: Path) -> list[Path]:
    """Write the files of each suite and temperature, in a folder each if there are several. Lines
    hold answers without thinking; replies without text are left out."""
    tasks = list(source.tasks())
    given = read_given(source.folder.path)
    files = []
    for task in tasks:
        folder = output / file_name(task.name) if len(tasks) > 1 else output
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in _contents(source, task, given).items():
            write_atomic(folder / name, content)
            files.append(folder / name)
    return files


def _contents(source: ExportSource, task: Task, given: Mapping[str, Given]) -> Mapping[str, str]:
    rows, classed, scored = [], [], []
    for (query, persona), all_samples in task.samples.items():
        if persona:
            raise UserError(
                f"export --format noveltybench: suite {task.suite.id} has personas, which the "
                "format cannot name; use --format jsonl"
            )
        prompt = source.prompts[task.suite.id, query, persona]
        samples = [
            sample
            for sample in answers(list(all_samples), source.manifest.thinking)
            if sample.has_text
        ]
        row: Row = {
            "id": query,
            "prompt": prompt.messages[-1].content,
            "model": source.model,
            "generations": [sample.text for sample in samples],
        }
        rows.append(row)
        said = [given[sample.sample_id] for sample in samples if sample.sample_id in given]
        if partition := _partition(samples, said):
            row = {**row, "partition": partition, "distinct": max(partition)}
            classed.append(row)
            if scores := _scores(partition, said):
                scored.append({**row, **scores})
    contents = {"generations.jsonl": jsonl(rows)}
    if len(classed) == len(rows):
        contents["partitions.jsonl"] = jsonl(classed)
    if len(scored) == len(rows):
        contents["scores.jsonl"] = jsonl(scored)
        contents["summary.json"] = json.dumps(_summary(scored), indent=2)
    return contents


def _partition(samples: Sequence[Sample], said: Sequence[Given]) -> list[int]:
    """Return the class of each reply, numbered from 0 in order; [] if one has none."""
    groups = [row.group for row in said]
    if not samples or len(said) < len(samples) or None in groups:
        return []
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    return [numbers[group] for group in groups]


def _scores(partition: Sequence[int], said: Sequence[Given]) -> Row:
    """Return the fields that scores.jsonl adds; {} without the score of every class."""
    scores = [row.score for row in said]
    utility = utility_in_order(partition, scores)
    if utility is None:
        return {}
    opens = [own not in partition[:place] for place, own in enumerate(partition)]
    firsts = [score if first else 0 for first, score in zip(opens, scores, strict=True)]
    return {
        "generation_scores": firsts,
        "partition_scores": [score for first, score in zip(opens, firsts, strict=True) if first],
        "utility": utility,
    }


def _summary(rows: Sequence[Row]) -> Row:
    counts = [len(row["partition_scores"]) for row in rows]
    return {
        "mean_distinct": math.fsum(counts) / len(rows),
        "mean_utility": math.fsum(row["utility"] for row in rows) / len(rows),
    }
