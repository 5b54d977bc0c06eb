"""pytest tests/metrics/test_encoder_languages.py"""

from types import SimpleNamespace
from typing import Any

import pytest

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.metrics.encoder_languages import KNOWN, language_notes, words_known
from sfr_eval.metrics.language import frequent_words

GERMAN = "Ich würde das Mehl mit dem Wasser mischen und dann noch eine Stunde warten."
ENGLISH = "I would mix the flour with the water and then wait for another hour."
RUSSIAN = (
    "\u042f \u0431\u044b \u044d\u0442\u043e \u043d\u0435 \u0434\u0435\u043b\u0430\u043b, "
    "\u043f\u043e\u0442\u043e\u043c\u0443 \u0447\u0442\u043e \u043e\u043d \u043d\u0435 "
    "\u0437\u0434\u0435\u0441\u044c"
)


def test_words_are_known_with_or_without_accents() -> None:
    assert words_known(["f\u00fcr", "und", "nicht"], {"fur", "und"}) == pytest.approx(2 / 3)
    assert words_known([], {"a"}) == 1.0


def test_frequent_words_of_english_are_no_words_of_others() -> None:
    assert "the" in frequent_words("en")
    assert "was" not in frequent_words("de")
    assert frequent_words("zh") == ()


def test_an_english_encoder_was_not_trained_for_others(encoder: Encoder) -> None:
    assert words_known(frequent_words("en"), encoder.words) == 1.0
    for language in ("de", "fr", "es", "sv", "da", "ru", "ar", "tr", "fi"):
        assert words_known(frequent_words(language), encoder.words) < KNOWN, language
    notes = language_notes([GERMAN, ENGLISH, GERMAN.upper(), "Ja.", RUSSIAN], encoder)
    assert notes == {"foreign_language_share": 3 / 5, "foreign_languages": ["de", "ru"]}
    assert language_notes([ENGLISH, "Yes."], encoder) == {}


def test_a_vocabulary_with_the_words_knows_the_language() -> None:
    fake: Any = SimpleNamespace(words=set(frequent_words("de")))
    assert language_notes([GERMAN], fake) == {}
    fake = SimpleNamespace(words=set())  # nobody can read it
    assert language_notes([GERMAN], fake) == {}
