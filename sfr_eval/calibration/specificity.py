"""Specificity: whether a metric moves with what it claims to detect, and with nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sfr_eval.calibration.attacks import Loss
from sfr_eval.calibration.checks import CheckResult
from sfr_eval.metrics.metric import Dial, Metric
from sfr_eval.stats.arrays import Floats
from sfr_eval.stats.intervals import mean_interval

LIMIT = 0.1
"""A specific metric moves by less than this part of its span with what it does not claim."""

SEEN = 0.5
"""A metric sees a loss that it claims if it falls by at least this part of its span."""

Reading = Literal["right", "better", "worse", "blind", "unclear"]
"""right: it stays, or falls with what it claims; better: it looks better although the replies are
not; worse: it falls with what it does not claim; blind: it misses what it claims; unclear: the
interval reaches beyond the limit, though the mean does not."""

LOSSES: dict[Dial, tuple[Loss, ...]] = {
    "cross": ("style",),
    "within": ("variety",),
    "both": ("variety", "style"),
}
"""What the replies lose when a dial of the benchmark is turned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """How far a metric moved, in parts of its span; above 0 it looks better. None: undefined."""

    moved: float | None
    low: float | None
    high: float | None
    queries: int
    reading: Reading | None


def claimed_losses(metric: Metric) -> tuple[Loss, ...]:
    """Return what a metric claims to detect the loss of. Without a dial that is quality, unless
    neither direction is better."""
    if metric.claims:
        return tuple(dict.fromkeys(loss for dial in metric.claims for loss in LOSSES[dial]))
    return ("quality",) if metric.higher_is_better is not None else ()


def specificity(
    metric: Metric,
    *,
    span: float | None,
    pairs: Mapping[str, Floats],
    spoils: Mapping[str, Sequence[Loss]],
) -> tuple[dict[str, Move], CheckResult]:
    """Return how far a metric moves with each change of the replies, and the check that it is
    specific.

    `pairs` maps a change to the metric's values before and after it, shape (2, queries); `spoils`
    maps it to what it takes from the replies. The check fails if a change makes the metric look
    better, if the metric falls with a loss that it does not claim, or if it misses one that it
    claims. The last is not asked of measures of quality, each of which sees its own kind of fault.
    """
    claims = claimed_losses(metric)
    moves = {
        name: _move(pair, metric, span=span, claimed=bool(set(claims) & set(spoils[name])))
        for name, pair in pairs.items()
    }
    judged = {name: row.reading for name, row in moves.items() if row.reading is not None}
    if not judged:
        return moves, CheckResult(passed=None, reason="no span, or undefined")
    parts = [
        f"{said} with {', '.join(names)}"
        for reading, said in (
            ("better", "looks better"),
            ("worse", "falls as well"),
            ("blind", "does not fall"),
        )
        if (names := [name for name, read in judged.items() if read == reading])
        and not (reading == "blind" and claims == ("quality",))
    ]
    return moves, CheckResult(passed=not parts, reason="; ".join(parts))


def _move(pair: Floats, metric: Metric, *, span: float | None, claimed: bool) -> Move:
    queries, higher = pair.shape[1], metric.higher_is_better
    if queries < 2 or not span or higher is None:
        return Move(moved=None, low=None, high=None, queries=queries, reading=None)
    interval = mean_interval(((pair[1] - pair[0]) / span * (1 if higher else -1)).tolist())
    assert interval.value is not None
    moved = interval.value
    low = moved if interval.low is None else interval.low  # equal for all queries: no interval
    high = moved if interval.high is None else interval.high
    seen = SEEN if metric.claims else LIMIT
    reading = _reading(moved, low, high, seen=seen if claimed else None)
    return Move(moved=moved, low=low, high=high, queries=queries, reading=reading)


def _reading(moved: float, low: float, high: float, *, seen: float | None) -> Reading:
    """Read a move. `seen` is how far the metric should fall; None if it should stay."""
    if moved > LIMIT:
        return "better"
    if seen is not None:
        return "right" if moved <= -seen else "blind"
    if moved < -LIMIT:
        return "worse"
    return "right" if low >= -LIMIT and high <= LIMIT else "unclear"
