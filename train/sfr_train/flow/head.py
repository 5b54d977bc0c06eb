"""The networks trained beside the language model and then dropped: flow, projection, tokens.

The symbols are those of `flow`; v (N, ..., D) is the predicted velocity.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

_CHUNK = 2**26  # float32 logits at a time: a quarter of a gigabyte


@dataclass(frozen=True)
class Prediction:
    """A predicted velocity. A flow on probability vectors also gives log(v + source point), which
    cannot be recovered from v without cancellation."""

    velocity: torch.Tensor
    log_endpoint: torch.Tensor | None = None


class Skip(Protocol):
    """A known part of the velocity, as flow.blind.BlindField."""

    def to(self, device: torch.device) -> "Skip":
        """Return it with its numbers on a device."""
        ...

    def velocity(self, state: torch.Tensor, tau: torch.Tensor) -> torch.Tensor:
        """state (N, D), tau (N,) -> (N, D)."""
        ...


class FlowHead(nn.Module):
    """v(z, tau, h): an MLP on each position alone (SFR, 2605.27971; built as in its public code).

    Sinusoidal time embedding through Linear-SiLU-Linear; [z, time, h] -> Linear - LayerNorm - SiLU;
    `layers` - 2 blocks x + SiLU(LayerNorm(Linear(x))); Linear out, weight and bias zero, so that
    v = 0 before the first step. Parameters are float32.

    size: D of the target. time_scale: factor on tau before the sinusoids; the public code uses 1,
    which spans one radian, and image models 1000. time_size: width of the time embedding, D in the
    public code; with D = 384 and a small language model it is most of the head's cost. skip: added
    to the network's velocity, in float32; the network then learns what is left. A head whose width
    is below D only reaches velocities in a subspace, and needs one.
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
        skip: Skip | None = None,
    ) -> None:
        super().__init__()
        self.skip = skip  # no buffers: it is known from the targets, and neither sharded nor saved
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
        velocity = self(state, tau, hidden).float()
        if self.skip is not None:
            self.skip = self.skip.to(state.device)
            velocity = velocity + self.skip.velocity(state.float(), tau)
        return Prediction(velocity)


class TokenHeads(nn.Module):
    """K linear heads on the vocabulary: logits of y_{t+1..t+K} (SFR Def. A.4; the linear variant of
    MTP)."""

    def __init__(self, *, hidden_size: int, vocabulary: int, tokens: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(hidden_size, vocabulary) for _ in range(tokens))

    def forward(self, hidden: torch.Tensor, tokens: torch.Tensor | None = None) -> torch.Tensor:
        """Return logits (N, K, V) of states (N, H), or -log q_i(y_{t+i}) of tokens (N, K); in
        float32 or wider.

        The losses are computed head by head and in pieces, and again in the backward pass, so that
        the logits of one piece of one head are all that exists at a time (2404.19737, section 2).
        """
        hidden = hidden.to(self.heads[0].weight.dtype)
        if tokens is None:
            return _wide(torch.stack([head(hidden) for head in self.heads], dim=1))
        size = max(1, _CHUNK // self.heads[0].out_features)
        losses = [
            torch.cat(
                [
                    checkpoint(_token_loss, head, some_hidden, some_tokens, use_reentrant=False)
                    for some_hidden, some_tokens in zip(
                        hidden.split(size), token.split(size), strict=True
                    )
                ]
            )
            for head, token in zip(self.heads, tokens.unbind(dim=1), strict=True)
        ]
        return torch.stack(losses, dim=1)


def _token_loss(head: nn.Module, hidden: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
    """-log q(y), (N, H), (N,) -> (N,)."""
    return nn.functional.cross_entropy(_wide(head(hidden)), token, reduction="none")


def _wide(logits: torch.Tensor) -> torch.Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


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
