"""The one rule by which two runs are called different, alike or neither.

`compare`, `check`, the report and the API all decide with `decide`: a family of paired differences,
one step-down test with shared sign flips (`stats.simultaneous`), and an interval for each row that
leaves out 0 exactly where the row is called.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sfr_eval.comparison.evidence import PairedEvidence
from sfr_eval.metrics.metric import PrimaryRole
from sfr_eval.metrics.table import metric_info
from sfr_eval.stats.permutation import FLIPS
from sfr_eval.stats.simultaneous import Differences, Simultaneous, fewest_units, step_down

ALPHA = 0.05

Call = Literal["gain", "loss", "equal", "inconclusive", "not compared", "exploratory"]
"""gain, loss: the second run has more or less of what is good, or just a higher or lower value
where neither is better. equal: the whole interval lies within the margin. exploratory: outside the
primary family, about which nothing is called."""


@dataclass(frozen=True, kw_only=True)
class FamilyRow:
    """One row of the family before anything is decided."""

    suite: str
    metric: str
    role: PrimaryRole | None  # None for a metric that a user chose to check
    evidence: PairedEvidence
    lower_is_better: bool
    margin: float | None
    tolerance: float = 0.0  # a loss up to this is no loss: what is tested is gain + tolerance
    alpha: float = ALPHA

    @property
    def sign(self) -> int:
        """A difference times this is a gain."""
        return -1 if self.lower_is_better else 1


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What the rule says of one row. The interval is that of second minus first."""

    call: Call
    small: bool = False  # the whole interval lies within the margin
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    smallest_visible: float | None = None  # true difference that is called in 80 % of cases
    questions: int | None = None  # that a call needs, where there are fewer


def decide(rows: Sequence[FamilyRow], *, flips: int = FLIPS) -> list[Decision]:
    """Decide about all rows of a family together, in their order.

    A row with fewer queries than any call needs is inconclusive and takes no part in the test.
    """
    decisions: dict[int, Decision] = {}
    testable = []
    for place, row in enumerate(rows):
        fewest = fewest_units(row.alpha)
        if row.evidence.n == 0:
            decisions[place] = Decision(call="not compared")
        elif row.evidence.n < fewest:
            decisions[place] = Decision(call="inconclusive", questions=fewest)
        else:
            testable.append(place)
    tested = step_down(
        [_gains(rows[place]) for place in testable],
        alphas=[rows[place].alpha for place in testable],
        flips=flips,
    )
    for place, outcome in zip(testable, tested, strict=True):
        decisions[place] = _decision(rows[place], outcome)
    return [decisions[place] for place in range(len(rows))]


def _gains(row: FamilyRow) -> Differences:
    differences = row.evidence.by_query(row.suite)
    return {unit: row.sign * d + row.tolerance for unit, d in differences.items()}


def _decision(row: FamilyRow, outcome: Simultaneous) -> Decision:
    low, high = outcome.low - row.tolerance, outcome.high - row.tolerance
    if low == high:
        missed = missed_part(row.evidence, alpha=row.alpha)
        low, high = low - missed, high + missed
    small = row.margin is not None and -row.margin <= low and high <= row.margin
    is_gain = outcome.low > 0 if outcome.called else None
    call = call_of(row.role, is_gain=is_gain, small=small)
    visible = row.evidence.smallest_visible(alpha=outcome.level)
    return Decision(
        call=call,
        small=small,
        low=low if row.sign > 0 else -high,
        high=high if row.sign > 0 else -low,
        p_value=outcome.p_value,
        p_adjusted=outcome.p_adjusted,
        smallest_visible=visible,
        questions=questions_needed(row.evidence.n, visible=visible, margin=row.margin)
        if call == "inconclusive"
        else None,
    )


def call_of(role: PrimaryRole | None, *, is_gain: bool | None, small: bool) -> Call:
    """Return the call of a row. `is_gain` is None if the test calls nothing; `small`: the whole
    interval lies within the margin."""
    if is_gain is None:
        return "equal" if small else "inconclusive"
    if role == "form" and is_gain:
        return "equal"  # replies that are alike are well formed, too: more of it is no merit
    return "gain" if is_gain else "loss"


def missed_part(evidence: PairedEvidence, *, alpha: float) -> float:
    """Return how far the mean difference may lie from one that all queries share: as many queries
    as could have been missed may differ by one step, which counts of right and wrong have."""
    return float((1 - (alpha / 2) ** (1 / evidence.n)) * evidence.step)


def is_loss_ruled_out(
    low: float | None, high: float | None, *, lower_is_better: bool, margin: float | None
) -> bool:
    """Return whether the interval of a difference rules out a loss of the margin."""
    if low is None or high is None or margin is None:
        return False
    return (high if lower_is_better else -low) <= margin


def questions_needed(n: int, *, visible: float | None, margin: float | None) -> int | None:
    """Return about how many queries would show a difference of the margin in 80 % of cases, if n
    show one of `visible`; None where either is unknown, or if there are enough and the result is a
    close one."""
    if not margin or not visible:
        return None
    needed = n * (visible / margin) ** 2
    return _about(needed) if needed > n else None


def _about(number: float) -> int:
    """Return the next round number: nobody plans 37 questions."""
    power = int(10 ** max(0, math.floor(math.log10(max(number, 10))) - 1))
    steps = (10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100)
    return next(step * power for step in steps if step * power >= number)


_VERBS: dict[PrimaryRole, tuple[str, str]] = {
    "variety": ("more varied", "less varied"),
    "style": ("more in style", "less in style"),
    "quality": ("better", "worse"),
    "form": ("no loss of form", "worse formed"),
}


def words(
    decision: Decision, *, metric: str, role: PrimaryRole | None, n: int, margin: float | None
) -> str:
    """Return the call as a reader sees it. Variety is never better, only more; what only relevance
    supports is not called better either."""
    if decision.call in ("gain", "loss"):
        info = metric_info(metric)
        up, down = ("higher", "lower") if role is None else _VERBS[role]
        if role is None and info is not None and info.direction != "neither":
            up, down = "better", "worse"
        if info is not None and info.trust == "relevance":
            up, down = "more relevant", "less relevant"
        by_little = ", by little" if decision.small else ""
        return f"{up if decision.call == 'gain' else down}{by_little}"
    if decision.call == "equal" and role == "form":
        return "no loss of form"
    if decision.call == "equal":
        return f"no difference beyond {margin:.2g}"
    if decision.call == "inconclusive":
        if decision.questions is None:
            return "inconclusive"
        if decision.p_value is None:
            return f"inconclusive: needs {decision.questions} questions, has {n}"
        return (
            f"inconclusive: a difference of {margin:.2g} needs about {decision.questions:,} "
            f"questions, has {n:,}"
        )
    return "" if decision.call == "exploratory" else decision.call
