"""pytest tests/metrics/test_semantic_sets.py: Vendi, classes, energy, their families"""

import math
import random
from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.errors import UserError
from sfr_eval.metrics import across, gated, semantic
from sfr_eval.metrics.classes import distinct_k, meaning_classes, utility_k
from sfr_eval.metrics.energy import cross_style_energy, energy_test
from sfr_eval.metrics.gated import QualityFilter
from sfr_eval.metrics.semantic import mean_pairwise_distance
from sfr_eval.metrics.semantic_sets import set_errors, set_values
from sfr_eval.metrics.style import style_information
from sfr_eval.metrics.vendi import dpp_logdet, mean_squared_kernel, vendi_pairs, vendi_score
from tests.metrics.conftest import MakeContext
from tests.metrics.test_semantic import unit_rows

HALF = [[1.0, 0.0], [0.5, math.sqrt(0.75)]]  # cosine .5


def test_vendi_of_the_worked_example() -> None:
    # Eigenvalues .75 and .25.
    assert vendi_score(HALF) == pytest.approx(1.754765, abs=5e-7)
    assert vendi_score(HALF, q=2) == pytest.approx(1.6)
    assert vendi_score(HALF, q=math.inf) == pytest.approx(4 / 3)
    assert vendi_score(HALF, q=0.5) == pytest.approx((0.75**0.5 + 0.25**0.5) ** 2)
    assert vendi_pairs(HALF) == pytest.approx(4)
    assert mean_squared_kernel(HALF) == pytest.approx(0.25)
    assert dpp_logdet(HALF) == pytest.approx(math.log(4 - 0.25))


def test_vendi_of_the_extremes() -> None:
    same = np.tile(unit_rows(0, 1), (5, 1))
    assert vendi_score(same) == pytest.approx(1)
    assert vendi_score(np.eye(5)) == pytest.approx(5)
    assert vendi_pairs(same) == pytest.approx(1)
    assert vendi_pairs(np.eye(5)) == math.inf
    assert math.isnan(vendi_pairs(np.eye(5)[:1]))  # type: ignore[arg-type]
    assert dpp_logdet(same) == pytest.approx(math.log(6))
    assert dpp_logdet(np.eye(5)) == pytest.approx(5 * math.log(2))
    with pytest.raises(ValueError, match="q = 0"):
        vendi_score(HALF, q=0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(2, 12), st.sampled_from([1, 2, 3.5]))
def test_vendi_equals_its_dual_and_keeps_its_bounds(seed: int, n: int, d: int, q: float) -> None:
    rows = unit_rows(seed, n, d)
    gram = np.maximum(np.linalg.eigvalsh(rows @ rows.T / n), 0)
    dual = np.maximum(np.linalg.eigvalsh(rows.T @ rows / n), 0)
    scores = [
        math.exp(-sum(v * math.log(v) for v in values if v > 0))
        if q == 1
        else (values**q).sum() ** (1 / (1 - q))
        for values in (gram, dual)
    ]
    found = vendi_score(rows, q)
    assert found == pytest.approx(scores[0], abs=1e-9)
    assert found == pytest.approx(scores[1], abs=1e-9)
    assert 1 - 1e-9 <= found <= min(n, d) + 1e-9
    assert vendi_score(rows[::-1], q) == pytest.approx(found, abs=1e-9)
    assert vendi_score(np.concatenate([rows, rows]), q) == pytest.approx(found, abs=1e-9)


def test_vendi_equals_vendi_score() -> None:
    peer = pytest.importorskip("vendi_score.vendi", reason="pip install vendi-score")
    for n, d in ((6, 30), (30, 6)):
        rows = unit_rows(n, n, d)
        assert vendi_score(rows) == pytest.approx(peer.score_dual(rows), abs=1e-9)


def test_many_sets_at_once_equal_one_at_a_time() -> None:
    table = unit_rows(1, 40, 7).astype(np.float32)
    sets = [np.arange(0, 8), np.arange(8, 16), np.arange(16, 21), np.array([21]), np.arange(0)]
    found = set_values(table, sets)
    for number, rows in enumerate(sets):
        own = table[rows]
        if len(rows) < 2:
            assert all(np.isnan(values[number]) for values in found.values())
            continue
        expected = {
            "embed_distance": mean_pairwise_distance(own),
            "vendi_q1": vendi_score(own),
            "vendi_q2": vendi_pairs(own),
            "mean_squared_kernel": mean_squared_kernel(own),
            "dpp_logdet": dpp_logdet(own),
            "distinct_k": distinct_k(meaning_classes(own).tolist(), 4),
        }
        for metric, value in expected.items():
            assert found[metric][number] == pytest.approx(value, abs=1e-9), metric
    stack = table[:16].reshape(2, 8, 7)
    np.testing.assert_allclose(vendi_score(stack), found["vendi_q1"][:2], atol=1e-9)


