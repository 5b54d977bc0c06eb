"""The four numbers that a reader sees first: variety, style, quality, and length with its cut.

The same board stands on the page, on the terminal, in the index and in a notebook.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from sfr_eval.metrics.table import direction, label, metric_info, primary_metrics
from sfr_eval.report.columns import Number, aligned
from sfr_eval.report.numbers import Interval
from sfr_eval.report.row_counts import is_called
from sfr_eval.report.verdict import Tone
from sfr_eval.report.whisker import Whisker, whisker
from sfr_eval.store.results import SuiteResults
from sfr_eval.types import Estimate

ScoreRole = Literal["variety", "style", "quality", "length"]

LENGTH, CUT = "length", "truncation_rate"
MUCH_CUT = 0.2
REFERENCE = "the reference"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """This run minus what it is compared with."""

    name: str
    interval: Interval
    text: str  # `+0.041 ± 0.012`
    words: str = ""  # what is called of it; "" where nothing is
    tone: Tone = "none"  # of the call

    @property
    def arrow(self) -> str:
        """Whether this run has more or less; "" for neither, as it is rounded."""
        return {"+": "▲", "-": "▼"}.get(self.text[:1], "")


@dataclass(frozen=True, kw_only=True)
class Score:
    """One card."""

    role: ScoreRole
    metric: str
    estimate: Estimate
    whisker: Whisker | None = None
    differences: tuple[Difference, ...] = ()

    @property
    def label(self) -> str:
        """The metric in plain words."""
        return label(self.metric)

    @property
    def direction(self) -> str:
        """`higher is better`; "" if neither way is."""
        return direction(self.metric)

    @property
    def number(self) -> Number:
        """Value and interval apart."""
        return aligned([Interval.of(self.estimate)])[0]

    @property
    def text(self) -> str:
        """`0.37 ± 0.03`."""
        return Interval.of(self.estimate).rounded(without="")


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A card without a number."""

    role: ScoreRole
    how: str  # a clause: why it is missing, or what gives it


@dataclass(frozen=True, kw_only=True)
class Scoreboard:
    """The cards of one suite at one temperature; a role that was not measured is in `missing`."""

    temperature: float
    cards: tuple[Score, ...]
    missing: tuple[Missing, ...] = ()
    cut: Estimate | None = None  # share of replies that were cut

    @property
    def cut_text(self) -> str:
        """`3 % cut`; "" where it is not known."""
        if self.cut is None or self.cut.value is None:
            return ""
        percent = 100 * self.cut.value
        return f"{percent:.{0 if percent >= 10 or percent == round(percent) else 1}f} % cut"

    @property
    def much_cut(self) -> bool:
        """Whether so many replies were cut that no number is one of whole replies."""
        return self.cut is not None and (self.cut.value or 0.0) > MUCH_CUT

    def card(self, role: ScoreRole) -> Score | None:
        """Return the card of a role."""
        return next((card for card in self.cards if card.role == role), None)

    @property
    def places(self) -> tuple[Score | Missing, ...]:
        """Every role in its place."""
        order = get_args(ScoreRole)
        return tuple(
            sorted((*self.cards, *self.missing), key=lambda place: order.index(place.role))
        )


def scoreboard(suite: SuiteResults, *, temperature: float | None = None) -> Scoreboard:
    """Return the scoreboard of a suite, at the temperature nearest to 1 unless another is named."""
    t = suite.middle_temperature if temperature is None else temperature
    cards = tuple(_cards(suite, t))
    measured = {card.role for card in cards}
    return Scoreboard(
        temperature=t,
        cards=cards,
        missing=tuple(
            Missing(role=role, how=_how(suite, t, role))
            for role in get_args(ScoreRole)
            if role not in measured
        ),
        cut=suite.at(CUT, t),
    )


