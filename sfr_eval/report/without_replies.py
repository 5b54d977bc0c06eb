"""What is said of a suite in which no request got a reply with text."""

from collections import Counter
from collections.abc import Sequence

from sfr_eval.report.verdict import Finding
from sfr_eval.store.results import SuiteResults
from sfr_eval.types import Sample

_WORDS = {
    "error": "requests failed",
    "refused": "requests were refused",
    "no_content": "replies have no content",
    "unsupported": "requests are unsupported",
}


def without_replies(suite: SuiteResults, samples: Sequence[Sample]) -> Finding | None:
    """Return the headline of a suite without any reply; None if there is one with text, or if there
    are no samples at all."""
    if not samples or any(sample.has_text and sample.text.strip() for sample in samples):
        return None
    counts = Counter(sample.status for sample in samples)
    status, count = counts.most_common(1)[0]
    words = _WORDS.get(status, "replies are empty")
    headline = f"All {count:,} {words}"
    if count < len(samples):
        headline = f"No reply has text: {count:,} of {len(samples):,} {words}"
    errors = Counter(sample.error for sample in samples if sample.error)
    sentences = tuple(f"Most often: {error}" for error, _ in errors.most_common(1))
    return Finding(
        tone="bad",
        headline=headline,
        sentences=(*sentences, "The same command draws them again."),
        temperature=suite.middle_temperature,
    )
