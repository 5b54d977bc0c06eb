"""Symbols by name: what stands for an emoji that an encoder has no word piece for."""

import unicodedata

_SYMBOLS = ("So", "Sk")  # pictures and other symbols; their modifiers


def has_symbols(text: str) -> bool:
    """Return whether a text holds a symbol beyond ASCII."""
    return not text.isascii() and any(map(_is_symbol, text))


def spelled(text: str) -> str:
    """Return a text with the Unicode name of each symbol in its place: a rocket is "rocket"."""
    words = (
        f" {unicodedata.name(sign, sign).lower()} " if _is_symbol(sign) else sign for sign in text
    )
    return " ".join("".join(words).split())


def _is_symbol(sign: str) -> bool:
    return not sign.isascii() and unicodedata.category(sign) in _SYMBOLS
