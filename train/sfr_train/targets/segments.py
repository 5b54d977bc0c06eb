"""Which states of a sample are supervised, and by which part of its future.

    t       position of a token in the row; h_t is the state after reading it
    i       index of a token inside the sample's supervised tokens, 0..N-1
    anchor  a supervised state whose future has at least `minimum` tokens

The future of the state at token i is tokens i+1..i+k: it never contains what the state has read.
All replies of a conversation are counted together, and a future continues into the next reply, as
in the public code. (Its docstring speaks of a suffix from t; its code starts at t+1.)
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from sfr_train.settings import Settings

Integers = npt.NDArray[np.int64]
IGNORED = -100  # label of a token outside the loss


class TargetSettings(Settings):
    """What the future of a state is and how it is encoded. The defaults suit long answers; for
    replies under 150 tokens use k 32 to 64 and stride 8 or less."""

    encoder: str | None = Field(None, description="sentence-transformers name or folder")
    pooling: Literal["native", "mean"] = Field(
        "native", description="mean over tokens, as the public code of SFR does with BGE"
    )
    k: int = Field(256, ge=1, description="tokens of future")
    stride: int = Field(32, ge=1, description="an anchor at every N-th reply token")
    minimum: int | None = Field(
        None, ge=1, description="shortest future to encode; default 16, or k if less"
    )
    fill: Literal["none", "nearest"] = Field(
        "none", description="nearest: other states use the nearest anchor's future, as published"
    )
    last_prompt: bool = Field(False, description="also supervise the state before each reply")
    weights: Literal["falling", "uniform"] = Field(
        "falling", description="falling: from 1 at the first reply token to 1/N at the last"
    )
    shuffled: bool = Field(
        False, description="control: each state gets the future of a state of another sample"
    )
    scale: Literal["unit", "sqrt_d", "standardise"] = Field(
        "unit", description="length 1 (published), times sqrt(d), or mean 0 and deviation 1"
    )
    batch_tokens: int | None = Field(
        None, ge=1, description="tokens per encoder batch; default 512 on a CPU, 32,768 on a GPU"
    )
    stored_as: Literal["float16", "float32"] = "float16"

    @model_validator(mode="after")
    def _minimum_fits(self) -> "TargetSettings":
        if self.minimum is not None and self.minimum > self.k:
            raise ValueError(
                f"minimum {self.minimum} is longer than k {self.k}; no future is that long"
            )
        return self

    @property
    def shortest(self) -> int:
        """The least number of tokens of a future that is encoded."""
        return min(16, self.k) if self.minimum is None else self.minimum


def key_settings(settings: TargetSettings) -> dict[str, Any]:
    """Return the settings on which the states of a data set and their texts depend."""
    return settings.model_dump(
        mode="json", exclude={"encoder", "scale", "batch_tokens", "shuffled"}
    )


@dataclass(frozen=True)
class Segments:
    """Supervised states of one row. positions (S,): t; anchors (S,): index of the future in starts
    and stops (A,), which give it as a range of supervised tokens; weights (S,)."""

    positions: Integers
    anchors: Integers
    starts: Integers
    stops: Integers
    weights: npt.NDArray[np.float32]


def position_weights(count: int) -> npt.NDArray[np.float32]:
    """w = (N - p + 1) / N for p = 1..N: 1 at the first reply token, 1/N at the last."""
    return (np.arange(count, 0, -1) / max(count, 1)).astype(np.float32)


def segments(labels: Any, settings: TargetSettings) -> Segments:
    """Return the supervised states of a row, from its unshifted labels (-100 outside the loss)."""
    labels = np.asarray(labels)
    reply = np.flatnonzero(labels != IGNORED)
    count = len(reply)
    index = np.arange(0, count, settings.stride)
    positions, starts = reply[index], index + 1
    if settings.last_prompt and count:
        first = np.flatnonzero(np.diff(reply, prepend=reply[0] - 2) > 1)  # first token of a reply
        first = first[reply[first] > 0]
        positions = np.concatenate([reply[first] - 1, positions])
        starts = np.concatenate([first, starts])
    stops = np.minimum(starts + settings.k, count)
    order = np.argsort(positions, kind="stable")
    order = order[(stops - starts >= settings.shortest)[order]]
    positions, starts, stops = positions[order], starts[order], stops[order]
    anchors = np.arange(len(positions))
    if settings.fill == "nearest" and len(positions):
        all_positions = np.union1d(reply, positions)
        anchors, positions = nearest(all_positions, positions), all_positions
    falling = position_weights(count)
    # The state before a reply has no index of its own: it gets the weight of the reply's start.
    index = np.minimum(np.searchsorted(reply, positions), max(count - 1, 0))
    weights = falling[index] if settings.weights == "falling" else np.ones_like(falling[index])
    return Segments(positions, anchors, starts, stops, weights)


def nearest(positions: Integers, anchors: Integers) -> Integers:
    """Return the index of each position's nearest anchor; of two equally near, the earlier."""
    right = np.searchsorted(anchors, positions).clip(max=len(anchors) - 1)
    left = (right - 1).clip(min=0)
    nearer = np.abs(anchors[right] - positions) < np.abs(positions - anchors[left])
    return np.where(nearer, right, left)
