"""pytest tests/metrics/test_lexical_sets.py: count-stable forms, ROUGE-L, repetition, the stream"""

import math
import random
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.metrics import lexical
from sfr_eval.metrics.bleu import (
    cross_style_self_bleu,
    fixed_bleu_draws,
    self_bleu,
    self_bleu_fixed,
)
from sfr_eval.metrics.distinct import (
    distinct_n,
    expectation_adjusted_distinct_n,
    ngram_counts,
    rarefied_distinct_n,
)
from sfr_eval.metrics.lexical_stream import ReplyRow, lexical_stream
from sfr_eval.metrics.ngrams import pack, stable_order
from sfr_eval.metrics.repetition import (
    collision_rate,
    compression_ratio,
    modal_share,
    self_repetition,
    self_repetition_rate,
    unique_share,
)
from sfr_eval.metrics.rouge import rouge_l_homogenization, rouge_l_rows
from sfr_eval.metrics.tokenizers import load_tokenizer
from tests.metrics.conftest import MakeContext
from tests.metrics.test_lexical import T, nltk_bleu, token_lists

BLANKS = load_tokenizer("blanks-v1")


def zipf_texts(seed: int, count: int, words: int = 30) -> list[list[str]]:
    weights = 1 / np.arange(1, 301)
    drawn = np.random.default_rng(seed).choice(300, p=weights / weights.sum(), size=(count, words))
    return [[str(word) for word in row] for row in drawn]


def test_rarefied_and_ead_of_the_worked_example() -> None:
    assert rarefied_distinct_n(T, 1, 5) == pytest.approx(0.833751, abs=5e-7)
    assert rarefied_distinct_n(T, 2, 5) == pytest.approx(0.826050, abs=5e-7)
    assert rarefied_distinct_n(T, 1, 21) == pytest.approx(10 / 21)  # all of them: raw
    assert rarefied_distinct_n(T, 1, 1) == pytest.approx(1)
    assert rarefied_distinct_n(T, 1, 22) is None
    assert expectation_adjusted_distinct_n(T, 1) == pytest.approx(0.476285, abs=5e-7)
    assert expectation_adjusted_distinct_n(T, 2) == pytest.approx(0.529496, abs=5e-7)


@settings(max_examples=30, deadline=None)
@given(token_lists, st.integers(1, 2), st.integers(1, 3))
def test_rarefied_is_the_mean_over_all_draws(texts: list[list[str]], n: int, m: int) -> None:
    counts = ngram_counts(texts, n)
    found = rarefied_distinct_n(texts, n, m)
    if counts.total() < m:
        assert found is None
        return
    draws = list(combinations(list(counts.elements())[:12], m))
    if counts.total() <= 12:
        brute = sum(len(set(draw)) for draw in draws) / len(draws) / m
        assert found == pytest.approx(brute, abs=1e-10)


