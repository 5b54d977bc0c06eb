"""Which replies a teacher might give: calibrated on its own, so that 99 of 100 of those pass.

A reply of n tokens with the log-probability L has the surprise -L. Replies of a persona have h nats
a token on average, and a sum of n tokens spreads like sqrt(n), so that

    z = (-L - n h) / sqrt(n)

compares short replies with long ones; the mean surprise a token does not, since a short reply
strays further from it by chance. A reply is valid if its z is at most the threshold: the
ceil(.99 (n + 1))-th smallest z of the teacher's own replies (split conformal prediction, Vovk et
al. 2005). Only surprise counts against a reply. One that is too probable is what a sharpened model
writes: it is a loss of variety, which other measures show, and no fault of the reply.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sfr_eval.suites.teacher.reply import ReplyScore

COVERAGE = 0.99
"""Share of the teacher's own replies that are valid. With fewer than 99 replies all of them are."""


@dataclass(frozen=True, kw_only=True)
class TypicalSet:
    """The mean surprise of each persona's replies, in nats a token, and the largest valid z."""

    rates: Mapping[str, float]
    threshold: float

    @classmethod
    def of(cls, scores: Iterable[tuple[str, ReplyScore]]) -> "TypicalSet":
        """Calibrate on the teacher's own replies, each with its persona. Replies without a token
        say nothing and are left out."""
        rows = [(persona, score) for persona, score in scores if score.tokens]
        totals: dict[str, tuple[float, int]] = {}
        for persona, score in rows:
            surprise, tokens = totals.get(persona, (0.0, 0))
            totals[persona] = (surprise - score.log_prob, tokens + score.tokens)
        rates = {persona: surprise / tokens for persona, (surprise, tokens) in totals.items()}
        z = sorted(_z(score, rates[persona]) for persona, score in rows)
        rank = min(len(z), math.ceil(COVERAGE * (len(z) + 1)))
        return cls(rates=rates, threshold=z[rank - 1] if z else -math.inf)

    def holds(self, persona: str, score: ReplyScore) -> bool:
        """Return whether a reply is one that the teacher might give; False for a persona of which
        no reply is known, and for a reply without a token."""
        if persona not in self.rates or not score.tokens:
            return False
        return _z(score, self.rates[persona]) <= self.threshold


def _z(score: ReplyScore, rate: float) -> float:
    return (-score.log_prob - score.tokens * rate) / math.sqrt(score.tokens)
