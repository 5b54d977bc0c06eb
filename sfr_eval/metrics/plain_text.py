"""Replies without their layout: what is said, not how it is set.

One text as a list, in bold and as a heading is one text. Markup would make its copies differ in
words and in meaning, and make personas harder to recognise.
"""

import re

PLAIN_FORM = "nfc-visible-plain-v1"
"""Names the form in signatures: without layout, then in the normal form."""

_LINE = re.compile(
    r"^[ \t]*(?:(?:>[ \t]?)+|#{1,6}[ \t]+|[-*+\u2022\u2013\u25aa\u25cf][ \t]+"
    r"|\(?\d{1,2}[.)][ \t]+)+",
    re.MULTILINE,
)
_RULE = re.compile(r"^[ \t]*(?:[-*_=][ \t]*){3,}$|^[ \t]*```\w*[ \t]*$", re.MULTILINE)
_EMPHASIS = re.compile(r"\*{1,3}|(?<!\w)_{1,3}|_{1,3}(?!\w)|~~|`+")
_PICTURE = re.compile(
    "[\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff\U0001f1e6-\U0001f1ff\ufe0f\u200d]+"
)
_QUOTES = "\"'\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb\u201a"
_BREAK = re.compile(r"\s*\n\s*")
_UNMARKED = re.compile(r"[A-Za-z][^\n*_`~]*(?<!\s)")
"""An ASCII text that begins with a letter and has none of these signs: nothing is left out."""


def plain_text(text: str) -> str:
    """Return a text without Markdown's signs, list marks, pictures and quotation marks around the
    whole of it, on one line. A text of nothing else is returned as it is. Idempotent.

    Signs inside a word stay (snake_case, 3*4), and so do case and punctuation.
    """
    if text.isascii() and _UNMARKED.fullmatch(text):
        return text
    while (plain := _once(text)) != text:  # marks within marks
        text = plain
    return text


def _once(text: str) -> str:
    plain = _RULE.sub("", text)
    plain = _EMPHASIS.sub(_sign, _LINE.sub("", plain))
    plain = _BREAK.sub(" ", _PICTURE.sub(" ", plain)).strip()
    while len(plain) > 2 and plain[0] in _QUOTES and plain[-1] in _QUOTES:
        plain = plain[1:-1].strip()
    return plain if plain else text


def _sign(match: re.Match[str]) -> str:
    """Keep a star between two word characters: it is a product, not emphasis."""
    before, after = match.string[match.start() - 1 : match.start()], match.string[match.end() :][:1]
    return match[0] if before.isalnum() and after.isalnum() else ""
