"""What may be said about a run in a few sentences, and by which rules.

Only numbers with intervals lead to a call, and only a known truth leads to a verdict. A run of a
model alone is described, not judged.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from sfr_eval.results import OWN_TEMPERATURE, SuiteResults, nearest
from sfr_eval.types import Estimate

Call = Literal["kept", "lost", "undecided"]
Tone = Literal["bad", "good", "unsure", "none"]

MARGIN = 0.10
"""Share of the truth's room (its distance from nothing) that a model may lose and still keep it."""

QUALITY = "oracle_valid"
STYLE = "style_accuracy"
VARIETY = "embed_distance"

RULES = (
    "The model is compared with the truth at one temperature: among those at which its share of "
    f"valid replies ({QUALITY}) cannot be told from its nearest approach to the truth's (their "
    "intervals overlap), the one nearest to 1. Without that metric it is the one nearest to 1.",
    f"Style is called by {STYLE}, variety by {VARIETY}. Kept: the whole interval lies above the "
    f"truth's value less {MARGIN:.0%} of the truth's distance from nothing left (chance for "
    "style, 0 for variety). Lost: not kept, and the whole interval lies below the truth's "
    "interval. Undecided: neither, or no interval. Disjoint intervals demand more than a "
    "test at 5 %.",
    "Variety is never called kept where validity is not kept: wrong replies are varied too.",
    "Collapse is named if style or variety is lost, denied only if both are kept. Without a truth "
    "there is no verdict.",
)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Headline and sentences for one suite. `temperature` is where the numbers were read."""

    tone: Tone
    headline: str
    sentences: tuple[str, ...]
    temperature: float


def judge(model: Estimate | None, truth: Estimate | None, *, floor: float) -> Call:
    """Has the model kept what the truth has? `floor` is the value with nothing of it left."""
    if model is None or model.low is None or model.high is None:
        return "undecided"
    if truth is None or truth.value is None or truth.low is None or truth.high is None:
        return "undecided"
    room = truth.value - floor
    if room == 0:
        return "undecided"
    limit = truth.value - MARGIN * room
    if room > 0:
        kept, lost = model.low >= limit, model.high < truth.low
    else:
        kept, lost = model.high <= limit, model.low > truth.high
    return "kept" if kept else "lost" if lost else "undecided"


def matched_temperature(suite: SuiteResults) -> float:
    """The temperature at which model and truth are compared; see RULES."""
    truth, sweep = suite.truth_of(QUALITY), suite.sweep(QUALITY)
    if truth is None or not sweep:
        return suite.middle_temperature
    gap = {t: abs((e.value or 0.0) - (truth.value or 0.0)) for t, e in sweep.items()}
    best = sweep[min(gap, key=lambda t: (gap[t], abs(t - OWN_TEMPERATURE), t))]
    equal = [t for t, estimate in sweep.items() if _overlap(estimate, best)]
    return nearest(tuple(equal), OWN_TEMPERATURE)


def _overlap(a: Estimate, b: Estimate) -> bool:
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return a.value == b.value
    return a.low <= b.high and b.low <= a.high


def verdict(suite: SuiteResults) -> Verdict:
    """What the numbers of one suite allow to be said."""
    if suite.truth:
        return _against_truth(suite)
    t = suite.middle_temperature
    sentences = tuple(_description(suite, t))
    headline = "No verdict: nothing to compare with"
    return Verdict(tone="none", headline=headline, sentences=sentences, temperature=t)


def _against_truth(suite: SuiteResults) -> Verdict:
    t = matched_temperature(suite)
    quality = judge(suite.at(QUALITY, t), suite.truth_of(QUALITY), floor=0.0)
    style = judge(suite.at(STYLE, t), suite.truth_of(STYLE), floor=chance(suite))
    variety = judge(suite.at(VARIETY, t), suite.truth_of(VARIETY), floor=0.0)
    if variety == "kept" and quality != "kept":
        variety = "undecided"
    calls = (style, variety)
    tone: Tone
    if calls == ("kept", "kept"):
        tone, headline = "good", "No collapse found: style and variety are kept"
    elif calls == ("lost", "lost"):
        tone, headline = "bad", "Collapsed: style and variety are both lower than the truth's"
    elif style == "lost":
        tone, headline = "bad", "Style collapse: personas are harder to recognise than they should"
    elif variety == "lost":
        tone, headline = "bad", "Loss of variety: replies are more alike than they should be"
    else:
        tone, headline = "unsure", "Undecided: these numbers neither show nor rule out a collapse"
    return Verdict(
        tone=tone,
        headline=headline,
        sentences=tuple(_comparison(suite, t, style=style, variety=variety)),
        temperature=t,
    )


def _comparison(suite: SuiteResults, t: float, *, style: Call, variety: Call) -> Iterator[str]:
    distinct, most = suite.at("distinct_valid", t), suite.truth_of("distinct_valid")
    if distinct is not None and most is not None:
        yield (
            f"At T = {t:g} this model gives {plain(distinct)} different valid answers in "
            f"{suite.samples} asked; the truth gives {plain(most)}."
        )
    valid, all_valid = suite.at(QUALITY, t), suite.truth_of(QUALITY)
    if valid is not None and all_valid is not None:
        yield (
            f"At T = {t:g}, {percent(valid)} of its replies are valid (truth {percent(all_valid)})."
        )
    ends = {
        "kept": "is kept",
        "lost": "is lower than the truth's",
        "undecided": "cannot be called from these intervals",
    }
    found, right = suite.at(STYLE, t), suite.truth_of(STYLE)
    if found is not None and right is not None:
        yield (
            f"Its replies are recognised as the asked persona in {percent(found)} of cases "
            f"(truth {percent(right)}, chance {chance(suite):.0%}): style {ends[style]}."
        )
    apart, far = suite.at(VARIETY, t), suite.truth_of(VARIETY)
    if apart is not None and far is not None:
        yield (
            f"Two replies to one prompt lie {plain(apart)} apart in meaning "
            f"(truth {plain(far)}): variety {ends[variety]}."
        )


def _description(suite: SuiteResults, t: float) -> Iterator[str]:
    style = suite.at(STYLE, t)
    if style is not None and suite.personas:
        held_out = suite.notes.get(STYLE, {}).get("held_out_accuracy")
        top = f"; replies of known personas reach {held_out:.0%}" if held_out is not None else ""
        floor = chance(suite)
        no_more = style.low is not None and style.low <= floor
        close = " This is not more than chance." if no_more else ""
        yield (
            f"At T = {t:g} its replies are recognised as the asked persona in {percent(style)} "
            f"of cases (chance {floor:.0%}{top}).{close}"
        )
    duplicates = suite.sweep("duplicate_rate")
    if duplicates:
        yield (
            "The chance that two replies to one prompt are the same text "
            f"{_course(duplicates, percent)}."
        )
    overlap = suite.sweep("cs_self_bleu_4")
    if overlap:
        yield (
            "The overlap between personas' replies to one question (cross-style self-BLEU-4, "
            f"lower is more distinct) {_course(overlap, plain)}."
        )
    yield (
        "Whether this is a collapse cannot be told from one run: run a baseline (its base model, "
        "or an earlier checkpoint) on the same suite and compare."
    )


def _course(sweep: dict[float, Estimate], show: Callable[[Estimate], str]) -> str:
    first, last = min(sweep), max(sweep)
    if first == last:
        return f"is {show(sweep[first])} at T = {first:g}"
    return f"goes from {show(sweep[first])} at T = {first:g} to {show(sweep[last])} at T = {last:g}"


def chance(suite: SuiteResults) -> float:
    """Style accuracy of a model without any style: measured by permutation, else 1 / personas."""
    measured = suite.notes.get(STYLE, {}).get("chance_accuracy")
    return float(measured) if measured is not None else 1 / max(1, len(suite.personas))


def plain(estimate: Estimate, *, scale: float = 1.0, unit: str = "") -> str:
    """`0.37 ± 0.03`; an interval that is not symmetric is written out. Digits follow its width."""
    if estimate.value is None:
        return "undefined"
    value = estimate.value * scale
    if estimate.low is None or estimate.high is None:
        return f"{value:.{_digits(abs(value) / 10)}f}{unit} (no interval)"
    low, high = estimate.low * scale, estimate.high * scale
    half = (high - low) / 2
    digits = _digits(half or abs(value) / 10)
    if abs((value - low) - half) > 0.05 * half:
        return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]{unit}"
    return f"{value:.{digits}f} ± {half:.{digits}f}{unit}"


def percent(estimate: Estimate) -> str:
    """A share as `57 ± 3 %`."""
    return plain(estimate, scale=100, unit=" %")


def _digits(step: float) -> int:
    """Decimals that show a step of this size with one or two digits."""
    if not step:
        return 0
    for digits in range(4):
        if step >= 2 * 10.0**-digits:
            return digits
    return 3
