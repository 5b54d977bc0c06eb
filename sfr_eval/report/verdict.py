"""What may be said about a run in a few sentences, and by which rules.

Only numbers with intervals lead to a call, and only a known truth leads to a verdict. A run of a
model alone is described, not judged.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from sfr_eval.report.numbers import percent, plain
from sfr_eval.store.results import SuiteResults
from sfr_eval.temperature import OWN_TEMPERATURE, nearest
from sfr_eval.types import Estimate

Call = Literal["kept", "lost", "undecided"]
Tone = Literal["bad", "good", "unsure", "none"]

MARGIN = 0.10
"""Share of the truth's room (its distance from nothing) that a model may lose and still keep it."""

HALF = 0.5
"""What is left of the truth's room above this is a partial loss."""

QUALITY = "oracle_valid"
STYLE = "style_accuracy"
VARIETY = "embed_distance"
VALID_VARIETY = "valid_embed_distance"
OVERLAP = "cs_self_bleu_4"
PASSED = "pass_at_1"

RULES = (
    "The truth is what the suite's own world says, sampled at temperature 1 for the same prompts "
    "with as many replies, and measured by the same metrics: a model without any collapse.",
    "The model is compared with the truth at one temperature: among those at which its share of "
    f"valid replies ({QUALITY}) cannot be told from its nearest approach to the truth's (their "
    "intervals overlap), the one nearest to 1. Without that metric it is the one nearest to 1.",
    f"Style is called by {STYLE}, variety by {VALID_VARIETY} (of valid replies alone: wrong ones "
    f"are varied too), or by {VARIETY} where that is missing. Kept: the whole interval lies above "
    f"the truth's value less {100 * MARGIN:.0f} % of the truth's distance from nothing left "
    "(chance for style, 0 for variety). Lost: not kept, and the whole interval lies below the "
    "truth's interval, both there and at the temperature nearest to 1: sampling below 1 sharpens "
    "every model. Else undecided. Disjoint intervals demand more than a test at 5 %.",
    "Variety is not called kept where validity is not.",
    "Collapse is named if style or variety is lost, denied only if both are kept; it is partial "
    f"while at least {100 * HALF:.0f} % of the truth's distance from nothing is left. Without a "
    "truth there is no verdict.",
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
    style = call(suite, STYLE, t)
    measure = variety_measure(suite, t)
    variety = call(suite, measure, t)
    lost = [metric for metric, of in ((STYLE, style), (measure, variety)) if of == "lost"]
    partial = all(_left(suite, metric, t) >= HALF for metric in lost)
    tone: Tone = "bad"
    if lost == [STYLE, measure]:
        what = "partial collapse" if partial else "collapse"
        headline = f"{what}: style and variety are both lower than the truth's"
    elif lost == [STYLE]:
        what = "partial style collapse" if partial else "style collapse"
        headline = f"{what}: the personas are harder to recognise than the truth's"
    elif lost == [measure]:
        what = "partial loss of variety" if partial else "loss of variety"
        headline = f"{what}: replies to one prompt are more alike than the truth's"
    elif style == variety == "kept":
        tone, headline = "good", "no collapse found: style and variety are kept"
    else:
        tone, headline = "unsure", "undecided: these numbers neither show nor rule out a collapse"
    return Verdict(
        tone=tone,
        headline=headline[0].upper() + headline[1:],
        sentences=tuple(_comparison(suite, t)),
        temperature=t,
    )


def variety_measure(suite: SuiteResults, t: float) -> str:
    """The metric that variety is called by, read at temperature `t`; see RULES."""
    model, truth = suite.at(VALID_VARIETY, t), suite.truth_of(VALID_VARIETY)
    there = (found is not None and found.low is not None for found in (model, truth))
    return VALID_VARIETY if all(there) else VARIETY


def call(suite: SuiteResults, metric: str, t: float) -> Call:
    """Whether style or variety, by `metric`, is kept, read at temperature `t`; see RULES."""
    found = _judge_at(suite, metric, t)
    if found == "lost":
        # A temperature below 1 makes any model less varied than a truth that was drawn at 1.
        own = _judge_at(suite, metric, suite.middle_temperature)
        return "lost" if own == "lost" else "undecided"
    if metric != STYLE and found == "kept" and _judge_at(suite, QUALITY, t) != "kept":
        return "undecided"
    return found


def _judge_at(suite: SuiteResults, metric: str, t: float) -> Call:
    return judge(suite.at(metric, t), suite.truth_of(metric), floor=_floor(suite, metric))


def _floor(suite: SuiteResults, metric: str) -> float:
    return chance(suite) if metric == STYLE else 0.0


def _left(suite: SuiteResults, metric: str, t: float) -> float:
    """Share of the truth's room that the model still has."""
    model, truth, floor = suite.at(metric, t), suite.truth_of(metric), _floor(suite, metric)
    assert model is not None and model.value is not None  # it was called lost  # noqa: PT018
    assert truth is not None and truth.value is not None  # noqa: PT018
    return (model.value - floor) / (truth.value - floor)


def _comparison(suite: SuiteResults, t: float) -> Iterator[str]:
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
    found, right = suite.at(STYLE, t), suite.truth_of(STYLE)
    if found is not None and right is not None:
        yield (
            f"Its replies are recognised as the asked persona in {percent(found)} of cases "
            f"(truth {percent(right)}, chance {100 * chance(suite):.0f} %): style "
            f"{_call_words(suite, STYLE, t)}."
        )
    measure = variety_measure(suite, t)
    apart, far = suite.at(measure, t), suite.truth_of(measure)
    if apart is not None and far is not None:
        replies = "Two valid replies" if measure == VALID_VARIETY else "Two replies"
        yield (
            f"{replies} to one prompt lie {plain(apart)} apart in meaning "
            f"(truth {plain(far)}): variety {_call_words(suite, measure, t)}."
        )


def _call_words(suite: SuiteResults, metric: str, t: float) -> str:
    found, here = call(suite, metric, t), _judge_at(suite, metric, t)
    if found == "kept":
        return "is kept"
    if found == "lost":
        return "is lower than the truth's"
    if here == "lost":
        return f"is lower here, but not surely so at T = {suite.middle_temperature:g}"
    if here == "kept":
        return "cannot be called kept, since wrong replies are varied too"
    return "cannot be called from these intervals"


def _description(suite: SuiteResults, t: float) -> Iterator[str]:
    style = suite.at(STYLE, t)
    if style is not None and suite.personas:
        held_out = suite.notes_of(STYLE).held_out_accuracy
        top = (
            f"; replies of known personas reach {100 * held_out:.0f} %"
            if held_out is not None
            else ""
        )
        floor = chance(suite)
        no_more = style.low is not None and style.low <= floor
        close = " This is not more than chance." if no_more else ""
        yield (
            f"At T = {t:g} its replies are recognised as the asked persona in {percent(style)} "
            f"of cases (chance {100 * floor:.0f} %{top}).{close}"
        )
    passed = suite.at(PASSED, t)
    if passed is not None:
        yield f"At T = {t:g} a program passes all tests in {percent(passed)} of the cases."
    apart = suite.sweep(VARIETY)
    if apart:
        yield (
            "The distance in meaning between two replies to one prompt (0 is the same) "
            f"{_course(apart, plain)}."
        )
    overlap = suite.sweep(OVERLAP)
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
    measured = suite.notes_of(STYLE).chance_accuracy
    return float(measured) if measured is not None else 1 / max(1, len(suite.personas))
