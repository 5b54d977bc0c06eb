"""Exact validity of replies: by the grammar, for models that were trained on a suite's own, or by
the teacher, for suites whose reference distribution is a frozen language model.

The grammar parses a reply and determines whether it is a reply of this benchmark, is on topic, and
answers the question. It cannot judge free text: a good answer in other words is "not well formed".
A teacher can: a reply is valid if the teacher might have given it
(`suites/teacher/typical_set.py`).
"""

from collections.abc import Sequence
from functools import partial

from sfr_eval.metrics.context import NO_TEXT, Context, metric_result, sample_value
from sfr_eval.metrics.metric import Metric, Pairs, by_id
from sfr_eval.suites.reference import Reference
from sfr_eval.suites.world.reference import WorldReference
from sfr_eval.types import MetricResult, Sample, Value

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
           "Well formed, on topic and an answer to the question, all three; beside a teacher: one "
           "of the replies that it might give.",
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


def oracle_of(context: Context) -> Reference | None:
    """Return the reference distribution of a run; None without a teacher, unless the model was
    trained on the grammar of the suite's synthetic benchmark."""
    if context.teacher is not None:
        return context.teacher
    world = context.suite.world
    if world is None or not context.speaks_world:
        return None
    if "oracle" not in context.fitted:
        context.fitted["oracle"] = WorldReference(world)
    oracle: WorldReference = context.fitted["oracle"]
    return oracle


def distinct_valid(oracle: Reference, replies: Sequence[Sample]) -> float | None:
    """Number of distinct valid texts among the k replies of one prompt: 0 to k, higher is more
    varied, and noise cannot raise it. Increases with k; None without a reply."""
    if not replies:
        return None
    return float(len({reply.text for reply in replies if oracle.valid(reply)}))


def compute(context: Context) -> list[MetricResult]:
    """Return oracle_* for each reply (0 or 1) and distinct_valid for each prompt; nothing for a
    model without a reference distribution."""
    oracle = oracle_of(context)
    if oracle is None:
        return []
    values: dict[str, list[Value]] = {name: [] for name in (*oracle.judged, "oracle_styled")}
    for reply in context.replies:
        holds = {**oracle.facets(reply), "oracle_styled": oracle.styled(reply)}
        for metric, here in holds.items():
            values[metric].append(sample_value(reply, float(here)))
    values["distinct_valid"] = context.per_prompt(partial(distinct_valid, oracle), reason=NO_TEXT)
    return [
        metric_result(METRICS[metric], version=VERSION, values=rows, signature=oracle.signature)
        for metric, rows in values.items()
    ]
