import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.metrics.word_count import word_count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("It's a dog -- isn't it?", 6),  # runs of non-blanks, as ever
        ("我喜欢吃苹果。", 6),
        ("我用 iPhone 15 拍照。很好!", 8),
        ("iPhone手机", 3),
        ("私はパンを食べます。", 9),
        ("나는 사과를 좋아해요", 3),
        ("أحب القطط كثيرا", 3),
        ("ฉันรักแมว", 7),  # letters, without the vowel sign
        ("…", 1),
    ],
)
def test_words_are_counted_in_each_script(text: str, count: int) -> None:
    assert word_count(text) == count


@given(st.text(alphabet=st.characters(max_codepoint=0x7F)))
def test_ascii_texts_are_split_at_blanks(text: str) -> None:
    assert word_count(text) == len(text.split())


@given(st.text(alphabet="我喜欢吃苹果食物"), st.text(alphabet="我喜欢吃苹果食物"))
def test_signs_of_two_texts_add_up(one: str, other: str) -> None:
    assert word_count(one + other) == word_count(one) + word_count(other) == len(one + other)
