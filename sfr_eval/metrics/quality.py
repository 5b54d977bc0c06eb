"""Exact validity of replies, for models that were trained on a suite's own grammar.

The grammar parses a reply and determines whether it is a reply of this benchmark, is on topic, and
answers the question. It cannot judge free text: a good answer in other words is "not well formed".
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sfr_eval.metrics.context import NO_TEXT, Context, metric_result, sample_value
from sfr_eval.metrics.metric import Metric, Pairs, by_id
from sfr_eval.types import MetricResult, Sample

if TYPE_CHECKING:
    from sfr_eval.suites.world.persona import Parse, PersonaWorld

VERSION = "1"

METRICS = by_id(
    Metric("oracle_well_formed", "higher",
           "Does the benchmark's grammar generate this text at all?",
           range=(0, 1), outcomes=True,
           unit="sample"),
    Metric("oracle_topic", "higher", "Is the reply about the topic?",
           range=(0, 1), outcomes=True,
           unit="sample"),
    Metric("oracle_intent", "higher", "Does the reply answer what was asked about the topic?",
           range=(0, 1), outcomes=True,
           unit="sample"),
    Metric("oracle_valid", "higher",
           "Well formed, on topic and an answer to the question, all three.",
           range=(0, 1), outcomes=True,
           unit="sample",
           label="Valid replies", headline=("quality", 2), span=1.0, trust="oracle",
           primary=("quality", 1),
           pairs=Pairs(
               place=1,
               figures=(("embed_distance", "self_bleu_4_fixed", "distinct_2_rarefied"),),
               swept=("embed_distance", "self_bleu_4_fixed", "rouge_l_homogenization",
                      "distinct_valid"),
               compared=("distinct_valid", "embed_distance", "rouge_l_homogenization",
                         "self_bleu_4_fixed"),
           )),
    Metric("oracle_styled", "higher", "Valid, and most probable under the requested persona.",
           range=(0, 1), outcomes=True,
           unit="sample", label="Valid and in style", claims=("cross",), span=0.98),
    Metric("distinct_valid", "higher", "Number of distinct valid replies among the k of a prompt.",
           label="Different valid replies", claims=("within",), span=7),
)  # fmt: skip


class Oracle:
    """Parses of replies by the benchmark's grammar; every distinct (text, query) is parsed once."""

    def __init__(self, world: "PersonaWorld") -> None:
        self.world = world
        self._parses: dict[tuple[str, str], Parse] = {}
        self._styled: dict[tuple[str, str, str], bool] = {}

    def parse(self, reply: Sample) -> "Parse":
        """Parse a reply."""
        key = (reply.text, reply.query)
        if key not in self._parses:
            self._parses[key] = self.world.parse_reply(*key)
        return self._parses[key]

    def styled(self, reply: Sample) -> bool:
        """Return whether a reply is valid and most probable under its persona."""
        key = (reply.text, reply.persona, reply.query)
        if key not in self._styled:
            self._styled[key] = self.parse(reply).valid and self.world.styled(*key)
        return self._styled[key]

    def distinct_valid(self, replies: list[Sample]) -> float | None:
        """Number of distinct valid texts among the k replies of one prompt: 0 to k, higher is more
        varied, and noise cannot raise it. Increases with k; None without a reply."""
        if not replies:
            return None
        return float(len({reply.text for reply in replies if self.parse(reply).valid}))


def oracle_of(context: Context) -> Oracle | None:
    """Return the oracle of a run, made once; None unless the model was trained on the grammar."""
    world = context.suite.world
    if world is None or not context.speaks_world:
        return None
    if "oracle" not in context.fitted:
        context.fitted["oracle"] = Oracle(world)
    oracle: Oracle = context.fitted["oracle"]
    return oracle


def compute(context: Context) -> list[MetricResult]:
    """Return oracle_* for each reply (0 or 1) and distinct_valid for each prompt; nothing for a
    model that was not trained on the suite's grammar."""
    oracle = oracle_of(context)
    if oracle is None:
        return []
    signature = {"oracle": "PersonaWorld", "world": oracle.world.version}
    conditions: dict[str, Callable[[Sample], bool]] = {
        "oracle_well_formed": lambda reply: oracle.parse(reply).well_formed,
        "oracle_topic": lambda reply: oracle.parse(reply).topic,
        "oracle_intent": lambda reply: oracle.parse(reply).intent,
        "oracle_valid": lambda reply: oracle.parse(reply).valid,
        "oracle_styled": oracle.styled,
    }
    values = {
        metric: [sample_value(reply, float(holds(reply))) for reply in context.replies]
        for metric, holds in conditions.items()
    }
    values["distinct_valid"] = context.per_prompt(oracle.distinct_valid, reason=NO_TEXT)
    return [
        metric_result(METRICS[metric], version=VERSION, values=rows, signature=signature)
        for metric, rows in values.items()
    ]
