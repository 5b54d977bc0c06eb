"""Random numbers that depend on (seed, step, id) alone.

Flow matching draws a time and a source point for every anchor. If they came from a stream, a
resumed run, another number of processes or another micro-batch size would see other draws. Here
each number is a hash of what it belongs to, so all of these train on the same numbers, and the
global generators of Python, NumPy and torch are not touched.

The hash is the finalizer of SplitMix64 (Steele, Lea, Flood 2014), a bijection of 64-bit words that
passes the usual test batteries on counters.
"""

import math
from dataclasses import dataclass

import torch

# 0x9E3779B97F4A7C15, the odd integer nearest to 2**64 / golden ratio
_GOLDEN = -7046029254386353131
_MIX_1 = -4658895280553007687  # 0xBF58476D1CE4E5B9
_MIX_2 = -7723592293110705685  # 0x94D049BB133111EB


@dataclass(frozen=True)
class HashNoise:
    """Draws of one optimizer step, float32; row i of every result belongs to anchor i.

    ids: int64 (N,), the anchors, which own the source points. groups: int64 (N,); anchors with the
    same group (themselves, or their sequence) share a time.
    """

    seed: int
    step: int
    ids: torch.Tensor
    groups: torch.Tensor

    def uniform(self) -> torch.Tensor:
        """U(0, 1), one time per group, (N,)."""
        return _unit(hash_words(self.groups, self._key(1)))

    def normal(self, size: int) -> torch.Tensor:
        """N(0, 1), (N, size), by Box-Muller over pairs of hashes."""
        pairs = (size + 1) // 2
        counter = self.ids[:, None] * pairs + torch.arange(pairs, device=self.ids.device)
        radius = _unit(hash_words(counter, self._key(2))).log_().mul_(-2.0).sqrt_()
        angle = _unit(hash_words(counter, self._key(3))).mul_(2.0 * math.pi)
        normals = torch.cat([angle.cos().mul_(radius), angle.sin().mul_(radius)], dim=1)
        return normals[:, :size]

    def _key(self, stream: int) -> int:
        """Return a 64-bit word for (seed, step, stream), as the signed integer that torch uses."""
        word = torch.tensor([self.seed], dtype=torch.int64)
        return int(hash_words(hash_words(word, self.step), stream))


def hash_words(words: torch.Tensor, key: int) -> torch.Tensor:
    """SplitMix64 of words + key * golden; int64 arithmetic wraps around as 64-bit words do."""
    z = words + (((key + 1) * _GOLDEN + 2**63) % 2**64 - 2**63)
    # In place from here on: every anchor of a step pays for it.
    z.bitwise_xor_(_shift(z, 30)).mul_(_MIX_1)
    z.bitwise_xor_(_shift(z, 27)).mul_(_MIX_2)
    return z.bitwise_xor_(_shift(z, 31))


def _shift(z: torch.Tensor, bits: int) -> torch.Tensor:
    """Logical right shift; torch's own repeats the sign bit."""
    return (z >> bits).bitwise_and_((1 << (64 - bits)) - 1)


def _unit(words: torch.Tensor) -> torch.Tensor:
    """Map the top 23 bits to a float32 in (0, 1), without both ends: a logarithm follows."""
    return _shift(words, 41).to(torch.float32).add_(0.5).mul_(2.0**-23)
