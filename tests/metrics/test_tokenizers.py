"""pytest tests/metrics/test_tokenizers.py"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.errors import UserError
from sfr_eval.metrics.bleu import cross_style_self_bleu
from sfr_eval.metrics.distinct import distinct_n
from sfr_eval.metrics.normal_text import NORMAL_FORM, normal_text
from sfr_eval.metrics.tokenizers import TOKENIZERS, load_tokenizer


def test_chinese_by_words_and_by_characters() -> None:
    text = "\u4f60\u597d\uff0cAI \u4e16\u754c"  # ni hao, AI shi jie
    assert load_tokenizer()(text) == ["\u4f60", "\u597d", "\uff0c", "ai", "\u4e16", "\u754c"]
    assert load_tokenizer("characters-v1")(text) == list("\u4f60\u597d\uff0cai\u4e16\u754c")
    assert load_tokenizer("blanks-v1")(text) == ["\u4f60\u597d\uff0cAI", "\u4e16\u754c"]


def test_chinese_replies_are_not_single_tokens() -> None:
    """By blanks two sentences that share all but one character have nothing in common."""
    one, other = "\u4eca\u5929\u5929\u6c14\u5f88\u597d", "\u4eca\u5929\u5929\u6c14\u5f88\u574f"
    for name, shared in (("words-v1", 5 / 6), ("characters-v1", 5 / 6), ("blanks-v1", 0.0)):
        split = load_tokenizer(name)
        scores = cross_style_self_bleu([split(one), split(other)], [0, 0], ["x", "y"], max_n=1)
        assert scores[:, 0] == pytest.approx([shared, shared])
    characters = [list(one), list(other)]
    # Six of the bigrams of five and five are different: four shared, one each of its own.
    assert distinct_n(characters, 2) == pytest.approx(6 / 10)


def test_rouge_tokens_are_those_of_rouge_score() -> None:
    assert load_tokenizer("rouge-v1")("Don't STOP, caf\u00e9 3x") == [
        "don", "t", "stop", "caf", "3x",
    ]  # fmt: skip


@pytest.mark.parametrize("name", TOKENIZERS)
def test_every_tokenizer_reads_the_normal_form(name: str) -> None:
    split = load_tokenizer(name)
    assert split("caf\u00e9 so\u00adfa\u00a0x") == split("cafe\u0301 sofa \u200bx")
    assert split("\u200b\u2060") == split("\ufe0f") == []
    assert load_tokenizer(name, window=1).cut("\u200bx\u00a0y\u200b") == "x"


def test_window_keeps_the_first_tokens_and_is_in_the_signature() -> None:
    cut = load_tokenizer(window=2)
    assert cut("a b c") == ["a", "b"]
    text = {"text": NORMAL_FORM}
    assert cut.signature == {"tokenizer": "words-v1", "token_window": 2, **text}
    assert load_tokenizer().signature == {"tokenizer": "words-v1", **text}
    assert (cut.text_signature, load_tokenizer().text_signature) == (cut.signature, text)


def test_cut_ends_with_the_last_token_of_the_window() -> None:
    text = "Don't stop, Caf\u00e9 now!"
    ends = {
        "words-v1": ["Don't", "Don't stop", "Don't stop,", "Don't stop, Caf\u00e9"],
        "characters-v1": ["D", "Do", "Don", "Don'"],
        "blanks-v1": ["Don't", "Don't stop,", "Don't stop, Caf\u00e9", text],
        "rouge-v1": ["Don", "Don't", "Don't stop", "Don't stop, Caf"],
    }
    for name, parts in ends.items():
        assert [load_tokenizer(name, window=n).cut(text) for n in (1, 2, 3, 4)] == parts
        assert load_tokenizer(name, window=40).cut(text) == load_tokenizer(name).cut(text) == text


@given(st.text(), st.integers(1, 6), st.sampled_from(list(TOKENIZERS)))
def test_a_cut_text_has_the_same_first_tokens(text: str, window: int, name: str) -> None:
    """Also where folding makes a text longer: one of its letters becomes two or three."""
    for raw in (text, "\u0130x \u00df\ufb03 " + text):
        cut = load_tokenizer(name, window=window)
        part = cut.cut(raw)
        assert normal_text(raw).startswith(part)
        assert cut(part) == cut(raw)
        assert len(load_tokenizer(name)(part)) <= window + 2
        assert cut.is_short(raw) == (len(cut(raw)) < window)


def test_tokenizer_file_is_named_by_its_content(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    pieces = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    pieces.pre_tokenizer = pre_tokenizers.Whitespace()
    pieces.save(str(tmp_path / "tokenizer.json"))
    found = load_tokenizer(str(tmp_path))
    assert found("a a b") == ["a", "a", "[UNK]"]
    assert [load_tokenizer(str(tmp_path), window=n).cut("a a b") for n in (1, 2, 4)] == [
        "a", "a a", "a a b",
    ]  # fmt: skip
    assert found.name.startswith("file:")
    assert found.name == load_tokenizer(str(tmp_path / "tokenizer.json")).name
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match=r"--tokenizer .*: not a tokenizer.json"):
        load_tokenizer(str(tmp_path))


def test_unknown_tokenizer_names_the_near_one() -> None:
    with pytest.raises(UserError, match=r"--tokenizer word-v1: .* did you mean `words-v1`"):
        load_tokenizer("word-v1")
