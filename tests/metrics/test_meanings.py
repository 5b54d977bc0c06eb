"""pytest tests/metrics/test_meanings.py: the setting --equivalence, and distinct_k of many sets"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sfr_eval.embeddings.pair_classifier import PairClassifier
from sfr_eval.errors import UserError
from sfr_eval.metrics.classes import MAX_DISTANCE, distinct_k
from sfr_eval.metrics.meanings import (
    ClassifiedPairs,
    CosineCut,
    load_equivalence,
    meanings_of,
)
from tests.embeddings.test_pair_classifier import tiny_classifier
from tests.metrics.test_semantic import unit_rows

AXES = np.eye(4)


class FirstLetters:
    """Texts with one first letter say the same."""

    signature = "first letters"

    def relation(self, rows: np.ndarray, texts: Sequence[Sequence[str]]) -> np.ndarray:
        letters = np.array([[text[:1] for text in own] for own in texts])
        return letters[:, :, None] == letters[:, None, :]


def test_the_setting_names_a_cut_a_distance_or_a_classifier(tmp_path: Path) -> None:
    assert load_equivalence("cut", tmp_path) == CosineCut(MAX_DISTANCE)
    assert load_equivalence("0.35", tmp_path) == CosineCut(0.35)
    assert CosineCut(0.35).signature == "cosine distance up to 0.35"
    folder = tiny_classifier(tmp_path / "pairs")
    loaded = load_equivalence(str(folder), tmp_path)
    assert loaded.signature.startswith("pair classifier pairs (")


@pytest.mark.parametrize("setting", ["1.5", "0", "-0.2", "nan", "inf", "cutt", "./nowhere", ""])
def test_a_wrong_setting_is_one_line(setting: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"^--equivalence {setting}: ") as error:
        load_equivalence(setting, tmp_path)
    assert "\n" not in str(error.value)


def test_each_set_is_counted_by_its_own_texts_and_size() -> None:
    texts = ["ab", "ac", "ba", "ca", "da", "db"]
    rows = unit_rows(0, 6, 3)
    sets = [np.arange(4), np.arange(6), np.arange(3), np.array([5, 4, 3, 2]), np.arange(0)]
    found = meanings_of(FirstLetters(), rows, texts, sets)
    expected = [distinct_k([texts[i][0] for i in own], 4) for own in sets]
    assert found == pytest.approx(np.array(expected, dtype=float), nan_ok=True)
    assert np.isnan(found[[2, 4]]).all()


def test_filtered_replies_count_among_all_that_were_drawn() -> None:
    texts, rows = ["a", "b"], unit_rows(0, 2, 3)
    sets = [np.arange(2), np.arange(0), np.arange(1)]
    found = meanings_of(FirstLetters(), rows, texts, sets, drawn=[8, 4, 3])
    assert found[:2] == pytest.approx([1.0, 0.0])
    assert np.isnan(found[2])


def test_a_cut_reads_only_embeddings() -> None:
    rows = np.concatenate([AXES[:3], AXES[:1]])  # the fourth is a copy of the first
    found = meanings_of(CosineCut(), rows, [""] * 4, [np.arange(4)])
    assert found.tolist() == [3.0]


def test_a_classifier_reads_only_texts(tmp_path: Path) -> None:
    """Short replies are compared by their words, so that the answers are known."""
    pairs = ClassifiedPairs(PairClassifier(str(tiny_classifier(tmp_path / "m")), tmp_path))
    texts = ["red", "Red", "blue", "green sea"]
    found = meanings_of(pairs, np.ones((4, 2)), texts, [np.arange(4), np.array([0, 1, 2, 3])])
    assert found.tolist() == [3.0, 3.0]
