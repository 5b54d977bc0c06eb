"""pytest tests/metrics/test_maps.py"""

import numpy as np
import pytest

from sfr_eval.metrics.maps import centred_by, chosen_queries, maps, principal


def rows(effect: float, *, n: int = 160, d: int = 30) -> tuple[np.ndarray, ...]:  # type: ignore[type-arg]
    rng = np.random.default_rng(1)
    personas, queries = np.arange(n) % 4, np.arange(n) // 8
    return rng.standard_normal((n, d)) + effect * np.eye(4, d)[personas], personas, queries


def test_principal_axes_are_those_of_the_covariance() -> None:
    x = np.random.default_rng(0).standard_normal((50, 6)) * [5, 3, 1, 1, 1, 1] + 9
    coordinates, explained = principal(x, 3)
    values = np.linalg.eigvalsh(np.cov(x.T))[::-1]
    assert explained == pytest.approx(values[:3] / values.sum())
    assert coordinates.var(axis=0, ddof=1) == pytest.approx(values[:3])
    again, _ = principal(x[::-1], 3)
    assert again[::-1] == pytest.approx(coordinates)  # signs do not depend on the order


def test_centring_leaves_no_topic() -> None:
    x, _, queries = rows(0.0)
    left = centred_by(x + 100 * queries[:, None], queries)
    assert left == pytest.approx(centred_by(x, queries))
    assert left[:8].mean(axis=0) == pytest.approx(np.zeros(30), abs=1e-12)


def test_lda_separates_personas_but_not_noise() -> None:
    """Fitted and shown on the same rows it would find 4 classes of noise in 30 dimensions."""
    noise, real = maps(*rows(0.0)), maps(*rows(8.0))
    assert noise["lda"]["held_out_accuracy"] == pytest.approx(0.25, abs=0.12)
    assert real["lda"]["held_out_accuracy"] > 0.97
    assert noise["lda"]["chance_accuracy"] == 0.25


def test_lda_shows_no_query_that_it_was_fitted_on() -> None:
    x, personas, queries = rows(2.0)
    shown = set(queries[maps(x, personas, queries)["lda"]["rows"]].tolist())
    assert shown == set(range(1, 20, 2))


def test_maps_show_every_row_and_repeat() -> None:
    found = maps(*rows(2.0))
    assert found["pca"]["rows"] == found["tsne"]["rows"] == list(range(160))
    assert all(len(found[kind]["x"]) == len(found[kind]["rows"]) for kind in found)
    assert maps(*rows(2.0)) == found


def test_maps_that_rows_do_not_allow_are_absent() -> None:
    x, personas, queries = rows(1.0)
    assert maps(x[:3], personas[:3], queries[:3]) == {}
    assert maps(np.ones((20, 4)), personas[:20], queries[:20]) == {}
    assert "lda" not in maps(x, personas * 0, queries)
    assert set(maps(x[:8], personas[:8], queries[:8])) == {"pca"}


def test_chosen_queries_are_spread_and_bounded() -> None:
    counts = {f"q{i}": 10 for i in range(20)}
    assert chosen_queries(counts, points=100) == [f"q{i}" for i in range(0, 20, 2)]
    assert chosen_queries(counts, points=1000) == list(counts)
    assert chosen_queries(counts, points=5) == ["q0"]
    assert chosen_queries({}, points=5) == []
