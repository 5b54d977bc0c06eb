"""pytest tests/metrics/test_plain_text.py"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.calibration.text_edits import LAYOUTS
from sfr_eval.metrics.plain_text import _once, plain_text
from sfr_eval.metrics.tokenizers import load_tokenizer

SENTENCES = "Start the day early. Drink a glass of water! Then walk, not run, for an hour."


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("**Bold** and *soft* and `code` and ~~gone~~", "Bold and soft and code and gone"),
        ("# Title\n\n- one\n- two\n  * three", "Title one two three"),
        ("1. one\n2) two\n(3) three", "one two three"),
        ("> quoted\n> twice", "quoted twice"),
        ("\u201cAll of it\u201d", "All of it"),
        ("Well \u2600\ufe0f done \U0001f44d\U0001f3fd!", "Well done !"),
        ("```python\nx = 1\n```", "x = 1"),
        ("a\n---\nb", "a b"),
        ("snake_case stays, and 3*4 too", "snake_case stays, and 3*4 too"),
        ("__init__ by _me_", "init by me"),
        ("'Tis the one's own", "'Tis the one's own"),
        ("\U0001f44d", "\U0001f44d"),
        ("***", "***"),
        ("", ""),
    ],
)
def test_layout_is_left_out(text: str, plain: str) -> None:
    assert " ".join(plain_text(text).split()) == plain


@settings(deadline=None)
@given(st.text(alphabet="ab *_#->`~1.)\n\"'\u2022\u2600", max_size=30))
def test_plain_text_is_idempotent(text: str) -> None:
    once = plain_text(text)
    assert plain_text(once) == once


def test_one_text_in_eight_layouts_is_one_text() -> None:
    """Its words are the same in all of them, but for marks at the ends of lines."""
    tokenizer = load_tokenizer(window=32, plain=True)
    words = [[token for token in tokenizer(lay(SENTENCES)) if token.isalnum()] for lay in LAYOUTS]
    assert all(other == words[0] for other in words)
    assert len(words[0]) == 16
    assert np.unique([len(word) for word in words]).tolist() == [16]


@settings(deadline=None)
@given(st.text(alphabet="ab *_#->`~1.)\t\x1c\x85\n\"'\u2022\u2600", max_size=12))
def test_a_text_without_marks_is_returned_as_all_rules_leave_it(text: str) -> None:
    slow = text
    while (plain := _once(slow)) != slow:
        slow = plain
    assert plain_text(text) == slow
