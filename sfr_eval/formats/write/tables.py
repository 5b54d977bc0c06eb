"""Tidy tables: a row for each estimate, a row for each reply."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from sfr_eval.formats.write.source import ExportSource
from sfr_eval.types import Estimate, Sample
from sfr_eval.util.files import write_atomic
from sfr_eval.util.untrusted import spreadsheet_row


def write_csv(source: ExportSource, output: Path) -> list[Path]:
    """Write estimates.csv and samples.csv.

    An undefined value is an empty cell with a reason. Text that a spreadsheet would run gets a
    quote in front; JSON lines hold it unchanged.
    """
    estimates = [asdict(estimate) for estimate in source.estimates()]
    rows = [asdict(sample) for sample in source.samples]
    return _write(
        output,
        {
            "estimates.csv": _csv([field.name for field in fields(Estimate)], estimates),
            "samples.csv": _csv([field.name for field in fields(Sample)], rows),
        },
    )


def write_jsonl(source: ExportSource, output: Path) -> list[Path]:
    """Write estimates.jsonl, and samples_<suite>.jsonl as `sfr-eval score` reads it."""
    files = {"estimates.jsonl": jsonl([asdict(e) for e in source.estimates()])}
    for suite in dict.fromkeys(sample.suite for sample in source.samples):
        rows = [asdict(sample) for sample in source.samples if sample.suite == suite]
        files[f"samples_{suite}.jsonl"] = jsonl(rows)
    return _write(output, files)


def jsonl(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the rows as JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)


def _csv(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> str:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(spreadsheet_row(row))
    return stream.getvalue()


def _write(output: Path, files: dict[str, str]) -> list[Path]:
    output.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_atomic(output / name, content)
    return [output / name for name in files]
