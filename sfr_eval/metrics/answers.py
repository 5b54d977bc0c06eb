"""Replies to questions whose right answers are known: are they valid, do they cover what is valid,
and do they follow the law that the question states?

Known truth for any model. Fair draws are those of the stated law, or of equal chances where the
question states none.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sfr_eval.metrics.context import NO_TEXT, Context, metric_result
from sfr_eval.metrics.metric import Metric, Pairs, by_id
from sfr_eval.stats import known_law
from sfr_eval.stats.intervals import CONFIDENCE
from sfr_eval.stats.permutation import holm
from sfr_eval.suites.spec import QueryRow
from sfr_eval.types import Cell, MetricResult, Sample, Value

VERSION = "1"

METRICS = by_id(
    Metric("answer_valid", "higher", "Share of replies that name exactly one of the right answers.",
           range=(0, 1), outcomes=True, label="Valid answers", headline=("quality", 3), span=1.0,
           trust="verifier", primary=("quality", 3),
           pairs=Pairs(
               place=3,
               figures=(("answer_entropy_ratio",), ("answer_coverage_ratio",)),
               swept=("answer_entropy_ratio", "answer_coverage_ratio"),
               compared=("answer_entropy_ratio", "answer_coverage_ratio"),
           )),
    Metric("answer_coverage", "higher", "Share of the right answers that the k replies name.",
           range=(0, 1), outcomes=True),
    Metric("answer_coverage_ratio", "higher",
           "Right answers that the k replies name, over how many k fair draws name on average.",
           label="Coverage, of fair draws'", headline=("variety", 9), span=1.0,
           primary=("variety", 9)),
    Metric("answer_yield", "higher", "Number of different right answers among the k replies."),
    Metric("answer_entropy_ratio", "higher",
           "Entropy of the valid replies, over that of as many fair draws on average.",
           label="Entropy, of fair draws'", headline=("variety", 8), span=1.0,
           primary=("variety", 8)),
    Metric("answer_tv", "lower",
           "Total variation between the valid replies and the stated law, chance included.",
           range=(0, 1), outcomes=True),
    Metric("answer_tv_excess", "lower",
           "Total variation to the stated law, less what as many draws of the law have on average.",
           label="Distance to the stated law", headline=("quality", 4), span=1.0),
    Metric("answer_js", "lower",
           "Jensen-Shannon divergence between the valid replies and the stated law, in bits.",
           range=(0, 1), outcomes=True),
    Metric("answer_law_kept", "higher",
           "Do the valid replies pass an exact test of the stated law at 5 %? 0 or 1; draws of the "
           "law pass 95 times of 100 or more.",
           range=(0, 1), outcomes=True, label="Stated law not rejected", headline=("facts", 14)),
)  # fmt: skip

LEVEL = 0.05
TESTED_FROM = 20
"""Valid replies to a prompt below which its law is not tested: they could hardly show anything."""
UNKNOWN = "the right answers of this question are not known"
ONE_ANSWER = "only one answer is right"
NO_LAW = "the question states no law"
NONE_VALID = "no valid reply"
ONE_VALID = "fewer than 2 valid replies"
TOO_FEW_VALID = f"fewer than {TESTED_FROM} valid replies"
MEANS = 9_999
"""Draws of the mean over prompts under the laws, for its band."""


@dataclass(frozen=True, kw_only=True)
class Draws:
    """The replies to one prompt, counted by the answer that they name."""

    row: QueryRow
    total: int  # replies with text
    counts: tuple[int, ...]  # of each of the row's answers

    @property
    def valid(self) -> int:
        """How many replies name exactly one right answer."""
        return sum(self.counts)

    @property
    def named(self) -> int:
        """How many different right answers they name."""
        return sum(count > 0 for count in self.counts)

    @cached_property
    def law(self) -> known_law.Law | None:
        """The probabilities of the answers; None if the question states none."""
        stated = self.row.probabilities
        return None if stated is None else tuple(stated[answer] for answer in self.row.answers)

    @property
    def fair(self) -> known_law.Law:
        """The law, or equal chances."""
        return self.law or (1 / len(self.counts),) * len(self.counts)

    @cached_property
    def p_value(self) -> float | None:
        """Of the hypothesis that the valid replies are draws of the stated law."""
        if self.law is None or len(self.counts) < 2 or self.valid < TESTED_FROM:
            return None
        return known_law.null(self.law, self.valid).p_value(self.counts)

    def statistic(self, statistic: known_law.Statistic) -> float:
        """Return a statistic of the valid replies."""
        return float(statistic(np.array(self.counts, dtype=np.float64), self.fair))

    def by_chance(self, statistic: known_law.Statistic) -> float:
        """Return what as many fair draws have on average."""
        return known_law.expected(statistic, self.fair, self.valid)


Measure = Callable[[Draws], float | str]
"""A number, or why it is undefined."""


def compute(context: Context) -> list[MetricResult]:
    """Return answer_* for each prompt; nothing for a suite that names no answers."""
    if not any(row.answers for row in context.suite.rows.values()):
        return []
    draws = {key: draws_of(context, key, replies) for key, replies in context.by_prompt.items()}
    signature = {"naming": "strict-1"}
    tested = {**signature, "test": "G, exact or 9999 draws"}
    notes = _notes(context, draws)

    def result(metric: str, measure: Measure, **more: Any) -> MetricResult:
        values = [_value(context, key, each, measure) for key, each in draws.items()]
        return metric_result(
            METRICS[metric],
            version=VERSION,
            values=values,
            **{"signature": signature, **more},
        )

    return [
        result("answer_valid", lambda each: each.valid / each.total, notes=notes),
        result("answer_coverage", _of_several(lambda each: each.named / len(each.counts))),
        result("answer_coverage_ratio", _of_several(_coverage_ratio)),
        result("answer_yield", lambda each: float(each.named)),
        result("answer_entropy_ratio", _of_several(_entropy_ratio)),
        result("answer_tv", _of_law(lambda each: each.statistic(known_law.total_variation))),
        result("answer_tv_excess", _of_law(_excess)),
        result("answer_js", _of_law(lambda each: each.statistic(known_law.jensen_shannon))),
        result("answer_law_kept", _of_law(_law_kept), signature=tested),
    ]


def draws_of(context: Context, key: Cell, replies: Sequence[Sample]) -> Draws | None:
    """Count the replies to a prompt by the answer that they name; None if its answers are not
    known."""
    row = context.suite.rows.get(key[1])
    if row is None or not row.answers:
        return None
    named = Counter(row.naming.answer_of(reply.text) for reply in replies)
    counts = tuple(named[answer] for answer in row.answers)
    return Draws(row=row, total=len(replies), counts=counts)


def _value(context: Context, key: Cell, draws: Draws | None, measure: Measure) -> Value:
    if draws is None:
        return context.prompt_value(key, None, reason=UNKNOWN)
    number = measure(draws) if draws.total else NO_TEXT
    if isinstance(number, str):
        return context.prompt_value(key, None, reason=number)
    return context.prompt_value(key, number, reason="")


def _of_several(measure: Measure) -> Measure:
    return lambda draws: measure(draws) if len(draws.counts) > 1 else ONE_ANSWER


def _of_law(measure: Measure) -> Measure:
    def guarded(draws: Draws) -> float | str:
        if draws.law is None:
            return NO_LAW
        if len(draws.counts) < 2:
            return ONE_ANSWER
        return measure(draws) if draws.valid else NONE_VALID

    return guarded


def _coverage_ratio(draws: Draws) -> float:
    return draws.named / known_law.expected_distinct(draws.fair, draws.total)


def _entropy_ratio(draws: Draws) -> float | str:
    if draws.valid < 2:
        return ONE_VALID
    return draws.statistic(known_law.entropy) / draws.by_chance(known_law.entropy)


def _excess(draws: Draws) -> float:
    by_chance = draws.by_chance(known_law.total_variation)
    return draws.statistic(known_law.total_variation) - by_chance


def _law_kept(draws: Draws) -> float | str:
    return TOO_FEW_VALID if draws.p_value is None else float(draws.p_value > LEVEL)


def _notes(context: Context, draws: Mapping[Cell, Draws | None]) -> dict[str, Any]:
    """Return temperature -> a row for each prompt, and temperature -> what holds of all of them."""
    rows: dict[str, list[dict[str, Any]]] = {}
    summaries: dict[str, dict[str, Any]] = {}
    for temperature in sorted({key[0] for key in draws}):
        known = {
            key: each
            for key, each in draws.items()
            if each is not None and each.total and key[0] == temperature
        }
        p_values = {key: each.p_value for key, each in known.items() if each.p_value is not None}
        adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
        rows[f"{temperature:g}"] = [
            _row(key, each, adjusted=adjusted.get(key)) for key, each in known.items()
        ]
        summaries[f"{temperature:g}"] = _summary(list(known.values()), list(adjusted.values()))
    return {"answers": rows, "answer_laws": summaries}


def _row(key: Cell, draws: Draws, *, adjusted: float | None) -> dict[str, Any]:
    """Return what a table shows of one prompt."""
    low, high = _share_ends(draws.valid, draws.total)
    row: dict[str, Any] = {
        "query": key[1],
        "persona": key[2],
        "law": "none" if draws.row.law is None else "uniform" if draws.row.law == "uniform" else
               "stated",
        "answers": len(draws.counts),
        "replies": draws.total,
        "valid": draws.valid,
        "valid_low": low,
        "valid_high": high,
        "named": draws.named,
    }  # fmt: skip
    if len(draws.counts) < 2:
        return row
    fair = draws.fair
    row["fair_named"] = known_law.expected_distinct(fair, draws.total)
    row["fair_named_band"] = known_law.null(fair, draws.total).band(known_law.distinct)
    if draws.valid:
        most = max(range(len(draws.counts)), key=lambda i: draws.counts[i])
        row |= {
            "top": draws.row.answers[most],
            "top_share": draws.counts[most] / draws.valid,
            "top_fair": fair[most],
        }
    if draws.valid > 1:
        mean = draws.by_chance(known_law.entropy)
        band = known_law.null(fair, draws.valid).band(known_law.entropy)
        row["entropy_ratio"] = draws.statistic(known_law.entropy) / mean
        row["entropy_ratio_band"] = [end / mean for end in band]
    if draws.law is not None and draws.valid:
        null = known_law.null(draws.law, draws.valid)
        row |= {
            "tv": draws.statistic(known_law.total_variation),
            "tv_fair": draws.by_chance(known_law.total_variation),
            "tv_band": null.band(known_law.total_variation),
            "js": draws.statistic(known_law.jensen_shannon),
            "js_fair": draws.by_chance(known_law.jensen_shannon),
            "js_band": null.band(known_law.jensen_shannon),
            "p": draws.p_value,
            "p_holm": adjusted,
            "exact": null.exact,
        }
    return row


def _summary(draws: Sequence[Draws], adjusted: Sequence[float]) -> dict[str, Any]:
    """Return over all prompts: the fair coverage, how many depart from their law, and the bands of
    the means if every law held."""
    several = [each for each in draws if len(each.counts) > 1]
    lawful = [each for each in several if each.law is not None and each.valid]
    fair = [known_law.expected_distinct(d.fair, d.total) / len(d.counts) for d in several]
    return {
        "prompts": len(draws),
        "fair_coverage": math.fsum(fair) / len(fair) if fair else None,
        "laws": sum(each.law is not None for each in several),
        "tested": len(adjusted),
        "departing": sum(p <= LEVEL for p in adjusted),
        "p_all": min(adjusted, default=None),
        "tv_band": _mean_band(lawful, known_law.total_variation),
        "js_band": _mean_band(lawful, known_law.jensen_shannon),
    }


def _mean_band(draws: Sequence[Draws], statistic: known_law.Statistic) -> list[float] | None:
    """Return the 2.5 % and 97.5 % quantiles of the mean over prompts if all laws held."""
    if not draws:
        return None
    total = np.zeros(MEANS)
    for seed, each in enumerate(draws):
        null = known_law.null(each.fair, each.valid)
        total += null.draws(statistic, size=MEANS, seed=seed)
    tail = (1 - CONFIDENCE) / 2
    return [float(end) for end in np.quantile(total / len(draws), (tail, 1 - tail))]


def _share_ends(count: int, total: int) -> tuple[float, float]:
    """Return the ends of the exact interval of a share (Clopper & Pearson 1934)."""
    from scipy.special import betaincinv

    tail = (1 - CONFIDENCE) / 2
    low = 0.0 if count == 0 else float(betaincinv(count, total - count + 1, tail))
    high = 1.0 if count == total else float(betaincinv(count + 1, total - count, 1 - tail))
    return low, high
