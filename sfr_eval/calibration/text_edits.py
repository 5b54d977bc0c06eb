"""Edits of one text: layouts, invisible characters, lost order, cuts, wrong words.

`number` is that of a variant of the text, from 0; equal arguments and generators give equal texts.
"""

import string
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np

from sfr_eval.calibration.edits import sentences

_EMOJI = ("\U0001f600", "\U0001f680", "\u2728", "\U0001f44d", "\U0001f389")
_INVISIBLE = ("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad")
_ACCENTED = str.maketrans("aeiouAEIOU", "áéíóúÁÉÍÓÚ")


def _bullets(text: str) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences(text))


def _bold(text: str) -> str:
    return " ".join(f"**{sentence}**" for sentence in sentences(text))


def _emoji(text: str) -> str:
    parts = sentences(text)
    return " ".join(f"{part} {_EMOJI[i % len(_EMOJI)]}" for i, part in enumerate(parts))


def _line_breaks(text: str) -> str:
    return "\n\n".join(sentences(text))


def _quotes(text: str) -> str:
    return "\n".join(f"> {sentence}" for sentence in sentences(text))


def _numbers(text: str) -> str:
    return "\n".join(f"{i}. {sentence}" for i, sentence in enumerate(sentences(text), start=1))


def _wide_blanks(text: str) -> str:
    return text.replace(" ", "  ")


LAYOUTS: tuple[Callable[[str], str], ...] = (
    _bullets, str.upper, _bold, _emoji, _line_breaks, _quotes, _numbers, _wide_blanks,
)  # fmt: skip
"""One text, eight looks."""


def layout(text: str, number: int, generator: np.random.Generator) -> str:
    """Lay the text out in one of the eight ways, by turns."""
    del generator
    return LAYOUTS[number % len(LAYOUTS)](text)


def any_layout(text: str, generator: np.random.Generator) -> str:
    """Lay the text out in one of the eight ways, at random."""
    return LAYOUTS[int(generator.integers(len(LAYOUTS)))](text)


def zero_width(text: str, number: int, generator: np.random.Generator) -> str:
    """Put an invisible character into every other word or so; the first variant has none."""
    if not number:
        return text
    words = text.split(" ")
    for i, word in enumerate(words):
        if word and generator.random() < 0.5:
            place = int(generator.integers(len(word) + 1))
            sign = _INVISIBLE[int(generator.integers(len(_INVISIBLE)))]
            words[i] = word[:place] + sign + word[place:]
    return " ".join(words)


def decomposed(text: str, number: int, generator: np.random.Generator) -> str:
    """Give every vowel an accent, and write a random half of the accents as characters of their
    own. All variants look the same and are equal after NFC."""
    del number
    return "".join(
        unicodedata.normalize("NFD" if generator.random() < 0.5 else "NFC", sign)
        for sign in text.translate(_ACCENTED)
    )


def one_word_changed(vocabulary: Sequence[str]) -> Callable[..., str]:
    """Return the edit that replaces one word of the text; the first variant is the text itself."""

    def change(text: str, number: int, generator: np.random.Generator) -> str:
        words = text.split()
        if number and words:
            word = vocabulary[int(generator.integers(len(vocabulary)))]
            words[int(generator.integers(len(words)))] = word
        return " ".join(words)

    return change


def noisy_copy(share: float, vocabulary: Sequence[str]) -> Callable[..., str]:
    """Return the edit that replaces each word with chance `share`, differently in each variant."""

    def change(text: str, number: int, generator: np.random.Generator) -> str:
        del number
        return " ".join(
            vocabulary[int(generator.integers(len(vocabulary)))]
            if generator.random() < share
            else word
            for word in text.split()
        )

    return change


def copy(text: str, number: int, generator: np.random.Generator) -> str:
    """Return the text as it is."""
    del number, generator
    return text


def reordered(text: str, number: int, generator: np.random.Generator) -> str:
    """Put the sentences in a random order; the first variant keeps theirs."""
    parts = sentences(text)
    return " ".join(generator.permutation(parts).tolist()) if number else text


def salad(text: str, generator: np.random.Generator) -> str:
    """Put the words in a random order."""
    return " ".join(generator.permutation(text.split()).tolist())


def letters(text: str, generator: np.random.Generator) -> str:
    """Replace every word by random letters, as many as it has."""
    alphabet = list(string.ascii_lowercase)
    return " ".join("".join(generator.choice(alphabet, len(word))) for word in text.split())


def empty(text: str, generator: np.random.Generator) -> str:
    """Return no text at all."""
    del text, generator
    return ""


def first_words(count: int) -> Callable[..., str]:
    """Return the edit that keeps the first `count` words."""

    def cut(text: str, generator: np.random.Generator) -> str:
        del generator
        return " ".join(text.split()[:count])

    return cut


def cut_in_a_word(text: str, generator: np.random.Generator) -> str:
    """End the text within a word, after 40 to 60% of its characters."""
    end = int(len(text) * generator.uniform(0.4, 0.6))
    while 0 < end < len(text) and (text[end - 1].isspace() or text[end].isspace()):
        end += 1
    return text[:end]
