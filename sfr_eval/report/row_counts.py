"""How many primary rows of a comparison went which way: a verdict rests on all of them."""

from sfr_eval.metrics.table import metric_info
from sfr_eval.store.against import Against, AgainstRow

UNDECIDED = ("inconclusive", "no difference", "no loss", "not compared", "exploratory")
"""How the words of a row begin that is not called."""


def is_called(row: AgainstRow) -> bool:
    """Return whether a row is called a change."""
    return bool(row.words) and not row.words.startswith(UNDECIDED)


def gained(row: AgainstRow) -> bool:
    """Return whether the difference of a row points where its metric is better."""
    info = metric_info(row.metric)
    more = info is None or info.higher_is_better is not False
    return ((row.delta or 0.0) > 0) == more


def row_counts(against: Against) -> str:
    """Return `better in 1 of 3 primary rows, worse in 0, equal in 0, inconclusive in 2`; "" without
    primary rows."""
    rows = [row for row in against.rows if row.role is not None]
    if not rows:
        return ""
    changed = [row for row in rows if is_called(row)]
    up = sum(map(gained, changed))
    equal = sum(row.words.startswith(("no difference", "no loss")) for row in rows)
    missing = sum(row.words.startswith("not compared") for row in rows)
    undecided = len(rows) - len(changed) - equal - missing
    return (
        f"better in {up} of {len(rows)} primary rows, worse in {len(changed) - up}, "
        f"equal in {equal}, inconclusive in {undecided}"
        + (f", not compared in {missing}" if missing else "")
    )
