"""AUC and cut, by hand and against scikit-learn."""

import numpy as np
import pytest

from sfr_eval.calibration.separation import separation


def test_four_pairs_by_hand() -> None:
    # Of the four couples of a same and a different pair, three are in order: .1 and .4 against .3
    # and .8; the best cut calls one or both of the same pairs the same.
    result = separation(np.array([0.1, 0.4, 0.3, 0.8]), [True, True, False, False], ["p"] * 4)
    assert result.auc.value == 0.75
    assert result.cut.value in (pytest.approx(0.2), pytest.approx(0.6))
    assert (result.pairs, result.prompts) == (4, 1)
    assert result.auc.low is None
    assert result.sensitivity.value + result.specificity.value == 1.5


def test_ties_count_half() -> None:
    same = [True, True, False, False]
    assert separation(np.full(4, 0.3), same, list("ppqq")).auc.value == 0.5
    assert separation(np.array([0, 0, 0, 1.0]), same, list("pqpq")).auc.value == 0.75


def test_a_known_cut_is_recovered() -> None:
    generator = np.random.default_rng(0)
    distances = generator.uniform(size=4_000)
    flipped = generator.random(4_000) < 0.1
    same = (distances <= 0.3) != flipped
    prompts = [str(i % 40) for i in range(4_000)]
    result = separation(distances, same.tolist(), prompts)
    assert result.cut.value == pytest.approx(0.3, abs=0.01)
    assert result.cut.low <= result.cut.value <= result.cut.high
    # Of the pairs below the cut 90% are the same, and 10% of those above it.
    assert result.sensitivity.value == pytest.approx(0.27 / 0.34, abs=0.03)
    assert result.specificity.value == pytest.approx(0.63 / 0.66, abs=0.03)


def test_auc_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    generator = np.random.default_rng(1)
    for _ in range(20):
        distances = np.round(generator.random(60), 1)  # many ties
        same = generator.random(60) < 0.4
        prompts = [str(i) for i in generator.integers(6, size=60)]
        ours = separation(distances, same.tolist(), prompts).auc
        assert ours.value == pytest.approx(roc_auc_score(~same, distances), abs=1e-12)
        assert ours.low <= ours.value <= ours.high


def test_labels_without_meaning_give_a_coin() -> None:
    generator = np.random.default_rng(2)
    prompts = [str(i % 50) for i in range(2_000)]
    labels = (generator.random(2_000) < 0.5).tolist()
    result = separation(generator.random(2_000), labels, prompts)
    assert result.auc.low < 0.5 < result.auc.high
    # In sample the best of 2,000 cuts always looks better than a coin; across prompts it does not.
    assert result.sensitivity.value + result.specificity.value == pytest.approx(1, abs=0.06)


def test_one_kind_of_label_is_refused() -> None:
    with pytest.raises(ValueError, match="both kinds"):
        separation(np.array([0.1, 0.2]), [True, True], ["p", "q"])
