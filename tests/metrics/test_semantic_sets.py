"""pytest tests/metrics/test_semantic_sets.py: Vendi, classes, energy, their families"""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from sfr_eval.errors import UserError
from sfr_eval.metrics import semantic
from sfr_eval.metrics.meanings import CosineCut, meanings_of
from sfr_eval.metrics.semantic_sets import set_errors, set_values
from tests.metrics.conftest import MakeContext
from tests.metrics.vectors import TABLE, Vectors


def test_family_values_by_hand(context: MakeContext) -> None:
    made = context({("q", "x"): ["a", "a"], ("q", "y"): ["b", "b"], ("r", "x"): ["a", "c"]})
    made = replace(made, encoder=Vectors(TABLE))  # type: ignore[arg-type]
    found = {r.metric: [v.value for v in r.values] for r in semantic.compute(made)}
    assert found["embed_distance"] == pytest.approx([0, 0, 2])
    assert found["vendi_q1"] == pytest.approx([1, 1, 1])
    assert found["distinct_k"] == [None] * 3
    # x and y: 2 sqrt(2) - 0 - 0; r has one persona.
    assert found["cross_style_energy"] == [pytest.approx(2 * math.sqrt(2)), None]


def test_errors_within_prompts_use_every_subset(context: MakeContext) -> None:
    """Six replies, two left out: all 15 subsets, each measured by the function of one set."""
    drawn = np.random.default_rng(3)
    table = {str(i): list(drawn.normal([1.0, 1.0, 0.5], 1.0)) for i in range(12)}
    sets = {("q", "x"): [str(i) for i in range(6)], ("r", "x"): [str(i) for i in range(6, 12)]}
    made = context({**sets, ("s", "x"): ["0", "1"]})
    made = replace(made, encoder=Vectors(table), jackknife=True)  # type: ignore[arg-type]
    found = {result.metric: result for result in semantic.compute(made)}
    for metric, measure in (
        ("embed_distance", semantic.mean_pairwise_distance),
        ("vendi_q2", semantic.vendi_pairs),
        ("mean_squared_kernel", semantic.mean_squared_kernel),
    ):
        errors = [value.standard_error for value in found[metric].values]
        for texts, error in zip(sets.values(), errors, strict=False):
            parts = [measure([table[t] for t in part]) for part in combinations(texts, 4)]
            assert error == pytest.approx(math.sqrt((6 - 2) / 2) * np.std(parts), rel=1e-6)
        assert errors[2] is None  # two replies
        note = found[metric].notes["within_prompt"]["1"]
        squares = [error**2 for error in errors[:2]]
        assert note["error"] == pytest.approx(math.sqrt(np.mean(squares)))
        known = np.var([value.value for value in found[metric].values[:2]], ddof=1)
        assert note["share"] == pytest.approx(min(1, np.mean(squares) / known))
        assert note["prompts"] == 2
    assert [v.standard_error is None for v in found["distinct_k"].values] == [False, False, True]
    # vendi_q1 moves with the number of replies, so that subsets say nothing of all.
    assert "within_prompt" not in found["vendi_q1"].notes
    plain = semantic.compute(replace(made, jackknife=False))
    assert all(value.standard_error is None for result in plain for value in result.values)


def test_the_error_within_a_prompt_predicts_another_draw() -> None:
    """400 draws of 8 replies from one source. The jackknife is known to be too large for measures
    of pairs, and for ratios more than for means."""
    drawn = np.random.default_rng(4)
    rows = drawn.normal(0, 1, (3_200, 6)) + 0.7
    sets = list(np.arange(3_200).reshape(400, 8))

    def measured(parts: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        meanings = meanings_of(CosineCut(0.4), rows, [""] * len(rows), parts)
        return {**set_values(rows, parts), "distinct_k": meanings}

    values, errors = measured(sets), set_errors(sets, measured)
    for metric, most in (
        ("embed_distance", 1.3),
        ("mean_squared_kernel", 1.35),
        ("vendi_q2", 1.8),
        ("chamfer_fixed", 1.35),
        ("distinct_k", 1.4),
    ):
        seen = float(np.sqrt(np.mean(np.square(errors[metric]))))
        assert 0.95 < seen / float(np.std(values[metric])) < most, metric


def test_edge_cases_have_a_value_or_a_reason(
    context: MakeContext,
) -> None:
    sets = {
        ("empty", "x"): ["", ""],
        ("one", "x"): ["a"],
        ("lost", "x"): [None, None],
        ("same", "x"): ["a"] * 4,
    }
    table = {**TABLE, "": [0.6, 0.8]}  # an encoder has a vector for the empty text too
    made = replace(context(sets), encoder=Vectors(table), jackknife=True)  # type: ignore[arg-type]
    for result in semantic.compute(made):
        assert len(result.values) == 4, result.metric
        for value in result.values:
            assert (value.value is None) == bool(value.reason), (result.metric, value)
            assert value.value is None or math.isfinite(value.value), (result.metric, value)
    found = {r.metric: [v.value for v in r.values] for r in semantic.compute(made)}
    assert found["embed_distance"] == [pytest.approx(0), None, None, pytest.approx(0)]
    assert found["distinct_k"] == [None, None, None, 1.0]
    assert found["cross_style_energy"] == [None] * 4  # one persona


def test_a_nan_embedding_names_its_sample(context: MakeContext) -> None:
    made = replace(context({("q", "x"): ["a", "bad"]}), encoder=Vectors(TABLE))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"encoder table: .* sample q/x/1/1.0 .* is not finite"):
        semantic.compute(made)


