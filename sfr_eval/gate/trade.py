"""What the rows of a gate say together: variety that quality does not vouch for, and a loss that
was traded for quality.

Noise and off-topic replies are varied. So more variety passes only where quality is shown not to be
worse, and less variety does not fail where quality rose by as much: then the variety that was lost
was that of bad replies.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sfr_eval.comparison.family import margin_of
from sfr_eval.comparison.lengths import UnequalLengths
from sfr_eval.gate.outcome import GateRow
from sfr_eval.metrics.metric import PrimaryRole
from sfr_eval.metrics.table import metric_info

STYLE_FOR_VARIETY = 4.0
"""A gain of style excuses a loss of variety only if it is so many times as large, in parts of the
metrics' spans: a collapsed model may well be more in style."""

_PRICES: dict[PrimaryRole, float] = {"quality": 1.0, "style": STYLE_FOR_VARIETY}
"""Form excuses nothing: it rises where replies to different questions are alike."""

Roles = Mapping[PrimaryRole, GateRow]


def judged_together(
    rows: Sequence[GateRow],
    roles: Sequence[PrimaryRole | None],
    *,
    lengths: Mapping[str, UnequalLengths],
) -> list[GateRow]:
    """Return the rows with the verdicts that they have beside each other, suite by suite. Rows
    without a role keep theirs. `lengths`: suite -> lengths that differ."""
    by_suite: dict[str, dict[PrimaryRole, GateRow]] = {}
    for row, role in zip(rows, roles, strict=True):
        if role is not None and not row.matched:
            by_suite.setdefault(row.suite, {})[role] = row
    return [
        row
        if role is None
        else _beside(row, role, by_suite.get(row.suite, {}), lengths.get(row.suite))
        for row, role in zip(rows, roles, strict=True)
    ]


def _beside(
    row: GateRow, role: PrimaryRole, family: Roles, lengths: UnequalLengths | None
) -> GateRow:
    if role == "variety" and row.verdict == "pass" and row.call == "gain" and not _small(row):
        why = _unverified(family)
        if not why and lengths is not None and lengths.explains(gain=True):
            why = f"but its replies are shorter: {lengths.words}"
        return replace(row, verdict="unverified", reason=f"{row.words}, {why}") if why else row
    fails = row.verdict == "fail" and row.call == "loss"
    if role == "variety" and fails and lengths is not None and lengths.explains(gain=False):
        reason = f"{row.words}, but its replies are longer: {lengths.words}"
        return replace(row, verdict="skipped", reason=reason)
    if role == "form" and fails and family.get("quality") and family["quality"].call == "gain":
        reason = (
            f"{row.words}, but {family['quality'].metric} rose, as it does not with noise: the "
            "baseline says the same to different questions"
        )
        return replace(row, verdict="skipped", reason=reason)
    if role in ("variety", "style") and fails:
        for other in _traded_for(row, role, family):
            reason = (
                f"{row.words}, but {other.metric} rose by more of its span: what was lost may be "
                "the variety of bad replies"
            )
            return replace(row, verdict="skipped", reason=reason)
    return row


def _unverified(family: Roles) -> str:
    """Return why the quality beside more variety is not enough; "" if it is."""
    quality, form = family.get("quality"), family.get("form")
    if quality is None:
        return "and no quality was measured"
    info = metric_info(quality.metric)
    if not _not_worse(quality):
        return f"and {quality.metric} is not shown to be kept"
    if info is not None and info.trust == "relevance":
        if form is None:
            return f"and {quality.metric} does not see noise: add a judge or a reward model"
        if not _not_worse(form):
            return f"and {form.metric} is not shown to be kept"
    return ""


def _traded_for(row: GateRow, role: PrimaryRole, family: Roles) -> Iterator[GateRow]:
    loss = _part(row)
    for other_role, times in _PRICES.items():
        other = family.get(other_role)
        if other is None or other_role == role or other.call != "gain":
            continue
        gain = _part(other)
        enough = 0.0 if role == "form" else times * (loss or 0.0)  # noise raises neither
        if loss is not None and gain is not None and gain >= enough:
            yield other


def _part(row: GateRow) -> float | None:
    """Return the size of a difference as a part of the metric's span."""
    info = metric_info(row.metric)
    if row.delta is None or info is None or not info.span:
        return None
    return abs(row.delta) / info.span


def _small(row: GateRow) -> bool:
    margin = margin_of(row.metric)
    if margin is None or row.low is None or row.high is None:
        return False
    return -margin <= row.low and row.high <= margin


def _not_worse(row: GateRow) -> bool:
    """Return whether a loss of the margin is ruled out."""
    margin = margin_of(row.metric)
    if row.call == "gain":
        return True
    if row.call == "loss" or margin is None or row.low is None or row.high is None:
        return False
    return (row.high if row.direction == "lower" else -row.low) <= margin