def test_vendi_of_pairs_is_stable_in_k_and_q1_is_not() -> None:
    rows = unit_rows(2, 4_096, 12)
    means = {
        k: (vendi_pairs(rows.reshape(-1, k, 12)), vendi_score(rows.reshape(-1, k, 12)))
        for k in (16, 64)
    }
    assert np.mean(means[16][0]) == pytest.approx(np.mean(means[64][0]), rel=0.06)
    assert np.mean(means[64][1]) > 1.2 * np.mean(means[16][1])


def test_embeddings_that_are_not_finite_name_their_row() -> None:
    rows = np.eye(3)
    rows[2, 1] = np.nan
    for measure in (vendi_score, mean_pairwise_distance, dpp_logdet, meaning_classes):
        with pytest.raises(ValueError, match=r"embeddings\[2\] is not finite"):
            measure(rows)
    with pytest.raises(ValueError, match=r"embeddings\[1\] has length 0"):
        vendi_score([[1.0, 0.0], [0.0, 0.0]])


def test_distinct_k_of_the_worked_example() -> None:
    assert distinct_k([0, 0, 0, 1, 1, 2], 3) == pytest.approx(2.25)
    assert distinct_k([0, 1], 3) is None
    assert distinct_k(["a"] * 5, 3) == pytest.approx(1)
    # One valid reply among two: it is in a draw of one half of the time.
    assert distinct_k(["a"], 1, total=2) == pytest.approx(0.5)
    assert distinct_k([], 1, total=2) == 0.0
    with pytest.raises(ValueError, match="total = 1"):
        distinct_k([0, 0], 1, total=1)


def test_utility_k_is_the_mean_over_all_orders() -> None:
    labels, scores = [0, 0, 1, 1, 2], [5.0, 6.0, 7.0, 8.0, 3.0]
    total = 0.0
    for order in permutations(range(5)):
        seen: set[int] = set()
        for i, x in enumerate(order[:3]):
            total += 0.0 if labels[x] in seen else 0.8**i * scores[x]
            seen.add(labels[x])
    brute = total / 120 / (1 + 0.8 + 0.64)
    assert brute == pytest.approx(4.691803, abs=5e-7)
    assert utility_k(labels, scores, 3) == pytest.approx(brute)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_classes_do_not_depend_on_the_order(seed: int, rng: random.Random) -> None:
    rows = unit_rows(seed, 12, 3)
    rows[5] = rows[2]
    order = list(range(12))
    rng.shuffle(order)
    labels, moved = meaning_classes(rows), meaning_classes(rows[order])
    same = labels[:, None] == labels
    assert (same[np.ix_(order, order)] == (moved[:, None] == moved)).all()
    assert labels[5] == labels[2]


def brute_energy(rows: np.ndarray, styles: list[int]) -> float:
    distance = np.linalg.norm(rows[:, None] - rows, axis=-1)
    member = [[i for i, s in enumerate(styles) if s == style] for style in sorted(set(styles))]

    def within(own: list[int]) -> float:
        return float(distance[np.ix_(own, own)].sum()) / (len(own) * (len(own) - 1))

    pairs = [
        2 * float(distance[np.ix_(a, b)].mean()) - within(a) - within(b)
        for a in member
        for b in member
        if a is not b
    ]
    return float(np.mean(pairs))


def test_energy_equals_its_definition_without_single_replies() -> None:
    rows, styles = unit_rows(3, 11), [0, 0, 0, 1, 1, 2, 2, 2, 2, 1, 9]
    found = cross_style_energy(rows, ["q"] * 11, styles)
    assert found[0] == pytest.approx(brute_energy(rows[:10], styles[:10]), abs=1e-9)
    assert np.isnan(cross_style_energy(rows, ["q"] * 11, [0] * 11)[0])
    assert cross_style_energy(np.zeros((0, 3)), [], []).shape == (0,)


