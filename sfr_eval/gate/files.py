"""The output of a gate: check.json, JUnit XML, the job summary and the lines on the terminal."""

import json
from collections.abc import Mapping
from pathlib import Path

from sfr_eval.gate.github import annotations, append_summary
from sfr_eval.gate.junit import junit_xml
from sfr_eval.gate.outcome import GateResult
from sfr_eval.report.numbers import number
from sfr_eval.util.files import write_atomic, writing_to
from sfr_eval.util.progress import annotate
from sfr_eval.util.terminal import print_json, print_table


def write_gate(
    gate: GateResult, *, output: Path, junit: Path | None, environment: Mapping[str, str]
) -> None:
    """Write check.json and the other requested files, whatever the verdict."""
    content = json.dumps(gate.as_dict(), indent=1, allow_nan=False)
    for file, data in ((output, content.encode()), (junit, junit_xml(gate))):
        if file is not None:
            with writing_to(file.parent):
                file.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(file, data)
    append_summary(gate, environment)


def show_gate(gate: GateResult, *, as_json: bool, environment: Mapping[str, str]) -> list[str]:
    """Print the table or JSON, and annotations. Return the lines that follow: the verdict last."""
    if as_json:
        print_json(gate.as_dict())
    elif gate.rows:
        print_table(
            f"candidate {gate.candidate.name} against baseline {gate.baseline.name}",
            ["check", "baseline", "candidate", "difference [95 %]", "detectable", "verdict"],
            [
                [
                    f"{row.suite} {row.name}",
                    number(row.baseline, ".4g"),
                    number(row.candidate, ".4g"),
                    row.difference.text("+.3g"),
                    number(row.minimum_detectable, ".2g"),
                    f"{row.verdict}: {row.reason}",
                ]
                for row in gate.rows
            ],
        )
    for command in annotations(gate, environment):
        annotate(command)
    return [*(f"warning: {line}" for line in gate.warnings), gate.line]
