"""Conditional flow matching with exchangeable parts; SFR and MTP are two settings of it.

    symbol  name      shape          meaning
    tau     tau       (N,)           flow time in [0, 1]
    z0      start     (N, ..., D)    source point
    z1      target    (N, ..., D)    target point
    z_tau   state     (N, ..., D)    (1 - tau) z0 + tau z1
    u       velocity  (N, ..., D)    dz/dtau = z1 - z0, the regression target
    h       hidden    (N, H)         condition

SFR: Gaussian source, z1 = E(y_{t+1..t+k}), MLP head, mean square. MTP (SFR Def. A.4): constant
source pi, z1 = one-hot vectors of y_{t+1..t+K}, a head free of z and tau, Kullback-Leibler. Lemma
A.5: a divergence on probability vectors, moved to velocities by adding pi on both sides, compares
the end points, so that pi and tau drop out.

At tau = 1 the velocity of a point mass, (z1 - z)/(1 - tau), has no limit: to integrate a field,
evaluate it below 1 only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from sfr_train.flow.blind import BlindField
from sfr_train.flow.head import FlowHead, Prediction, TimeFreeHead
from sfr_train.flow.noise import HashNoise

Source = Callable[[torch.Tensor, HashNoise], torch.Tensor]
"""(target (N, ..., D), noise) -> source points of the same shape, where paths start."""
Divergence = Callable[[torch.Tensor, Prediction], torch.Tensor]
"""(target velocity (N, ..., D), prediction) -> distance (N, ...)."""


def gaussian_source(target: torch.Tensor, noise: HashNoise) -> torch.Tensor:
    """z0 ~ N(0, I): the flow can represent a whole distribution over targets."""
    draws = noise.normal(target[0].numel() if len(target) else 0)
    return draws.to(target).reshape(target.shape)


def constant_source(point: torch.Tensor) -> Source:
    """z0 = one point, which broadcasts against (..., D): the flow reaches a single end point for
    each h."""
    return lambda target, noise: point.to(target).expand_as(target)


def straight_path(
    start: torch.Tensor, target: torch.Tensor, tau: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """z_tau = (1 - tau) z0 + tau z1 and u = z1 - z0 (Lipman et al. 2210.02747, sigma_min = 0)."""
    time = tau.to(target).reshape(-1, *[1] * (target.ndim - 1))
    return (1 - time) * start + time * target, target - start


def mean_square(velocity: torch.Tensor, prediction: Prediction) -> torch.Tensor:
    """(1/D) |u - v|^2, as in SFR."""
    return (velocity - prediction.velocity).square().mean(dim=-1)


def sum_square(velocity: torch.Tensor, prediction: Prediction) -> torch.Tensor:
    """|u - v|^2: on one-hot targets the Brier score, whose optimum is that of cross-entropy."""
    return (velocity - prediction.velocity).square().sum(dim=-1)


def transported_kl(point: torch.Tensor) -> Divergence:
    """KL(u + pi || v + pi): on one-hot targets -log q(y), the cross-entropy of MTP.

    Defined where u + pi is a probability vector: for paths that start at `point`. 0 log 0 = 0. The
    head gives log(v + pi) itself, exact for small probabilities.
    """

    def divergence(velocity: torch.Tensor, prediction: Prediction) -> torch.Tensor:
        end = (velocity + point.to(velocity)).clamp(min=0)  # rounding may give -1e-8
        assert prediction.log_endpoint is not None, "the head does not predict probabilities"
        return (torch.xlogy(end, end) - end * prediction.log_endpoint).sum(dim=-1)

    return divergence


@dataclass(frozen=True)
class FlowMatching:
    """One draw of the flow-matching loss per anchor.

    tau_weight: none, as published, or min_snr (Hang et al. 2303.09556, moved to velocities).
    scale: standard deviation s of a target coordinate, which min_snr needs.
    """

    source: Source
    head: FlowHead | TimeFreeHead | BlindField
    divergence: Divergence
    tau_weight: Literal["none", "min_snr"] = "none"
    scale: float = 1.0

    def loss(
        self, hidden: torch.Tensor, *, target: torch.Tensor, noise: HashNoise, tau: torch.Tensor
    ) -> torch.Tensor:
        """hidden (N, H); target (N, ..., D) in float32 or wider; tau (N,) -> (N, ...)."""
        state, velocity = straight_path(self.source(target, noise), target, tau)
        loss = self.divergence(velocity, self.head.predict(state, tau, hidden))
        if self.tau_weight == "min_snr":
            loss = loss * self.weight(tau).reshape(-1, *[1] * (loss.ndim - 1))
        return loss

    def weight(self, tau: torch.Tensor) -> torch.Tensor:
        """Return the weight of each time (N,)."""
        if self.tau_weight == "none":
            return torch.ones_like(tau)
        return min_snr_weight(tau, scale=self.scale)


def min_snr_weight(tau: torch.Tensor, *, scale: float, gamma: float = 5.0) -> torch.Tensor:
    """min(SNR, gamma) (1 - tau)^2 with SNR = (tau s / (1 - tau))^2, finite at both ends."""
    return torch.minimum((tau * scale).square(), gamma * (1 - tau).square())
