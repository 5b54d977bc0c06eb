"""What a comparison says of one suite: a headline, the count behind it, and the rules.

The headline is made of the primary family alone, and names variety and quality together: a run is
"more varied at equal quality", never just "better", since noise is varied, too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sfr_eval.comparison.decision import is_loss_ruled_out
from sfr_eval.comparison.differences import DifferenceRow
from sfr_eval.comparison.lengths import UnequalLengths
from sfr_eval.metrics.metric import PrimaryRole
from sfr_eval.metrics.table import metric_info
from sfr_eval.report.numbers import Interval, number
from sfr_eval.report.verdict import Tone

Quality = Literal["equal", "higher", "lower", "inconclusive", "not checked"]
"""What is shown of the quality beside the variety. equal: shown not to be worse by the margin."""


def rules(*, alpha: float, margin: float, trainings: bool = False) -> tuple[str, ...]:
    """Return how calls are made, as the page prints it; `trainings` for groups of them."""
    test, scope = _RUNS if not trainings else _TRAININGS
    return (
        "Values are paired by prompt: a prompt counts only where both runs have a value. The "
        "independent unit is the query.",
        "The primary family is declared before looking: one measure of variety, one of style and "
        "one of quality at one temperature, and the variety at matched quality (the suite's "
        "`primary`, or --primary). Only these rows are called. All others are exploratory: each "
        "has its own 95 % interval, and no verdict.",
        f"{test} If nothing differs, anything is called in {alpha:.1%} of comparisons. The "
        "interval of a primary row is made at the level of its step: it leaves out 0 exactly if "
        "the row is called.",
        f"A difference is small if the whole interval lies within {margin:.0%} of the metric's "
        "span, which is what full collapse does to it (docs/calibration) or the length of its "
        "scale. If the interval also holds 0, the runs are equal in this measure. Otherwise a row "
        "is inconclusive, and the questions named would show a difference of that size in 80 % of "
        "cases.",
        "Quality is, of what was measured, the most trusted: the suite's oracle, tests of "
        "programs, a judge, a reward model, and last whether replies are recognised as answers to "
        "their questions. That one sees neither the order of words nor truth, so with it alone "
        "nothing is called better.",
        "At matched quality: the most variety that the curve over the shared temperatures has at a "
        "quality of at least 80 % of the lower of the two best ones.",
        scope,
    )


_RUNS = (
    "The family is tested at once: the signs of a query's differences are flipped together, in all "
    "rows (all signs up to 13 queries, else 99,999 random flips), and rows are called step by step "
    "(Westfall and Young's max-t).",
    "The interval holds for other queries of the same kind and other samples of the same weights. "
    "It does not hold for another training: this verdict is about one training of each run.",
)
_TRAININGS = (
    "Trainings and queries are both samples: the spread between the trainings of a group and that "
    "of the queries' differences both widen the interval (clustered both ways, t with "
    "Satterthwaite's degrees of freedom, no pairing of seeds), and the family is tested by Holm's "
    "procedure. A group of a single training shows no such spread: its rows are tested over "
    "queries alone, as two runs are, and hold for this one training.",
    "The interval over several trainings holds for other seeds of training, other queries of the "
    "same kind and other samples. What the trainings of a group share, such as their data, is not "
    "varied.",
)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The headline, the count of the primary rows behind it, and a sentence for each of them."""

    tone: Tone
    headline: str
    counts: str
    sentences: tuple[str, ...]
    temperature: float | None


def summarise(
    rows: Sequence[DifferenceRow],
    *,
    first: str,
    second: str,
    lengths: UnequalLengths | None = None,
) -> Summary:
    """Summarise the primary rows of one suite. `lengths`: how the replies' lengths differ."""
    primary = [row for row in rows if row.role is not None]
    if not any(row.call not in ("not compared", "exploratory") for row in primary):
        headline = "Nothing to compare: no primary measure has values in both runs"
        if not rows:
            headline = "Nothing to compare: no metric and temperature in common"
        return Summary(tone="none", headline=headline, counts="", sentences=(), temperature=None)
    at_temperature = {row.role: row for row in primary if row.temperature is not None}
    matched = next((row for row in primary if row.temperature is None), None)
    quality = quality_status(at_temperature.get("quality"))
    variety = at_temperature.get("variety")
    length = ""
    if (
        lengths is not None
        and variety is not None
        and variety.call in ("gain", "loss")
        and lengths.explains(gain=variety.call == "gain")
    ):
        length = "shorter" if variety.call == "gain" else "longer"
    return Summary(
        tone="unsure"
        if length
        else _tone(primary, quality, trusted=_trusted(at_temperature.get("quality"))),
        headline=_headline(at_temperature, matched, quality, first=first, second=second)
        + (f", with {length} replies, which may be why" if length else ""),
        counts=_counts(primary),
        sentences=tuple(_sentences(primary)),
        temperature=next((row.temperature for row in primary if row.temperature is not None), None),
    )


