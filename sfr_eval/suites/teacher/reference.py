"""The replies and scores of a teacher as a reference distribution. Pure: all of them are given."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from sfr_eval.suites.teacher.reply import ReplyScore, ReplyText
from sfr_eval.suites.teacher.typical_set import COVERAGE, TypicalSet
from sfr_eval.types import PromptKey, Sample

Scores = Mapping[tuple[str, str, str], ReplyScore]
"""(query, persona whose prompt was read, digest of the reply) -> score."""


@dataclass(frozen=True, kw_only=True)
class StudentScores:
    """What the model under test gives to replies in its own prompts, by its sampling temperature
    above 0; {} with the reason why it is not known."""

    scores: Mapping[float, Scores] = field(default_factory=dict)
    reason: str = ""

    def why_unknown(self, temperature: float) -> str:
        """Return why there are no scores at a temperature; "" if there are."""
        if self.reason or temperature in self.scores:
            return self.reason
        return "greedy decoding has no log-probabilities"


@dataclass(frozen=True, kw_only=True)
class TeacherReference:
    """See `sfr_eval.suites.reference.Reference`. Probabilities are over replies that are cut at the
    run's limit of tokens, at the teacher's temperature, over its whole vocabulary."""

    judged: ClassVar = ("oracle_valid",)

    name: str
    signature: Mapping[str, Any]
    personas: tuple[str, ...]  # of the posterior: all that are not held out, and those asked
    replies: Mapping[PromptKey, Sequence[Sample]]  # the teacher's own
    scores: Scores  # of its replies and of the run's, under the card of every persona
    student: StudentScores

    @cached_property
    def typical(self) -> TypicalSet:
        """The replies that the teacher might give."""
        return TypicalSet.of(
            (reply.persona, self.score(reply)) for reply in self.all_replies if reply.has_text
        )

    @property
    def all_replies(self) -> list[Sample]:
        """The teacher's own replies."""
        return [reply for replies in self.replies.values() for reply in replies]

    def score(self, reply: Sample, persona: str | None = None) -> ReplyScore:
        """Return what the teacher gives to a reply under its persona's card, or another's."""
        digest = ReplyText.of(reply).digest
        return self.scores[reply.query, reply.persona if persona is None else persona, digest]

    def log_prob(self, reply: Sample) -> float:
        """Return the natural log of p(reply | card, query), in nats."""
        return self.score(reply).log_prob

    def posterior(self, reply: Sample) -> Mapping[str, float]:
        """Return p(persona | reply, query) by Bayes' rule from a uniform prior over `personas`."""
        logs = {persona: self.score(reply, persona).log_prob for persona in self.personas}
        top = max(logs.values())
        weights = {persona: math.exp(log - top) for persona, log in logs.items()}
        total = math.fsum(weights.values())
        return {persona: weight / total for persona, weight in weights.items()}

    def facets(self, reply: Sample) -> Mapping[str, bool]:
        """Return validity, which has no parts here."""
        return {"oracle_valid": self.valid(reply)}

    def valid(self, reply: Sample) -> bool:
        """Return whether a reply is within the typical set of the teacher's own."""
        return self.typical.holds(reply.persona, self.score(reply))

    def styled(self, reply: Sample) -> bool:
        """Return whether a reply is valid and more probable under its card than under any other."""
        own = self.log_prob(reply)
        rivals = (self.score(reply, p).log_prob for p in self.personas if p != reply.persona)
        return self.valid(reply) and own > max(rivals, default=-math.inf)

    def first(self, count: int, prompts: Iterable[PromptKey]) -> list[Sample]:
        """Return the teacher's first replies to each of these prompts: as many as a run has."""
        return [reply for prompt in prompts for reply in self.replies.get(prompt, ())[:count]]


def validity_rule() -> str:
    """Return how validity is decided, for signatures."""
    return f"{COVERAGE:g} of the teacher's own, by surprise"
