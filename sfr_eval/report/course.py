"""How a metric moves over temperature, in words, and where its curve turns back."""

from collections.abc import Iterator, Mapping

from sfr_eval.report.numbers import Interval
from sfr_eval.store.results import SuiteResults
from sfr_eval.types import Estimate

DISTANCE = "embed_distance"

WORDS_SHARED = ("self_bleu_4_fixed", "self_bleu_4")
"""Overlap of two replies to one prompt, the first of them that was measured."""


def turning_point(sweep: Mapping[float, Estimate], *, highest: bool = True) -> float | None:
    """Return the temperature of the highest value (or the lowest one) if the curve turns back after
    it: the interval there and that of the last temperature are apart. None if that is not shown,
    and of intervals that are not known."""
    bounded = {
        t: (e.value, e.low, e.high)
        for t, e in sorted(sweep.items())
        if e.value is not None and e.low is not None and e.high is not None
    }
    if len(bounded) < 2:
        return None
    sign = 1 if highest else -1
    peak = max(bounded, key=lambda t: (sign * bounded[t][0], -t))
    (_, low, high), (_, last_low, last_high) = bounded[peak], bounded[max(bounded)]
    apart = last_high < low if highest else last_low > high
    return peak if apart else None


def course(sweep: Mapping[float, Estimate]) -> str:
    """Say where a curve over temperature begins and ends, and where it turns if intervals show that
    it rises and falls again, or falls and rises."""
    first, last = min(sweep), max(sweep)
    if len(sweep) == 1:
        return f"is {_place(sweep, first)}"
    for highest, verbs in ((True, ("rises", "falls")), (False, ("falls", "rises"))):
        turn = turning_point(sweep, highest=highest)
        before = {t: estimate for t, estimate in sweep.items() if turn is not None and t <= turn}
        # The way there, read backwards, must be shown as well.
        way = {-t: estimate for t, estimate in before.items()}
        if turn is not None and turning_point(way, highest=highest) == -turn:
            one, other = verbs
            return (
                f"{one} from {_place(sweep, first)} to {_place(sweep, turn)} and {other} to "
                f"{_place(sweep, last)}"
            )
    return f"goes from {_place(sweep, first)} to {_place(sweep, last)}"


def _place(sweep: Mapping[float, Estimate], t: float) -> str:
    return f"{Interval.of(sweep[t]).rounded()} at T = {t:g}"


def beyond_the_encoder(suite: SuiteResults) -> Iterator[str]:
    """Yield a warning of temperatures at which replies come nearer in meaning while they share ever
    fewer words: to an encoder, text without sense is all alike."""
    distances = suite.sweep(DISTANCE)
    peak = turning_point(distances)
    if peak is None:
        return
    last = max(distances)
    metric = next((m for m in WORDS_SHARED if suite.at(m, peak) and suite.at(m, last)), "")
    shared = [suite.at(metric, t) for t in (peak, last)]
    before, after = (estimate.value if estimate else None for estimate in shared)
    if before is None or after is None or after > before:
        return
    yield (
        f"From T = {peak:g} to {last:g} the distance in meaning falls from "
        f"{Interval.of(distances[peak]).rounded()} to {Interval.of(distances[last]).rounded()} "
        f"although the replies share ever fewer words ({metric} {before:.3g} to {after:.3g}): "
        f"hotter than the encoder can follow, to which text without sense is all alike. Read no "
        f"variety above T = {peak:g}."
    )
