"""The synthetic persona benchmark: nine voices, 148 questions, the exact probability of each reply.

reply = [opening] advice-frame(action) reason-frame(detail) [closing]

A persona draws opening, frames and closing from its own phrases or, with a fixed share, from a
generic bank that all personas have in common; action and detail come from the question. The parts
are independent given (persona, question), so `SlotGrammar` gives p(reply | persona, question).

Two dials turn the reference distribution into a collapsed model, in this order:

1. cross, 0 to 1: each part becomes (1 - cross) * own + cross * mean of the nine personas. What a
   reply reveals about its persona can only decrease, since this passes each part through a channel
   that does not know the persona (data processing inequality); at 1 nothing is left.
2. within, 0 to 1, and the sampling temperature T: p^beta, normalised, with
   beta = 1 / ((1 - within) * T); only the mode at within = 1 or T = 0. Entropy decreases with beta.

Mixing comes first because training changes what a model believes, and sharpening acts on that. In
the other order, full collapse (1, 1) would still hold nine texts per question, one persona's mode
each; with mixing first it holds one. The price: persona information is monotone in `cross` at
within = 0 only.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.suites.world.grammar import Slot, SlotGrammar, log_sum, sharpen
from sfr_eval.suites.world.persona_files import read_persona_files
from sfr_eval.suites.world.persona_source import HOLES, PersonaCard, PersonaSource, Query

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Parse", "PersonaCard", "PersonaWorld", "Query"]


@dataclass(frozen=True)
class Parse:
    """Whether a text is a reply of this benchmark at all, is on topic, and answers the question."""

    well_formed: bool
    topic: bool
    intent: bool

    @property
    def valid(self) -> bool:
        """Whether all three hold."""
        return self.well_formed and self.topic and self.intent


class PersonaWorld:
    """The benchmark at one setting of the two dials. `load` builds it, `dialed` turns the dials."""

    def __init__(self, source: PersonaSource, *, cross: float = 0.0, within: float = 0.0) -> None:
        for name, value in (("cross", cross), ("within", within)):
            if not 0 <= value <= 1:
                raise UserError(f"world: {name} must be between 0 and 1 (got {value:g})")
        self.cross, self.within = cross, within
        self.queries, self.personas = source.queries, source.personas
        self.version = source.version
        self._source = source
        self._grammars: dict[tuple[str, str, float], SlotGrammar] = {}
        self._slots: dict[tuple[str, str, str, float], Slot] = {}
        self._own_logs: dict[str, tuple[tuple[float, ...], ...]] = {}

    @classmethod
    def load(cls, folder: Path) -> "PersonaWorld":
        """Read topics.yaml and personas.yaml. Raises UserError that names the file and field at
        fault."""
        return cls(read_persona_files(folder))

    def dialed(self, cross: float = 0.0, within: float = 0.0) -> "PersonaWorld":
        """Return the benchmark at these dials, which do not add to the present ones."""
        return PersonaWorld(self._source, cross=cross, within=within)

    def sample(
        self,
        persona_id: str,
        query_id: str,
        rng: "np.random.Generator",
        *,
        temperature: float = 1.0,
    ) -> str:
        """Draw one reply."""
        return self.grammar(persona_id, query_id, temperature=temperature).sample(rng)

    def log_prob(
        self, text: str, persona_id: str, query_id: str, *, temperature: float = 1.0
    ) -> float:
        """Return the natural log of p(text | persona, query); -inf if this pair never says it."""
        return self.grammar(persona_id, query_id, temperature=temperature).log_prob(text)

    def grammar(self, persona_id: str, query_id: str, *, temperature: float = 1.0) -> SlotGrammar:
        """Return the distribution of replies of one persona to one query; cached."""
        key = (persona_id, query_id, temperature)
        if key in self._grammars:
            return self._grammars[key]
        if not temperature >= 0:
            raise UserError(f"world: temperature must be 0 or more (got {temperature:g})")
        query, source, beta = self._query(query_id), self._source, self._beta(temperature)
        parts = {name: self._slot(name, persona_id, query.topic, beta) for name in HOLES}
        action, detail = (slots[query_id].sharpened(beta) for slots in source.clauses)
        grammar = SlotGrammar(
            (parts["opening"], parts["advice"], action, parts["reason"], detail, parts["closing"])
        )
        self._grammars[key] = grammar
        return grammar

    def clauses(self, query_id: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return all actions and all details that answer a query, the most probable first."""
        actions, details = (slots[self._query(query_id).id] for slots in self._source.clauses)
        return actions.entries, details.entries

    def posterior(self, text: str, query_id: str) -> dict[str, float] | None:
        """Bayes-optimal persona classifier: p(persona | text, query), uniform prior on the nine.

        For texts drawn at the present dials. In the order of `personas`, without the held-out one.
        None if none of the nine says `text` to this query.
        """
        logs = self._log_likelihoods(text, query_id)[: self._source.seen]
        top = max(logs)
        if top == -math.inf:
            return None
        weights = [math.exp(log - top) for log in logs]
        total = math.fsum(weights)
        return {card.id: w / total for card, w in zip(self.personas, weights, strict=False)}

    def styled(self, text: str, persona_id: str, query_id: str) -> bool:
        """Return whether `text` is more probable under this persona than under every other one.

        False for a tie: an all-generic reply fits every persona and shows no one's style. Rivals
        are the nine that are not held out.
        """
        logs = self._log_likelihoods(text, query_id)
        own = logs[self._source.place(persona_id)]
        rivals = zip(self.personas[: self._source.seen], logs, strict=False)
        best = max(log for card, log in rivals if card.id != persona_id)
        # Tied personas sum the same numbers, equal up to the last bits.
        return own > -math.inf and own > best + 1e-9

    def parse_reply(self, text: str, query_id: str) -> Parse:
        """Parse any text, whoever wrote it, as a reply to a query; the dials play no part.

        well_formed: derivable from any phrases and clauses of this benchmark, freely mixed.
        topic, intent: all clauses (and the noun in the opening) belong to the query's topic and
        intent. A text that is not well formed is searched for clauses; both are False if it has
        none.
        """
        query, union = self._query(query_id), self._source.union
        readings = union.grammar.derivations(text)
        if not readings:
            clauses = union.clauses_in(text)
            return Parse(
                well_formed=False,
                topic=bool(clauses) and all(topic == query.topic for topic, _ in clauses),
                intent=bool(clauses) and all(intent == query.intent for _, intent in clauses),
            )
        topic = intent = False
        for opening, _, action, _, detail, _ in readings:
            noun = union.openings[opening][1]
            owners = (union.actions[action][1], union.details[detail][1])
            on_topic = noun in (None, query.topic) and all(o[0] == query.topic for o in owners)
            topic = topic or on_topic
            intent = intent or all(o[1] == query.intent for o in owners)
        return Parse(well_formed=True, topic=topic, intent=intent)

    def paraphrases(self, query_id: str) -> tuple[str, ...]:
        """Return the test question in other words, for training; empty if the files have none."""
        return self._source.paraphrases[self._query(query_id).id]

    def training_questions(self, query_id: str) -> tuple[str, ...]:
        """Return templates of the intent filled in with the topic, none of them a test question."""
        query = self._query(query_id)
        noun, gerund = self._source.topics[query.topic]
        return tuple(
            template.format(topic=noun, gerund=gerund)
            for template in self._source.templates[query.intent]
        )

    def _query(self, query_id: str) -> Query:
        query = self._source.by_id.get(query_id)
        if query is None:
            raise UserError(
                f"world: unknown query `{query_id}`; {did_you_mean(query_id, self._source.by_id)}"
            )
        return query

    def _beta(self, temperature: float) -> float:
        width = (1 - self.within) * temperature
        return 1 / width if width > 0 else math.inf

    def _row(self, part: str, persona_id: str, beta: float) -> tuple[float, ...]:
        """Return the probabilities of all phrases of a part at both dials, in the order of
        `phrases`."""
        own = self._source.rows[part][self._source.place(persona_id)]
        mean = self._source.means[part]
        mixed = [(1 - self.cross) * p + self.cross * q for p, q in zip(own, mean, strict=True)]
        return sharpen(mixed, beta)

    def _slot(self, part: str, persona_id: str, topic: str, beta: float) -> Slot:
        """Return a part with its {topic} filled in and only the phrases that can be drawn."""
        key = (part, persona_id, topic if part == "opening" else "", beta)
        if key not in self._slots:
            row = self._row(part, persona_id, beta)
            live = [(t, p) for t, p in zip(self._source.phrases[part], row, strict=True) if p > 0]
            noun = self._source.topics[topic][0]
            entries = tuple(phrase.replace("{topic}", noun) for phrase, _ in live)
            self._slots[key] = Slot(part, entries, tuple(p for _, p in live))
        return self._slots[key]

    def _log_likelihoods(self, text: str, query_id: str) -> list[float]:
        """Return log p(text | persona, query) of all personas from one parse by the union
        grammar."""
        query, union = self._query(query_id), self._source.union
        owner = (query.topic, query.intent)
        if not self._own_logs:
            beta = self._beta(1.0)
            for part in HOLES:
                rows = (self._row(part, card.id, beta) for card in self.personas)
                self._own_logs[part] = tuple(
                    tuple(math.log(p) if p > 0 else -math.inf for p in column)
                    for column in zip(*rows, strict=True)
                )
        parts = self._own_logs
        totals = [-math.inf] * len(self.personas)
        for opening, advice, action, reason, detail, closing in union.grammar.derivations(text):
            phrase, noun = union.openings[opening]
            (a, action_owner), (d, detail_owner) = union.actions[action], union.details[detail]
            if noun not in (None, query.topic) or not action_owner == detail_owner == owner:
                continue
            # The clauses are the same for all personas, and cancel in the posterior unless a text
            # has two readings.
            slots = self.grammar(self.personas[0].id, query_id).slots
            clauses = slots[2].logs[a] + slots[4].logs[d]
            terms = zip(
                parts["opening"][phrase],
                parts["advice"][advice],
                parts["reason"][reason],
                parts["closing"][closing],
                strict=True,
            )
            for i, logs in enumerate(terms):
                totals[i] = log_sum(totals[i], clauses + sum(logs))
        return totals