def test_count_stable_forms_are_stable_and_raw_ones_are_not() -> None:
    """128 texts of one source cut into groups of 8 and of 64: as table 3.1 of the sources."""
    texts = zipf_texts(0, 512)
    raw, rarefied, raw_bleu, fixed = {}, {}, {}, {}
    for k in (8, 64):
        parts = [texts[i : i + k] for i in range(0, 512, k)]
        groups = [i // k for i in range(512)]
        raw[k] = np.mean([distinct_n(part, 2) for part in parts])
        rarefied[k] = np.mean([rarefied_distinct_n(part, 2, 100) for part in parts])
        raw_bleu[k] = self_bleu(texts, groups)[:, 1].mean()
        fixed[k] = np.nanmean(self_bleu_fixed(texts, groups)[:, 1])
    assert raw[8] > raw[64] + 0.1
    assert rarefied[8] == pytest.approx(rarefied[64], abs=0.01)
    assert raw_bleu[64] > raw_bleu[8] + 0.1
    assert fixed[8] == pytest.approx(fixed[64], abs=0.01)
    assert fixed[8] == pytest.approx(raw_bleu[8])  # 8 texts have 7 others: nothing is drawn


def test_fixed_references_of_the_worked_example() -> None:
    """One reference: the mean over the three pairings of T is .383795. 600 draws, 3 sigma .012."""
    scores = self_bleu_fixed(T, [0] * 4, references=1, draws=600)[:, 3]
    assert scores.mean() == pytest.approx(0.383795, abs=0.012)
    pairings = [((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2))]
    exact = np.mean(
        [self_bleu([T[a], T[b]], [0, 0])[:, 3].mean() for pair in pairings for a, b in pair]
    )
    assert exact == pytest.approx(0.383795, abs=5e-7)
    assert np.isnan(self_bleu_fixed(T, [0] * 4, references=4)).all()


def test_a_group_is_scored_independently_of_others() -> None:
    texts = zipf_texts(1, 40, words=12)
    groups = [0] * 20 + [1] * 20
    together = self_bleu_fixed(texts, groups)
    np.testing.assert_array_equal(together[20:], self_bleu_fixed(texts[20:], [5] * 20))


@pytest.mark.parametrize("cross", [False, True])
def test_a_thousand_texts_and_240_edge_cases_equal_nltk(cross: bool) -> None:
    rng = random.Random(3)
    texts, groups = zipf_texts(2, 1_000, words=14), [i // 8 for i in range(1_000)]
    for case in range(60):  # 60 groups of 4: lengths 0-15, repeats, duplicates, unseen, alone
        words = rng.choice(["a", "ab", "abcdefghijklmnop"])
        own = [[rng.choice(words) for _ in range(rng.randrange(16))] for _ in range(2)]
        own += [list(own[0]), [f"unseen{case}"] * rng.randrange(4)]
        texts += own
        groups += [1_000 + case] * 3 + [1_000 + case if case % 3 else 2_000 + case]
    styles = [rng.randrange(3) for _ in texts] if cross else list(range(len(texts)))
    scores = cross_style_self_bleu(texts, groups, styles)[:, 3]
    members: dict[int, list[int]] = {}
    for i, group in enumerate(groups):
        members.setdefault(group, []).append(i)
    worst = 0.0
    for i, text in enumerate(texts):
        others = [texts[j] for j in members[groups[i]] if styles[j] != styles[i]]
        if not others:
            assert np.isnan(scores[i])
            continue
        worst = max(worst, abs(scores[i] - nltk_bleu(text, others, 4)))
    assert worst < 1e-9


def test_rouge_of_the_worked_example() -> None:
    # Pairs: .8 .4 .9091 / .4 .7273 / .3636, halves of LCS over mean length.
    assert rouge_l_homogenization(T) == pytest.approx(0.6, abs=5e-5)
    expected = [(0.8 + 0.4 + 10 / 11) / 3, (0.8 + 0.4 + 8 / 11) / 3]
    np.testing.assert_allclose(rouge_l_rows(T)[:2], expected)
    assert rouge_l_homogenization([["a"], ["b"]]) == 0.0  # nothing shared is not "all the same"
    assert rouge_l_homogenization([["a"], ["a"]]) == 1.0
    assert rouge_l_homogenization([[], []]) == 1.0
    assert rouge_l_homogenization([[], ["a"]]) == 0.0
    assert rouge_l_homogenization([["a"]]) is None


@settings(max_examples=40, deadline=None)
@given(token_lists, st.randoms(use_true_random=False))
def test_set_measures_ignore_order_and_detect_copies(
    texts: list[list[str]], rng: random.Random
) -> None:
    shuffled = list(texts)
    rng.shuffle(shuffled)
    measures = {
        "distinct": lambda t: distinct_n(t, 1),
        "rarefied": lambda t: rarefied_distinct_n(t, 1, 3),
        "rouge": rouge_l_homogenization,
        "rate": lambda t: self_repetition_rate(t, n=1),
        "bytes": lambda t: compression_ratio(["".join(text) for text in t]),
    }
    for name, measure in measures.items():
        value, doubled = measure(texts), measure(texts + texts)
        assert value == pytest.approx(measure(shuffled), abs=1e-12), name
        if value is None or doubled is None or name == "bytes":
            continue
        assert 0 <= value <= 1 + 1e-12, name
        worse = doubled - value if name in ("rouge", "rate") else value - doubled
        assert worse >= -1e-9, name


def plain_lcs(one: list[str], other: list[str]) -> int:
    row = [0] * (len(other) + 1)
    for a in one:
        before = row[:]
        for j, b in enumerate(other):
            row[j + 1] = before[j] + 1 if a == b else max(row[j], before[j + 1])
    return row[-1]


@settings(max_examples=40, deadline=None)
@given(token_lists)
def test_rouge_equals_the_textbook(texts: list[list[str]]) -> None:
    pairs = [
        2 * plain_lcs(a, b) / (len(a) + len(b)) if a or b else 1.0
        for a, b in combinations(texts, 2)
    ]
    assert rouge_l_homogenization(texts) == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)


def test_rouge_of_many_texts_and_many_distinct_tokens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = zipf_texts(4, 23, words=9)
    whole = rouge_l_rows(texts)
    monkeypatch.setattr("sfr_eval.metrics.rouge._ROWS", 5)
    np.testing.assert_allclose(rouge_l_rows(texts), whole)
    many = [[str(i) for i in range(60_000)], ["59999", "55400", "56000"]]
    assert rouge_l_rows(many)[0] == pytest.approx(2 * 2 / 60_003)  # 55400 56000 in order


def test_rouge_equals_rouge_score() -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer", reason="pip install rouge_score")
    texts = [" ".join(text) for text in zipf_texts(5, 12)]
    rouge = scorer.RougeScorer(["rougeL"], use_stemmer=False)
    pairs = [
        rouge.score(a, b)["rougeL"].fmeasure
        for i, a in enumerate(texts)
        for j, b in enumerate(texts)
        if i != j
    ]
    split = load_tokenizer("rouge-v1")
    found = rouge_l_homogenization([split(text) for text in texts])
    assert found == pytest.approx(np.mean(pairs), abs=1e-9)


def test_self_repetition_of_the_worked_example() -> None:
    assert self_repetition(T) == pytest.approx(0.967800, abs=5e-7)
    # 4-grams: abcd in three texts, bcde in two, the rest once.
    # Shares: abcd bcde of 2; abcd of abcd bcdf; 0 of 2; abcd bcde of 3.
    assert self_repetition_rate(T) == pytest.approx((1 + 1 / 2 + 0 + 2 / 3) / 4)
    assert self_repetition(T[:1]) is None
    assert self_repetition_rate([["a"], ["b"]]) is None
    assert self_repetition([["a"], ["b"]]) == 0.0


def test_compression_by_hand_and_by_count() -> None:
    import gzip

    texts = [" ".join(text) for text in zipf_texts(6, 256)]
    alone = compression_ratio(texts[:1])
    assert alone == pytest.approx(len(texts[0]) / len(gzip.compress(texts[0].encode(), mtime=0)))
    raw = [compression_ratio(texts[:k]) for k in (8, 64)]
    assert raw[0] is not None
    assert raw[1] is not None
    assert raw[1] > raw[0] + 0.2
    stable = [
        np.mean([compression_ratio(texts[i : i + k], budget=512) for i in range(0, 256, k)])
        for k in (8, 64)
    ]
    assert stable[0] == pytest.approx(stable[1], rel=0.02)
    assert compression_ratio(texts[::-1], budget=512) == compression_ratio(texts, budget=512)
    assert compression_ratio(["", ""]) is None
    assert compression_ratio(["ab"], budget=3) is None


def test_copies_by_hand() -> None:
    assert collision_rate(["a", "a", "b"]) == pytest.approx(1 / 3)
    assert modal_share(["a", "a", "b"]) == pytest.approx(2 / 3)
    assert unique_share(["a", "a", "b"]) == pytest.approx(2 / 3)
    assert collision_rate(["a"]) is modal_share(["a"]) is unique_share(["a"]) is None


@given(st.lists(st.integers(0, 2**40), max_size=30))
def test_stable_order_is_a_stable_argsort(keys: list[int]) -> None:
    for scale in (1, 2**22):  # the second does not fit beside its place
        numbers = np.array(keys, dtype=np.int64) * scale
        order, ordered = stable_order(numbers)
        np.testing.assert_array_equal(order, np.argsort(numbers, kind="stable"))
        np.testing.assert_array_equal(ordered, np.sort(numbers))


def rows_of(texts: dict[tuple[str, str], list[str]]) -> list[ReplyRow]:
    return [
        ReplyRow(query, persona, index, text)
        for (query, persona), own in texts.items()
        for index, text in enumerate(own)
    ]


def fixed_mean(texts: list[list[str]], n: int) -> float:
    group = np.zeros(len(texts), dtype=np.int64)
    return float(np.nanmean(fixed_bleu_draws(pack(texts), group, references=7)[:, :, n - 1]))


def test_the_stream_equals_the_functions_at_any_batch_size() -> None:
    rng = random.Random(8)
    texts = {
        (f"q{q}", persona): [
            " ".join(rng.choice("abcdefgh") for _ in range(rng.choice([0, 3, 30])))
            for _ in range(rng.choice([1, 2, 9]))
        ]
        for q in range(6)
        for persona in "xyzw"
    }
    for limit in (1, 10**9):
        found: dict[str, dict[object, float]] = {}
        for batch in lexical_stream(rows_of(texts), BLANKS, batch_characters=limit):
            for metric, numbers in batch.of_prompts.items():
                found.setdefault(metric, {}).update(zip(batch.prompts, numbers, strict=True))
        for key, own in texts.items():
            split = [text.split() for text in own]
            expected = {
                "distinct_2": distinct_n(split, 2),
                "distinct_1_rarefied": rarefied_distinct_n(split, 1, 100),
                "ead_3": expectation_adjusted_distinct_n(split, 3),
                "rouge_l_homogenization": rouge_l_homogenization(split),
                "self_repetition": self_repetition(split),
                "self_repetition_rate": self_repetition_rate(split),
                "compression_ratio": compression_ratio(own),
                "compression_ratio_fixed": compression_ratio(own, budget=1_024),
                "self_bleu_4": float(self_bleu(split, [0] * len(own))[:, 3].mean()),
                "self_bleu_2_fixed": fixed_mean(split, 2) if len(own) > 8 else None,
            }
            for metric, number in expected.items():
                number = None if len(own) < 2 else number
                wanted = math.nan if number is None else number
                assert found[metric][key] == pytest.approx(wanted, nan_ok=True, abs=1e-9), metric


def test_the_gap_between_styles() -> None:
    """Five voices without a common word: all of the self-BLEU is within them. One voice: none."""
    apart = {("q", p): [f"{p}1 {p}2 {p}3 {p}4 {p}5"] * 4 for p in "vwxyz"}
    alike = {("q", p): ["a b c d e"] * 4 for p in "vwxyz"}
    for texts, gap in ((apart, 1.0), (alike, 0.0)):
        (batch,) = lexical_stream(rows_of(texts), BLANKS)
        assert batch.of_queries["style_bleu_gap_4"][0] == pytest.approx(gap)
    (batch,) = lexical_stream(rows_of({k: v for k, v in apart.items() if k[1] in "vw"}), BLANKS)
    assert np.isnan(batch.of_queries["style_bleu_gap_4"][0])  # two voices have not 3 references


def test_bad_rows_are_named() -> None:
    with pytest.raises(TypeError, match=r"texts\[1\] is a string"):
        self_bleu([["a"], "a b"], [0, 0])
    with pytest.raises(TypeError, match=r"texts\[0\] is None"):
        distinct_n([None], 1)  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"texts\[1\] is nan"):
        rouge_l_homogenization([["a"], math.nan])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"texts\[0\] is 3, not a string"):
        compression_ratio([3])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="groups has 1 rows, texts has 2"):
        self_bleu([["a"], ["b"]], [0])
    rows = [ReplyRow("q", "x", 0, "a"), ReplyRow("q", "x", 1, None)]  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"row 1 \(query 'q'\): text is None"):
        list(lexical_stream(rows, BLANKS))
    rows = [ReplyRow("q", "x", 0, "a"), ReplyRow("r", "x", 0, "a"), ReplyRow("q", "x", 1, "a")]
    with pytest.raises(ValueError, match="row 2: query 'q' comes back"):
        list(lexical_stream(rows, BLANKS))


