"""The differences in a suite as a headline and a few sentences, and the rules behind them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sfr_eval.comparison.differences import ALPHA, DifferenceRow
from sfr_eval.comparison.matched import MatchedQuality
from sfr_eval.report.numbers import Interval, number
from sfr_eval.report.verdict import Tone
from sfr_eval.temperature import OWN_TEMPERATURE, nearest


def rules(margin: float) -> tuple[str, ...]:
    """Return how calls are made, as the page prints it."""
    return (
        "Values are paired by prompt: a prompt counts only where both runs have a value. The "
        "independent unit is the query; the interval is that of the mean difference over queries "
        "(95 %, t below 50 queries, else BCa bootstrap).",
        "p is by flipping the signs of the differences: all signs up to 13 queries that differ, "
        "else 99,999 random flips; where each query is right or wrong once in each run this is "
        "McNemar's exact test. Holm's correction is over all headline metrics and temperatures of "
        "the comparison together, and over all other metrics together.",
        f"Better or worse: corrected p at most {ALPHA:g}. No difference seen: p is larger, and the "
        f"whole interval lies within {margin:.0%} of the first run's value. Otherwise the "
        "comparison is inconclusive, and the smallest visible difference is what it would call in "
        "80 % of cases, correction included.",
        "At equal quality: the most diversity that a curve over temperature has at a quality of at "
        "least the level, a share of the lower of the two best qualities; intervals resample "
        "queries with their whole curves (jackknife below 50 queries, else BCa) and are not "
        "corrected for their number.",
        "The interval holds for other queries of the same kind and other samples of the same "
        "weights. It does not hold for another training: for that, compare several seeds.",
    )


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The headline and the sentences of one suite, read at one temperature."""

    tone: Tone
    headline: str
    sentences: tuple[str, ...]
    temperature: float | None


def summarise(
    rows: Sequence[DifferenceRow], matched: Sequence[MatchedQuality], *, first: str, second: str
) -> Summary:
    """Read the headline metrics at the shared temperature nearest to 1, or at the others where
    nothing is significant there."""
    temperatures = tuple(sorted({row.temperature for row in rows}))
    if not temperatures:
        headline = "Nothing to compare: no metric and temperature in common"
        return Summary(tone="none", headline=headline, sentences=(), temperature=None)
    t = nearest(temperatures, OWN_TEMPERATURE)
    here = [row for row in rows if row.headline and row.temperature == t]
    elsewhere = [row for row in rows if row.headline and row.temperature != t]
    better, worse = (any(row.call == call for row in here) for call in ("better", "worse"))
    where = ""
    if not better and not worse:  # what is significant at another temperature must be said
        better, worse = (any(row.call == call for row in elsewhere) for call in ("better", "worse"))
        where = " at some temperatures"
    tone: Tone
    if better and worse:
        tone, headline = "unsure", f"{second} is better in some ways and worse in others{where}"
    elif better:
        tone, headline = "good", f"{second} is better than {first}{where}"
    elif worse:
        tone, headline = "bad", f"{second} is worse than {first}{where}"
    elif here and all(row.call == "no difference seen" for row in here):
        tone, headline = "none", f"No difference seen between {first} and {second}"
    else:
        tone, headline = "unsure", f"Inconclusive: {first} and {second} cannot be distinguished"
    return Summary(
        tone=tone,
        headline=headline,
        sentences=(
            *_sentences(here, t=t, second=second),
            *_elsewhere(elsewhere, second=second),
            *_at_equal_quality(matched, second=second),
        ),
        temperature=t,
    )


def _elsewhere(rows: Sequence[DifferenceRow], *, second: str) -> Iterator[str]:
    for call in ("worse", "better"):
        temperatures: dict[str, list[str]] = {}
        for row in rows:
            if row.call == call:
                temperatures.setdefault(row.metric, []).append(f"{row.temperature:g}")
        if temperatures:
            shown = ", ".join(
                f"{metric} (T = {', '.join(ts)})" for metric, ts in temperatures.items()
            )
            yield f"At other temperatures {second} is {call} in {shown}."


def _sentences(here: Sequence[DifferenceRow], *, t: float, second: str) -> Iterator[str]:
    if not here:
        yield f"No headline metric has values in both runs at T = {t:g}."
    for call in ("worse", "better"):
        if rows := [row for row in here if row.call == call]:
            shown = ", ".join(f"{row.metric} ({change(row)})" for row in rows)
            yield f"At T = {t:g} {second} is {call} in {shown}."
    if same := [row.metric for row in here if row.call == "no difference seen"]:
        yield f"No difference seen in {', '.join(same)}."
    if unsure := [row for row in here if row.call == "cannot tell"]:
        shown = ", ".join(
            row.metric
            + (f" (from {row.smallest_visible:.2g})" if row.smallest_visible is not None else "")
            for row in unsure
        )
        yield f"Inconclusive for {shown}; in parentheses the smallest visible difference."


def _at_equal_quality(matched: Sequence[MatchedQuality], *, second: str) -> Iterator[str]:
    for pair in matched:
        volume = pair.summary.hypervolume
        level = pair.summary.matched[1]  # at 0.8 of the lower best quality
        if level.value is None or level.low is None or level.high is None:
            continue
        significant = level.low > 0 or level.high < 0
        if significant and (volume.value or 0) * level.value > 0:
            more = "more" if level.value > 0 else "less"
            yield (
                f"At equal {pair.quality} ({number(level.level)}) {second} has {more} diversity "
                f"by {pair.diversity}: {Interval.of(level).text('+.3g')}"
                f"{', as 1 - value' if pair.lower_is_better else ''}."
            )


def change(row: DifferenceRow) -> str:
    """Return `0.41 to 0.46`."""
    return f"{number(row.first)} to {number(row.second)}" if row.first is not None else "undefined"
