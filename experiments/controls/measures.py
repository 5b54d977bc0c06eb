"""What is measured of a model: its replies and probabilities, against the world's own."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from known_truth.language import Chat, draw, log_probabilities
from known_truth.measure import cross_style_self_bleu

from controls import setting as fixed
from controls.setting import Setting
from controls.worlds import left_out, seen_personas, unseen
from sfr_eval.suites.world.persona import PersonaWorld

GROUPS = ("trained", "left_out", "unseen")
Values = dict[str, float | None]


@dataclass(frozen=True)
class Prompt:
    """A test question, which no training text contains, to a persona."""

    query: str
    persona: str
    chat: Chat


def prompts(setting: Setting, content: PersonaWorld, world: int) -> dict[str, list[Prompt]]:
    """The prompts of the trained personas, of the one left out, and of the tenth."""
    away, tenth = left_out(world, content), unseen(content)
    voices = {
        "trained": [card for card in seen_personas(content) if card.id != away],
        "left_out": [card for card in content.personas if card.id == away],
        "unseen": [card for card in content.personas if card.id == tenth],
    }
    return {
        group: [
            Prompt(
                query.id,
                card.id,
                [
                    {
                        "role": "system",
                        "content": card.system
                        if setting.prompt == "card"
                        else f"You are {card.name}.",
                    },
                    {"role": "user", "content": query.text},
                ],
            )
            for query in content.queries
            for card in cards
        ]
        for group, cards in voices.items()
    }


def sampled(group: str, every: Sequence[Prompt], content: PersonaWorld) -> list[Prompt]:
    """The prompts that replies are drawn for: of the trained personas some for each question, in
    turn, so that each occurs equally often, give or take one."""
    if group != "trained":
        return list(every)
    queries = len(content.queries)
    each = len(every) // queries
    return [
        every[place * each + (place * fixed.SAMPLED_PERSONAS + turn) % each]
        for place in range(queries)
        for turn in range(fixed.SAMPLED_PERSONAS)
    ]


def measure(
    model: Any, tokenizer: Any, setting: Setting, content: PersonaWorld, *, world: int
) -> dict[str, Any]:
    """All measures of one checkpoint, by group of personas. Reference replies and random numbers
    depend on the world alone."""
    result: dict[str, Any] = {}
    for group, every in prompts(setting, content, world).items():
        asked = sampled(group, every, content)
        heats = fixed.TEMPERATURES if group == "trained" else (fixed.ONE_TEMPERATURE,)
        by_heat = replies(model, tokenizer, asked, temperatures=heats, seed=world)
        result[group] = {
            **forward_kl(model, tokenizer, every, content, world=world),
            "sampled": [
                {"temperature": heat, **reply_scores(content, asked, by_heat[heat])}
                for heat in heats
            ],
        }
        if 1.0 in heats:
            result[group]["reverse_kl"] = reverse_kl(model, tokenizer, asked, by_heat[1.0], content)
    return result


def replies(
    model: Any,
    tokenizer: Any,
    asked: Sequence[Prompt],
    *,
    temperatures: Sequence[float],
    seed: int,
    filters: Mapping[str, float] = MappingProxyType({}),
) -> dict[float, list[list[str]]]:
    """Replies by temperature, then prompt."""
    drawn = draw(
        model,
        tokenizer,
        [prompt.chat for prompt in asked],
        temperatures=temperatures,
        copies=fixed.COPIES,
        max_tokens=fixed.MAX_TOKENS,
        seed=seed,
        **filters,
    )
    return {heat: [texts[i] for texts in drawn] for i, heat in enumerate(temperatures)}


def reply_scores(
    content: PersonaWorld, asked: Sequence[Prompt], texts: Sequence[Sequence[str]]
) -> Values:
    """Of some replies to each prompt:

    valid               share that the grammar accepts as an answer, in whatever voice
    distinct_valid      mean number of different valid replies of a prompt
    style_strength      exact posterior of the requested persona, mean over valid replies, 0 for one
                        that none of the nine can say; None for the tenth persona
    style_of_sayable    the same without the replies that none can say
    cs_self_bleu_2      similarity of the personas' replies to a question; lower is more varied
    """
    valid, distinct, styles, sayable = [], [], [], []
    known = {card.id for card in seen_personas(content)}
    for prompt, drawn in zip(asked, texts, strict=True):
        correct = [text for text in drawn if content.parse_reply(text, prompt.query).valid]
        valid.append(len(correct) / len(drawn))
        distinct.append(float(len(set(correct))))
        for text in correct if prompt.persona in known else ():
            posterior = content.posterior(text, prompt.query)
            styles.append(posterior[prompt.persona] if posterior else 0.0)
            if posterior:
                sayable.append(posterior[prompt.persona])
    return {
        "valid": statistics.mean(valid),
        "distinct_valid": statistics.mean(distinct),
        "style_strength": statistics.mean(styles) if styles else None,
        "style_of_sayable": statistics.mean(sayable) if sayable else None,
        "cs_self_bleu_2": cross_style_self_bleu(
            [(prompt.query, prompt.persona) for prompt in asked], texts
        ),
    }


def forward_kl(
    model: Any, tokenizer: Any, every: Sequence[Prompt], content: PersonaWorld, *, world: int
) -> Values:
    """Mean log p - log q of fresh reference replies with their end of turn, nats per reply, at T 1
    and at the model's best temperature. An upper bound of KL(p, q), because the model spreads some
    mass over other tokenizations; the same replies for every arm of a world."""
    rng = np.random.default_rng([world, 2])
    asked = [prompt for prompt in every for _ in range(fixed.TRUE_REPLIES)]
    texts = [content.sample(prompt.persona, prompt.query, rng) for prompt in asked]
    log_p = torch.tensor(
        [
            content.log_prob(text, prompt.persona, prompt.query)
            for text, prompt in zip(texts, asked, strict=True)
        ],
        dtype=torch.float64,
    )
    log_q, tokens = log_probabilities(
        model,
        tokenizer,
        [prompt.chat for prompt in asked],
        texts,
        temperatures=fixed.SCORED_AT,
    )
    gaps = (log_p[:, None] - log_q).mean(0).tolist()
    plain = fixed.SCORED_AT.index(1.0)
    return {
        "cross_entropy": float(-log_q[:, plain].sum() / tokens.sum()),
        "forward_kl_at_1": gaps[plain],
        "forward_kl": min(gaps),
        "best_temperature": fixed.SCORED_AT[gaps.index(min(gaps))],
    }


def reverse_kl(
    model: Any,
    tokenizer: Any,
    asked: Sequence[Prompt],
    texts: Sequence[Sequence[str]],
    content: PersonaWorld,
) -> Mapping[str, float | None]:
    """KL(q, p) of replies drawn at T 1 is infinite as soon as one of them is impossible, so its two
    parts are reported: `inside`, KL(q given S, p) with S the replies that the persona can say,
    nats per reply; and `share`, q(S). Minus log q(S) is KL(q given S, q), what the mass outside
    costs. inside is None without a reply in S. Lower bound in q by tokenization, as forward KL."""
    said = [
        (prompt, text, log_p)
        for prompt, drawn in zip(asked, texts, strict=True)
        for text in drawn
        if (log_p := content.log_prob(text, prompt.persona, prompt.query)) > -math.inf
    ]
    share = len(said) / sum(map(len, texts))
    if not said:
        return {"inside": None, "share": share}
    log_q, _ = log_probabilities(
        model,
        tokenizer,
        [prompt.chat for prompt, _, _ in said],
        [text for _, text, _ in said],
        temperatures=(1.0,),
    )
    inside = float(log_q.mean()) - math.log(share) - statistics.mean(p for _, _, p in said)
    return {"inside": inside, "share": share}


def reference(setting: Setting, content: PersonaWorld, world: int) -> dict[str, Values]:
    """`reply_scores` of the reference distribution itself at temperature 1."""
    rng = np.random.default_rng([world, 9])
    result = {}
    for group, every in prompts(setting, content, world).items():
        asked = sampled(group, every, content)
        texts = [
            [content.sample(prompt.persona, prompt.query, rng) for _ in range(fixed.COPIES)]
            for prompt in asked
        ]
        result[group] = reply_scores(content, asked, texts)
    return result
