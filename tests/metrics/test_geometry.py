"""pytest tests/metrics/test_geometry.py"""

from typing import Any

import numpy as np
import pytest

from sfr_eval.errors import UserError
from sfr_eval.metrics import geometry, spectra
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.geometry import against_chance
from sfr_eval.stats.intervals import t_interval
from sfr_eval.types import MetricResult
from tests.metrics.conftest import make_sample, make_suite
from tests.metrics.readings import made, make_states

QUERIES, PERSONAS, K, WIDTH = 4, 3, 4, 6
PERSONA = np.tile(np.repeat(np.arange(PERSONAS), K), QUERIES)
QUERY = np.repeat(np.arange(QUERIES), PERSONAS * K)


def context(**fields: Any) -> Context:
    samples = [
        make_sample(f"q{query}", "abc"[persona], number, "text")
        for number, (query, persona) in enumerate(zip(QUERY, PERSONA, strict=True))
    ]
    return Context(samples=samples, suite=make_suite("abc"), encoder=None, **fields)  # type: ignore[arg-type]


def vectors(*, voices: float, seed: int = 0, layers: int = 2) -> Any:
    rng = np.random.default_rng(seed)
    topics, voice = 5 * rng.standard_normal((QUERIES, WIDTH)), rng.standard_normal((3, WIDTH))
    noise = rng.standard_normal((len(QUERY), layers, WIDTH))
    return noise + 20 + topics[QUERY][:, None] + voices * voice[PERSONA][:, None]


def by_metric(found: list[MetricResult]) -> dict[str, MetricResult]:
    return {result.metric: result for result in found}


def test_values_are_those_of_the_last_layer_of_each_query() -> None:
    model, blind, base = (make_states(vectors(voices=2, seed=seed)) for seed in (0, 1, 2))
    found = by_metric(geometry.compute(context(forward=made(model, base=base, blind=blind))))
    assert set(found) == set(geometry.METRICS)
    last = model.reply_states[:, -1].astype(float)
    own = QUERY == 1
    expected = {
        "hidden_participation_ratio": spectra.participation_ratio(last[own]),
        "hidden_persona_share": spectra.persona_share(last[own], PERSONA[own]),
        "hidden_persona_cosine": spectra.persona_cosine(
            last[own], PERSONA[own], centre=last.mean(axis=0)
        ),
        "hidden_base_cka": spectra.cka(last[own], base.reply_states[own, -1]),
        "reread_persona_share": spectra.persona_share(blind.reply_states[own, -1], PERSONA[own]),
    }
    for metric, number in expected.items():
        value = found[metric].values[1]
        assert (value.query, value.persona) == ("q1", "")
        assert value.value == pytest.approx(number), metric


def test_profile_has_every_layer_with_interval_and_null() -> None:
    model = make_states(vectors(voices=3, layers=3))
    share = by_metric(geometry.compute(context(forward=made(model))))["hidden_persona_share"]
    profile = share.notes["profile"]["1"]
    assert [row["layer"] for row in profile] == [0, 1, 2]
    numbers = [value.value for value in share.values]
    mean, low, high = t_interval(numbers)  # type: ignore[arg-type]
    last = profile[-1]
    assert (last["value"], last["low"], last["high"], last["n"]) == pytest.approx(
        (mean, low, high, QUERIES)
    )
    assert last["p"] == 1 / 200
    assert last["null_low"] < 0 < last["null_high"] < mean


def test_collapse_into_one_voice_is_within_the_null() -> None:
    model = make_states(vectors(voices=0, seed=7))
    found = by_metric(geometry.compute(context(forward=made(model, blind=model))))
    for metric in ("reread_persona_share", "reread_persona_cosine"):
        row = found[metric].notes["profile"]["1"][-1]
        assert row["p"] > 0.05
        assert row["null_low"] < row["value"] < row["null_high"]


def test_prompt_measures_use_one_state_per_persona() -> None:
    one_each = vectors(voices=2)[::K, 0]  # query-major, a row a persona
    model = make_states(vectors(voices=0, layers=1), prompts=np.repeat(one_each, K, axis=0))
    found = by_metric(geometry.compute(context(forward=made(model))))
    first, centre = one_each[:PERSONAS], one_each.mean(axis=0)
    expected = spectra.persona_cosine(first, np.arange(3), centre=centre)
    assert found["prompt_persona_cosine"].values[0].value == pytest.approx(expected, rel=1e-4)
    rank = found["prompt_effective_rank"].values[0]
    assert (rank.value, rank.reason) == (None, "fewer than 8 personas with different states")


def test_without_a_base_cka_says_how_to_give_one() -> None:
    found = by_metric(geometry.compute(context(forward=made(make_states(vectors(voices=1))))))
    for metric in ("hidden_base_cka", "prompt_base_cka"):
        assert {value.value for value in found[metric].values} == {None}
        assert "--base-model" in found[metric].values[0].reason


def test_a_base_of_another_depth_is_ignored() -> None:
    model, base = make_states(vectors(voices=1)), make_states(vectors(voices=1, layers=3))
    found = by_metric(geometry.compute(context(forward=made(model, base=base))))
    assert found["hidden_base_cka"].values[0].value is None


def test_replies_without_a_token_are_left_out() -> None:
    replies = vectors(voices=1)
    replies[QUERY == 2] = np.nan
    entropy: list[list[float]] = [[] if query == 2 else [0.5] for query in QUERY]
    found = by_metric(
        geometry.compute(context(forward=made(make_states(replies, entropy=entropy))))
    )
    values = found["hidden_persona_share"].values
    assert [value.value is None for value in values] == [False, False, True, False]
    for result in found.values():
        for rows in result.notes["profile"].values():
            assert all(row["value"] is None or np.isfinite(row["value"]) for row in rows)


def test_maps_are_of_the_last_layer_without_topics() -> None:
    model = make_states(vectors(voices=4))
    found = by_metric(geometry.compute(context(forward=made(model, blind=model))))
    shown = found["reread_persona_share"].notes["map"]
    assert shown["persona"] == ["abc"[persona] for persona in PERSONA]
    assert (shown["layer"], shown["temperature"]) == (1, 1.0)
    assert set(shown) >= {"pca", "lda", "tsne"}
    assert sum(shown["pca"]["explained"]) > 0.5  # of three voices, not of four far topics


def test_computing_twice_gives_the_same() -> None:
    model = make_states(vectors(voices=1))
    assert geometry.compute(context(forward=made(model))) == geometry.compute(
        context(forward=made(model))
    )


def test_no_checkpoint_is_a_user_error() -> None:
    with pytest.raises(UserError, match="give it with --model"):
        geometry.compute(context())


def test_against_chance_counts_ties_and_the_value_itself() -> None:
    null = np.arange(99.0)
    assert against_chance(97.0, null, lower=False)["p"] == pytest.approx(3 / 100)
    assert against_chance(1.0, null, lower=True)["p"] == pytest.approx(3 / 100)
    assert against_chance(1000.0, null, lower=False)["p"] == pytest.approx(1 / 100)
