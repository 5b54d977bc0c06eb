"""pytest tests/metrics/test_spectra.py"""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.metrics import spectra
from sfr_eval.metrics.geometry import against_chance

Doubles = npt.NDArray[np.float64]


def normal(n: int, d: int, *, seed: int = 0) -> Doubles:
    return np.random.default_rng(seed).standard_normal((n, d))


def rotation(d: int, *, seed: int) -> Doubles:
    found: Doubles = np.linalg.qr(normal(d, d, seed=seed))[0]
    return found


# Slow and literal: sums over all quadruples of different rows.


def naive_participation_ratio(x: Doubles) -> float:
    above = below = 0.0
    for i, j, k, m in itertools.permutations(range(len(x)), 4):
        above += ((x[i] - x[j]) @ (x[i] - x[j])) * ((x[k] - x[m]) @ (x[k] - x[m])) / 4
        below += ((x[i] - x[j]) @ (x[k] - x[m])) ** 2 / 4
    return above / below


def naive_hsic(x: Doubles, y: Doubles) -> float:
    k, m = x @ x.T, y @ y.T
    quadruples = list(itertools.permutations(range(len(x)), 4))
    return sum(k[a, b] * (m[a, b] + m[c, d] - 2 * m[a, c]) for a, b, c, d in quadruples) / len(
        quadruples
    )


def naive_share(x: Doubles, labels: npt.NDArray[Any]) -> float:
    groups = [x[labels == label] for label in np.unique(labels)]
    n, count = len(x), len(groups)
    within = sum(((g - g.mean(0)) ** 2).sum() for g in groups) / (n - count)
    middle = sum(len(g) * ((g.mean(0) - x.mean(0)) ** 2).sum() for g in groups) / (count - 1)
    size = (n - sum(len(g) ** 2 for g in groups) / n) / (count - 1)
    between = (middle - within) / size
    return float(between / (between + within))


def naive_cosine(x: Doubles, labels: npt.NDArray[Any], centre: Doubles) -> float:
    unit = [(row - centre) / np.linalg.norm(row - centre) for row in x]
    found = [
        unit[i] @ unit[j]
        for i, j in itertools.permutations(range(len(x)), 2)
        if labels[i] != labels[j]
    ]
    return float(np.mean(found))


LABELS = np.array([0, 0, 1, 1, 1, 2, 2])


def test_persona_share_worked_out_by_hand() -> None:
    """Groups {0, 2} and {4, 6} on a line: within = (1+1+1+1)/2 = 2, mean square between =
    2 * (4 + 4) / 1 = 16, k0 = 2, between = (16 - 2)/2 = 7, share = 7/9."""
    x = np.array([[0.0], [2.0], [4.0], [6.0]])
    assert spectra.persona_share(x, np.array([0, 0, 1, 1])) == pytest.approx(7 / 9)


def test_persona_cosine_worked_out_by_hand() -> None:
    """Around the origin: (1,0) of one, (0,1) and (-1,0) of the other: mean of 0 and -1."""
    x = np.array([[2.0, 0], [0, 5.0], [-1.0, 0]])
    found = spectra.persona_cosine(x, np.array([0, 1, 1]), centre=np.zeros(2))
    assert found == pytest.approx(-0.5)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("seed", range(3))
def test_every_measure_is_the_literal_sum(seed: int, dtype: Any) -> None:
    """Also from float32 with a mean far away, as hidden states have it."""
    x = (normal(7, 5, seed=seed) * [3, 2, 1, 1, 0.5] + 10).astype(dtype)
    y = (normal(7, 4, seed=seed + 50) + x[:, :4]).astype(dtype)
    x64, y64 = x.astype(np.float64), y.astype(np.float64)
    assert spectra.participation_ratio(x) == pytest.approx(naive_participation_ratio(x64), rel=1e-5)
    own = naive_hsic(x64, x64) * naive_hsic(y64, y64)
    assert spectra.cka(x, y) == pytest.approx(naive_hsic(x64, y64) / np.sqrt(own), rel=1e-5)
    assert spectra.persona_share(x, LABELS) == pytest.approx(naive_share(x64, LABELS), rel=1e-5)
    centre = x64.mean(axis=0) + 0.3
    assert spectra.persona_cosine(x, LABELS, centre=centre) == pytest.approx(
        naive_cosine(x64, LABELS, centre), rel=1e-5
    )


