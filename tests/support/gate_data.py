"""Rows and results of a gate, made up for the tests of its output."""

from typing import Any

from sfr_eval.gate.outcome import GateResult, GateRow, Side, conclude


def row(verdict: str = "pass", *, suite: str = "persona", **fields: Any) -> GateRow:
    return GateRow(
        **{
            "suite": suite,
            "metric": "style_accuracy",
            "slice": "",
            "temperature": 1.0,
            "mode": "regression",
            "direction": "higher",
            "baseline": 0.8,
            "candidate": 0.7,
            "delta": -0.1,
            "low": -0.15,
            "high": -0.05,
            "tolerance": 0.02,
            "alpha": 0.05,
            "p_value": 0.001,
            "p_adjusted": 0.002,
            "call": "loss",
            "words": "worse",
            "small": False,
            "matched": "",
            "n": 148,
            "unequal": 0,
            "minimum_detectable": 0.04,
            "verdict": verdict,
            "reason": "because",
            **fields,
        }
    )


def gate(*rows: GateRow, **fields: Any) -> GateResult:
    side = Side(file="file", name="model", fingerprint="f")
    return conclude(
        rows,
        **{
            "baseline": side,
            "candidate": side,
            "strict": False,
            "fail_exit_code": 1,
            "timestamp": "2026-11-26T07:00:00+00:00",
            "seconds": 1.5,
            **fields,
        },
    )
