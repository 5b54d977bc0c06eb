"""Rewards of replies: what a reward model says of each, and how many are good by its scale."""

from sfr_eval.errors import UserError
from sfr_eval.metrics.context import Context, metric_result, sample_value
from sfr_eval.metrics.metric import Metric, Pairs, by_id
from sfr_eval.types import MetricResult

VERSION = "1"

METRICS = by_id(
    Metric("reward", "higher", "What a reward model gives the reply as an answer to its prompt.",
           unit="sample", label="Reward", headline=("quality", 6), trust="reward",
           pairs=Pairs(place=6, compared=("embed_distance", "self_bleu_4_fixed"))),
    Metric("reward_good", "higher", "Share of replies with at least the reward of the threshold.",
           unit="sample", label="Good by reward", span=1.0, trust="reward",
           range=(0, 1), outcomes=True),
)  # fmt: skip

NO_MODEL = "--metrics reward: needs a reward model; give --reward-model"
NO_PROMPT = "the text of the prompt is not known"
TOO_LONG = "prompt and reply are longer than the reward model's window"
NO_THRESHOLD = "the zero of this reward model means nothing; give --reward-threshold"


def rewards_of(context: Context) -> dict[str, float | None]:
    """Return sample_id -> reward of every reply, None where it has none; the model keeps them, so
    asking again costs nothing. Raises UserError without a reward model."""
    if context.reward is None:
        raise UserError(NO_MODEL)
    messages = {(p.query, p.persona): p.messages for p in context.suite.prompts()}
    replies = [reply for reply in context.replies if reply.prompt_key in messages]
    rewards = context.reward.rewards([(messages[r.prompt_key], r.text) for r in replies])
    read = {reply.sample_id: reward for reply, reward in zip(replies, rewards, strict=True)}
    return {reply.sample_id: read.get(reply.sample_id) for reply in context.replies}


def compute(context: Context) -> list[MetricResult]:
    """Return reward and reward_good (0 or 1) for each reply."""
    rewards = rewards_of(context)
    assert context.reward is not None
    threshold, signature = context.reward.threshold, context.reward.signature
    known = {(prompt.query, prompt.persona) for prompt in context.suite.prompts()}
    values, good = [], []
    for reply in context.replies:
        reward = rewards[reply.sample_id]
        why = TOO_LONG if reply.prompt_key in known else NO_PROMPT
        values.append(sample_value(reply, reward, reason=why))
        enough = None if reward is None or threshold is None else float(reward >= threshold)
        why = NO_THRESHOLD if threshold is None else why
        good.append(sample_value(reply, enough, reason=why))
    return [
        metric_result(METRICS["reward"], version=VERSION, values=values, signature=signature),
        metric_result(
            METRICS["reward_good"],
            version=VERSION,
            values=good,
            signature={**signature, "from": threshold},
        ),
    ]