def _cards(suite: SuiteResults, t: float) -> Iterator[Score]:
    ids = [metric for metric in suite.metrics if suite.at(metric, t)]
    for role in get_args(ScoreRole):
        for metric in _candidates(role, ids)[:1]:
            estimate = suite.at(metric, t)
            assert estimate is not None
            yield Score(
                role=role,
                metric=metric,
                estimate=estimate,
                whisker=whisker(estimate, reference=_reference(suite, metric)),
                differences=tuple(differences(suite, estimate)),
            )


def _candidates(role: ScoreRole, ids: list[str]) -> list[str]:
    """Return the metrics that may stand for a role, the first choice first."""
    if role == "length":
        return [LENGTH] if LENGTH in ids else []
    return primary_metrics(role, ids)


def _how(suite: SuiteResults, t: float, role: ScoreRole) -> str:
    """Return why there is no number for a role, or what gives one."""
    if role == "variety" and suite.samples < 2:
        return "needs two replies to a prompt: --samples 2 or more"
    for metric in _candidates(role, suite.metrics):
        estimate = suite.estimates.get((metric, t, ""))
        if estimate is not None and estimate.reason:
            return f"undefined: {estimate.reason}"
    if role == "variety":
        return "add semantic to --metrics, or lexical where there is no encoder"
    if role == "style":
        return "add style to --metrics" if suite.personas else "the suite has no personas"
    if role == "quality":
        return "--judge MODEL scores it; relevance in --metrics needs no judge"
    return "add text to --metrics"


def _reference(suite: SuiteResults, metric: str) -> Estimate | None:
    """Return what the suite's synthetic benchmark, or its teacher, reaches."""
    return None if suite.reference_of else suite.truth_of(metric)


def differences(suite: SuiteResults, estimate: Estimate) -> Iterator[Difference]:
    """Yield an estimate's differences to the reference distribution, references, base model."""
    reference = _reference(suite, estimate.metric)
    paired = suite.paired.get((estimate.metric, estimate.temperature))
    if paired is not None:  # by which the verdict goes, too
        yield _by_question(paired)
    elif reference is not None:
        assert estimate.value is not None
        assert reference.value is not None
        delta, apart = Interval(estimate.value - reference.value), _apart(estimate, reference)
        yield Difference(
            name=REFERENCE,
            interval=delta,
            text=aligned([Interval.of(estimate), delta], signed=True)[1].text,
            words="" if apart is None else "intervals apart" if apart else "intervals overlap",
            tone=_tone(estimate.metric, delta.value or 0.0) if apart else "none",
        )
    for one in suite.against:
        for row in one.rows:
            if row.metric == estimate.metric and row.temperature == estimate.temperature:
                delta = Interval(row.delta, row.low, row.high)
                yield Difference(
                    name=one.name,
                    interval=delta,
                    text=aligned([delta], signed=True)[0].text,
                    words=row.words,
                    tone=_tone(row.metric, row.delta or 0.0) if is_called(row) else "none",
                )


def _by_question(row: Estimate) -> Difference:
    """Return a difference to the teacher, paired by question."""
    delta = Interval(row.value, row.low, row.high)
    words = ""
    tone: Tone = "none"
    if row.low is not None and row.high is not None:
        apart = not row.low <= 0 <= row.high
        words = "interval leaves out 0" if apart else "interval includes 0"
        tone = _tone(row.metric, row.value or 0.0) if apart else "none"
    return Difference(
        name=REFERENCE,
        interval=delta,
        text=aligned([delta], signed=True)[0].text,
        words=words,
        tone=tone,
    )


def _apart(a: Estimate, b: Estimate) -> bool | None:
    """Return whether the intervals of two estimates share no value; None without intervals."""
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return None
    return a.high < b.low or b.high < a.low


def _tone(metric: str, delta: float) -> Tone:
    info = metric_info(metric)
    if info is None or info.higher_is_better is None or not delta:
        return "none"
    return "good" if (delta > 0) == info.higher_is_better else "bad"