def test_edge_cases_have_a_value_or_a_reason(context: MakeContext) -> None:
    made = context(
        {
            ("empty", "x"): ["", ""],
            ("one", "x"): ["a b c d e"],
            ("none", "x"): [None, None],
            ("same", "x"): ["a b c d e"] * 3,
        }
    )
    for result in lexical.compute(made):
        assert len(result.values) == 4, result.metric
        for value in result.values:
            assert (value.value is None) == bool(value.reason), (result.metric, value)
            assert value.value is None or math.isfinite(value.value), (result.metric, value)
    values = {r.metric: [v.value for v in r.values] for r in lexical.compute(made)}
    assert values["self_bleu_4"] == [0.0, None, None, pytest.approx(1.0)]
    assert values["distinct_1"] == [None, None, None, pytest.approx(1 / 3)]
    assert values["rouge_l_homogenization"] == [1.0, None, None, 1.0]
    assert values["cs_self_bleu_4"] == [None] * 4  # one persona


def test_a_window_is_applied_and_reported(context: MakeContext) -> None:
    from dataclasses import replace

    made = context({("q", "x"): ["a b c", "a b d", "a"]})
    cut = replace(made, tokenizer=load_tokenizer(window=2))
    found = {r.metric: r for r in lexical.compute(cut)}
    assert found["distinct_2"].values[0].value == pytest.approx(1 / 2)
    assert found["distinct_2"].signature["token_window"] == 2
    assert found["distinct_2"].notes["shorter_than_window"] == pytest.approx(1 / 3)


@pytest.mark.slow
def test_the_stream_takes_linear_time_and_constant_memory() -> None:
    """A tenth of 720 prompts of 64 replies, and all: benchmarks/lexical_scale.py runs a million."""
    import subprocess
    import sys
    from pathlib import Path

    script = Path(__file__).parents[2] / "benchmarks" / "lexical_scale.py"
    done = subprocess.run(
        [sys.executable, str(script), "--prompts", "720"],
        capture_output=True,
        text=True,
        check=True,
    )
    import json

    found = json.loads(done.stdout)
    assert found["whole"]["rows"] == 720 * 64
    assert found["cpu_ratio"] <= 12  # ten times the rows
    assert found["whole"]["peak_memory_gb"] < 1.0
