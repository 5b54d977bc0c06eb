"""What a head that ignores the model can reach, from mean m and covariance C of the targets.

For z1 with these moments and z0 ~ N(0, I) the best prediction of u = z1 - z0 that is linear in
z_tau is, with eigenvalues l_i of C and z_i the coordinate of z_tau - tau m along eigenvector i,

    v_i = m_i + (tau l_i - (1 - tau)) / (tau^2 l_i + (1 - tau)^2) z_i

and its expected loss at tau

    (1/D) sum_i l_i / (tau^2 l_i + (1 - tau)^2)

Both hold for any distribution with these moments, because they depend on second moments alone; for
Gaussian targets no blind head is better. For l_i = s^2 the mean over tau is s pi / 2, and with a
spread of eigenvalues less: (pi / 2) mean(sqrt(l_i)).
"""

from dataclasses import dataclass

import torch

from sfr_train.flow.head import Prediction


@dataclass(frozen=True)
class BlindField:
    """That prediction. mean (D,); eigenvalues (D,); eigenvectors (D, D), one a column."""

    mean: torch.Tensor
    eigenvalues: torch.Tensor
    eigenvectors: torch.Tensor

    @property
    def size(self) -> int:
        """D."""
        return len(self.mean)

    def to(self, device: torch.device) -> "BlindField":
        """Return the field with its numbers on a device."""
        if self.mean.device == device:
            return self
        parts = (self.mean, self.eigenvalues, self.eigenvectors)
        return BlindField(*(part.to(device) for part in parts))

    def velocity(self, state: torch.Tensor, tau: torch.Tensor) -> torch.Tensor:
        """state (N, D), tau (N,) -> v (N, D), in the dtype of the state."""
        here = self.to(state.device)
        mean, values, vectors = (
            part.to(state.dtype) for part in (here.mean, here.eigenvalues, here.eigenvectors)
        )
        time = tau.to(state)[:, None]
        slope = (time * values - (1 - time)) / _variance(time, values)
        return mean + (slope * ((state - time * mean) @ vectors)) @ vectors.T

    def predict(self, state: torch.Tensor, tau: torch.Tensor, hidden: torch.Tensor) -> Prediction:
        """Be a head that ignores h."""
        return Prediction(self.velocity(state, tau))

    def loss(self, tau: torch.Tensor) -> torch.Tensor:
        """Return the expected mean-square loss at times (N,) -> (N,)."""
        values = self.eigenvalues.to(tau)
        return (values / _variance(tau[:, None], values)).mean(dim=1)


def isotropic(size: int, *, scale: float) -> BlindField:
    """The field of targets with mean 0 and the same variance s^2 in every direction."""
    return BlindField(torch.zeros(size), torch.full((size,), scale**2), torch.eye(size))


def _variance(time: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Var of z_tau along each eigenvector; not 0 at tau = 1 where the targets do not vary."""
    return (time.square() * values + (1 - time).square()).clamp(min=1e-12)
