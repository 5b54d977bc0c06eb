"""What attacks put in the place of a reply."""

from sfr_eval.calibration.attack_texts import ENGLISH_WORDS, REFUSAL_IN_LANGUAGES, REFUSALS


def test_eight_wordings_and_eight_languages() -> None:
    assert len(set(REFUSALS)) == len(set(REFUSAL_IN_LANGUAGES)) == 8
    assert sum(text.isascii() for text in REFUSAL_IN_LANGUAGES) == 3  # English, German, Spanish


def test_english_words_are_many_and_different() -> None:
    assert len(set(ENGLISH_WORDS)) == len(ENGLISH_WORDS) > 300
    assert all(word.isalpha() and word.islower() for word in ENGLISH_WORDS)
