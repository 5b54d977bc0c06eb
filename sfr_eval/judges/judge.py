"""A judge at work: cases in, judgements out, one row for each vote however it ends.

A judge is a pinned model behind an OpenAI-compatible server and the rubric of one axis. A vote that
cannot be read is a row with status `unparsed`: it never becomes a score of 0, always counts, and is
never asked again in the hope of a better answer.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sfr_eval.endpoints.address import Address, reach
from sfr_eval.endpoints.answer import Answer
from sfr_eval.endpoints.fleet import Fleet
from sfr_eval.endpoints.limits import Prices
from sfr_eval.judges.rubric import JudgeSpec, Material, messages, read_answer
from sfr_eval.judges.votes import Judgement, JudgementKey, JudgementStatus
from sfr_eval.thinking import without_thinking

_OPTIONAL = ("response_format", "seed", "top_p")  # answers are parsed as strictly without them
_ROOM = 4096  # tokens for a judge that reasons before it answers
CUT = "cut at max_tokens"
_EXCERPT = 300  # characters kept of an answer that could not be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Something to be judged on one axis. Ids are for our records; the judge never sees them."""

    sample_id: str
    spec: JudgeSpec
    material: Material
    other_id: str = ""  # pairs: the reply shown second
    vote: int = 0

    @property
    def key(self) -> JudgementKey:
        """What the judge is asked."""
        return JudgementKey(self.spec.id, self.sample_id, self.other_id, self.vote)


class Judge:
    """One judge model, open for questions. Close it."""

    def __init__(
        self,
        address: Address,
        *,
        key: str,
        concurrency: int = 32,
        timeout_seconds: float = 600.0,
        prices: Prices | None = None,
        fixed_limit: bool = False,
    ) -> None:
        """`fixed_limit`: leave the length limit as it is for a judge that reasons."""
        self._room: int | None = 0 if not fixed_limit else None  # more tokens than the file says
        model = reach(address, key=key)
        self.name = Address(urls=address.urls, model=model, where=address.where).name
        self._identity = [model, address.urls[0]]
        self._fleet = Fleet(
            address.urls,
            key=key,
            model=model,
            concurrency=concurrency,
            timeout_seconds=timeout_seconds,
            prices=prices,
        )

    def facts(self) -> Mapping[str, Any]:
        """Return servers, tokens, cost and the fields that were not sent."""
        room = {"max_tokens": self._room} if self._room else {}
        return {"judge": self.name, **room, **self._fleet.facts()}

    def close(self) -> None:
        """Close the connections."""
        self._fleet.close()

    def judge(
        self, cases: Iterable[Case], *, is_stored: Callable[[str], bool] = lambda _: False
    ) -> Iterator[Judgement]:
        """Yield a judgement for each case, in the order in which they finish.

        Ids for which `is_stored` is true are not asked again. Cases are taken when there is room.
        """
        requests = (
            (judgement_id, case, body)
            for case in cases
            for judgement_id, body in [self._request(case)]
            if not is_stored(judgement_id)
        )
        return self._fleet.map(self._ask, requests)

    def allow(self, dollars: float | None) -> None:
        """Limit what may be spent; needs prices."""
        self._fleet.limit_cost(dollars)

    @property
    def spent(self) -> float:
        """Dollars so far; 0 without prices."""
        return self._fleet.spent or 0.0

    async def _ask(self, request: tuple[str, Case, dict[str, Any]]) -> Judgement:
        judgement_id, case, body = request
        answer = await self._answer(body)
        status, score, error = read(case.spec, answer)
        return Judgement(
            judgement_id=judgement_id,
            sample_id=case.sample_id,
            other_id=case.other_id,
            axis=case.spec.id,
            rubric=case.spec.rubric,
            judge=self.name,
            vote=case.vote,
            status=status,
            score=score,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            error=error,
        )

    async def _answer(self, body: dict[str, Any]) -> Answer:
        """Ask. A judge that was cut before it began to answer reasons first: it gets more room from
        then on, as far as its server allows."""
        limited = {**body, "max_tokens": max(body["max_tokens"], self._room or 0)}
        answer = await self._fleet.ask(limited, optional=_OPTIONAL)
        if self._room is None or limited["max_tokens"] >= _ROOM or not cut_in_reasoning(answer):
            return answer
        roomy = await self._fleet.ask({**body, "max_tokens": _ROOM}, optional=_OPTIONAL)
        if roomy.outcome in ("failed", "unsupported"):
            self._room = None
            return answer
        self._room = _ROOM
        return roomy

    def _request(self, case: Case) -> tuple[str, dict[str, Any]]:
        """Return the body of a request and, before it, its id: a hash of the judge, the messages,
        the vote and the sample."""
        spec = case.spec
        chat = messages(spec, case.material)
        fields = [self._identity, spec.rubric, chat, case.sample_id, case.other_id, case.vote]
        digest = hashlib.sha256(json.dumps(fields).encode()).digest()
        schema = {"name": "judgement", "strict": True, "schema": spec.answer_schema}
        body = {
            "messages": chat,
            "temperature": spec.temperature,
            "top_p": 1.0,
            "max_tokens": spec.max_tokens,
            "seed": int.from_bytes(digest[:8], "big") >> 1,  # a different one for each vote
            "response_format": {"type": "json_schema", "json_schema": schema},
        }
        return digest.hex()[:32], body


def cut_in_reasoning(answer: Answer) -> bool:
    """Whether all the tokens went to reasoning, shown or hidden, so that no answer has begun."""
    return (
        answer.outcome == "answered"
        and answer.ended == "length"
        and not without_thinking(answer.text).strip()
    )


_CHOICE_SCORES = {"A": 1.0, "B": 0.0, "tie": 0.5}


def read(spec: JudgeSpec, answer: Answer) -> tuple[JudgementStatus, float | None, str]:
    """Return the (status, score, error) of an answer."""
    if answer.outcome in ("failed", "unsupported"):
        refused = "does not take temperature" in answer.error
        hint = "; --judge-temperature sets another" if refused else ""
        status: JudgementStatus = "error" if answer.outcome == "failed" else "unsupported"
        return status, None, answer.error + hint
    if answer.outcome == "refused":
        return "refused", None, _start(answer.error or answer.text)
    if answer.outcome == "no_content":
        return "unparsed", None, answer.error
    score = read_answer(spec, without_thinking(answer.text))
    if score is None:
        cut, start = answer.ended == "length", _start(answer.text)
        return "unparsed", None, ": ".join(filter(None, (CUT if cut else "", start)))
    return "ok", _CHOICE_SCORES[score] if isinstance(score, str) else score, ""


def _start(text: str) -> str:
    return " ".join(text[:_EXCERPT].split())


def votes(case: Case, count: int) -> Iterator[Case]:
    """Return the case once for each vote."""
    return (replace(case, vote=vote) for vote in range(count))


def both_orders(case: Case) -> tuple[Case, Case]:
    """Return a pair as it is and with its replies exchanged."""
    material = replace(case.material, replies=case.material.replies[::-1])
    return case, replace(case, sample_id=case.other_id, other_id=case.sample_id, material=material)


def preference(first: Judgement, swapped: Judgement) -> float | None:
    """Return how a pair ends: 1 if the first reply is better, 0 if the second, 0.5 for a tie.

    Two orders that disagree are a tie, since the judge then judged the order. None if a vote has no
    score.
    """
    if first.score is None or swapped.score is None:
        return None
    return first.score if first.score == 1 - swapped.score else 0.5
