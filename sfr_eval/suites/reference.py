"""What every reference distribution can say of a reply, whoever wrote it.

The grammar of the synthetic benchmark and a frozen language model both implement it, so metrics,
gates and verdicts have one path.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sfr_eval.types import Sample


class Reference(Protocol):
    """The distribution that a model should have: p(reply | persona, query), known exactly."""

    @property
    def signature(self) -> Mapping[str, Any]:
        """What identifies it, for the signatures of metrics."""

    def log_prob(self, reply: Sample) -> float:
        """Return the natural log of p(reply | its persona, its query); -inf if it is impossible."""

    def posterior(self, reply: Sample) -> Mapping[str, float] | None:
        """Return p(persona | reply, query) with a uniform prior; None if no persona says it."""

    @property
    def judged(self) -> Sequence[str]:
        """Metrics that `facets` reports: at least `oracle_valid`."""

    def facets(self, reply: Sample) -> Mapping[str, bool]:
        """Return what holds of a reply, by the metric that reports it."""

    def valid(self, reply: Sample) -> bool:
        """Return whether a reply is one that the reference might give."""

    def styled(self, reply: Sample) -> bool:
        """Return whether a reply is valid and most probable under its persona."""