@pytest.mark.parametrize("copies", [2, 8, 40])
@pytest.mark.parametrize("text", ["", "Yes", "Knead the dough. " * 400])
def test_copies_are_the_extreme_of_every_measure(
    text: str, copies: int, context: MakeContext
) -> None:
    """Exactly, and at any length: rounding must not let one run of copies beat another."""
    made = context({("q", "x"): [text] * copies})
    found = {r.metric: r.values[0].value for r in semantic.compute(made)}
    assert found["embed_distance"] == found["chamfer"] == 0.0
    assert found["vendi_q1"] == found["vendi_q2"] == found["mean_squared_kernel"] == 1.0
    assert found["dpp_logdet"] == math.log1p(copies)
    enough = copies >= 4
    assert found["chamfer_fixed"] == (0.0 if enough else None)
    assert found["distinct_k"] == (1.0 if enough else None)


def test_the_equivalence_is_in_the_signature_and_decides(context: MakeContext) -> None:
    made = context({("q", "x"): ["a", "b", "c", "a"]})
    made = replace(made, encoder=Vectors(TABLE))  # type: ignore[arg-type]
    for distance, expected in ((0.5, 3.0), (0.999, 3.0)):
        other = replace(made, equivalence=CosineCut(distance))
        result = next(r for r in semantic.compute(other) if r.metric == "distinct_k")
        assert result.values[0].value == expected
        assert result.signature["same"] == f"cosine distance up to {distance:g}"
    near = {"a": [1.0, 0.0], "b": [0.8, 0.6], "c": [0.0, 1.0]}
    made = replace(made, encoder=Vectors(near))  # type: ignore[arg-type]
    values = []
    for distance in (0.1, 0.3, 0.5):
        other = replace(made, equivalence=CosineCut(distance))
        values += [r.values[0].value for r in semantic.compute(other) if r.metric == "distinct_k"]
    # a, a, b, c with distances ab .2, bc .4: first all differ, then a = b, then b = c as well.
    assert values == [3.0, 2.0, pytest.approx(1.75)]


def test_replies_that_the_encoder_cannot_read_are_left_out(context: MakeContext) -> None:
    """Their embeddings are all alike, which must not read as collapse."""
    table = {**TABLE, "?1": [0.6, 0.8], "?2": [0.6, 0.8], "?3": [0.6, 0.8]}
    sets = {("q", "x"): ["?1", "?2", "?3", "a"], ("r", "x"): ["a", "?1", "b", "?2"]}
    made = replace(context(sets), encoder=Vectors(table))  # type: ignore[arg-type]
    found = {r.metric: r.values for r in semantic.compute(made)}
    first, second = found["embed_distance"]
    assert (first.value, second.value) == (None, pytest.approx(1.0))
    assert first.reason == "fewer than 2 replies with text that the encoder can read"
    assert {v.reason for v in found["distinct_k"]} == {
        "fewer than 4 replies with text that the encoder can read"
    }
    matrix = semantic.persona_similarity(made)[1.0].matrix
    assert matrix[0][0] == pytest.approx(0.0)  # of a and b only


def test_what_looks_the_same_is_a_copy(context: MakeContext) -> None:
    """Zero-width characters, blanks, line ends and normal forms must not read as variety."""
    same = [
        "caf\u00e9 noir",
        "cafe\u0301 noir",
        "caf\u00e9\u200b noir",
        "caf\u00e9  noir ",
        "caf\u00e9\u00a0noir",
    ]
    window = replace(context({}).tokenizer, window=8)
    beyond = [f"the dough rises and then it falls again {end}" for end in ("so", "or", "if", "")]
    made = replace(context({("q", "x"): same, ("r", "x"): beyond}), tokenizer=window)
    for result in semantic.compute(made):
        if result.metric in ("embed_distance", "chamfer", "chamfer_fixed"):
            assert [value.value for value in result.values] == [0.0, 0.0], result.metric
        if result.metric in ("distinct_k", "vendi_q1", "vendi_q2", "mean_squared_kernel"):
            assert [value.value for value in result.values] == [1.0, 1.0], result.metric
