"""A metric's entry: all that is known of it besides how it is computed.

The entries stand in the files of the families (`METRICS`); `sfr_eval.metrics.table` collects them.
"""

from dataclasses import KW_ONLY, dataclass, replace
from typing import Literal

from sfr_eval.types import Unit

Direction = Literal["higher", "lower", "neither"]
"""Which way is better."""

Role = Literal["quality", "style", "variety", "inside", "facts", "failures"]
"""Why a metric stands first wherever not all of them fit. `inside`: what happens in the
checkpoint; `failures`: in the table of personas only.

A measure of style or variety gets its role only if `sfr-eval calibrate` does not fail it: it falls
with every turn of the dial that it claims to detect, its null intervals hold, and it does not
depend on the number of replies (docs/calibration; a test holds the two together)."""

PrimaryRole = Literal["variety", "style", "quality", "form"]
"""Roles in the family about which a comparison decides, one measure each. form: whether the replies
are text at all; a guard where quality rests on relevance, which does not see the order of words."""

Dial = Literal["cross", "within", "both"]
"""Dials of the synthetic benchmark: replies grow alike across personas, within one, or both."""


Trust = Literal["oracle", "verifier", "judge", "reward", "relevance"]
"""What a measure of quality rests on, from the most trusted to the least: the suite's own grammar,
the tests of a program, an LLM judge, a reward model, or only that a reply is recognised as an
answer to its question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """The measures of diversity that a measure of quality or style is read against."""

    place: int  # among the measures with pairs
    figures: tuple[tuple[str, ...], ...] = ()
    """In a report: one figure for each group, of its first metric that was measured."""
    swept: tuple[str, ...] = ()
    """In results.json: their frontier over the temperatures."""
    compared: tuple[str, ...] = ()
    """In a comparison: diversity at equal quality. `x_at_k` stands for the largest k."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. With every default, it is one that only the full tables show."""

    id: str
    direction: Direction
    description: str
    _: KW_ONLY
    unit: Unit = "prompt"
    label: str = ""  # name in plain words; of a metric with a value for each k, at k = 1
    headline: tuple[Role, int] | None = None  # its place among the metrics of its role
    claims: tuple[Dial, ...] = ()  # dials that it claims to detect; none for a plain fact
    span: float | None = None
    """What full collapse does to it (docs/calibration), or the length of its scale for a measure of
    quality. Margins are parts of it, so they do not depend on which run comes first."""
    range: tuple[float, float] | None = None
    """Smallest and largest possible value, if both are known; intervals stay within."""
    outcomes: bool = False
    """Whether a value is the mean of outcomes (a share, a chance, a rating). Its interval is that
    of a share, which has a width even where all outcomes are alike."""
    trust: Trust | None = None  # of a measure of quality that may gate variety
    primary: tuple[PrimaryRole, int] | None = None
    """Its place among those of a role from which a comparison takes its primary measure: the first
    that both runs have."""
    curve: str = ""
    """Title of its curve, for a metric with a value for each k: `x_at_k` is x_at_1, x_at_2, ..."""
    summarised: bool = False  # the comparison's summary has its largest k
    pairs: Pairs | None = None
    family: str = ""  # filled in by the table

    @property
    def higher_is_better(self) -> bool | None:
        """The direction as results carry it; None if neither is better."""
        return None if self.direction == "neither" else self.direction == "higher"

    @property
    def first_id(self) -> str:
        """The id under which lists have the metric: of a curve over k, its value at k = 1."""
        return self.at(1).id if self.curve else self.id

    def at(self, k: int) -> "Metric":
        """Return the entry of one point of a curve over k."""
        return replace(self, id=f"{self.id.removesuffix('_k')}_{k}")

    def variant(self, id: str, *, description: str) -> "Metric":
        """Return the entry of a variant that only the full tables show."""
        return Metric(
            id,
            self.direction,
            description,
            unit=self.unit,
            claims=self.claims,
            range=self.range,
            outcomes=self.outcomes,
        )


def by_id(*metrics: Metric) -> dict[str, Metric]:
    """Return the entries of a family by their ids, in the same order."""
    return {metric.id: metric for metric in metrics}
