"""What a report says of draws whose right answers are known: the verdict and the table of prompts.

The truth is known for every model, so there is a verdict without a second run. See `RULE`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sfr_eval.report.numbers import Interval, number, p_text
from sfr_eval.report.replies import replies_address
from sfr_eval.store.results import SuiteResults
from sfr_eval.types import Estimate

VALID = "answer_valid"
COVERAGE = "answer_coverage"
COVERAGE_RATIO = "answer_coverage_ratio"
ENTROPY_RATIO = "answer_entropy_ratio"

LEVEL = 0.05
LOST = 0.9
"""Part of what fair draws have below which the whole interval must lie for a loss of variety."""
MOSTLY_VALID = 0.9
HALF_VALID = 0.5
"""Share of valid replies below which the verdict is about them, not about their variety."""

RULE = (
    "Where the right answers are known, the replies are held against the law that each question "
    "states, at the temperature nearest to 1. A prompt departs from its law if an exact test of "
    "its valid replies says so at 5 % with Holm's correction over all prompts: a model that "
    "follows every law is called in at most 5 % of runs. Variety is called lost where the whole "
    f"interval of the coverage or of the entropy lies below {LOST:g} of what fair draws have, if "
    "at least half of the replies are valid. A law that is not rejected is not thereby shown to be "
    "followed: the bands say what the replies can show."
)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The verdict on one suite at one temperature."""

    tone: Literal["bad", "good", "unsure", "none"]
    headline: str
    sentences: tuple[str, ...]


def known(suite: SuiteResults) -> bool:
    """Return whether the suite's right answers are known, several to a question."""
    rows = suite.notes_of(VALID).answers.values()
    return any(row["answers"] > 1 for prompts in rows for row in prompts)


def judge(suite: SuiteResults, t: float) -> Judgement:
    """Return the verdict; see `RULE`."""
    summary = suite.notes_of(VALID).answer_laws.get(f"{t:g}", {})
    departing, tested = int(summary.get("departing", 0)), int(summary.get("tested", 0))
    lost = [
        name
        for name, metric in (("coverage", COVERAGE_RATIO), ("entropy", ENTROPY_RATIO))
        if _below(suite.at(metric, t))
    ]
    valid = suite.at(VALID, t)
    tone: Literal["bad", "good", "unsure"] = "bad"
    if valid is not None and (valid.value or 0.0) < HALF_VALID:
        headline = "most replies are not valid answers"
        if tested:
            headline += f"; those that are depart from the law in {departing} of {tested} prompts"
    elif departing:
        headline = f"the replies do not follow the stated law in {departing} of {tested} prompts"
        headline += ", and variety is lost" if lost else ""
    elif lost:
        headline = f"loss of variety: {' and '.join(lost)} below those of fair draws"
    elif valid is None or valid.low is None or valid.low < MOSTLY_VALID or not tested:
        tone = "unsure"
        headline = "undecided: too few replies to hold against the law"
        if tested:
            headline = f"no departure found in {tested} prompts, but many replies are not valid"
    else:
        tone, headline = "good", f"no departure from the stated law found in {tested} prompts"
    first, *rest = (part for part in _parts(suite, t) if part)
    sentences = [f"At T = {t:g}, {first}.", *(f"{part[0].upper()}{part[1:]}." for part in rest)]
    return Judgement(
        tone=tone,
        headline=headline[0].upper() + headline[1:],
        sentences=(*sentences, *_extremes(suite, t)),
    )


def _below(estimate: Estimate | None) -> bool:
    return estimate is not None and estimate.high is not None and estimate.high < LOST


