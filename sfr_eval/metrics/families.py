"""Families of metrics: where each is computed, and how it is loaded."""

import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.metrics.metric import Metric
from sfr_eval.types import MetricResult

if TYPE_CHECKING:
    from sfr_eval.metrics.context import Context

FAMILIES: dict[str, str] = {
    "text": "sfr_eval.metrics.text",
    "facts": "sfr_eval.metrics.facts",
    "lexical": "sfr_eval.metrics.lexical",
    "semantic": "sfr_eval.metrics.semantic",
    "windows": "sfr_eval.metrics.windows",
    "syntax": "sfr_eval.metrics.syntax",
    "style": "sfr_eval.metrics.style",
    "population": "sfr_eval.metrics.population",
    "quality": "sfr_eval.metrics.quality",
    "answers": "sfr_eval.metrics.answers",
    "relevance": "sfr_eval.metrics.relevance",
    "gated": "sfr_eval.metrics.gated",
    "across": "sfr_eval.metrics.across",
    "references": "sfr_eval.metrics.references",
    "code": "sfr_eval.metrics.code",
    "math": "sfr_eval.metrics.math_answers",
    "geometry": "sfr_eval.metrics.geometry",
    "tokens": "sfr_eval.metrics.tokens",
    "judge": "sfr_eval.metrics.judged",
    "reward": "sfr_eval.metrics.reward",
    "novelty": "sfr_eval.metrics.novelty",
    "teacher": "sfr_eval.metrics.teacher",
    "hivemind": "sfr_eval.metrics.hivemind",
}
"""Family -> its module, which has `VERSION`, `METRICS` and `compute`; in the order of results."""

NEED_CHECKPOINT = frozenset({"geometry", "tokens"})
"""Families that read the replies with the checkpoint again; they run only on request."""

NEED_NO_ENCODER = frozenset(
    {"text", "facts", "lexical", "syntax", "quality", "answers", "reward", "novelty", "teacher"}
)


MAJORITY = "maj_at_1"
"""Only suites of mathematics have it."""


def computed_by(family: str, measured: Collection[str]) -> str:
    """Return the family that computed a metric of `family` in a suite with these metrics: pass@k of
    mathematics has the entry of code."""
    return "math" if family == "code" and MAJORITY in measured else family


@dataclass(frozen=True, slots=True)
class Family:
    """A loaded family. `version` changes whenever any of its values could."""

    name: str
    version: str
    metrics: Mapping[str, Metric]
    compute: "Callable[[Context], Sequence[MetricResult]]"


def load_family(name: str, *, where: str = "--metrics") -> Family:
    """Import a family. Raises UserError, which begins with `where`, for an unknown name."""
    if name not in FAMILIES:
        hint = did_you_mean(name, FAMILIES)
        for family in FAMILIES:
            if name in load_family(family).metrics:
                hint = f"`{name}` is in family `{family}`"
        raise UserError(f"{where} {name}: unknown metric family; {hint}")
    module = importlib.import_module(FAMILIES[name])
    return Family(name=name, version=module.VERSION, metrics=module.METRICS, compute=module.compute)
