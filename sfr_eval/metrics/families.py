"""Families of metrics: where each is computed, and how it is loaded."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.metrics.table import METRICS
from sfr_eval.types import MetricResult

if TYPE_CHECKING:
    from sfr_eval.metrics.context import Context


FAMILIES: dict[str, str] = {
    "text": "sfr_eval.metrics.text:compute",
    "lexical": "sfr_eval.metrics.lexical:compute",
    "semantic": "sfr_eval.metrics.semantic:compute",
    "style": "sfr_eval.metrics.style:compute",
    "population": "sfr_eval.metrics.population:compute",
    "quality": "sfr_eval.metrics.quality:compute",
    "gated": "sfr_eval.metrics.gated:compute",
    "across": "sfr_eval.metrics.across:compute",
    "code": "sfr_eval.metrics.code:compute",
    "geometry": "sfr_eval.metrics.geometry:compute",
    "tokens": "sfr_eval.metrics.tokens:compute",
    "judge": "sfr_eval.metrics.judged:compute",
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
