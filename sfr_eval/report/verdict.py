"""The finding of a report: a headline and a few sentences that the numbers support, and the rules.

Only numbers with intervals lead to a call, and only something to compare with leads to a verdict:
the reference distribution of a synthetic benchmark, reference replies, or the run of a base model.
A run of a model alone is described (`alone.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sfr_eval.metrics.families import MAJORITY
from sfr_eval.report import known_answers
from sfr_eval.report.alone import described, how_to_compare
from sfr_eval.report.among_references import among_references
from sfr_eval.report.course import course
from sfr_eval.report.numbers import Interval
from sfr_eval.report.paired import MARGIN, RULES_PAIRED, Call, assess_paired, divergence
from sfr_eval.report.repetitions import Repetition
from sfr_eval.store.against import Against
from sfr_eval.store.results import SuiteResults
from sfr_eval.temperature import OWN_TEMPERATURE, nearest
from sfr_eval.types import Estimate

Tone = Literal["bad", "good", "unsure", "none"]

HALF = 0.5
"""A loss is partial while more than this share of the reference's range is left."""

QUALITY = "oracle_valid"
STYLE = "style_accuracy"
VARIETY = "embed_distance"
VALID_VARIETY = "valid_embed_distance"
OVERLAP = "cs_self_bleu_4"
PASSED = "pass_at_1"

RULES = (
    "The reference distribution is what the suite's own synthetic benchmark answers, sampled at "
    "temperature 1 for the same prompts with as many replies, and measured by the same metrics: a "
    "model without any collapse.",
    "The model is compared with the reference at the temperature nearest to 1 at which its share "
    f"of valid replies ({QUALITY}) is indistinguishable from its best match with the reference's: "
    "their intervals overlap. Without that metric it is the temperature nearest to 1.",
    f"Style is called by {STYLE}, variety by {VALID_VARIETY} (of valid replies alone: wrong ones "
    f"are varied too), or by {VARIETY} where that is missing. Kept: the whole interval lies above "
    f"the reference's value less {100 * MARGIN:.0f} % of the reference's distance from nothing "
    "left (chance for style, 0 for variety). Lost: not kept, and the whole interval lies below the "
    "reference's interval, both there and at the temperature nearest to 1: sampling below 1 "
    "sharpens every model. Otherwise undecided. Disjoint intervals demand more than a test at 5 %.",
    "Variety is not called kept where validity is not.",
    "The verdict is collapse if style or variety is lost, and no collapse only if both are kept. "
    f"It is partial while at least {100 * HALF:.0f} % of the reference's distance from nothing is "
    "left.",
)
"""With a synthetic benchmark."""

RULES_OF_COMPARISON = (
    "The run is compared with reference replies (--references, or the suite's), or with the run of "
    "its base model (--base-run), by the rules of `sfr-eval compare`: paired by question, one "
    "primary family (variety, style, quality) at the temperature nearest to 1, a step-down test by "
    "sign flips, and intervals that leave out 0 exactly where a row is called. All other rows are "
    "exploratory, each with its own 95 % interval.",
    "Both sides are read at equal numbers of replies to each prompt and in a common window of "
    "tokens. Where one side has more replies, as many as the other has are drawn from them.",
    "Judges and the tests of programs know only the run: against references, quality is that "
    "replies are recognised as answers to their questions.",
)

RULES_ALONE = (
    "Nothing was given to compare this run with, so its numbers are described and no verdict is "
    "given: how varied replies to a prompt should be depends on the prompt. Reference replies "
    "(--references FILE) or the run of the base model (--base-run RUN) give one.",
)


