"""pytest tests/metrics/test_reliability.py"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.metrics.reliability import (
    Accuracy,
    accuracy,
    balanced_accuracy,
    crossed,
    folds,
    permuted_accuracies,
    question_accuracy,
    question_groups,
    unshared,
)

Strings = npt.NDArray[np.str_]


def rows_of(labels: Strings, seed: int = 0) -> npt.NDArray[np.float64]:
    """Four classes that a probe tells apart without error."""
    codes = np.unique(labels, return_inverse=True)[1]
    noise = np.random.default_rng(seed).standard_normal((len(labels), 4))
    return 4 * np.eye(4)[codes] + 0.3 * noise


def queries_of(shared: str) -> Strings:
    """60 rows for each of four classes, by how many of the questions are shared."""
    own = [f"{c}{i}" for c in "abcd" for i in range(60)]
    if shared == "one":
        own[0] = own[60] = "the same"
    if shared == "half":
        own = [name if int(name[1:]) % 2 else name[1:] for name in own]
    if shared == "all":
        own = [name[1:] for name in own]
    return np.array([""] * 240 if shared == "unknown" else own)


LABELS = np.array(list("abcd")).repeat(60)
TEXTS = [f"text {i:03}" for i in range(240)]


@pytest.mark.parametrize("shared", ["unknown", "none", "one", "half", "all"])
def test_permuted_labels_give_chance_however_shared(shared: str) -> None:
    queries = queries_of(shared)
    parts = folds(LABELS, question_groups(TEXTS, queries))
    permuted = permuted_accuracies(rows_of(LABELS), LABELS, queries, parts)
    assert np.mean(permuted) == pytest.approx(0.25, abs=0.04)
    assert crossed(LABELS, queries) == (shared == "all")


def test_folds_share_no_question_and_miss_no_persona() -> None:
    # Persona b answers two questions only, and c has few replies.
    labels = np.array(["a"] * 40 + ["b"] * 20 + ["c"] * 10)
    queries = np.array([f"q{i % 9}" for i in range(40)] + ["q0", "x"] * 10 + ["q3", "q4"] * 5)
    parts = folds(labels, queries)
    assert len(parts) == 5
    assert sorted(i for _, test in parts for i in test) == list(range(70))
    for train, test in parts:
        assert not set(queries[train]) & set(queries[test])
        assert set(labels[train]) == {"a", "b", "c"}
    assert folds(labels, np.where(labels == "b", "only", queries)) == []


def test_interval_of_the_accuracy_by_hand() -> None:
    # 10 questions, all right: Wilson's interval of 10 of 10 begins at 1 / (1 + 1.96 ** 2 / 10).
    labels = np.array(list("ab") * 10)
    groups = np.array([f"q{i // 2}" for i in range(20)])
    found = accuracy(labels, labels, groups)
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(1 / (1 + 1.9599639845**2 / 10))


@settings(max_examples=60, deadline=None)
@given(st.integers(4, 40), st.floats(0, 1), st.integers(0, 10**6))
def test_interval_holds_the_value_and_stays_inside(count: int, right: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = np.array(list("abc") * count)
    guesses = np.where(random.random(3 * count) < right, labels, "a")
    found = accuracy(labels, guesses, np.repeat(np.arange(count).astype(np.str_), 3))
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.high - found.low > 0


def test_interval_covers_the_accuracy_of_grouped_replies() -> None:
    """Replies to a question are right or wrong together: as rows they would look independent."""
    random, covered = np.random.default_rng(0), 0
    labels, groups = np.array(list("ab") * 150), np.repeat(np.arange(30).astype(np.str_), 10)
    other = np.where(labels == "a", "b", "a")
    for _ in range(400):
        right = (random.random(30) < 0.7).repeat(10)
        found = accuracy(labels, np.where(right, labels, other), groups)
        covered += found.low <= 0.7 <= found.high
    assert 0.92 <= covered / 400 <= 0.98


def test_balanced_accuracy_gives_every_class_the_same_weight() -> None:
    labels, guesses = np.array(list("aaab")), np.array(list("aaaa"))
    assert balanced_accuracy(labels, guesses) == 0.5


def test_rows_of_questions_that_one_persona_answers() -> None:
    labels = np.array(list("aabbab"))
    queries = np.array(["x", "y", "y", "z", "", ""])
    assert unshared(labels, queries).tolist() == [True, False, False, True, False, False]


def test_questions_give_personas_away_by_topic_only() -> None:
    labels = np.array(list("ab") * 40)
    queries = np.array([f"q{i}" for i in range(80)])

    def told(shift: float, seed: int) -> Accuracy:
        rows = np.random.default_rng(seed).standard_normal((80, 5))
        rows += shift * np.where(labels == "a", 1.0, -1.0)[:, None]
        found = question_accuracy(labels, queries, dict(zip(queries.tolist(), rows, strict=True)))
        assert found is not None
        return found

    assert told(3.0, 0).low > 0.9
    blind = [told(0.0, seed) for seed in range(20)]
    assert np.mean([found.value for found in blind]) == pytest.approx(0.5, abs=0.04)
    assert sum(found.low > 0.55 for found in blind) <= 1  # what the report warns of
    assert question_accuracy(labels, queries, {}) is None


def test_more_questions_give_narrower_intervals() -> None:
    widths = []
    for count in (10, 40, 160):
        labels = np.array(list("ab") * count)
        guesses = np.where(np.arange(2 * count) % 5 == 0, "a", labels)
        found = accuracy(labels, guesses, np.repeat(np.arange(count).astype(np.str_), 2))
        widths.append(found.high - found.low)
    assert all(one > other for one, other in pairwise(widths))
