"""Which writing systems an encoder has words for.

A tokenizer trained on English has pieces for single Cyrillic or Chinese letters, so no piece is
unknown, but the encoder never saw the language and its distances say little. What it was trained
on shows in its vocabulary: words of several letters, or thousands of signs. all-MiniLM-L6-v2 has
27,533 such pieces of Latin letters, 8 Cyrillic, none Devanagari, and 488 Chinese signs. Languages
that share a script are not told apart: to a vocabulary, German is Latin.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache

LEAST_WORDS = 100
LEAST_SIGNS = 2_000
"""Pieces of several letters, or of any number of letters, that a script needs in a vocabulary."""
_ALIKE = {"HIRAGANA": "JAPANESE", "KATAKANA": "JAPANESE", "KATAKANA-HIRAGANA": "JAPANESE"}
_NAMES = {"CJK": "Chinese"}


@cache
def script(letter: str) -> str:
    """Return the script of a letter, as in `Cyrillic`; "" for any other character."""
    if not letter.isalpha():
        return ""
    name = unicodedata.name(letter, "").partition(" ")[0]
    name = _ALIKE.get(name, name)
    return _NAMES.get(name, name.capitalize())


def known_scripts(pieces: Iterable[str]) -> set[str]:
    """Return the scripts that a vocabulary has words for. Letters that stand for themselves, as in
    `ª`, are Latin's neighbours and not counted."""
    words: Counter[str] = Counter()
    signs: Counter[str] = Counter()
    for piece in pieces:
        letters = Counter(filter(None, map(script, piece)))
        for name, count in letters.items():
            signs[name] += 1
            words[name] += count > 1
    return {name for name in signs if words[name] >= LEAST_WORDS or signs[name] >= LEAST_SIGNS}


def foreign_letters(text: str, known: set[str]) -> tuple[float, Mapping[str, int]]:
    """Return the share of a text's letters that belong to other scripts than those known, and how
    many letters each of these has; 0 for a text without letters."""
    if text.isascii():
        return 0.0, {}
    scripts: Counter[str] = Counter()
    for letter, count in Counter(text).items():
        scripts[script(letter)] += count
    del scripts[""]
    foreign = {name: count for name, count in scripts.items() if name not in known}
    return sum(foreign.values()) / max(1, scripts.total()), foreign


def plain_pieces(pieces: Iterable[str], *, byte_level: bool) -> Iterable[str]:
    """Yield pieces as text. Byte-level tokenizers write each byte as a letter of its own."""
    if not byte_level:
        yield from pieces
        return
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {chr(byte): byte for byte in printable}
    letters |= {chr(256 + place): byte for place, byte in enumerate(others)}
    for piece in pieces:
        yield bytes(letters[letter] for letter in piece if letter in letters).decode(
            "utf-8", "ignore"
        )
