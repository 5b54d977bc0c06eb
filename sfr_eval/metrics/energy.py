"""Energy distance between the replies of different personas: whether styles differ at all."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sfr_eval.metrics.chamfer import ROUNDING
from sfr_eval.metrics.checks import unit_rows
from sfr_eval.metrics.ngrams import numbered, rows_of_groups
from sfr_eval.stats.arrays import Floats, Integers

PERMUTATIONS = 999
_BATCH = 200  # permutations at a time, to bound memory


@dataclass(frozen=True)
class EnergyTest:
    """Energy of each group (NaN if undefined), their mean, and the chance of a mean as large if
    styles are exchanged within groups. Mean and chance are None if no group is defined."""

    energies: Floats
    mean: float | None
    p_value: float | None
    permutations: int


def cross_style_energy(
    embeddings: npt.ArrayLike, groups: Sequence[Hashable], styles: Sequence[Hashable]
) -> Floats:
    """Return the energy distance between styles for each group, in order of first appearance.

    Mean over pairs of styles of 2 E|x - y| - E|x - x'| - E|y - y'|, with U-statistics (no text is
    compared with itself) and Euclidean distances of unit rows (Szekely and Rizzo 2004). 0 in
    expectation if styles are alike, so it can be slightly negative; at most 4. Higher means that
    styles differ more. Its expectation does not depend on the number of replies. Styles with one
    reply in the group are left out; NaN if fewer than two remain.
    """
    blocks = _blocks(unit_rows(embeddings), groups, styles)
    return np.array([np.nan if block is None else _energy(*block)[0] for block in blocks])


def energy_test(
    embeddings: npt.ArrayLike,
    groups: Sequence[Hashable],
    styles: Sequence[Hashable],
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> EnergyTest:
    """Compute `cross_style_energy` with a permutation test: style labels are exchanged within each
    group, p = (1 + number of permuted means >= the observed) / (1 + permutations). No p-value
    without permutations."""
    blocks = _blocks(unit_rows(embeddings), groups, styles)
    energies = np.full(len(blocks), np.nan)
    random = np.random.default_rng(seed)
    permuted = np.zeros(permutations)
    for number, block in enumerate(blocks):
        if block is None:
            continue
        distances, style = block
        energies[number] = _energy(distances, style)[0]
        for begin in range(0, permutations, _BATCH):
            count = min(_BATCH, permutations - begin)
            shuffled = random.permuted(np.tile(style, (count, 1)), axis=1)
            permuted[begin : begin + count] += _energy(distances, shuffled)
    defined = int((~np.isnan(energies)).sum())
    mean = float(np.nansum(energies) / defined) if defined else None
    if mean is None or not permutations:
        return EnergyTest(energies, mean, None, permutations)
    # Sums in a different order differ in the last digits; equal permutations must count as equal.
    reached = int((permuted / defined >= mean - 1e-12).sum())
    return EnergyTest(energies, mean, (1 + reached) / (1 + permutations), permutations)


_Block = tuple[Floats, Integers]


def _blocks(
    rows: Floats, groups: Sequence[Hashable], styles: Sequence[Hashable]
) -> list[_Block | None]:
    """Return distances and styles of each group, of styles with two replies; None below two."""
    if not len(rows) == len(groups) == len(styles):
        raise ValueError(
            f"embeddings has {len(rows)} rows, groups {len(groups)}, styles {len(styles)}"
        )
    style = numbered(styles)
    blocks: list[_Block | None] = []
    for members in rows_of_groups(numbered(groups), groups=len(set(groups))):
        _, codes, sizes = np.unique(style[members], return_inverse=True, return_counts=True)
        members = members[sizes[codes] > 1]
        remaining, codes = np.unique(style[members], return_inverse=True)
        if len(remaining) < 2:
            blocks.append(None)
            continue
        cosines = rows[members] @ rows[members].T
        squares = 2.0 - 2.0 * cosines
        distances = np.sqrt(np.where(squares < 2 * ROUNDING, 0.0, squares))
        np.fill_diagonal(distances, 0.0)
        blocks.append((distances, codes.astype(np.int64)))
    return blocks


def _energy(distances: Floats, style: Integers) -> Floats:
    """Return the energies of one labelling, shape (n,), or of many, shape (labellings, n), which
    give each style as many replies as the first does."""
    many = np.atleast_2d(style)
    count, n = many.shape
    sizes = np.bincount(many[0]).astype(np.float64)
    s = len(sizes)
    member = (many.T[:, :, None] == np.arange(s)).astype(np.float64)  # reply x labelling x style
    reach = (distances @ member.reshape(n, count * s)).reshape(n, count, s)
    own = np.take_along_axis(reach, many.T[:, :, None], axis=2)[:, :, 0]  # to those of its style
    size = sizes[many.T]
    within = (own / (size * (size - 1.0))).sum(axis=0)  # summed over styles
    everybody = np.einsum("np,np->p", distances @ (1.0 / size), 1.0 / size)
    across = everybody - (own / size**2).sum(axis=0)
    # Mean over the s (s - 1) ordered pairs of 2 across - within - within.
    return np.asarray(2.0 * across / (s * (s - 1)) - 2.0 * within / s)
