"""A simulated model for suites whose right answers are known, with a known distribution.

    symbol  code      meaning                                                   range
    v       solve     chance that a reply is valid, 1 by default                0..1
    w       within    share of the valid replies that are the first answer      0..1
                      whatever the law says, 0 by default

All other valid replies are draws of the question's law, or of equal chances if it states none.
Temperature has no effect.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sfr_eval.suites.spec import QueryRow

if TYPE_CHECKING:
    import numpy as np

INVALID = "I would rather not say."


class SimulatedAnswers:
    """See the module."""

    def __init__(
        self, rows: Mapping[str, QueryRow], *, solve: float = 1.0, within: float = 0.0
    ) -> None:
        self._rows = rows
        self.solve, self.within = solve, within

    def sample(self, query: str, generator: "np.random.Generator") -> str:
        """Draw one reply."""
        row = self._rows[query]
        if generator.random() >= self.solve:
            return INVALID
        if generator.random() < self.within:
            return row.answers[0]
        law = row.probabilities
        chances = None if law is None else [law[answer] for answer in row.answers]
        return row.answers[int(generator.choice(len(row.answers), p=chances))]
