"""How a gate ended: one `GateResult`, from which every output and the exit code follow."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from sfr_eval.comparison.decision import Call
from sfr_eval.report.numbers import Interval, number
from sfr_eval.util.untrusted import clean

FORMAT = 2

RowVerdict = Literal["pass", "fail", "unverified", "skipped", "error"]
"""unverified: more varied, while nothing shows that quality is not worse; skipped: inconclusive for
lack of data, unsupported, or a loss that was traded for quality; error: could not be computed."""

GateVerdict = Literal["passed", "failed", "incomplete", "invalid"]

PASSED, FAILED, INVALID, INCOMPLETE = 0, 1, 2, 3
RESERVED = (INVALID, INCOMPLETE, 130)
"""Exit codes that a failed gate may not use."""


@dataclass(frozen=True, kw_only=True)
class GateDecision:
    """The verdict of one row, and the numbers that led to it."""

    verdict: RowVerdict
    reason: str
    call: Call = "not compared"
    words: str = "not compared"
    small: bool = False  # the whole interval lies within the margin
    low: float | None = None  # interval of candidate minus baseline
    high: float | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    minimum_detectable: float | None = None


@dataclass(frozen=True, kw_only=True)
class GateRow:
    """One check at one temperature of one suite, candidate minus baseline. None is undefined."""

    suite: str
    metric: str
    slice: str  # `difficulty=hard`, or ""
    temperature: float | None  # None: at matched quality
    matched: str  # the quality that is matched, or ""
    mode: str
    direction: str  # which way is better
    baseline: float | None
    candidate: float | None
    delta: float | None
    low: float | None  # interval of delta; of the regression rows, for all of them together
    high: float | None
    tolerance: float
    alpha: float
    p_value: float | None
    p_adjusted: float | None  # step-down max-t over all regression rows; the same elsewhere
    call: Call  # what `compare` says of the same row
    words: str
    small: bool
    n: int  # queries
    unequal: int  # prompts left out for unequal numbers of replies
    minimum_detectable: float | None
    verdict: RowVerdict
    reason: str

    @property
    def name(self) -> str:
        """`pass_at_1 [difficulty=hard] T=0.8`."""
        part = f" [{self.slice}]" if self.slice else ""
        where = f" at matched {self.matched}" if self.matched else ""
        where = f" T={self.temperature:g}" if self.temperature is not None else where
        return clean(f"{self.metric}{part}{where}")

    @property
    def line(self) -> str:
        """The row as a sentence."""
        reason = f": {self.reason}" if self.reason else ""
        return clean(f"{self.name}: {self.verdict}{self.numbers}{reason}")

    @property
    def numbers(self) -> str:
        """` 0.52 to 0.46 (-0.06 [-0.1, -0.02])`, or nothing."""
        if self.delta is None:
            return ""
        ends = f"{number(self.baseline, '.4g')} to {number(self.candidate, '.4g')}"
        return f" {ends} ({self.difference.text('+.3g')})"

    @property
    def difference(self) -> Interval:
        """Candidate minus baseline."""
        return Interval(self.delta, self.low, self.high)


@dataclass(frozen=True, kw_only=True)
class Side:
    """Baseline or candidate."""

    file: str
    name: str
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """How the gate ended; `exit_code` follows from `verdict`."""

    verdict: GateVerdict
    exit_code: int
    reason: str  # one line: why it did not pass
    baseline: Side
    candidate: Side
    strict: bool
    rows: tuple[GateRow, ...]
    warnings: tuple[str, ...]
    timestamp: str  # ISO 8601, UTC
    seconds: float

    @property
    def line(self) -> str:
        """The line that is printed last."""
        counts = ", ".join(
            f"{number} {name}"
            for name in ("pass", "fail", "unverified", "skipped", "error")
            if (number := sum(row.verdict == name for row in self.rows))
        )
        parts = [f"check: {self.verdict}", counts and f" ({counts})"]
        return clean("".join(parts) + (f": {self.reason}" if self.reason else ""))

    def as_dict(self) -> dict[str, Any]:
        """The content of check.json."""
        rows = [{**asdict(row), "name": row.name} for row in self.rows]
        return {"schema_version": FORMAT, **asdict(self), "rows": rows}


def conclude(
    rows: Sequence[GateRow],
    *,
    baseline: Side,
    candidate: Side,
    strict: bool,
    fail_exit_code: int,
    timestamp: str,
    seconds: float,
    warnings: Sequence[str] = (),
    invalid: str = "",
    incomplete: str = "",
) -> GateResult:
    """Derive the result from the rows. `invalid` and `incomplete` say why there are none.

    `strict` makes rows fail that are skipped or unverified. Then, in this order: bad input is
    invalid; an incomplete run is incomplete; with a failed row the gate failed; with a row that
    could not be computed or is not verified, or if every row is inconclusive, it is incomplete;
    otherwise it passed.
    """
    if strict:
        rows = [_strict(row) if row.verdict in ("skipped", "unverified") else row for row in rows]
    failed = [row for row in rows if row.verdict == "fail"]
    errors = [row for row in rows if row.verdict == "error"]
    unverified = [row for row in rows if row.verdict == "unverified"]
    verdict: GateVerdict
    if invalid:
        verdict, code, reason = "invalid", INVALID, invalid
    elif incomplete:
        verdict, code, reason = "incomplete", INCOMPLETE, incomplete
    elif failed:
        verdict, code, reason = "failed", fail_exit_code, _names(failed)
    elif errors:
        verdict, code = "incomplete", INCOMPLETE
        reason = f"could not be computed: {_names(errors)}"
    elif unverified:
        verdict, code = "incomplete", INCOMPLETE
        reason = f"more varied, but quality is not shown to be kept: {_names(unverified)}"
    elif not any(row.verdict == "pass" for row in rows):
        verdict, code, reason = "incomplete", INCOMPLETE, "every check is inconclusive"
    else:
        verdict, code, reason = "passed", PASSED, ""
    return GateResult(
        verdict=verdict,
        exit_code=code,
        reason=reason,
        baseline=baseline,
        candidate=candidate,
        strict=strict,
        rows=tuple(rows),
        warnings=tuple(warnings),
        timestamp=timestamp,
        seconds=seconds,
    )


def _strict(row: GateRow) -> GateRow:
    return replace(row, verdict="fail", reason=f"inconclusive, and --strict is on: {row.reason}")


def _names(rows: Sequence[GateRow]) -> str:
    shown = ", ".join(f"{row.suite} {row.name}" for row in rows[:3])
    return shown + (f" and {len(rows) - 3} more" if len(rows) > 3 else "")
