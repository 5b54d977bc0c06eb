"""What is called of the rows over groups of trainings: one family, decided at once."""

from collections.abc import Sequence
from dataclasses import replace

from sfr_eval.comparison.decision import (
    ALPHA,
    Decision,
    call_of,
    missed_part,
    questions_needed,
    words,
)
from sfr_eval.comparison.differences import DifferenceRow, Measured, decided
from sfr_eval.comparison.group_estimates import method_of
from sfr_eval.comparison.replicates import Replicated
from sfr_eval.stats.hierarchical import Crossed, Step, holm_steps
from sfr_eval.stats.simultaneous import fewest_units

MOST_TRAININGS = 100
"""A verdict does not ask for more trainings than this."""


def decided_groups(measured: Sequence[Replicated], *, alpha: float = ALPHA) -> list[DifferenceRow]:
    """Return the rows with what is called of them, the primary rows of all suites and groups as one
    family.

    Rows over several trainings are decided by t and Holm's procedure. Permuting the trainings'
    labels could call nothing with 3 against 3 trainings (p is at least 2 / 20), and called no more
    with 4 against 4 (docs/benchmarks_replicates.md). Rows of a single training are decided by the
    rule for two runs. Where a family has both kinds, each gets the part of alpha that its number of
    rows is of all.
    """
    rows = [one.row for one in measured]
    places = [place for place, row in enumerate(rows) if row.role is not None and row.n > 0]
    crossed = [place for place in places if measured[place].crossed is not None]
    paired = [place for place in places if measured[place].crossed is None]
    if paired:
        pairs = [Measured(row=rows[p], evidence=measured[p].evidence) for p in paired]
        decisions = decided(pairs, alpha=alpha * len(paired) / len(places))
        rows = _placed(rows, paired, decisions)
    if crossed:
        level = alpha * len(crossed) / len(places)
        drafts = [measured[place] for place in crossed]
        rows = _placed(rows, crossed, _decided(drafts, alpha=level))
    return rows


def _placed(
    rows: Sequence[DifferenceRow], places: Sequence[int], others: Sequence[DifferenceRow]
) -> list[DifferenceRow]:
    chosen = dict(zip(places, others, strict=True))
    return [chosen.get(place, row) for place, row in enumerate(rows)]


def _decided(drafts: Sequence[Replicated], *, alpha: float) -> list[DifferenceRow]:
    fewest = fewest_units(alpha)
    few = Decision(call="inconclusive", questions=fewest)
    tests = [
        (place, draft.crossed)
        for place, draft in enumerate(drafts)
        if draft.crossed is not None and draft.row.n >= fewest
    ]
    steps = holm_steps([crossed.p_value for _, crossed in tests], alpha=alpha)
    rows = [_called(draft, few) for draft in drafts]
    for (place, crossed), step in zip(tests, steps, strict=True):
        decision = _decision(drafts[place], crossed, step, alpha=alpha)
        rows[place] = _called(drafts[place], decision)
        if decision.call == "inconclusive" and decision.questions is None:
            text = _needs(drafts[place], crossed, decision, level=step.level)
            rows[place] = replace(rows[place], words=rows[place].words + text)
    return rows


def _decision(draft: Replicated, crossed: Crossed, step: Step, *, alpha: float) -> Decision:
    row = draft.row
    low, high = crossed.ends(level=step.level)
    if not step.called:  # differences that are all equal
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        missed = missed_part(draft.evidence, alpha=alpha)
        low, high = low - missed, high + missed
    small = row.margin is not None and -row.margin <= low and high <= row.margin
    is_gain = (crossed.value > 0) == (row.higher_is_better is not False) if step.called else None
    call = call_of(row.role, is_gain=is_gain, small=small)
    visible = crossed.smallest_visible(level=step.level)
    questions = None
    if visible is None:  # nothing varies: what the steps of a share would show
        visible = draft.evidence.smallest_visible(alpha=step.level)
        if call == "inconclusive":
            questions = questions_needed(row.n, visible=visible, margin=row.margin)
    return Decision(
        call=call,
        small=small,
        low=low,
        high=high,
        p_value=step.p_value,
        p_adjusted=step.p_adjusted,
        smallest_visible=visible,
        questions=questions,
    )


def _called(draft: Replicated, decision: Decision) -> DifferenceRow:
    row, crossed = draft.row, draft.crossed
    assert crossed is not None
    was_tested = decision.p_value is not None
    return replace(
        row,
        low=decision.low,
        high=decision.high,
        method=f"{method_of(crossed)}, simultaneous" if was_tested else "none",
        test="t over trainings and queries, Holm" if was_tested else "none",
        p_value=decision.p_value,
        p_adjusted=decision.p_adjusted,
        smallest_visible=decision.smallest_visible,
        questions=decision.questions,
        small=decision.small,
        call=decision.call,
        words=words(decision, metric=row.metric, role=row.role, n=row.n, margin=row.margin),
    )


def _needs(draft: Replicated, crossed: Crossed, decision: Decision, *, level: float) -> str:
    """Return what would show a difference of the margin in 80 % of cases; "" where that is unknown,
    or if there is enough, and the result is a close one."""
    margin, visible = draft.row.margin, decision.smallest_visible
    if not margin or not visible or visible <= margin:
        return ""
    for number in range(draft.trainings + 1, MOST_TRAININGS + 1):
        more = crossed.extended(number / draft.trainings)
        if (more.smallest_visible(level=level) or 0.0) <= margin:
            return f": a difference of {margin:.2g} needs about {number} trainings of each"
    return f": a difference of {margin:.2g} needs more trainings and questions, has {draft.row.n:,}"
