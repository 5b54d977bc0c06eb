"""Edits of one text."""

import unicodedata

import numpy as np
import pytest

from sfr_eval.calibration import text_edits

TEXT = "Listen up! Bake one loaf, recruit. Is that clear?"


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_eight_layouts_by_hand(generator: np.random.Generator) -> None:
    assert [text_edits.layout("Hi! Go on.", i, generator) for i in range(9)] == [
        "- Hi!\n- Go on.",
        "HI! GO ON.",
        "**Hi!** **Go on.**",
        "Hi! \U0001f600 Go on. \U0001f680",
        "Hi!\n\nGo on.",
        "> Hi!\n> Go on.",
        "1. Hi!\n2. Go on.",
        "Hi!  Go  on.",
        "- Hi!\n- Go on.",
    ]


def test_a_random_layout_is_one_of_the_eight(generator: np.random.Generator) -> None:
    eight = {text_edits.layout(TEXT, i, generator) for i in range(8)}
    assert {text_edits.any_layout(TEXT, generator) for _ in range(200)} == eight


def test_invisible_characters_are_all_that_is_added(generator: np.random.Generator) -> None:
    variants = [text_edits.zero_width(TEXT, i, generator) for i in range(8)]
    assert variants[0] == TEXT
    assert len(set(variants)) == 8
    for variant in variants:
        seen = [c for c in variant if unicodedata.category(c) != "Cf"]
        assert "".join(seen) == TEXT


def test_accents_differ_in_bytes_and_not_after_nfc(generator: np.random.Generator) -> None:
    variants = {text_edits.decomposed(TEXT, i, generator) for i in range(8)}
    assert len(variants) == 8
    assert len({unicodedata.normalize("NFC", variant) for variant in variants}) == 1


def test_near_copies_differ_in_one_word(generator: np.random.Generator) -> None:
    change = text_edits.one_word_changed(["zebra"])
    assert change(TEXT, 0, generator) == TEXT
    words = change(TEXT, 1, generator).split()
    assert sum(a != b for a, b in zip(words, TEXT.split(), strict=True)) == 1


def test_a_noisy_copy_changes_about_its_share(generator: np.random.Generator) -> None:
    words = text_edits.noisy_copy(0.3, ["zebra"])("a " * 2_000, 0, generator).split()
    assert len(words) == 2_000
    assert words.count("zebra") == pytest.approx(600, abs=80)  # four standard deviations


def test_order_is_lost_and_nothing_else(generator: np.random.Generator) -> None:
    salad = text_edits.salad(TEXT, generator)
    assert salad != TEXT
    assert sorted(salad.split()) == sorted(TEXT.split())
    orders = {text_edits.reordered(TEXT, 1, generator) for _ in range(100)}
    assert len(orders) == 6  # of three sentences
    assert text_edits.reordered(TEXT, 0, generator) == TEXT == text_edits.copy(TEXT, 1, generator)


def test_random_letters_keep_the_lengths_of_words(generator: np.random.Generator) -> None:
    letters = text_edits.letters(TEXT, generator)
    assert [len(word) for word in letters.split()] == [len(word) for word in TEXT.split()]
    assert letters.replace(" ", "").isalpha()
    assert letters != TEXT


def test_what_is_left_after_a_cut(generator: np.random.Generator) -> None:
    assert text_edits.first_words(3)(TEXT, generator) == "Listen up! Bake"
    assert text_edits.empty(TEXT, generator) == ""
    for _ in range(50):
        left = text_edits.cut_in_a_word(TEXT, generator)
        assert TEXT.startswith(left)
        assert 0.35 < len(left) / len(TEXT) < 0.75
        assert not left[-1].isspace()
        assert not TEXT[len(left)].isspace()
