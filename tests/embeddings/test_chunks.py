"""pytest tests/embeddings/test_chunks.py"""

from pathlib import Path

import pytest

from sfr_eval.embeddings.chunks import Pieces
from sfr_eval.embeddings.encoder import Encoder

LONG = " ".join(f"Step {number}: fold the dough over itself." for number in range(60))


def test_chunks_fit_the_window_and_lose_nothing(tmp_path: Path) -> None:
    pieces = Pieces(Encoder(None, tmp_path)._files.folder, "MiniLM")
    word = "internationalisation"
    for text in (LONG, word * 80, "\u4f60\u597d" * 400, "a"):
        chunks = pieces.chunks(text, 256)
        assert max(pieces.counts([chunk.text for chunk in chunks])) <= 256
        assert "".join(c.text for c in chunks).replace(" ", "") == text.replace(" ", "")
    # Cut between words: the parts have as many word pieces as the whole.
    chunks = pieces.chunks(LONG, 64)
    assert sum(chunk.pieces for chunk in chunks) == pieces.counts([LONG])[0] - 2
    assert [c.pieces + 2 for c in chunks] == pieces.counts([c.text for c in chunks])
    assert len(chunks) > 5


def test_unknown_characters_by_hand(tmp_path: Path) -> None:
    """MiniLM's vocabulary has no Ethiopic, Thai or emoji, and of Chinese some characters."""
    pieces = Pieces(Encoder(None, tmp_path)._files.folder, "MiniLM")
    known = {
        "Knead the dough, twice!": 0.0,
        "": 0.0,
        "\u043f\u0440\u0438\u0432\u0435\u0442": 0.0,  # Cyrillic
        "\u1230\u120b\u121d \u1208\u12d3\u1208\u121d": 1.0,  # Ethiopic
        "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35": 1.0,  # Thai
        "bread \u1230\u120b\u121d": 3 / 8,
        "a" * 101: 1.0,  # WordPiece gives up on such a word
        "a" * 100: 0.0,
    }
    assert pieces.unknown_shares(list(known)) == pytest.approx(list(known.values()))


def test_a_word_list_does_not_know_other_words(tmp_path: Path) -> None:
    """No letter has a piece of its own there, so that ASCII text must be looked up, too."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    for unknown in ("<unk>", None):
        tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, "bread": 1}, unk_token="<unk>"))
        if unknown is None:  # byte by byte, everything is known
            tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        folder = tmp_path / str(unknown)
        folder.mkdir()
        tokenizer.save(str(folder / "tokenizer.json"))
        found = Pieces(folder, "words").unknown_shares(["bread bread", "bread water"])
        assert found == ([0.0, 0.5] if unknown else [0.0, 0.0])


def test_only_texts_with_strange_characters_are_tokenized(tmp_path: Path) -> None:
    """Curly quotes, dashes and accents are in most replies, and the vocabulary has them."""
    pieces = Pieces(Encoder(None, tmp_path)._files.folder, "MiniLM")
    looked_up: list[list[str]] = []
    look_up = pieces._unknown_characters
    pieces._unknown_characters = lambda texts: looked_up.append(list(texts)) or look_up(texts)  # type: ignore
    texts = ["\u201cCr\u00eape\u201d \u2014 it\u2019s easy\u2026", "\u6211 \u5011", "\U0001f35e"]
    assert pieces.unknown_shares(texts) == pytest.approx([0.0, 0.5, 1.0])
    assert looked_up[-1] == texts[1:]
    pieces.unknown_shares(texts[:1] * 3)
    assert looked_up[-1] == []


def test_an_encoder_without_a_tokenizer_file_knows_everything(tmp_path: Path) -> None:
    assert Pieces(tmp_path, "static").unknown_shares(["\u1230\u120b", "a"]) == [0.0, 0.0]