def quality_status(row: DifferenceRow | None) -> Quality:
    """Return what is shown of the second run's quality."""
    if row is None or row.call == "not compared":
        return "not checked"
    if row.call == "gain":
        return "higher"
    if row.call == "loss":
        return "lower"
    lower = row.higher_is_better is False
    if row.call == "equal" or is_loss_ruled_out(
        row.low, row.high, lower_is_better=lower, margin=row.margin
    ):
        return "equal"
    return "inconclusive"


def _trusted(quality: DifferenceRow | None) -> bool:
    info = metric_info(quality.metric) if quality else None
    return info is not None and info.trust not in (None, "relevance")


def _headline(
    rows: dict[PrimaryRole | None, DifferenceRow],
    matched: DifferenceRow | None,
    quality: Quality,
    *,
    first: str,
    second: str,
) -> str:
    variety, style = rows.get("variety"), rows.get("style")
    parts = []
    subject = _variety(variety, matched)
    if subject:
        row = rows.get("quality")
        beside = _beside(row, quality)
        if "at matched quality" in subject and beside.startswith("at ") and row is not None:
            # "at matched quality at equal quality" would read as a slip.
            words, bracket, note = beside.removeprefix("at ").partition(" (")
            beside = f"with {words} {_place(row)}{bracket}{note}"
        parts.append(f"{subject} {beside}")
    elif quality in ("higher", "lower"):
        measure = "quality" if _trusted(rows.get("quality")) else "relevance"
        parts.append(f"{measure} {quality}")
    if style is not None and style.call in ("gain", "loss"):
        parts.append(style.words)
    elif style is not None and style.call == "equal" and parts:
        parts.append("style kept")
    if (form := rows.get("form")) is not None and form.call == "loss":
        parts.append(form.words)
    if parts:
        return f"{second} against {first}: {', '.join(parts)}"
    called = [row for row in rows.values() if row.call != "not compared"]
    if called and all(row.call == "equal" for row in called):
        return f"No difference that matters between {first} and {second}"
    return f"Inconclusive{_needed(called)}: {first} and {second} cannot be told apart"


def _variety(variety: DifferenceRow | None, matched: DifferenceRow | None) -> str:
    """Return what is called of variety; "" for nothing."""
    calls = [(row, row.call) for row in (variety, matched) if row is not None]
    called = [row for row, call in calls if call in ("gain", "loss")]
    if not called:
        return ""
    if len({row.call for row in called}) > 1:
        return ", ".join(f"{row.words} {_place(row)}" for row in called)
    here = called[0]
    return here.words if here is variety else f"{here.words} {_place(here)}"


def _place(row: DifferenceRow) -> str:
    return "at matched quality" if row.temperature is None else f"at T = {row.temperature:g}"


def _beside(row: DifferenceRow | None, quality: Quality) -> str:
    measure = "quality" if row is None or _trusted(row) else "relevance"
    text = {
        "equal": f"at equal {measure}",
        "higher": f"at higher {measure}",
        "lower": f"at lower {measure}",
        "inconclusive": f"({measure} inconclusive)",
        "not checked": "(quality not checked)",
    }[quality]
    return text if measure == "quality" else f"{text} (fluency and truth not checked)"


def _needed(rows: Sequence[DifferenceRow]) -> str:
    """Return `: needs 12 questions, has 8`; the most that a row needs."""
    short = [(row.questions, row.n) for row in rows if row.questions is not None]
    if not short:
        return ""
    needed, n = max(short)
    return f" (needs about {needed:,} questions, has {n:,})"


def _tone(rows: Sequence[DifferenceRow], quality: Quality, *, trusted: bool) -> Tone:
    calls = {row.call for row in rows}
    if "loss" in calls:
        return "unsure" if "gain" in calls else "bad"
    if "gain" in calls:
        return "good" if trusted and quality in ("equal", "higher") else "unsure"
    return "unsure" if "inconclusive" in calls else "none"


def _counts(rows: Sequence[DifferenceRow]) -> str:
    def count(call: str) -> int:
        return sum(row.call == call for row in rows)

    return (
        f"better in {count('gain')} of {len(rows)} primary rows, worse in {count('loss')}, "
        f"equal in {count('equal')}, inconclusive in {count('inconclusive')}"
        + (f", not compared in {n}" if (n := count("not compared")) else "")
    )


def _sentences(rows: Sequence[DifferenceRow]) -> Iterator[str]:
    for row in rows:
        if row.delta is None:
            yield f"{row.metric} {row.where}: not compared ({row.reason})."
            continue
        difference = Interval(row.delta, row.low, row.high).text("+.3g")
        yield (
            f"{row.metric} {row.where}: {number(row.first)} to {number(row.second)}, "
            f"{difference}: {row.words}."
        )