def rules(suite: SuiteResults) -> tuple[str, ...]:
    """Return how what is said of a suite is decided."""
    benchmark = (RULES_PAIRED if suite.paired else RULES) if _has_benchmark(suite) else ()
    answers = (known_answers.RULE,) if known_answers.known(suite) else ()
    compared = RULES_OF_COMPARISON if suite.against else ()
    return (*benchmark, *answers, *compared) or RULES_ALONE


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Headline and sentences for one suite. `temperature` is where the numbers were read."""

    tone: Tone
    headline: str
    sentences: tuple[str, ...]
    temperature: float


def finding(suite: SuiteResults, repeated: Sequence[Repetition] = ()) -> Finding:
    """Return the headline and the sentences that the numbers of one suite support. `repeated` are
    the repeated replies by temperature, for a run that has nothing beside it."""
    others = [one for one in suite.against if one.rows]
    refused = [one for one in suite.against if not one.rows]
    if _has_benchmark(suite):
        first = _against_benchmark(suite)
    elif known_answers.known(suite):
        first = _against_answers(suite)
    elif others:
        first = _against(suite, others.pop(0))
    else:
        first = _alone(suite, repeated)
    further = [
        sentence
        for other in (*others, *refused)
        for sentence in (f"{other.headline}.", *_against(suite, other).sentences)
    ]
    return replace(first, sentences=(*first.sentences, *further))


def _has_benchmark(suite: SuiteResults) -> bool:
    return bool(suite.truth) and not suite.reference_of


def _against_answers(suite: SuiteResults) -> Finding:
    t = suite.middle_temperature
    judged = known_answers.judge(suite, t)
    return Finding(
        tone=judged.tone, headline=judged.headline, sentences=judged.sentences, temperature=t
    )


def _against(suite: SuiteResults, against: Against) -> Finding:
    """Return what the comparison with reference replies or with a base model says."""
    t = suite.middle_temperature if against.temperature is None else against.temperature
    among = among_references(suite, t) if against.kind == "references" else ()
    return Finding(
        tone=against.tone,
        headline=against.headline,
        sentences=(*against.sentences, *among, *filter(None, [synthetic_style(suite)])),
        temperature=t,
    )


def _alone(suite: SuiteResults, repeated: Sequence[Repetition]) -> Finding:
    t = suite.middle_temperature
    here = next((one for one in repeated if one.temperature == t), None)
    headline, sentences = described(suite, t, here)
    return Finding(
        tone="none",
        headline=headline,
        sentences=(*sentences, *_description(suite, t), how_to_compare(suite)),
        temperature=t,
    )


def assess(model: Estimate | None, reference: Estimate | None, *, floor: float) -> Call:
    """Return whether the model keeps what the reference has; `floor` is the value of nothing."""
    if model is None or model.low is None or model.high is None:
        return "undecided"
    if reference is None or reference.low is None or reference.high is None:
        return "undecided"
    if reference.value is None or reference.value == floor:
        return "undecided"
    room = reference.value - floor
    limit = reference.value - MARGIN * room
    if room > 0:
        kept, lost = model.low >= limit, model.high < reference.low
    else:
        kept, lost = model.high <= limit, model.low > reference.high
    return "kept" if kept else "lost" if lost else "undecided"


def matched_temperature(suite: SuiteResults) -> float:
    """Return the temperature at which model and reference are compared; see RULES."""
    reference, sweep = suite.truth_of(QUALITY), suite.sweep(QUALITY)
    if reference is None or not sweep:
        return suite.middle_temperature
    gap = {t: abs((e.value or 0.0) - (reference.value or 0.0)) for t, e in sweep.items()}
    best = sweep[min(gap, key=lambda t: (gap[t], abs(t - OWN_TEMPERATURE), t))]
    equal = [t for t, estimate in sweep.items() if _overlap(estimate, best)]
    return nearest(tuple(equal), OWN_TEMPERATURE)


def _overlap(a: Estimate, b: Estimate) -> bool:
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return a.value == b.value
    return a.low <= b.high and b.low <= a.high


def _against_benchmark(suite: SuiteResults) -> Finding:
    t = matched_temperature(suite)
    measure = variety_measure(suite, t)
    style, variety = call(suite, STYLE, t), call(suite, measure, t)
    lost = [metric for metric, how in ((STYLE, style), (measure, variety)) if how == "lost"]
    tone: Tone = "bad"
    if lost == [STYLE, measure]:
        headline = "collapse: style and variety are both lower than in the reference distribution"
    elif lost == [STYLE]:
        headline = (
            "style collapse: the personas are harder to recognise than in the reference "
            "distribution"
        )
    elif lost == [measure]:
        headline = "loss of variety: replies to one prompt are more alike than in the reference"
    elif style == variety == "kept":
        tone, headline = "good", "no collapse found: style and variety are kept"
    else:
        tone, headline = "unsure", "undecided: these numbers neither show nor rule out a collapse"
    if lost and all(_share_left(suite, metric, t) >= HALF for metric in lost):
        headline = f"partial {headline}"
    return Finding(
        tone=tone,
        headline=headline[0].upper() + headline[1:],
        sentences=tuple(_comparison(suite, t)),
        temperature=t,
    )


def variety_measure(suite: SuiteResults, t: float) -> str:
    """Return the metric that variety is called by at temperature `t`; see RULES."""
    both = suite.at(VALID_VARIETY, t), suite.truth_of(VALID_VARIETY)
    bounded = all(estimate is not None and estimate.low is not None for estimate in both)
    return VALID_VARIETY if bounded else VARIETY


def call(suite: SuiteResults, metric: str, t: float) -> Call:
    """Return whether style or variety, by `metric`, is kept at temperature `t`; see RULES, and with
    a teacher RULES_PAIRED."""
    here = _assess_at(suite, metric, t)
    if here == "lost":
        # A temperature below 1 makes any model less varied than a reference drawn at 1.
        nearest_to_1 = _assess_at(suite, metric, suite.middle_temperature)
        return "lost" if nearest_to_1 == "lost" else "undecided"
    if metric != STYLE and here == "kept" and not _keeps_validity(suite, t):
        return "undecided"
    return here


def _assess_at(suite: SuiteResults, metric: str, t: float) -> Call:
    reference, floor = suite.truth_of(metric), _floor(suite, metric)
    if suite.paired:
        return assess_paired(suite.paired.get((metric, t)), reference, floor=floor)
    return assess(suite.at(metric, t), reference, floor=floor)


def _keeps_validity(suite: SuiteResults, t: float) -> bool:
    if not suite.paired:
        return _assess_at(suite, QUALITY, t) == "kept"
    difference, reference = suite.paired.get((QUALITY, t)), suite.truth_of(QUALITY)
    return assess_paired(difference, reference, floor=0.0, margin=MARGIN) != "lost"


def _floor(suite: SuiteResults, metric: str) -> float:
    return chance(suite) if metric == STYLE else 0.0


def _share_left(suite: SuiteResults, metric: str, t: float) -> float:
    """Return the share of the reference's range that the model still has."""
    model, reference, floor = suite.at(metric, t), suite.truth_of(metric), _floor(suite, metric)
    assert model is not None and model.value is not None  # it was called lost  # noqa: PT018
    assert reference is not None and reference.value is not None  # noqa: PT018
    return (model.value - floor) / (reference.value - floor)