def test_effective_rank_is_roy_and_vetterlis() -> None:
    x = normal(8, 5, seed=1)
    values = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    shares = values[values > 1e-12] / values.sum()
    found = spectra.effective_rank(x, rows=8, subsets=2, generator=np.random.default_rng(0))
    assert found == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-9)


def test_constructed_spectra() -> None:
    """A line, a simplex (equal singular values), a plane with known variances."""
    line = np.outer(normal(30, 1, seed=3)[:, 0], [3.0, -1, 2])
    rng = np.random.default_rng(0)
    assert spectra.participation_ratio(line) == pytest.approx(1, rel=1e-9)
    assert spectra.effective_rank(line, rows=8, subsets=4, generator=rng) == pytest.approx(1)
    simplex = np.eye(8)
    assert spectra.effective_rank(simplex, rows=8, subsets=4, generator=rng) == pytest.approx(7)
    # (4 + 1)^2 / (16 + 1) = 25/17
    plane = normal(4000, 2, seed=4) * [2.0, 1.0]
    assert spectra.participation_ratio(plane) == pytest.approx(25 / 17, rel=0.03)


@pytest.mark.parametrize("n", [9, 16, 72])
def test_participation_ratio_of_isotropic_rows_is_d_at_any_n(n: int) -> None:
    """The ratio of the sample covariance would give 5.5, 8.1 and 15.1 at d = 20."""
    found = [spectra.participation_ratio(normal(n, 20, seed=seed)) for seed in range(300)]
    assert np.mean([value for value in found if value is not None]) == pytest.approx(20, rel=0.1)


def test_cka_of_the_same_and_of_independent_rows() -> None:
    x = normal(12, 6, seed=5)
    assert spectra.cka(x, x) == pytest.approx(1, abs=1e-12)
    # 200 independent pairs: the biased CKA of these would be about .5
    found = [
        spectra.cka(normal(12, 6, seed=seed), normal(12, 6, seed=seed + 1000))
        for seed in range(200)
    ]
    assert np.mean([value for value in found if value is not None]) == pytest.approx(0, abs=0.05)


def test_persona_share_is_zero_by_chance_at_every_k() -> None:
    for k in (2, 8):
        labels = np.repeat(np.arange(4), k)
        rng = np.random.default_rng(k)
        null, real = [], []
        for _ in range(300):
            noise = rng.standard_normal((4 * k, 10))
            voices = rng.standard_normal((4, 10))
            null.append(spectra.persona_share(noise, labels))
            real.append(spectra.persona_share(noise + voices[labels], labels))
        assert np.mean(null) == pytest.approx(0, abs=0.02)  # type: ignore[arg-type]
        assert np.mean(real) == pytest.approx(0.5, abs=0.03)  # type: ignore[arg-type]


def test_undefined_cases() -> None:
    rng = np.random.default_rng(0)
    same, few = np.full((9, 4), 7.3, np.float32), normal(3, 4)
    labels = np.repeat([0, 1, 2], 3)
    assert spectra.participation_ratio(same) is None
    assert spectra.participation_ratio(few) is None
    assert spectra.effective_rank(same, rows=8, subsets=2, generator=rng) is None
    assert spectra.effective_rank(normal(7, 4), rows=8, subsets=2, generator=rng) is None
    assert spectra.persona_share(same, labels) is None
    assert spectra.persona_share(normal(9, 4), np.zeros(9, int)) is None
    assert spectra.persona_share(few, np.arange(3)) is None
    assert spectra.permuted_shares(same, labels, permutations=9, generator=rng) is None
    assert spectra.persona_cosine(same, labels, centre=same[0]) is None
    assert spectra.persona_cosine(few, np.zeros(3, int), centre=np.zeros(4)) is None
    assert spectra.cka(same, normal(9, 4)) is None
    assert spectra.cka(few, few) is None
    assert spectra.mean_share(same[:0]) is None
    assert spectra.participation_ratio(same[:0]) is None


def test_equal_replies_within_personas_give_a_share_of_one() -> None:
    voices = normal(3, 4)
    assert spectra.persona_share(np.repeat(voices, 3, axis=0), np.repeat([0, 1, 2], 3)) == 1


