"""Runs programs that nobody has read: isolation, verdict modes, verdicts."""

from sfr_eval.sandbox.grade import grade
from sfr_eval.sandbox.types import (
    MODES,
    AssertsProblem,
    CallsProblem,
    FunctionalProblem,
    HumanEvalProblem,
    IoTest,
    Limits,
    Mode,
    Problem,
    Program,
    ProgramStatus,
    StdinProblem,
    TestVerdict,
    Verdict,
)

__all__ = [
    "MODES",
    "AssertsProblem",
    "CallsProblem",
    "FunctionalProblem",
    "HumanEvalProblem",
    "IoTest",
    "Limits",
    "Mode",
    "Problem",
    "Program",
    "ProgramStatus",
    "StdinProblem",
    "TestVerdict",
    "Verdict",
    "grade",
]
