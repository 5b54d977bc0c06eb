"""A judge that knows the persona world's truth and errs at set rates, behind a fake server."""

import json
import random
import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from threading import Lock
from typing import Any

from sfr_eval.suites.suite import Suite, load_suite
from tests.support.fake_server import Reply, completion

_AXES = {"coheres with": "ctx", "answers the question": "rel", "how fluent": "flu"}


@cache
def persona_suite() -> Suite:
    return load_suite("persona")


def block(name: str, text: str) -> str:
    """What stands between the tags of a prompt."""
    found = re.search(rf"<{name}-(\w+)>\n(.*)\n</{name}-\1>", text, re.DOTALL)
    assert found is not None, (name, text)
    return found[2]


class OracleJudge:
    """Says 5 for good and 1 for bad, but wrongly with the given rates. `per_word` points are added
    for each word (clipped to the scale), and of a pair the first is named at rate `prefers_first`
    whatever it says."""

    def __init__(
        self,
        *,
        misses: float = 0.0,
        false_alarms: float = 0.0,
        per_word: float = 0.0,
        prefers_first: float = 0.0,
    ) -> None:
        self.misses, self.false_alarms = misses, false_alarms
        self.per_word, self.prefers_first = per_word, prefers_first
        self._times: Counter[str] = Counter()
        self._lock = Lock()
        suite = persona_suite()
        assert suite.world is not None
        self.world = suite.world
        self.queries = {text: id for id, text in suite.queries.items()}

    def __call__(self, body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        system, user = (message["content"] for message in body["messages"])
        # Not the request's seed: that depends on the server's port, and the tests with it.
        asked = re.sub(r"-\w+>", ">", f"{system}{user}")
        with self._lock:
            self._times[asked] += 1
            chance = random.Random(f"{asked}{self._times[asked]}").random()
        if "You compare two replies" in system:
            return completion(json.dumps({"better": self._better(user, chance)}))
        axis = next(axis for words, axis in _AXES.items() if words in system)
        reply = block("reply", user)
        query = (
            self.queries[block("question", user)]
            if axis != "flu"
            else next(iter(self.queries.values()))
        )
        good = self._truth(reply, query)[axis]
        said = chance >= self.misses if good else chance < self.false_alarms
        score = (5 if said else 1) + self.per_word * len(reply.split())
        return completion(json.dumps({"score": max(1, min(5, round(score)))}))

    def _truth(self, reply: str, query: str) -> dict[str, bool]:
        # Two good replies one behind the other are judged by their parts.
        verdicts = [
            self.world.parse_reply(part, query) for part in _parts(self.world, reply, query)
        ]
        return {
            "ctx": all(v.topic for v in verdicts),
            "rel": all(v.topic and v.intent for v in verdicts),
            "flu": all(v.well_formed for v in verdicts),
        }

    def _better(self, user: str, chance: float) -> str:
        if chance < self.prefers_first:
            return "A"
        query = self.queries[block("question", user)]
        a, b = (sum(self._truth(block(f"reply_{x}", user), query).values()) for x in "ab")
        return "tie" if a == b else "A" if a > b else "B"


def _parts(world: Any, reply: str, query: str) -> list[str]:
    if world.parse_reply(reply, query).well_formed:
        return [reply]
    for space in re.finditer(r" ", reply):
        parts = [reply[: space.start()], reply[space.end() :]]
        if all(world.parse_reply(part, query).well_formed for part in parts):
            return parts
    return [reply]
