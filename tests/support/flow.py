"""Oracles for the tests of flow matching: noise from a generator, and an integrator."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

Field = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(state (N, ...), tau (N,)) -> velocity (N, ...)."""


@dataclass(frozen=True)
class GeneratorNoise:
    """Draws of `count` anchors from a torch generator."""

    count: int
    generator: torch.Generator

    def uniform(self) -> torch.Tensor:
        return torch.rand(self.count, generator=self.generator)

    def normal(self, size: int) -> torch.Tensor:
        return torch.randn(self.count, size, generator=self.generator)


def integrate(
    field: Field, start: torch.Tensor, *, steps: int, method: Literal["euler", "midpoint"] = "euler"
) -> torch.Tensor:
    """Follow dz/dtau = v(z, tau) from tau = 0 to 1 in equal steps; start (N, ...)."""
    state, width = start, 1.0 / steps
    for step in range(steps):
        tau = start.new_full((len(start),), step * width)
        slope = field(state, tau)
        if method == "midpoint":
            slope = field(state + 0.5 * width * slope, tau + 0.5 * width)
        state = state + width * slope
    return state
