"""Warnings about style: where the probe cannot be believed, and why."""

from collections.abc import Iterator

from sfr_eval.report.verdict import chance
from sfr_eval.store.results import Notes, SuiteResults

WEAK = 0.2
"""A style probe is weak if its held-out accuracy is not shown to reach this part of the way from
chance to 1."""

LEAK = 0.1
"""Questions give the personas away if they alone are shown to reach this part of that way."""

MOSTLY = 0.5
"""Share of labelled replies to questions of a single persona above which it is said."""

COPIES = 0.05
"""Share of copies above which a model may have learnt the labelled replies."""


def style_warnings(suite: SuiteResults) -> Iterator[str]:
    """Yield why style is not measured, or what its numbers do not say, a line each."""
    reasons = {
        estimate.reason
        for (metric, _, persona), estimate in suite.estimates.items()
        if metric == "style_accuracy" and not persona and estimate.value is None
    }
    for reason in sorted(reasons):
        yield f"Style is not measured: {reason}."
    if "style_accuracy" not in suite.notes:
        return
    notes, floor = suite.notes["style_accuracy"], chance(suite)
    if notes.personas_not_measured:
        yield f"Style is not measured of {', '.join(notes.personas_not_measured)}."
    if notes.exact:
        return
    if notes.held_out_accuracy is None:
        yield f"The style probe could not be tested: {notes.reason or 'no held-out data'}."
    elif above_chance(_least(notes), floor) < WEAK:
        yield (
            f"The style probe is weak: {notes.held_out_accuracy:.0%} on held-out replies (chance "
            f"{floor:.0%}, at least {_least(notes):.0%} at 95 % confidence); style numbers say "
            "little."
        )
    yield from _style_labels(notes, floor)


def _style_labels(notes: Notes, floor: float) -> Iterator[str]:
    """Warn of labelled replies that teach the probe something else than style."""
    if notes.question_low is not None and notes.question_accuracy is not None:
        if above_chance(notes.question_low, floor) > LEAK:
            yield (
                "The questions of the labelled replies alone give the persona away in "
                f"{notes.question_accuracy:.0%} of cases (chance {floor:.0%}): the style probe may "
                "know topics. Label replies of all personas to the same questions."
            )
    elif (notes.unshared_questions or 0.0) > MOSTLY:
        yield (
            f"{notes.unshared_questions:.0%} of the labelled replies answer a question that no "
            "other persona answers: the style probe may know topics. Label replies of all personas "
            "to the same questions."
        )
    share = max(notes.labelled_texts_among_replies, notes.replies_among_labelled_texts)
    if share > COPIES:
        yield (
            f"{notes.replies_among_labelled_texts:.0%} of the replies repeat a labelled text word "
            f"for word, and {notes.labelled_texts_among_replies:.0%} of the labelled texts are "
            "among them: the model may have learnt them, and the style probe then rewards memory. "
            "Label replies that it was not trained on."
        )


def _least(notes: Notes) -> float:
    low = notes.held_out_low if notes.held_out_low is not None else notes.held_out_accuracy
    return low or 0.0


def above_chance(accuracy: float, floor: float) -> float:
    """Return the part of the way from chance to always right (Cohen's kappa for equal classes): 0
    is chance, 1 is perfect, whatever the number of classes."""
    return (accuracy - floor) / (1 - floor) if floor < 1 else 0.0
