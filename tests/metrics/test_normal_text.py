"""pytest tests/metrics/test_normal_text.py"""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.metrics.normal_text import normal_text


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("cafe\u0301", "caf\u00e9"),  # a letter and its accent
        ("\u1112\u1161\u11ab", "\ud55c"),  # a Korean syllable by its letters
        ("y\u200bes", "yes"),  # zero-width space
        ("\ufeffyes\u2060", "yes"),  # byte order mark, word joiner
        ("so\u00adfa", "sofa"),  # soft hyphen
        ("\u202ayes\u202c\u200e", "yes"),  # direction marks
        ("\u2764\ufe0f", "\u2764"),  # the red heart and the black one
        ("\U0001f468\u200d\U0001f469", "\U0001f468\U0001f469"),  # a couple
        ("\u0645\u06cc\u200c\u0631\u0648\u0645", "\u0645\u06cc\u0631\u0648\u0645"),
        ("y\U000e0041es", "yes"),  # a tag
        ("y\x00e\x07s", "yes"),  # control characters
        ("a\u00a0b\u3000c\td", "a b c d"),  # other blanks
        ("a  b \u2003 c", "a b c"),
        ("a\r\nb\u2028c\rd", "a\nb\nc\nd"),  # line ends
        ("a  \n\n  b ", "a\n\n  b"),  # indentation stays
        ("e\u200b\u0301", "\u00e9"),  # they meet once nothing is between them
        ("Yes \ufb01 \uff21", "Yes \ufb01 \uff21"),  # case and compatibility forms are visible
    ],
)
def test_examples(text: str, normal: str) -> None:
    assert normal_text(text) == normal


@given(st.text())
def test_normal_text_is_normal_already(text: str) -> None:
    normal = normal_text(text)
    assert normal_text(normal) == normal
    assert unicodedata.is_normalized("NFC", normal)


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"])))
def test_words_of_ascii_are_untouched(text: str) -> None:
    assert normal_text(text).split() == text.split()


@given(st.text(min_size=1), st.integers(0, 20), st.sampled_from("\u200b\u200d\u2060\ufe0f\u00ad"))
def test_an_invisible_character_changes_nothing(text: str, place: int, invisible: str) -> None:
    assert normal_text(text[:place] + invisible + text[place:]) == normal_text(text)


def test_no_format_character_is_left_but_those_of_numerals() -> None:
    """Those that stay can be seen: Arabic and Kaithi number signs, layout of hieroglyphs."""
    formats = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) == "Cf"]
    names = {unicodedata.name(c).split()[0] for c in formats if normal_text(c)}
    assert names <= {"ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN"}
    assert not normal_text("\u200b\u200c\u200d\u200e\u200f")
