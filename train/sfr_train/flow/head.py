"""The networks trained beside the language model and then dropped: flow, projection, tokens.

The symbols are those of `flow`; v (N, ..., D) is the predicted velocity.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Prediction:
    """A predicted velocity. A flow on probability vectors also gives log(v + source point), which
    cannot be recovered from v without cancellation."""

    velocity: torch.Tensor
    log_endpoint: torch.Tensor | None = None


class FlowHead(nn.Module):
    """v(z, tau, h): an MLP on each position alone (SFR, 2605.27971; built as in its public code).

    Sinusoidal time embedding through Linear-SiLU-Linear; [z, time, h] -> Linear - LayerNorm - SiLU;
    `layers` - 2 blocks x + SiLU(LayerNorm(Linear(x))); Linear out, weight and bias zero, so that
    v = 0 before the first step. Parameters are float32.

    size: D of the target. time_scale: factor on tau before the sinusoids; the public code uses 1,
    which spans one radian, and image models 1000. time_size: width of the time embedding, D in the
    public code; with D = 384 and a small language model it is most of the head's cost.
    """

    def __init__(
        self,
        *,
        size: int,
        hidden_size: int,
        width: int = 1024,
        layers: int = 3,
        time_scale: float = 1.0,
        time_size: int | None = None,
    ) -> None:
        super().__init__()
        time_size = time_size or size
        self.time_scale = time_scale
        self.time_size = time_size
        self.time = nn.Sequential(
            nn.Linear(time_size, 4 * time_size), nn.SiLU(), nn.Linear(4 * time_size, time_size)
        )
        self.enter = nn.Sequential(
            nn.Linear(size + time_size + hidden_size, width), nn.LayerNorm(width), nn.SiLU()
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width), nn.SiLU())
            for _ in range(layers - 2)
        )
        self.leave = nn.Linear(width, size)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, state: torch.Tensor, tau: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """state (N, D), tau (N,), hidden (N, H) -> velocity (N, D)."""
        dtype = self.leave.weight.dtype
        time = self.time(sinusoids(tau * self.time_scale, self.time_size).to(dtype))
        x = self.enter(torch.cat([state.to(dtype), time, hidden.to(dtype)], dim=-1))
        for block in self.blocks:
            x = x + block(x)
        return self.leave(x)

    def predict(self, state: torch.Tensor, tau: torch.Tensor, hidden: torch.Tensor) -> Prediction:
        """Return the velocity in float32, whatever dtype the network computes in."""
        return Prediction(self(state, tau, hidden).float())


class TokenHeads(nn.Module):
    """K linear heads on the vocabulary: logits of y_{t+1..t+K} (SFR Def. A.4; the linear variant of
    MTP). Shape (N, H) -> (N, K, V)."""

    def __init__(self, *, hidden_size: int, vocabulary: int, tokens: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(hidden_size, vocabulary) for _ in range(tokens))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return logits of all heads for all states, in float32 or wider."""
        dtype = self.heads[0].weight.dtype
        logits = torch.stack([head(hidden.to(dtype)) for head in self.heads], dim=1)
        return logits.to(torch.promote_types(dtype, torch.float32))


class TimeFreeHead(nn.Module):
    """v_k = softmax(W_k h + b_k) - pi, free of z and tau: the head of the flow that is MTP.

    pi (V,): the source point, any probability vector.
    """

    point: torch.Tensor

    def __init__(self, tokens: TokenHeads, point: torch.Tensor) -> None:
        super().__init__()
        self.tokens = tokens
        self.register_buffer("point", point, persistent=False)

    def predict(self, state: torch.Tensor, tau: torch.Tensor, hidden: torch.Tensor) -> Prediction:
        """Predict from h alone; state (N, K, V) and tau (N,) are ignored."""
        log_endpoint = torch.log_softmax(self.tokens(hidden), dim=-1)
        return Prediction(log_endpoint.exp() - self.point, log_endpoint)


def sinusoids(angle: torch.Tensor, size: int) -> torch.Tensor:
    """sin then cos of angle * 10000^(-i / (size/2 - 1)); shape (N,) -> (N, size), float32."""
    half = size // 2
    step = math.log(10_000.0) / max(half - 1, 1)
    frequencies = torch.exp(-step * torch.arange(half, device=angle.device, dtype=torch.float32))
    waves = angle.float()[:, None] * frequencies
    embedding = torch.cat([waves.sin(), waves.cos()], dim=-1)
    return nn.functional.pad(embedding, (0, size - 2 * half))
