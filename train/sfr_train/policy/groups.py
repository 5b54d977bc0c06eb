"""Which replies answer the same prompt, over all ranks.

TRL spreads the replies to a prompt over ranks wherever a rank's batch is smaller than a group, and
evaluation may draw another number of them. What depends on the whole group therefore goes by the
prompt that comes with each reply, never by counting, and is gathered first.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class GatheredRows:
    """Rows of all ranks in their order, with the key of the prompt of each. `own`: the slice that
    this rank contributed."""

    keys: tuple[str, ...]
    rows: npt.NDArray[np.float32]
    own: slice

    def groups(self) -> list[npt.NDArray[np.int64]]:
        """Return the places of the rows of each prompt, in the order of first occurrence."""
        places: dict[str, list[int]] = {}
        for place, key in enumerate(self.keys):
            places.setdefault(key, []).append(place)
        return [np.array(members, dtype=np.int64) for members in places.values()]


def gather_rows(prompts: Sequence[Any], rows: npt.NDArray[np.float32]) -> GatheredRows:
    """Collect one row of numbers a reply from all ranks. Every rank must call it, with as many rows
    as prompts, even none."""
    from accelerate.utils import gather_object

    keys = [prompt_key(prompt) for prompt in prompts]
    if len(keys) != len(rows):
        raise ValueError(f"{len(keys)} prompts for {len(rows)} replies")
    by_rank = gather_object([(_rank(), keys, rows)])
    before = sum(len(theirs) for rank, theirs, _ in by_rank if rank < _rank())
    return GatheredRows(
        keys=tuple(key for _, theirs, _ in by_rank for key in theirs),
        rows=np.concatenate([theirs for *_, theirs in by_rank]),
        own=slice(before, before + len(keys)),
    )


def prompt_key(prompt: Any) -> str:
    """Identify a prompt, given as text or as messages."""
    text = json.dumps(prompt, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def reply_text(completion: Any) -> str:
    """Return the text of a completion, given as text or as messages."""
    if isinstance(completion, str):
        return completion
    return str(completion[-1]["content"] or "") if completion else ""


def _rank() -> int:
    from accelerate import PartialState

    return int(PartialState().process_index)
