"""pytest tests/metrics/test_tokenizers.py"""

from pathlib import Path

import pytest

from sfr_eval.errors import UserError
from sfr_eval.metrics.bleu import cross_style_self_bleu
from sfr_eval.metrics.distinct import distinct_n
from sfr_eval.metrics.tokenizers import load_tokenizer


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


def test_window_keeps_the_first_tokens_and_is_in_the_signature() -> None:
    cut = load_tokenizer(window=2)
    assert cut("a b c") == ["a", "b"]
    assert cut.signature == {"tokenizer": "words-v1", "token_window": 2}
    assert load_tokenizer().signature == {"tokenizer": "words-v1"}


def test_tokenizer_file_is_named_by_its_content(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    pieces = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    pieces.pre_tokenizer = pre_tokenizers.Whitespace()
    pieces.save(str(tmp_path / "tokenizer.json"))
    found = load_tokenizer(str(tmp_path))
    assert found("a a b") == ["a", "a", "[UNK]"]
    assert found.name.startswith("file:")
    assert found.name == load_tokenizer(str(tmp_path / "tokenizer.json")).name
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match=r"--tokenizer .*: not a tokenizer.json"):
        load_tokenizer(str(tmp_path))


def test_unknown_tokenizer_names_the_near_one() -> None:
    with pytest.raises(UserError, match=r"--tokenizer word-v1: .* did you mean `words-v1`"):
        load_tokenizer("word-v1")