def _parts(suite: SuiteResults, t: float) -> list[str]:
    """Return what there is to say of validity, coverage, entropy and laws."""
    notes = suite.notes_of(VALID)
    summary, rows = notes.answer_laws.get(f"{t:g}", {}), notes.answers.get(f"{t:g}", [])
    valid, covers = suite.at(VALID, t), suite.at(COVERAGE, t)
    parts = []
    if valid:
        share = Interval.of(valid).percent(without="")
        parts.append(f"{share} of the replies are valid answers")
    if covers and covers.value is not None and summary.get("fair_coverage") is not None:
        parts.append(
            f"they cover {100 * covers.value:.0f} % of what is valid, where fair draws would cover "
            f"{100 * summary['fair_coverage']:.0f} %"
        )
    if entropy := suite.at(ENTROPY_RATIO, t):
        parts.append(f"their entropy is {_percent(entropy)} of that of fair draws")
    for law, words in (("stated", "the stated odds"), ("uniform", "equal chances")):
        tested = [row for row in rows if row["law"] == law and row.get("p_holm") is not None]
        untested = sum(row["law"] == law and row.get("p_holm") is None for row in rows)
        few = f" ({untested} with too few valid replies)" if untested else ""
        if tested:
            departing = sum(row["p_holm"] <= LEVEL for row in tested)
            parts.append(f"they depart from {words} in {departing} of {len(tested)} prompts{few}")
        elif untested:
            parts.append(f"{words} are not tested{few}")
    return parts


def _percent(ratio: Estimate) -> str:
    """Return a ratio that may exceed 1."""
    return Interval.of(ratio).rounded(scale=100, unit=" %")


def _extremes(suite: SuiteResults, t: float) -> list[str]:
    """Return a sentence on the prompt that is furthest from its law."""
    rows = suite.notes_of(VALID).answers.get(f"{t:g}", [])
    apart = [row for row in rows if row.get("p_holm") is not None and row["p_holm"] <= LEVEL]
    if not apart:
        return []
    worst = max(apart, key=lambda row: row["tv"] - row["tv_fair"])
    return [
        f"Furthest from its law is {name_of(worst)}: {100 * worst['top_share']:.0f} % of the valid "
        f"replies are {worst['top']!r}, where {100 * worst['top_fair']:.0f} % were asked for."
    ]


def name_of(row: Mapping[str, Any]) -> str:
    """Return the name of a prompt's row."""
    return f"{row['query']}/{row['persona']}" if row["persona"] else str(row["query"])


def table(suite: SuiteResults, *, box: str) -> list[dict[str, Any]]:
    """Return for each temperature a row of texts for each prompt; [] if no answers are known. `box`
    is the id of the reply browser that rows lead to."""
    if not known(suite):
        return []
    return [
        {
            "temperature": float(t),
            "rows": [_texts(row) | {"replies": _address(row, box=box, t=t)} for row in rows],
        }
        for t, rows in suite.notes_of(VALID).answers.items()
    ]


def _address(row: Mapping[str, Any], *, box: str, t: str) -> str:
    place = {key: row[key] for key in ("query", "persona") if row[key]}
    return replies_address(box, temperature=t, **place)


def _texts(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cells of one prompt; a band is what fair draws would give."""
    top = "-"
    if "top" in row:
        top = f"{row['top']}: {100 * row['top_share']:.0f} % (fair {100 * row['top_fair']:.0f} %)"
    return {
        "name": name_of(row),
        "cells": [
            f"{100 * row['valid'] / row['replies']:.0f} % "
            f"[{100 * row['valid_low']:.0f}, {100 * row['valid_high']:.0f}]",
            f"{row['named']} of {row['answers']}",
            _with_band(row.get("fair_named"), row.get("fair_named_band"), ".1f", ".0f"),
            top,
            _with_band(row.get("entropy_ratio"), row.get("entropy_ratio_band"), ".2f", ".2f"),
            _with_band(row.get("tv"), row.get("tv_band"), ".3f", ".3f"),
            _with_band(row.get("js"), row.get("js_band"), ".3f", ".3f"),
            p_text(row.get("p")),
            p_text(row.get("p_holm")),
        ],
        "departs": row.get("p_holm") is not None and row["p_holm"] <= LEVEL,
    }


def _with_band(value: float | None, band: Sequence[float] | None, spec: str, ends: str) -> str:
    if value is None or band is None:
        return number(value, spec)
    return f"{value:{spec}} ({band[0]:{ends}} to {band[1]:{ends}})"
