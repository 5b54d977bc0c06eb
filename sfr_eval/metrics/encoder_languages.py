"""Languages that an encoder was not trained for, by the frequent words that its vocabulary lacks.

all-MiniLM-L6-v2's has all frequent words of English, 67 % of Swedish's, 48 % of German's, no
Russian one: what is left over are names and words of other languages. A vocabulary made from texts
in a language has nearly all. Scripts of one language are told by `sfr_eval.embeddings.scripts`.
"""

import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from sfr_eval.metrics.language import frequent_words, language_of

if TYPE_CHECKING:
    from sfr_eval.embeddings.encoder import Encoder

KNOWN = 0.85
"""Share of a language's frequent words that the vocabulary of an encoder trained on it has."""


def words_known(words: Collection[str], vocabulary: Collection[str]) -> float:
    """Return the share of words that are pieces of a vocabulary, with or without their accents; 1
    for no words."""
    known = sum(word in vocabulary or _plain(word) in vocabulary for word in words)
    return known / len(words) if words else 1.0


def language_notes(texts: Sequence[str], encoder: "Encoder") -> dict[str, Any]:
    """Return the share of texts in languages that the encoder was not trained for, and these, the
    most frequent first; nothing without any, or if the encoder's vocabulary cannot be read."""
    counts = Counter(filter(None, map(language_of, texts)))
    words = {language: frequent_words(language) for language in counts}
    vocabulary = encoder.words if any(words.values()) else None
    if not vocabulary:
        return {}
    foreign = {
        language: count
        for language, count in counts.items()
        if words[language] and words_known(words[language], vocabulary) < KNOWN
    }
    if not foreign:
        return {}
    return {
        "foreign_language_share": sum(foreign.values()) / len(texts),
        "foreign_languages": sorted(foreign, key=lambda name: (-foreign[name], name))[:5],
    }


def _plain(word: str) -> str:
    letters = unicodedata.normalize("NFD", word)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
