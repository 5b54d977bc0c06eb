"""The four numbers that a reader sees first: variety, style, quality, and length with its cut.

The same board stands on the page, on the terminal, in the index and in a notebook.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sfr_eval.metrics.table import direction, label, primary_metrics
from sfr_eval.report.numbers import Interval
from sfr_eval.store.results import SuiteResults
from sfr_eval.types import Estimate

ScoreRole = Literal["variety", "style", "quality", "length"]

LENGTH, CUT = "length", "truncation_rate"
_DECIDED: tuple[Literal["variety", "style", "quality"], ...] = ("variety", "style", "quality")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """This run minus what it is compared with."""

    name: str
    interval: Interval
    words: str = ""  # what is called of it; "" where nothing is

    @property
    def text(self) -> str:
        """`+0.041 [0.012, 0.07]`."""
        return self.interval.text("+.3g")


@dataclass(frozen=True, kw_only=True)
class Score:
    """One card."""

    role: ScoreRole
    metric: str
    estimate: Estimate
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
    def text(self) -> str:
        """`0.37 ± 0.03`."""
        return Interval.of(self.estimate).rounded(without="")


@dataclass(frozen=True, kw_only=True)
class Scoreboard:
    """The cards of one suite at one temperature; a role that was not measured has none."""

    temperature: float
    cards: tuple[Score, ...]
    cut: Estimate | None = None  # share of replies that were cut


def scoreboard(suite: SuiteResults, *, temperature: float | None = None) -> Scoreboard:
    """Return the scoreboard of a suite, at the temperature nearest to 1 unless another is named."""
    t = suite.middle_temperature if temperature is None else temperature
    return Scoreboard(
        temperature=t,
        cards=tuple(_cards(suite, t)),
        cut=suite.at(CUT, t),
    )


def _cards(suite: SuiteResults, t: float) -> Iterator[Score]:
    ids = [metric for metric in suite.metrics if suite.at(metric, t)]
    for role in _DECIDED:
        for metric in primary_metrics(role, ids)[:1]:
            yield _card(suite, t, role, metric)
    if LENGTH in ids:
        yield _card(suite, t, "length", LENGTH)


def _card(suite: SuiteResults, t: float, role: ScoreRole, metric: str) -> Score:
    estimate = suite.at(metric, t)
    assert estimate is not None
    return Score(
        role=role,
        metric=metric,
        estimate=estimate,
        differences=tuple(differences(suite, estimate)),
    )


def differences(suite: SuiteResults, estimate: Estimate) -> Iterator[Difference]:
    """Yield an estimate's differences to the reference distribution, references, base model."""
    reference = suite.truth_of(estimate.metric)
    if reference is not None and not suite.reference_of:
        assert estimate.value is not None
        assert reference.value is not None
        delta = Interval(estimate.value - reference.value)
        yield Difference(name="the reference distribution", interval=delta)
    for one in suite.against:
        for row in one.rows:
            if row.metric == estimate.metric and row.temperature == estimate.temperature:
                yield Difference(
                    name=one.name,
                    interval=Interval(row.delta, row.low, row.high),
                    words=row.words,
                )
