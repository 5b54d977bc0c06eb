"""What a model says and what it believes, against the world that wrote its training text."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from known_truth import setting
from known_truth.language import Chat, draw, log_probabilities
from sfr_eval.metrics.lexical import lexical_values
from sfr_eval.metrics.lexical_stream import ReplyRow
from sfr_eval.metrics.tokenizers import load_tokenizer
from sfr_eval.suites.world.persona import PersonaWorld


@dataclass(frozen=True)
class Prompt:
    """A test question under a card."""

    query: str
    persona: str
    chat: Chat


def suite_prompts(world: PersonaWorld) -> list[Prompt]:
    """The suite's own questions, which are in no training text, under the nine cards."""
    topics = list(dict.fromkeys(query.topic for query in world.queries))[: setting.TOPICS]
    return [
        Prompt(
            query.id,
            card.id,
            [
                {"role": "system", "content": card.system},
                {"role": "user", "content": query.text},
            ],
        )
        for query in world.queries
        if query.topic in topics
        for card in world.personas
        if not card.held_out
    ]


def groups(prompts: Sequence[Prompt]) -> dict[str, list[int]]:
    """The personas that were trained, and the one left out, apart."""
    left = [i for i, prompt in enumerate(prompts) if prompt.persona == setting.LEFT_OUT]
    return {"trained": [i for i in range(len(prompts)) if i not in set(left)], "left_out": left}


def measured(model: Any, tokenizer: Any, world: PersonaWorld, *, seed: int) -> dict[str, Any]:
    """For both groups: what is said at each temperature, and the distance to the truth."""
    prompts = suite_prompts(world)
    replies = draw(
        model,
        tokenizer,
        [prompt.chat for prompt in prompts],
        temperatures=setting.TEMPERATURES,
        copies=setting.COPIES,
        max_tokens=setting.MAX_TOKENS,
        seed=seed,
    )
    distance = _distance(model, tokenizer, world, prompts)
    return {
        group: {
            **{name: float(values[members].mean()) for name, values in distance.items()},
            **_forward_kl(distance, members),
            "sampled": [
                {
                    "temperature": temperature,
                    **said(
                        world,
                        [prompts[i] for i in members],
                        [replies[i][place] for i in members],
                    ),
                }
                for place, temperature in enumerate(setting.TEMPERATURES)
            ],
        }
        for group, members in groups(prompts).items()
    }


def said(
    world: PersonaWorld, prompts: Sequence[Prompt], replies: Sequence[Sequence[str]]
) -> dict[str, float | None]:
    """Validity, different valid replies, style and likeness across personas of some prompts'
    replies. Style is the exact posterior of the asked persona, over valid replies."""
    valid, distinct, expected, styles = [], [], [], []
    for prompt, texts in zip(prompts, replies, strict=True):
        right = [text for text in texts if world.parse_reply(text, prompt.query).valid]
        valid.append(len(right) / len(texts))
        distinct.append(float(len(set(right))))
        grammar = world.grammar(prompt.persona, prompt.query)
        expected.append(grammar.expected_distinct(len(texts)))
        for text in right:
            posterior = world.posterior(text, prompt.query)
            if posterior is not None:
                styles.append(posterior[prompt.persona])
    rows = sorted(
        (
            ReplyRow(prompt.query, prompt.persona, index, text)
            for prompt, texts in zip(prompts, replies, strict=True)
            for index, text in enumerate(texts)
        ),
        key=lambda row: str(row.query),
    )
    across = lexical_values(rows, load_tokenizer()).of_queries.get("cs_self_bleu_2", {})
    return {
        "valid": statistics.mean(valid),
        "distinct_valid": statistics.mean(distinct),
        "coverage": sum(distinct) / sum(expected),
        "style_strength": statistics.mean(styles) if styles else None,
        "cs_self_bleu_2": statistics.mean(across.values()) if across else None,
    }


def true_said(world: PersonaWorld) -> dict[str, dict[str, float | None]]:
    """`said` of the truth itself, at temperature 1."""
    rng = np.random.default_rng(9)
    prompts = suite_prompts(world)
    return {
        group: said(
            world,
            [prompts[i] for i in members],
            [
                [
                    world.sample(prompts[i].persona, prompts[i].query, rng)
                    for _ in range(setting.COPIES)
                ]
                for i in members
            ],
        )
        for group, members in groups(prompts).items()
    }


def _distance(
    model: Any, tokenizer: Any, world: PersonaWorld, prompts: Sequence[Prompt]
) -> dict[str, Any]:
    """Of each prompt, over fresh true replies, the same ones for every model: cross-entropy per
    token, and log p - log q of a reply at each temperature of scoring, with the end of turn.

    The model spreads some mass over other spellings of a reply into tokens, so log p - log q
    averages to an upper bound of KL(truth, model).
    """
    rng = np.random.default_rng(2)
    asked = [prompt for prompt in prompts for _ in range(setting.TRUE_REPLIES)]
    replies = [world.sample(prompt.persona, prompt.query, rng) for prompt in asked]
    log_p = torch.tensor(
        [
            world.log_prob(reply, prompt.persona, prompt.query)
            for prompt, reply in zip(asked, replies, strict=True)
        ],
        dtype=torch.float64,
    )
    log_q, tokens = log_probabilities(
        model,
        tokenizer,
        [prompt.chat for prompt in asked],
        replies,
        temperatures=setting.SCORED_AT,
    )
    shape = (len(prompts), setting.TRUE_REPLIES)
    gaps = (log_p[:, None] - log_q).view(*shape, -1).mean(1).numpy()
    plain = setting.SCORED_AT.index(1.0)
    per_token = (-log_q[:, plain] / tokens).view(shape).mean(1).numpy()
    found = {"cross_entropy": per_token}
    for column, temperature in enumerate(setting.SCORED_AT):
        found[f"gap_{temperature:g}"] = gaps[:, column]
    return found


def _forward_kl(distance: dict[str, Any], members: Iterable[int]) -> dict[str, float]:
    """KL at temperature 1, and at the scoring temperature that is best for this model, because
    some objectives flatten or sharpen on purpose."""
    rows = list(members)
    by = {t: float(distance[f"gap_{t:g}"][rows].mean()) for t in setting.SCORED_AT}
    best = min(by, key=lambda temperature: by[temperature])
    return {"forward_kl": by[1.0], "best_forward_kl": by[best], "best_temperature": best}
