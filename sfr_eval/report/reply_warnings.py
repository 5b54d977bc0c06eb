"""Warnings about the replies themselves: what makes them read as varied, or as alike, for a reason
that is no matter of variety."""

from collections.abc import Collection, Iterator

from sfr_eval.store.results import SuiteResults

MANY = 0.01
"""Share of the replies from which there is a warning."""

DISORDER = 0.05
"""Order of the words below which it tells nothing: real text had .14 or more over 100 queries, and
.08 or more over 12; word salad had less than .01 (docs/metrics/facts.md)."""

APART = 0.05
"""Part of the larger of two orders: 5 % of the words replaced by random ones take a tenth of it."""

SHARES = {
    "refusal_rate": "refuse to answer; refusals in other words read as variety",
    "language_mismatch_rate": (
        "are in another language than their prompt; measures of words and of meaning do not see "
        "across languages"
    ),
    "prompt_copy_rate": "repeat their prompt instead of answering it",
    "empty_rate": "are empty",
}
"""Metric -> what its replies do, by gravity."""


def reply_warnings(suite: SuiteResults, *, without: Collection[str] = ()) -> Iterator[str]:
    """Yield a line for each reason that holds for more than `MANY` of the replies at one of the
    temperatures or more, and one for replies whose words are in no order. `without` names metrics
    that are left out."""
    for metric, what in SHARES.items():
        shares = {t: estimate.value or 0.0 for t, estimate in suite.sweep(metric).items()}
        many = {t: share for t, share in shares.items() if share > MANY}
        if many and metric not in without:
            at = "" if len(many) == len(suite.temperatures) else f" at T = {_listed(many)}"
            least, most = (f"{share:.0%}" for share in (min(many.values()), max(many.values())))
            share = most if least == most else f"{least} to {most}"
            yield f"{share} of the replies{at} {what}."
    orders = suite.sweep("word_order").items()
    highest = {t: order.value if order.high is None else order.high for t, order in orders}
    disorder = [t for t, high in highest.items() if high is not None and high < DISORDER]
    if disorder:
        yield (
            f"T = {_listed(disorder)}: the order of the words tells nothing, as in word salad or "
            "noise; variety there is that of noise."
        )


def orders_apart(first: SuiteResults, second: SuiteResults) -> dict[float, tuple[float, float]]:
    """Return temperature -> the order of the words in both runs, where it differs: by more than
    `APART` of the larger value, and with intervals that do not meet."""
    apart = {}
    for t, one in first.sweep("word_order").items():
        two = second.at("word_order", t)
        if one.value is None or two is None or two.value is None:
            continue
        low, high = sorted((one, two), key=lambda order: order.value or 0.0)
        differ = abs(one.value - two.value) > APART * max(one.value, two.value)
        if low.high is not None and high.low is not None and low.high < high.low and differ:
            apart[t] = one.value, two.value
    return apart


def _listed(temperatures: Collection[float]) -> str:
    return ", ".join(f"{t:g}" for t in sorted(temperatures))
