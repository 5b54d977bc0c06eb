"""pytest tests/embeddings/test_scripts.py"""

from pathlib import Path

import pytest

from sfr_eval.embeddings.chunks import Pieces
from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.embeddings.scripts import foreign_letters, known_scripts, plain_pieces, script

TEXTS = {
    "Knead the dough, naïve café.": 0.0,
    "\u5c06\u9762\u7c89\u548c\u6c34\u6df7\u5408\u3002": 1.0,  # Chinese
    "\u0417\u0430\u043c\u0435\u0441\u0438\u0442\u0435 dough": 8 / 13,  # Russian and English
    "\u1230\u120b\u121d": 1.0,  # Amharic
    "\u179f\u17bd\u179f\u17d2\u178f\u17b8": 1.0,  # Khmer
    "\u3053\u3093\u306b\u3061\u306f": 1.0,  # Japanese
    "\U0001f600\U0001f600 42!": 0.0,  # no letters
    "": 0.0,
}


def test_the_script_of_a_letter() -> None:
    letters = {"a": "Latin", "é": "Latin", "\u0436": "Cyrillic", "\u5c06": "Chinese"}
    letters |= {"\u30ab": "Japanese", "\u304b": "Japanese", "7": "", "!": "", "\U0001f600": ""}
    assert {letter: script(letter) for letter in letters} == letters


def test_a_script_is_known_by_its_words_or_by_many_signs() -> None:
    cyrillic = ["".join(map(chr, (0x430 + n % 32, 0x430 + n // 32))) for n in range(100)]
    signs = [chr(0x4E00 + n) for n in range(2_000)]
    assert known_scripts([*cyrillic, *signs]) == {"Cyrillic", "Chinese"}
    assert known_scripts([*cyrillic[1:], *signs[1:]]) == set()


def test_foreign_letters_by_hand() -> None:
    assert foreign_letters("ab \u0436\u0436 7", {"Latin"}) == (0.5, {"Cyrillic": 2})
    assert foreign_letters("ab \u0436\u0436", {"Latin", "Cyrillic"}) == (0.0, {})
    assert foreign_letters("", set()) == (0.0, {})


def test_bytes_become_text() -> None:
    word = "".join(
        chr(byte) if 161 <= byte <= 172 or 174 <= byte <= 255 else chr(256 + byte - 94)
        for byte in "\u0436".encode()
    )
    assert list(plain_pieces([word, "\u0120ab"], byte_level=True)) == ["\u0436", " ab"]
    assert list(plain_pieces(["ab"], byte_level=False)) == ["ab"]


@pytest.mark.model
def test_an_english_encoder_knows_latin_letters_only(tmp_path: Path) -> None:
    encoder = Encoder(None, tmp_path)
    assert encoder._pieces.scripts == {"Latin"}
    for text, share in TEXTS.items():
        notes = encoder.notes([text])
        assert notes.get("foreign_share", 0.0) == pytest.approx(share), text
    notes = encoder.notes(list(TEXTS))
    assert notes["foreign_share"] == pytest.approx(sum(TEXTS.values()) / len(TEXTS))
    assert len(notes["foreign_scripts"]) == 3


def test_a_tokenizer_that_nobody_finds_says_nothing(tmp_path: Path) -> None:
    assert Pieces(tmp_path, "static").scripts is None
