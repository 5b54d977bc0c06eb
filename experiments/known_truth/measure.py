"""Replies and probabilities of a model, against the grammar that generated its training text."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from known_truth import setting
from known_truth.distinct import expected_distinct
from known_truth.language import Chat, draw, log_probabilities
from sfr_eval.metrics.lexical import lexical_values
from sfr_eval.metrics.lexical_stream import ReplyRow
from sfr_eval.metrics.tokenizers import load_tokenizer
from sfr_eval.suites.world.persona import PersonaWorld


@dataclass(frozen=True)
class Prompt:
    """A test question with a persona's card."""

    query: str
    persona: str
    chat: Chat


def suite_prompts(world: PersonaWorld) -> list[Prompt]:
    """The suite's own questions, which no training text contains, with the nine cards."""
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
    """Indices of the prompts of the trained personas, and of the one left out."""
    left_out = [i for i, prompt in enumerate(prompts) if prompt.persona == setting.LEFT_OUT]
    return {
        "trained": [i for i in range(len(prompts)) if i not in set(left_out)],
        "left_out": left_out,
    }


def measure(model: Any, tokenizer: Any, world: PersonaWorld, *, seed: int) -> dict[str, Any]:
    """For both groups, the replies at each temperature and the distance to the reference."""
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
                    **reply_scores(
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


def reply_scores(
    world: PersonaWorld, prompts: Sequence[Prompt], replies: Sequence[Sequence[str]]
) -> dict[str, float | None]:
    """Validity, distinct valid replies, style and similarity across personas of the replies to some
    prompts. Style is the exact posterior of the requested persona, over valid replies."""
    valid, distinct, expected, styles = [], [], [], []
    for prompt, texts in zip(prompts, replies, strict=True):
        correct = [text for text in texts if world.parse_reply(text, prompt.query).valid]
        valid.append(len(correct) / len(texts))
        distinct.append(float(len(set(correct))))
        grammar = world.grammar(prompt.persona, prompt.query)
        expected.append(expected_distinct(grammar, len(texts)))
        for text in correct:
            posterior = world.posterior(text, prompt.query)
            if posterior is not None:
                styles.append(posterior[prompt.persona])
    return {
        "valid": statistics.mean(valid),
        "distinct_valid": statistics.mean(distinct),
        "coverage": sum(distinct) / sum(expected),
        "style_strength": statistics.mean(styles) if styles else None,
        "cs_self_bleu_2": cross_style_self_bleu(
            [(prompt.query, prompt.persona) for prompt in prompts], replies
        ),
    }


def cross_style_self_bleu(
    asked: Sequence[tuple[str, str]], replies: Sequence[Sequence[str]]
) -> float | None:
    """Self-BLEU 2 across the personas' replies to one question, 0 to 1, mean over questions; None
    with one persona a question. asked: (query, persona) of each prompt."""
    rows = sorted(
        (
            ReplyRow(query, persona, index, text)
            for (query, persona), texts in zip(asked, replies, strict=True)
            for index, text in enumerate(texts)
        ),
        key=lambda row: str(row.query),
    )
    across = lexical_values(rows, load_tokenizer()).of_queries.get("cs_self_bleu_2", {})
    return statistics.mean(across.values()) if across else None


def reference_scores(world: PersonaWorld) -> dict[str, dict[str, float | None]]:
    """`reply_scores` of the reference distribution itself, at temperature 1."""
    rng = np.random.default_rng(9)
    prompts = suite_prompts(world)
    return {
        group: reply_scores(
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
    """For each prompt, over fresh reference replies, the same for every model: cross-entropy per
    token, and log p - log q of a reply with its end of turn at each scoring temperature.

    The model spreads some mass over other tokenizations of a reply, so log p - log q averages to an
    upper bound of KL(reference, model).
    """
    rng = np.random.default_rng(2)
    repeated = [prompt for prompt in prompts for _ in range(setting.TRUE_REPLIES)]
    replies = [world.sample(prompt.persona, prompt.query, rng) for prompt in repeated]
    log_p = torch.tensor(
        [
            world.log_prob(reply, prompt.persona, prompt.query)
            for prompt, reply in zip(repeated, replies, strict=True)
        ],
        dtype=torch.float64,
    )
    log_q, tokens = log_probabilities(
        model,
        tokenizer,
        [prompt.chat for prompt in repeated],
        replies,
        temperatures=setting.SCORED_AT,
    )
    shape = (len(prompts), setting.TRUE_REPLIES)
    gaps = (log_p[:, None] - log_q).view(*shape, -1).mean(1).numpy()
    plain = setting.SCORED_AT.index(1.0)
    per_token = (-log_q[:, plain] / tokens).view(shape).mean(1).numpy()
    distance = {"cross_entropy": per_token}
    for column, temperature in enumerate(setting.SCORED_AT):
        distance[f"gap_{temperature:g}"] = gaps[:, column]
    return distance


def _forward_kl(distance: dict[str, Any], members: Iterable[int]) -> dict[str, float]:
    """KL at temperature 1, and at the best scoring temperature of this model, because some
    objectives flatten or sharpen on purpose."""
    rows = list(members)
    by = {t: float(distance[f"gap_{t:g}"][rows].mean()) for t in setting.SCORED_AT}
    best = min(by, key=lambda temperature: by[temperature])
    return {"forward_kl": by[1.0], "best_forward_kl": by[best], "best_temperature": best}
