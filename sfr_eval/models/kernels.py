"""Keeps the code that computes attention from being chosen by a file of the checkpoint."""

from collections.abc import Mapping
from typing import Any

from sfr_eval.errors import UserError

_NAMES = ("attn_implementation", "experts_implementation")
_PLAIN = frozenset({"eager", "sdpa", "flex_attention", "grouped_mm", "batched_mm"})


def refuse_kernels(config: Mapping[str, Any], *, where: str, only_plain: bool = False) -> None:
    """Raise UserError if a config names attention of somebody's repository on the Hub, which
    transformers would fetch and run. `only_plain`: also for names that it looks up there when a
    package is missing (flash_attention_2)."""
    parts = [config, *(part for part in config.values() if isinstance(part, Mapping))]
    for part in parts:
        for name, value in part.items():
            if name.strip("_").removesuffix("_internal") not in _NAMES or value is None:
                continue
            for choice in value.values() if isinstance(value, Mapping) else (value,):
                text = str(choice)
                if "/" in text or (only_plain and choice is not None and text not in _PLAIN):
                    raise UserError(
                        f"{where}: {name}: {text[:60]!r} may be code from the Hub; remove it from "
                        "the file"
                    )
