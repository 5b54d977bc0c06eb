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
from sfr_eval.util.untrusted import file_name, spreadsheet_row, whole_text


def write_csv(source: ExportSource, output: Path) -> list[Path]:
    """Write estimates.csv and samples.csv.

    An undefined value is an empty cell with a reason. Text that a spreadsheet would run gets a
    quote in front; JSON lines hold it unchanged.
    """
    files = {
        "estimates.csv": _csv(Estimate, source.estimates()),
        "samples.csv": _csv(Sample, source.samples),
    }
    return _write(output, files)


def write_jsonl(source: ExportSource, output: Path) -> list[Path]:
    """Write estimates.jsonl, and samples_<suite>.jsonl as `sfr-eval score` reads it."""
    files = {"estimates.jsonl": jsonl([asdict(e) for e in source.estimates()])}
    for suite in dict.fromkeys(sample.suite for sample in source.samples):
        rows = [asdict(sample) for sample in source.samples if sample.suite == suite]
        files[f"samples_{file_name(suite)}.jsonl"] = jsonl(rows)
    return _write(output, files)


def jsonl(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the rows as JSON lines."""
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
    return "".join(f"{whole_text(line)}\n" for line in lines)


def _csv(kind: type[Estimate | Sample], rows: Sequence[Estimate | Sample]) -> str:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, [field.name for field in fields(kind)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(spreadsheet_row(asdict(row)) for row in rows)
    return stream.getvalue()


def _write(output: Path, files: dict[str, str]) -> list[Path]:
    output.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_atomic(output / name, content)
    return [output / name for name in files]