def _comparison(suite: SuiteResults, t: float) -> Iterator[str]:
    def both(metric: str) -> tuple[Interval, Interval] | None:
        model, reference = suite.at(metric, t), suite.truth_of(metric)
        return (Interval.of(model), Interval.of(reference)) if model and reference else None

    # An interval without width has nothing behind its value here: in the middle of a sentence a
    # note would hide what is said, and the tables have it.
    if (distinct := both("distinct_valid")) and suite.samples > 1:
        model, reference = (one.rounded(without="") for one in distinct)
        yield (
            f"At T = {t:g}, {suite.samples} replies to a prompt hold {model} different valid "
            f"answers (reference {reference})."
        )
    if valid := both(QUALITY):
        model, reference = (one.percent(without="") for one in valid)
        yield f"At T = {t:g}, {model} of its replies are valid (reference {reference})."
    if style := both(STYLE):
        model, reference = (one.percent(without="") for one in style)
        yield (
            f"Its replies are recognised as the requested persona in {model} of cases "
            f"(reference {reference}, chance {100 * chance(suite):.0f} %): style "
            f"{_call_words(suite, STYLE, t)}."
        )
    measure = variety_measure(suite, t)
    if variety := both(measure):
        replies = "Two valid replies" if measure == VALID_VARIETY else "Two replies"
        model, reference = (one.rounded(without="") for one in variety)
        yield (
            f"{replies} to one prompt lie {model} apart in meaning "
            f"(reference {reference}): variety {_call_words(suite, measure, t)}."
        )
    if how_far := divergence(suite, t):
        yield how_far


def _call_words(suite: SuiteResults, metric: str, t: float) -> str:
    final, here = call(suite, metric, t), _assess_at(suite, metric, t)
    if final != "undecided":
        return "is kept" if final == "kept" else "is lower than the reference's"
    if here == "lost":
        return f"is lower here, but not clearly so at T = {suite.middle_temperature:g}"
    if here == "kept":
        return "cannot be called kept, since wrong replies are varied too"
    return "cannot be called from these intervals"


def _description(suite: SuiteResults, t: float) -> Iterator[str]:
    style = suite.at(STYLE, t)
    if style is not None and suite.personas:
        held_out = suite.notes_of(STYLE).held_out_accuracy
        floor, top, close = chance(suite), "", ""
        if held_out is not None:
            top = f"; the labelled replies themselves reach {100 * held_out:.0f} %"
        if style.low is not None and style.low <= floor:
            close = " This is not more than chance."
        share = Interval.of(style).percent(without="")
        yield (
            f"At T = {t:g} its replies are recognised as the requested persona in {share} of "
            f"cases (chance {100 * floor:.0f} %{top}).{close}"
        )
        if synthetic := synthetic_style(suite):
            yield synthetic
    if passed := suite.at(PASSED, t):
        share = Interval.of(passed).percent(without="")
        what = "a program passes all tests"
        if MAJORITY in suite.metrics:
            what = "a final answer is right"
        yield f"At T = {t:g} {what} in {share} of the cases."
    if len(distances := suite.sweep(VARIETY)) > 1:
        yield (
            "The distance in meaning between two replies to one prompt (0 is the same) "
            f"{course(distances)}."
        )
    if overlaps := suite.sweep(OVERLAP):
        yield (
            "The overlap between personas' replies to one question (cross-style self-BLEU-4, "
            f"lower is more distinct) {course(overlaps)}."
        )


def synthetic_style(suite: SuiteResults) -> str:
    """Return what must be said beside the style of a model that does not speak the benchmark's
    language, where the probe was fitted on the benchmark's replies; else ""."""
    if _has_benchmark(suite) or not suite.notes_of(STYLE).synthetic_labels:
        return ""
    return (
        "The style probe was fitted on synthetic replies of the suite's benchmark: a model that "
        "plays the persona in other words scores low. --style-data takes replies of your own."
    )


def chance(suite: SuiteResults) -> float:
    """Return the style accuracy of a model without style: 1 / personas that the probe knows."""
    noted = suite.notes_of(STYLE).chance_accuracy
    return float(noted) if noted is not None else 1 / max(1, len(suite.personas))
