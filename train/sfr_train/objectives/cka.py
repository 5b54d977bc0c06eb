"""1 - CKA between mean response states and mean target embeddings of a micro-batch's samples.

Linear kernel, unbiased HSIC (Song et al. 2012; Kornblith et al. 1905.00414), without a head or
position weights. A micro-batch with fewer than 4 samples is left out, because the estimator divides
by B (B - 3); 32 or more are recommended. Means are taken over supervised positions only.
"""

import torch

from sfr_train.flow.noise import HashNoise
from sfr_train.objectives import base

_SMALLEST = 4


class Settings(base.EmbeddingSettings):
    """It has none."""

    @property
    def by_micro_batch(self) -> bool:
        """True: the loss is a statistic of a micro-batch."""
        return True


class Alignment(base.FutureLoss):
    """The loss. Each micro-batch counts once."""

    head = None

    def terms(self, anchors: base.Anchors, noise: HashNoise) -> base.FutureTerms:
        """Return the loss of the micro-batch; it uses no random numbers."""
        assert anchors.target is not None
        weighted = anchors.weight > 0
        samples, index = torch.unique(anchors.sequences[weighted], return_inverse=True)
        if len(samples) < _SMALLEST:
            zero = 0.0 * anchors.hidden.float().sum()
            return base.FutureTerms(zero, zero.detach()[None])
        states = _means(anchors.hidden[weighted].float(), index, len(samples))
        targets = _means(anchors.target[weighted], index, len(samples))
        loss = 1 - unbiased_cka(states, targets)
        return base.FutureTerms(loss, loss.detach()[None])

    def step_weight(self, weight: torch.Tensor, sequences: torch.Tensor) -> torch.Tensor:
        """Return 1 for a micro-batch with enough samples, else 0."""
        enough = len(torch.unique(sequences[weight > 0])) >= _SMALLEST
        return weight.new_tensor(float(enough))


def unbiased_cka(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """x (B, P), y (B, Q), B >= 4 -> CKA in [-1, 1]; about 0 for independent samples, and 0 if
    either does not vary.

    Columns are centred and the whole is scaled to length 1 first. Neither changes the estimator,
    but without them float32 loses all digits where the mean is far larger than the spread. The
    public code clamps to [0, 1]; values below 0 are as common as above for independent samples, and
    a clamp at 0 would take the gradient where the alignment is worst.
    """
    x, y = _centred(x), _centred(y)
    hsic_xy, hsic_xx, hsic_yy = (unbiased_hsic(a, b) for a, b in ((x, y), (x, x), (y, y)))
    # The unbiased estimator is an inner product of U-centred matrices, so only rounding exceeds 1.
    return (hsic_xy / (hsic_xx * hsic_yy).clamp(min=1e-30).sqrt()).clamp(-1, 1)


def unbiased_hsic(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Song et al. 2012, eq. 5, with linear kernels."""
    count = len(x)
    off = 1 - torch.eye(count, device=x.device, dtype=x.dtype)
    k, m = (x @ x.T) * off, (y @ y.T) * off
    trace = (k * m).sum()
    rest = k.sum() * m.sum() / ((count - 1) * (count - 2))
    cross = 2 * (k.sum(0) * m.sum(0)).sum() / (count - 2)
    return (trace + rest - cross) / (count * (count - 3))


def _centred(rows: torch.Tensor) -> torch.Tensor:
    rows = rows - rows.mean(dim=0)
    return rows / rows.norm().clamp(min=1e-6)


def _means(rows: torch.Tensor, index: torch.Tensor, samples: int) -> torch.Tensor:
    sums = rows.new_zeros(samples, rows.shape[1]).index_add(0, index, rows)
    counts = torch.bincount(index, minlength=samples)
    return sums / counts[:, None]


def build(settings: Settings, sizes: base.Sizes) -> base.Objective:
    """Build cross-entropy plus alignment."""
    return base.Objective(future=Alignment())
