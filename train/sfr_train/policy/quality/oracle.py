"""The synthetic benchmark's own verdict on a reply: exact, without a model and without a judge."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

from pydantic import Field

from sfr_eval.errors import UserError
from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.util.assets import find_suite
from sfr_train.policy.groups import reply_text
from sfr_train.settings import Settings as BaseSettings


class Settings(BaseSettings):
    """What counts as right."""

    accepts: Literal["valid", "possible"] = Field(
        "valid",
        description="valid: well formed, on topic, answers the question; possible: what the "
        "persona of the prompt says with a probability above 0",
    )


def fingerprint(settings: Settings) -> str:
    """Return the version of the benchmark, whose grammar decides."""
    return str(PersonaWorld.load(find_suite("persona")).version)


def build(settings: Settings, rows: Sequence[Any]) -> Callable[..., list[float]]:
    """Return the reward function. Raises UserError for a prompt that is none of the benchmark's."""
    world = PersonaWorld.load(find_suite("persona"))
    queries = {
        question: query.id
        for query in world.queries
        for question in (
            *world.training_questions(query.id),
            *world.paraphrases(query.id),
            query.text,
        )
    }
    personas = {card.system: card.id for card in world.personas}
    for number, row in enumerate(rows, start=1):
        system, question = _parts(row["prompt"])
        if question not in queries:
            raise UserError(
                f"data: prompt {number}: {question[:60]!r} is no question of the synthetic "
                "benchmark; objective.quality oracle judges only those"
            )
        if settings.accepts == "possible" and system not in personas:
            raise UserError(f"data: prompt {number}: its system message is no persona's card")
    judge = partial(_verdict, world, accepts=settings.accepts)

    def validity(prompts: Sequence[Any], completions: Sequence[Any], **_: Any) -> list[float]:
        verdicts = []
        for prompt, completion in zip(prompts, completions, strict=True):
            system, question = _parts(prompt)
            query, persona = queries[question], personas.get(system, "")
            verdicts.append(float(judge(reply_text(completion), query=query, persona=persona)))
        return verdicts

    return validity


def _verdict(world: PersonaWorld, text: str, *, query: str, persona: str, accepts: str) -> bool:
    text = text.strip()
    if accepts == "valid":
        return world.parse_reply(text, query).valid
    return world.log_prob(text, persona, query) > -math.inf


def _parts(prompt: Sequence[Any]) -> tuple[str, str]:
    """Return the system message and the question."""
    system = str(prompt[0]["content"]) if prompt[0]["role"] == "system" else ""
    return system, str(prompt[-1]["content"])
