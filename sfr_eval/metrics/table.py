"""Which metrics exist: the families that compute them, and what each id means.

A new metric is a function in its family's module and a line in METRICS. Light to import: a family's
module is loaded when it is first asked for.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.types import MetricResult, Unit

if TYPE_CHECKING:
    from sfr_eval.metrics.context import Context

FAMILIES: dict[str, str] = {
    "text": "sfr_eval.metrics.text:compute",
    "lexical": "sfr_eval.metrics.lexical:compute",
    "semantic": "sfr_eval.metrics.semantic:compute",
    "style": "sfr_eval.metrics.style:compute",
    "quality": "sfr_eval.metrics.quality:compute",
    "judge": "sfr_eval.metrics.judged:compute",
}

Direction = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """What a metric id means. `direction` says which way is better."""

    family: str
    unit: Unit
    direction: Direction
    description: str

    @property
    def higher_is_better(self) -> bool | None:
        """The direction as results carry it; None when neither is better."""
        return None if self.direction == "neither" else self.direction == "higher"


METRICS: dict[str, MetricInfo] = {
    "length": MetricInfo("text", "prompt", "neither", "Mean number of words of a reply."),
    "duplicate_rate": MetricInfo(
        "text", "prompt", "lower", "Chance that two replies to one prompt are the same text."
    ),
    "truncation_rate": MetricInfo(
        "text", "prompt", "lower", "Share of replies that were cut at max_tokens."
    ),
    "empty_rate": MetricInfo("text", "prompt", "lower", "Share of replies without a word."),
    **{
        f"distinct_{n}": MetricInfo(
            "lexical",
            "prompt",
            "higher",
            f"Different {n}-grams over all {n}-grams of one prompt's replies; falls as k grows.",
        )
        for n in (1, 2, 3)
    },
    **{
        f"self_bleu_{n}": MetricInfo(
            "lexical",
            "prompt",
            "lower",
            f"BLEU-{n} of a reply against the other replies to its prompt; rises with k.",
        )
        for n in (1, 2, 3, 4)
    },
    **{
        f"cs_self_bleu_{n}": MetricInfo(
            "lexical",
            "query",
            "lower",
            f"BLEU-{n} of a persona's reply against the other personas' replies to its query.",
        )
        for n in (1, 2, 3, 4)
    },
    "embed_distance": MetricInfo(
        "semantic", "prompt", "higher", "Mean cosine distance between two replies to one prompt."
    ),
    "style_strength": MetricInfo(
        "style", "prompt", "higher", "Mean probability that the probe gives the asked persona."
    ),
    "style_accuracy": MetricInfo(
        "style", "prompt", "higher", "Share of replies that the probe takes for the asked persona."
    ),
    "oracle_well_formed": MetricInfo(
        "quality", "sample", "higher", "Can the world's grammar say this text at all?"
    ),
    "oracle_topic": MetricInfo("quality", "sample", "higher", "Is the reply about the topic?"),
    "oracle_intent": MetricInfo(
        "quality", "sample", "higher", "Does the reply answer what was asked about the topic?"
    ),
    "oracle_valid": MetricInfo(
        "quality", "sample", "higher", "Well formed, on topic and to the intent, all three."
    ),
    "oracle_styled": MetricInfo(
        "quality", "sample", "higher", "Valid, and most probable under the asked persona."
    ),
    "distinct_valid": MetricInfo(
        "quality", "prompt", "higher", "Number of different valid replies among the k of a prompt."
    ),
    **{
        f"judge_{axis}{suffix}": MetricInfo("judge", "sample", "higher", f"{what} {how}")
        for axis, what in (
            ("ctx", "Does the reply stay with the subject of the conversation?"),
            ("rel", "Does the reply answer what was asked?"),
            ("flu", "Is the reply well-formed language?"),
            ("style", "Does the reply sound like the persona that was asked for?"),
        )
        for suffix, how in (
            ("", "Mean score of LLM judges, 1 to 5."),
            ("_good", "Share of replies that judges give 4 or 5."),
            ("_good_corrected", "That share, corrected for the judge's measured errors."),
        )
    },
}


@dataclass(frozen=True, slots=True)
class Family:
    """A loaded family. `version` changes whenever any of its values could."""

    name: str
    version: str
    compute: "Callable[[Context], Sequence[MetricResult]]"


def load_family(name: str, *, where: str = "--metrics") -> Family:
    """Import a family; UserError with the near name if there is none. `where` begins the error."""
    if name not in FAMILIES:
        hint = did_you_mean(name, FAMILIES)
        if name in METRICS:
            hint = f"`{name}` is in family `{METRICS[name].family}`"
        raise UserError(f"{where} {name}: unknown metric family; {hint}")
    module_name, _, function = FAMILIES[name].partition(":")
    module = importlib.import_module(module_name)
    return Family(name=name, version=module.VERSION, compute=getattr(module, function))