def test_mean_share_of_a_narrow_cone() -> None:
    """Mean (10, 0), spread of mean square 2: 100 / 102."""
    x = np.array([[10.0, 1], [10, -1], [11, 0], [9, 0], [11, 1], [9, -1], [11, -1], [9, 1]])
    assert spectra.mean_share(x) == pytest.approx(100 / (100 + 0.75 + 0.75))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 50), shift=st.floats(-100, 100))
def test_rotation_shift_and_scale_change_nothing(seed: int, scale: float, shift: float) -> None:
    x, y = normal(9, 6, seed=seed), normal(9, 3, seed=seed + 1)
    labels = np.repeat([0, 1, 2], 3)
    moved = scale * x @ rotation(6, seed=seed) + shift
    centre = x.mean(axis=0)

    def measures(rows: Doubles, at: Doubles) -> list[float | None]:
        rng = np.random.default_rng(0)
        return [
            spectra.participation_ratio(rows),
            spectra.effective_rank(rows, rows=8, subsets=3, generator=rng),
            spectra.persona_share(rows, labels),
            spectra.persona_cosine(rows, labels, centre=at),
            spectra.cka(rows, y),
        ]

    assert measures(moved, moved.mean(axis=0)) == pytest.approx(measures(x, centre), rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_rows_and_names_of_personas_change_nothing(seed: int) -> None:
    x = normal(7, 4, seed=seed)
    order = np.random.default_rng(seed).permutation(7)
    renamed = np.array([9, 4, 6])[LABELS]
    centre = np.zeros(4)
    for rows, labels in ((x[order], LABELS[order]), (x, renamed)):
        assert spectra.persona_share(rows, labels) == pytest.approx(
            spectra.persona_share(x, LABELS)
        )
        assert spectra.persona_cosine(rows, labels, centre=centre) == pytest.approx(
            spectra.persona_cosine(x, LABELS, centre=centre)
        )
        assert spectra.participation_ratio(rows) == pytest.approx(spectra.participation_ratio(x))


def test_permuted_values_are_those_of_permuted_labels() -> None:
    x, rng = normal(7, 4, seed=2), np.random.default_rng(4)
    found = spectra.permuted_shares(x, LABELS, permutations=50, generator=rng)
    labels = np.random.default_rng(4).permuted(np.tile(LABELS, (50, 1)), axis=1)
    assert found == pytest.approx([naive_share(x, each) for each in labels])
    cosines = spectra.permuted_cosines(
        x, LABELS, centre=np.zeros(4), permutations=5, generator=np.random.default_rng(4)
    )
    labels = np.random.default_rng(4).permuted(np.tile(LABELS, (5, 1)), axis=1)
    assert cosines == pytest.approx([naive_cosine(x, each, np.zeros(4)) for each in labels])


@pytest.mark.parametrize("measure", ["share", "cosine"])
def test_null_is_calibrated(measure: str) -> None:
    """400 runs of a model without personas, three queries with topics of their own: p <= .05 in
    5% +- 2% of them. With personas it is found nearly always."""
    rejected = {0.0: 0, 3.0: 0}
    for effect in rejected:
        for run in range(400 if effect == 0 else 20):
            rng = np.random.default_rng((run, int(effect * 10)))
            labels = np.repeat(np.arange(3), 4)
            voices = effect * rng.standard_normal((3, 5))
            queries = [
                rng.standard_normal((12, 5)) * [3, 1, 1, 1, 0.2] + voices[labels] + topic
                for topic in 5 * rng.standard_normal((3, 5))
            ]
            centre = np.concatenate(queries).mean(axis=0)
            values, nulls = [], []
            for rows in queries:
                if measure == "share":
                    values.append(spectra.persona_share(rows, labels))
                    nulls.append(
                        spectra.permuted_shares(rows, labels, permutations=199, generator=rng)
                    )
                else:
                    values.append(spectra.persona_cosine(rows, labels, centre=centre))
                    nulls.append(
                        spectra.permuted_cosines(
                            rows, labels, centre=centre, permutations=199, generator=rng
                        )
                    )
            found = against_chance(
                float(np.mean(values)),  # type: ignore[arg-type]
                np.mean(nulls, axis=0),  # type: ignore[arg-type]
                lower=measure == "cosine",
            )
            rejected[effect] += found["p"] <= 0.05
    assert 0.03 <= rejected[0.0] / 400 <= 0.07
    assert rejected[3.0] >= 19