def test_energy_test_is_calibrated_and_has_power() -> None:
    random = np.random.default_rng(4)
    groups, styles = [i // 8 for i in range(48)], [i % 2 for i in range(48)]
    p_values = []
    for _ in range(120):
        rows = random.standard_normal((48, 4))
        p_values.append(energy_test(rows, groups, styles, permutations=59).p_value)
    share = np.mean([p is not None and p <= 0.1 for p in p_values])
    assert 0.02 < share < 0.19  # 3 sigma of 120 are 8%
    rows = random.standard_normal((48, 4)) + np.array(styles)[:, None]
    found = energy_test(rows, groups, styles, permutations=199)
    assert found.p_value == pytest.approx(1 / 200)
    assert found.mean is not None
    assert found.mean > 0.1


def test_style_information_in_bits() -> None:
    assert style_information(np.full((3, 4), 0.25), 1) == pytest.approx(0)
    assert style_information(np.eye(4)[[1, 1]], 1) == pytest.approx(2)
    # One sure and right, one sure and wrong: 2 + (0 + log2 1e-6) / 2.
    assert style_information(np.eye(4)[[1, 2]], 1) == pytest.approx(2 + math.log2(1e-6) / 2)
    assert style_information(np.zeros((0, 4)), 1) is None


class _Vectors:
    """An encoder that looks texts up: what the families do with vectors is checked by hand."""

    def __init__(self, table: dict[str, list[float]]) -> None:
        self.table = table
        self.signature = {"encoder": "table"}

    def encode(self, texts: list[str]) -> np.ndarray:
        width = len(next(iter(self.table.values())))
        return np.array([self.table[text] for text in texts], np.float32).reshape(-1, width)

    def truncated_share(self, texts: list[str]) -> float:
        return 0.0

    def notes(self, texts: list[str]) -> dict[str, float]:
        return {"truncated_share": 0.0}


TABLE = {"a": [1.0, 0.0], "b": [0.0, 1.0], "c": [-1.0, 0.0], "bad": [math.nan, 1.0]}


def test_family_values_by_hand(context: MakeContext) -> None:
    made = context({("q", "x"): ["a", "a"], ("q", "y"): ["b", "b"], ("r", "x"): ["a", "c"]})
    made = replace(made, encoder=_Vectors(TABLE))  # type: ignore[arg-type]
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
    made = replace(made, encoder=_Vectors(table), jackknife=True)  # type: ignore[arg-type]
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
    values, errors = set_values(rows, sets), set_errors(rows, sets)
    for metric, most in (
        ("embed_distance", 1.3),
        ("mean_squared_kernel", 1.35),
        ("vendi_q2", 1.8),
        ("distinct_k", 1.7),
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
    made = replace(context(sets), encoder=_Vectors(table), jackknife=True)  # type: ignore[arg-type]
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
    made = replace(context({("q", "x"): ["a", "bad"]}), encoder=_Vectors(TABLE))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"encoder table: .* sample q/x/1/1.0 .* is not finite"):
        semantic.compute(made)


def test_across_takes_one_reply_of_each_query(context: MakeContext) -> None:
    """Two voices: x says the same to everybody but varies within a prompt, y the other way."""
    made = context(
        {
            ("q", "x"): ["a", "b"],
            ("r", "x"): ["a", "b"],
            ("q", "y"): ["a", "a"],
            ("r", "y"): ["b", "b"],
            ("s", "x"): ["a", None],
            ("s", "y"): ["a", "a"],
        }
    )
    made = replace(made, encoder=_Vectors(TABLE))  # type: ignore[arg-type]
    result = next(r for r in across.compute(made) if r.metric == "across_embed_distance")
    assert result.unit == "set"
    assert result.notes["set_size"] == 2
    assert result.notes["queries_left_out"] == 1  # three queries, blocks of two
    assert result.signature["set"] == "one reply each to 2 queries"
    of = {value.persona: value.value for value in result.values}
    assert set(of) == {"x", "y"}
    left = result.notes["sets_left_out"]
    if not left:  # the block is q and r: x meets its other word, y never its own
        assert of == {"x": pytest.approx(1.0), "y": pytest.approx(1.0)}
    total = result.notes["sets"] + left
    assert total == 4  # 2 personas, 1 block, 2 sets
    alone = replace(context({("q", "x"): ["a", "b"]}), encoder=_Vectors(TABLE))  # type: ignore[arg-type]
    lonely = next(r for r in across.compute(alone) if r.metric == "across_embed_distance")
    assert [(v.value, v.reason) for v in lonely.values] == [(None, "fewer than 2 queries")]


def test_the_filter_drops_bad_replies_but_counts_them(
    context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = context({("q", "x"): ["a", "a", "b", "c", "c"], ("q", "y"): ["c", "c", "c", "c"]})
    made = replace(made, encoder=_Vectors(TABLE))  # type: ignore[arg-type]
    assert gated.compute(made) == []  # no gate, no claim
    monkeypatch.setattr(
        gated, "quality_filter", lambda _: QualityFilter("no c", lambda r: r.text != "c")
    )
    found = {r.metric: r for r in gated.compute(made)}
    values = {metric: [v.value for v in r.values] for metric, r in found.items()}
    assert values["valid_embed_distance"] == [pytest.approx(2 / 3), None]
    # 4 of 5 drawn: a (two) always, b with 4/5.
    assert values["valid_distinct_k"] == [pytest.approx(1.8), 0.0]
    assert values["valid_self_bleu_4"] == [None, None]
    assert found["valid_distinct_k"].signature["gate"] == "no c"
    assert found["valid_distinct_k"].notes["passed"] == pytest.approx(3 / 9)


def test_real_encoder_still_tells_meanings_apart(encoder: Encoder) -> None:
    rows = encoder.encode(
        [
            "Knead the dough and let it rise.",
            "Let the dough rise after kneading it.",
            "The court dismissed the appeal.",
        ]
    )
    assert meaning_classes(rows).tolist() == [0, 0, 1]
