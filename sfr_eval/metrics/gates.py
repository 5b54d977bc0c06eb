"""Which replies are good enough to count: the most trusted judgement that a run has.

In this order: the grammar of a synthetic benchmark, the tests of a coding problem or the value of a
final answer, LLM judges, a reward model with a threshold, and for every other run whether a reply
is recognised as an answer to its own question. A gate decides about replies one by one; it says
None where its judgement is missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sfr_eval.judges.rubric import GOOD, SCALE
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.judged import JUDGED_AXES, score_of, votes_by_reply
from sfr_eval.metrics.math_answers import graded_answers
from sfr_eval.metrics.metric import Trust
from sfr_eval.metrics.quality import oracle_of
from sfr_eval.metrics.relevance import RELEVANT, recognised, signature_of
from sfr_eval.metrics.reward import rewards_of
from sfr_eval.types import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A judgement of each reply of a run as good or not."""

    name: str  # of the metric that it rests on
    trust: Trust
    scores: Mapping[str, float]  # sample_id -> 0 to 1; a reply that was not judged is absent
    good_from: float = 1.0
    scale: str = "1 if a reply passes, else 0"  # what the scores are, in words
    signature: Mapping[str, Any] = field(default_factory=dict)  # what else it depends on

    def accepts(self, reply: Sample) -> bool | None:
        """Return whether a reply counts; None if it was not judged."""
        score = self.scores.get(reply.sample_id)
        return None if score is None else score >= self.good_from


def gate_of(context: Context) -> Gate | str:
    """Return the most trusted gate that a run has, or the reason why it has none."""
    trusted = _oracle(context) or _verifier(context) or _judge(context) or _reward(context)
    return trusted or _relevance(context)


def _oracle(context: Context) -> Gate | None:
    """Valid by the reference distribution, 0 or 1: by the grammar, only for models that were
    trained on it, or by the teacher."""
    oracle = oracle_of(context)
    if oracle is None:
        return None
    scores = {reply.sample_id: float(oracle.valid(reply)) for reply in context.replies}
    signature = {name: value for name, value in oracle.signature.items() if name != "oracle"}
    return Gate(name="oracle_valid", trust="oracle", scores=scores, signature=signature)


def _verifier(context: Context) -> Gate | None:
    """Passes all tests, 0 or 1; only for coding problems. A program that could not be graded was
    not judged. For problems of mathematics, whether the final answer is right."""
    if graded := graded_answers(context):
        return Gate(
            name="pass_at_1",
            trust="verifier",
            scores={reply.sample_id: float(graded.right(reply)) for reply in context.replies},
            signature={"verdicts": "final answer by value"},
        )
    grading = context.grading
    if grading is None:
        return None
    grading.grade(context.replies)
    verdicts = [(reply.sample_id, grading.verdict(reply)) for reply in context.replies]
    scores = {sample: float(verdict.passed) for sample, verdict in verdicts if verdict is not None}
    signature = {"verdicts": grading.mode, "form": grading.problems.prompt_form}
    return Gate(name="pass_at_1", trust="verifier", scores=scores, signature=signature)


def _judge(context: Context) -> Gate | None:
    """The lowest of the scores on JUDGED_AXES, from 1 to 5 scaled to 0 to 1; good from GOOD. A
    fluent answer to another question is not good, nor is noise that mentions the right things."""
    judged = context.judged
    axes = [axis for axis in JUDGED_AXES if judged is not None and axis in judged.record.rubrics]
    if judged is None or not axes:
        return None
    record, low, high = judged.record, min(SCALE), max(SCALE)
    by_axis = [votes_by_reply(judged, axis) for axis in axes]
    scores = {}
    for reply in context.replies:
        on_axes = [score_of(votes.get(reply.sample_id, {}), record.judges)[0] for votes in by_axis]
        known = [score for score in on_axes if score is not None]
        if len(known) == len(axes):
            scores[reply.sample_id] = (min(known) - low) / (high - low)
    return Gate(
        name="_".join(("judge", *axes)),
        trust="judge",
        scores=scores,
        good_from=(GOOD - low) / (high - low),
        scale="lowest judged axis, 1 to 5 scaled to 0 to 1",
        signature={
            "judges": list(record.judges),
            "rubrics": [record.rubrics[axis] for axis in axes],
            "votes": record.votes,
            "from": GOOD,
        },
    )


def _reward(context: Context) -> Gate | None:
    """At least the threshold's reward, 0 or 1. Without a threshold a reward is no judgement."""
    model = context.reward
    if model is None or model.threshold is None:
        return None
    rewards = rewards_of(context).items()
    return Gate(
        name="reward",
        trust="reward",
        scores={
            sample: float(reward >= model.threshold)
            for sample, reward in rewards
            if reward is not None
        },
        signature={**model.signature, "from": model.threshold},
    )


def _relevance(context: Context) -> Gate | str:
    """Recognised as an answer to its own question, 0 or 1."""
    found = recognised(context)
    if isinstance(found, str):
        return found
    return Gate(
        name="relevant",
        trust="relevance",
        scores={
            reply.sample_id: float(relevant)
            for reply, relevant in zip(context.replies, found.relevant.tolist(), strict=True)
        },
        signature=signature_of(context, found) | RELEVANT,
    )
