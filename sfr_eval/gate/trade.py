"""What the rows of a gate say together: variety that quality does not vouch for, and a loss that
was traded for quality.

Noise and off-topic replies are varied. So more variety passes only where quality is shown not to be
worse, and less variety does not fail where quality rose by as much: then the variety that was lost
was that of bad replies.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sfr_eval.comparison.decision import is_loss_ruled_out
from sfr_eval.comparison.family import margin_of
from sfr_eval.comparison.lengths import UnequalLengths
from sfr_eval.gate.outcome import GateRow
from sfr_eval.metrics.metric import PrimaryRole
from sfr_eval.metrics.table import metric_info

EXCUSES: dict[PrimaryRole, dict[PrimaryRole, float]] = {
    "variety": {"quality": 1.0, "form": 1.0, "style": 4.0},
    "style": {"quality": 1.0},
    "form": {"quality": 0.0, "style": 1.0},
}
"""What is lost -> what excuses it, if it rose by so many times the loss, in parts of the metrics'
spans. A collapsed model may well be more in style, so style has to rise a lot to pay for variety.
Form falls where a baseline said the same to different questions, and noise raises neither quality
nor style, so there any quality will do. Form itself rises when noise goes and when replies become
formulaic: it excuses nothing, but leaves a loss of variety open."""

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
    if role == "variety" and row.verdict == "pass" and row.call == "gain" and not row.small:
        why = _unverified(family)
        if not why and lengths is not None and lengths.explains(gain=True):
            why = f"but its replies are shorter: {lengths.words}"
        return replace(row, verdict="unverified", reason=f"{row.words}, {why}") if why else row
    fails = row.verdict == "fail" and row.call == "loss"
    if role == "variety" and fails and lengths is not None and lengths.explains(gain=False):
        reason = f"{row.words}, but its replies are longer: {lengths.words}"
        return replace(row, verdict="skipped", reason=reason)
    if fails:
        for other in _excuses(row, role, family):
            if other is family.get("form"):
                reason = (
                    f"{row.words}, while {other.metric} rose by as large a part of its span: "
                    "either noise is gone, or replies are more formulaic; a judge or a reward "
                    "model tells"
                )
                return replace(row, verdict="unverified", reason=reason)
            reason = (
                f"{row.words}, but {other.metric} rose by as large a part of its span: what was "
                "lost may be that of bad replies"
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


def _excuses(row: GateRow, role: PrimaryRole, family: Roles) -> Iterator[GateRow]:
    loss = _part(row)
    for other_role, times in EXCUSES.get(role, {}).items():
        other = family.get(other_role)
        if other is None or loss is None or not _rose(other):
            continue
        gain = _part(other)
        if gain is not None and gain >= times * loss:
            yield other


def _rose(row: GateRow) -> bool:
    """Return whether a gain is shown; of form, too, which is never called better."""
    if row.low is None or row.high is None:
        return False
    return row.high < 0 if row.direction == "lower" else row.low > 0


def _part(row: GateRow) -> float | None:
    """Return the size of a difference as a part of the metric's span."""
    info = metric_info(row.metric)
    if row.delta is None or info is None or not info.span:
        return None
    return abs(row.delta) / info.span


def _not_worse(row: GateRow) -> bool:
    return row.call != "loss" and is_loss_ruled_out(
        row.low,
        row.high,
        lower_is_better=row.direction == "lower",
        margin=margin_of(row.metric),
    )
