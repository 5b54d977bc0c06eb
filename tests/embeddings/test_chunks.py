"""pytest tests/embeddings/test_chunks.py"""

from pathlib import Path

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
