"""Warnings about what the replies answer: where many of them do not answer their own question."""

from collections.abc import Iterator

from sfr_eval.metrics.table import metric_info
from sfr_eval.store.results import SuiteResults

FEW = 0.6
"""Share of replies that count as answers to their own question below which it is said. Of the
persona suite's own replies it is .92, of three real models on open questions .86 to .98; of replies
half of which are empty, refusals or off topic .48."""


def relevance_warnings(suite: SuiteResults) -> Iterator[str]:
    """Yield the temperatures at which few replies answer their own question, and why relevance is
    not measured, a line each. Nothing where a better judge of quality has spoken."""
    if any(_better_judge(metric) for metric, _, persona in suite.estimates if not persona):
        return
    rows = [
        suite.estimates["relevant_share", t, ""]
        for t in suite.temperatures
        if ("relevant_share", t, "") in suite.estimates
    ]
    for reason in dict.fromkeys(row.reason for row in rows if row.value is None and row.reason):
        yield f"Whether replies answer their questions is not measured: {reason}."
    low = {row.temperature: row.value for row in rows if row.value is not None and row.value < FEW}
    if low:
        shares = ", ".join(f"{value:.0%} at T = {t:g}" for t, value in low.items())
        yield (
            f"Few replies are recognised as answers to their own question: {shares}. Variety of "
            "replies that answer something else, or nothing, is not a merit."
        )


def _better_judge(metric: str) -> bool:
    info = metric_info(metric)
    return info is not None and info.trust in ("oracle", "verifier")
