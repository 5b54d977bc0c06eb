"""NoveltyBench's own two numbers (2504.05228), by its own arithmetic.

Ten replies to a prompt are put into classes in their order: a reply joins the first class whose
first member it says the same as, else it opens one. `distinct_10` counts the classes, `utility_10`
weighs the scores of the replies that open one. Both depend on the order of the replies, as
published; `distinct_k` (semantic) does not.
"""

from bisect import bisect_left
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from sfr_eval.embeddings.pair_classifier import Pair
from sfr_eval.metrics.context import Context, metric_result
from sfr_eval.metrics.meanings import ClassifiedPairs
from sfr_eval.metrics.metric import Metric, by_id
from sfr_eval.metrics.reward import TOO_LONG, rewards_of
from sfr_eval.metrics.utility import PATIENCE
from sfr_eval.types import MetricResult, Sample

VERSION = "1"

REPLIES = 10
METRICS = by_id(
    Metric("distinct_10", "higher", "Classes of equal answers among 10 replies, by NoveltyBench.",
           label="Distinct answers of 10 (NoveltyBench)", headline=("variety", 7),
           range=(1, REPLIES)),
    Metric("utility_10", "higher",
           "Scores 1 to 10 of replies that open a class, weighted by .8^i, by NoveltyBench.",
           label="Utility of 10 (NoveltyBench)", headline=("quality", 8), range=(0, REPLIES)),
)  # fmt: skip

CLASSIFIER = "yimingzhang/deberta-v3-large-generation-similarity"
REWARD_MODEL = "Skywork-Reward-Gemma-2-27B-v0.2"
_THRESHOLDS = (-7.71875, -6.28125, -6.0, -5.71875, -5.5, -5.0, -4.375, -3.4375, -2.046875)
"""Rewards of REWARD_MODEL above which the score is one higher."""

TOO_FEW = f"fewer than {REPLIES} replies with text"
NO_CLASSES = f"no classes: the file gives none; --equivalence {CLASSIFIER} makes them"
NO_SCORES = f"no scores: the file gives none; --reward-model Skywork/{REWARD_MODEL} makes them"

Same = Callable[[Sequence[Pair]], Sequence[bool]]


def first_member_classes(prompts: Sequence[Sequence[str]], same: Same) -> list[list[int]]:
    """Return the class of each reply of each prompt, numbered in order of appearance.

    `same` answers many pairs at once, each (first member of the class, reply). In rounds: the first
    reply of each prompt without a class opens one and is compared with all later ones without.
    """
    classes = [[-1] * len(texts) for texts in prompts]
    number = 0
    while True:
        asked: list[tuple[int, int]] = []
        pairs: list[Pair] = []
        for prompt, (texts, own) in enumerate(zip(prompts, classes, strict=True)):
            if -1 not in own:
                continue
            first = own.index(-1)
            own[first] = number
            for later in range(first + 1, len(own)):
                if own[later] == -1:
                    asked.append((prompt, later))
                    pairs.append((texts[first], texts[later]))
        if not asked:
            return classes
        for (prompt, later), equal in zip(asked, same(pairs), strict=True):
            if equal:
                classes[prompt][later] = number
        number += 1


def score_of_reward(reward: float) -> int:
    """Return the score, 1 to 10, of a reward of REWARD_MODEL."""
    return bisect_left(_THRESHOLDS, reward) + 1


def utility_in_order(classes: Sequence[Hashable], scores: Sequence[float | None]) -> float | None:
    """Return sum_i .8^i s_i [i opens a class] / sum_i .8^i of replies in their order; in the unit
    of the scores, higher is better. None if a reply that opens a class has no score."""
    weights = [PATIENCE**place for place in range(len(classes))]
    total = 0.0
    for place, (own, score) in enumerate(zip(classes, scores, strict=True)):
        if own not in classes[:place]:
            if score is None:
                return None
            total += weights[place] * score
    return total / sum(weights)


def compute(context: Context) -> list[MetricResult]:
    """Return both for each prompt, over the first ten replies with text."""
    tens = [
        sorted(replies, key=lambda reply: reply.index)[:REPLIES]
        for replies in context.by_prompt.values()
    ]
    classes, source, given = _classes(context, tens)
    scores, scale, why = _scores(context, given=given)
    distinct, utility = [], []
    for key, ten, own in zip(context.by_prompt, tens, classes, strict=True):
        count = None if own is None else float(len(set(own)))
        worth = own and utility_in_order(own, [scores.get(reply.sample_id) for reply in ten])
        reason = TOO_FEW if len(ten) < REPLIES else NO_CLASSES
        distinct.append(context.prompt_value(key, count, reason=reason))
        reason = reason if own is None else why
        utility.append(context.prompt_value(key, worth or None, reason=reason))
    signature: dict[str, Any] = {"replies": f"first {REPLIES}", "classes": source}
    return [
        metric_result(
            METRICS["distinct_10"], version=VERSION, values=distinct, signature=signature
        ),
        metric_result(
            METRICS["utility_10"],
            version=VERSION,
            values=utility,
            signature={**signature, "scores": scale, "patience": PATIENCE},
        ),
    ]


def _classes(
    context: Context, tens: Sequence[Sequence[Sample]]
) -> tuple[list[list[int] | None], str, bool]:
    """Return the classes of each prompt, None where there are none; their source; and whether it is
    the file, which a classifier named by the user overrides."""
    full = [ten if len(ten) == REPLIES else [] for ten in tens]
    if isinstance(context.equivalence, ClassifiedPairs):
        classifier = context.equivalence.classifier
        texts = [[reply.text for reply in ten] for ten in full]
        made = first_member_classes(texts, classifier.same_in_order)
        source = f"first members, {classifier.signature}, in order"
        return [own or None for own in made], source, False
    classes: list[list[int] | None] = []
    for ten in full:
        rows = [context.given.get(reply.sample_id) for reply in ten]
        groups = [row.group for row in rows if row is not None and row.group is not None]
        classes.append(groups if len(groups) == REPLIES else None)
    return classes, "given by the file" if any(classes) else "none", True


def _scores(context: Context, *, given: bool) -> tuple[dict[str, float | None], str, str]:
    """Return sample_id -> score, the source, and why a prompt may lack scores. The file's scores
    belong to its own classes."""
    if given and any(row.score is not None for row in context.given.values()):
        own = {id: row.score for id, row in context.given.items()}
        return own, "given by the file", NO_SCORES
    if context.reward is None:
        return {}, "none", NO_SCORES
    if not context.reward.is_called(REWARD_MODEL):
        return {}, "none", f"no scores: the scale is that of {REWARD_MODEL}, not of another model"
    scores = {
        id: None if reward is None else float(score_of_reward(reward))
        for id, reward in rewards_of(context).items()
    }
    fingerprint = context.reward.signature["reward_model"]
    return scores, f"nine thresholds on rewards of {fingerprint}", TOO_LONG
