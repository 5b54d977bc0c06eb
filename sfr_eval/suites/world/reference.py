"""The synthetic benchmark as a reference distribution: every reply is parsed by its grammar."""

from collections.abc import Mapping
from typing import Any

from sfr_eval.suites.world.persona import Parse, PersonaWorld
from sfr_eval.types import Sample


class WorldReference:
    """See `sfr_eval.suites.reference.Reference`. Every distinct (text, query) is parsed once."""

    judged = ("oracle_well_formed", "oracle_topic", "oracle_intent", "oracle_valid")

    def __init__(self, world: PersonaWorld) -> None:
        self.world = world
        self._parses: dict[tuple[str, str], Parse] = {}
        self._styled: dict[tuple[str, str, str], bool] = {}

    @property
    def signature(self) -> Mapping[str, Any]:
        """The version of the benchmark's files."""
        return {"oracle": "PersonaWorld", "world": self.world.version}

    def log_prob(self, reply: Sample) -> float:
        """Return the natural log of p(reply | its persona, its query)."""
        return self.world.log_prob(reply.text, reply.persona, reply.query)

    def posterior(self, reply: Sample) -> Mapping[str, float] | None:
        """Return p(persona | reply, query) over the personas that are not held out."""
        return self.world.posterior(reply.text, reply.query)

    def facets(self, reply: Sample) -> Mapping[str, bool]:
        """Return the three parts of validity, and validity."""
        parse = self._parse(reply)
        holds = (parse.well_formed, parse.topic, parse.intent, parse.valid)
        return dict(zip(self.judged, holds, strict=True))

    def valid(self, reply: Sample) -> bool:
        """Return whether a reply is well formed, on topic, and answers the question."""
        return self._parse(reply).valid

    def styled(self, reply: Sample) -> bool:
        """Return whether a reply is valid and most probable under its persona."""
        key = (reply.text, reply.persona, reply.query)
        if key not in self._styled:
            self._styled[key] = self.valid(reply) and self.world.styled(*key)
        return self._styled[key]

    def _parse(self, reply: Sample) -> Parse:
        key = (reply.text, reply.query)
        if key not in self._parses:
            self._parses[key] = self.world.parse_reply(*key)
        return self._parses[key]
