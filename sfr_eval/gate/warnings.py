"""What a reader must know about a candidate besides the rows: a line each."""

from collections.abc import Iterator, Sequence

from sfr_eval.comparison.lengths import UnequalLengths, unequal_lengths
from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.gate.snapshot import Snapshot
from sfr_eval.gate.spec import Check
from sfr_eval.report.relevance_warnings import relevance_warnings
from sfr_eval.report.reply_warnings import reply_warnings


def unequal_lengths_of(
    checks: Sequence[Check], baseline: Snapshot, candidate: Snapshot
) -> dict[str, UnequalLengths]:
    """Return suite -> how the lengths of the replies differ, where variety is checked and they
    do."""
    differing: dict[str, UnequalLengths] = {}
    for check in checks:
        if check.role != "variety" or check.temperature is None:
            continue
        for suite in baseline.suites.keys() & candidate.suites.keys():
            if check.suite in (None, suite):
                first, second = (side.suites[suite].curve for side in (baseline, candidate))
                if found := unequal_lengths(first, second, check.temperature):
                    differing[suite] = found
    return differing


def warnings(
    checks: Sequence[Check], baseline: Snapshot, candidate: Snapshot, run: ScoredRun
) -> Iterator[str]:
    """Yield the warnings about a candidate, whose run folder is `run`."""
    looks = max(baseline.looks, candidate.looks)
    if looks > 1:
        yield (
            f"look {looks} at a run that was grown: alpha is divided by {looks * (looks + 1) // 2}."
        )
    for suite, lengths in unequal_lengths_of(checks, baseline, candidate).items():
        yield f"{suite}, {lengths.line}"
    for suite in baseline.suites:
        about = run.suites[suite]
        for line in (*reply_warnings(about), *relevance_warnings(about)):
            yield f"{suite}, candidate: {line}"
