"""The verdict beside a teacher: a test at 5 % whether a run is poorer than the teacher's replies.

The teacher answers the same questions, so run and teacher are compared question by question. What
makes a question hard cancels, and few replies are enough. A model that answers as the teacher does
is called collapsed in 5 of 100 runs: style and variety are tested at 2.5 % each.
"""

from typing import Literal

from sfr_eval.report.numbers import Interval
from sfr_eval.store.results import SuiteResults
from sfr_eval.types import Estimate

Call = Literal["kept", "lost", "undecided"]

RESOLUTION = 0.25
"""Half-width of the interval of a difference, in parts of the reference's range, beyond which the
absence of a loss says nothing."""

MARGIN = 0.10
"""Share of the reference's range (its distance from nothing) that a model may lose and keep it:
beside a teacher of validity, elsewhere of style and variety, too."""

RULES_PAIRED = (
    "The reference distribution is what the teacher answers under the full persona cards, as many "
    "replies to each prompt, measured by the same metrics. Style is the teacher's posterior of the "
    "requested persona by Bayes' rule. A reply is valid if the teacher might have given it: it is "
    "at most as surprising as 99 % of the teacher's own.",
    "Model and teacher are compared question by question, at the temperature nearest to 1 at which "
    "the share of valid replies is indistinguishable from its best match with the teacher's. Style "
    "is called by style_accuracy, variety by valid_embed_distance, or by embed_distance where that "
    "is missing.",
    "Lost: the 95 % interval of the paired difference lies below 0, both there and at the "
    "temperature nearest to 1. Each of the two is a test at 2.5 %, so that a model that answers as "
    "the teacher does is called collapsed in 5 of 100 runs. Kept: not lost, and the half-width of "
    f"the interval is at most {100 * RESOLUTION:.0f} % of the reference's distance from nothing "
    "left (chance for style, 0 for variety). Otherwise undecided.",
    f"Variety is not called kept where more than {100 * MARGIN:.0f} % of validity is lost.",
    "The verdict is collapse if style or variety is lost, and no collapse only if both are kept. "
    "It is partial while at least half of the reference's distance from nothing is left.",
)


def divergence(suite: SuiteResults, t: float) -> str:
    """Say how far a model is from its teacher in nats; "" where that is not known."""
    forward, reverse = suite.at("forward_kl", t), suite.at("reverse_kl", t)
    if forward is None or reverse is None:
        return ""
    there, back = (Interval.of(one).rounded(without="") for one in (forward, reverse))
    return (
        f"It is {there} nats a reply from the teacher (forward KL: what it leaves out) and {back} "
        "in reverse (what it makes up); 0 is a model that answers as the teacher does."
    )


def assess_paired(
    difference: Estimate | None, reference: Estimate | None, *, floor: float, margin: float = 0.0
) -> Call:
    """Return whether a run has what its teacher has, by their paired difference. `floor` is the
    value of nothing; a loss of `margin`, in parts of the reference's range, is none."""
    if difference is None or difference.low is None or difference.high is None:
        return "undecided"
    if reference is None or reference.value is None or reference.value <= floor:
        return "undecided"
    room = reference.value - floor
    if difference.high < -margin * room:
        return "lost"
    width = (difference.high - difference.low) / room
    return "kept" if width <= 2 * RESOLUTION else "undecided"
