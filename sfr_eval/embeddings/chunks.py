"""Counts word pieces, splits texts that are longer than the window, finds what is unknown."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sfr_eval.embeddings.locate import need
from sfr_eval.embeddings.scripts import known_scripts, plain_pieces

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SPECIAL = re.compile(r"[\[<].+[\]>]")

_WORD_LIMIT = 100  # characters; WordPiece makes longer words one unknown piece
MARGIN = 8
"""Free pieces in a chunk: apart from the rest of its text, a chunk may become slightly longer."""


@dataclass(frozen=True)
class Chunk:
    """A part of a text, and its number of word pieces: its weight in the text's embedding."""

    text: str
    pieces: int


class Pieces:
    """Counts and splits by the encoder's own tokenizer. `name` is for messages."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        need("tokenizers", self._name)
        file = self._folder / "tokenizer.json"
        if file.is_file():  # importing transformers takes seconds
            from tokenizers import Tokenizer

            tokenizer = Tokenizer.from_file(str(file))
        else:
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained(
                self._folder, trust_remote_code=False
            ).backend_tokenizer
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    def vocabulary(self) -> list[str]:
        """Return all pieces without their marks of beginning or continuation, sorted; special ones,
        which stand in brackets, are left out."""
        pieces = self._tokenizer.get_vocab()
        texts = {piece.removeprefix("##").strip("\u2581\u0120") for piece in pieces}
        return sorted(text for text in texts if text and not _SPECIAL.fullmatch(text))

    @cached_property
    def _unknown_id(self) -> int | None:
        """The piece that stands for what the vocabulary lacks; None: it lacks nothing, or the
        encoder keeps its tokenizer where only its own code finds it."""
        if not self._found:
            return None
        model = json.loads(self._tokenizer.to_str())["model"]
        if model.get("unk_token") is None:
            number = model.get("unk_id")  # of unigram models
            return None if number is None or model.get("byte_fallback") else int(number)
        return self._tokenizer.token_to_id(model["unk_token"])

    @cached_property
    def scripts(self) -> set[str] | None:
        """The scripts that the vocabulary has words for; None if it has none at all, or the encoder
        keeps its tokenizer where only its own code finds it."""
        if not self._found:
            return None
        rules = json.loads(self._tokenizer.to_str())
        byte_level = "ByteLevel" in json.dumps([rules.get("decoder"), rules.get("pre_tokenizer")])
        return (
            known_scripts(plain_pieces(self._tokenizer.get_vocab(), byte_level=byte_level)) or None
        )

    @property
    def _found(self) -> bool:
        files = ("tokenizer.json", "tokenizer_config.json", "vocab.txt")
        return any((self._folder / name).is_file() for name in files)

    @cached_property
    def _alphabet(self) -> dict[str, bool]:
        """Character -> whether it has a piece, both on its own and within a word; of those met."""
        return {}

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """Return for each text the share of its characters, without blanks, that the tokenizer has
        no piece for, so that the encoder cannot tell them apart; 0 for a text without any."""
        if self._unknown_id is None:
            return [0.0] * len(texts)
        unknown = [text for text in dict.fromkeys(texts) if not self._surely_known(text)]
        shares = dict(zip(unknown, self._unknown_characters(unknown), strict=True))
        return [shares.get(text, 0.0) for text in texts]

    def _surely_known(self, text: str) -> bool:
        """Whether a text has pieces because each of its characters does. Tokenizing all replies
        again, mostly to find nothing, would take as long as the metrics."""
        letters = set(text)
        if unmet := sorted(letters - self._alphabet.keys()):
            alone = self._unknown_characters(unmet)
            within = self._unknown_characters([f"a{letter}" for letter in unmet])
            known = (one == other == 0 for one, other in zip(alone, within, strict=True))
            self._alphabet.update(zip(unmet, known, strict=True))
        return all(self._alphabet[letter] for letter in letters) and all(
            len(word) <= _WORD_LIMIT for word in text.split()
        )

    def _unknown_characters(self, texts: Sequence[str]) -> list[float]:
        shares = []
        for encoding in self._tokenizer.encode_batch(list(texts), add_special_tokens=False):
            lengths = [end - start for start, end in encoding.offsets]
            pieces = zip(encoding.ids, lengths, strict=True)
            unknown = sum(length for id, length in pieces if id == self._unknown_id)
            shares.append(unknown / max(1, sum(lengths)))
        return shares

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Return the number of word pieces of each text, special ones included."""
        return [len(encoding.ids) for encoding in self._tokenizer.encode_batch(list(texts))]

    def long(self, texts: Sequence[str], window: int) -> list[bool]:
        """Return for each text whether it is longer than the window."""
        # A word piece has at least one character, so shorter texts need no tokenizer.
        candidates = [text for text in texts if len(text) > window - 2]
        counts = dict(zip(candidates, self.counts(candidates), strict=True)) if candidates else {}
        return [counts.get(text, 0) > window for text in texts]

    def chunks(self, text: str, window: int) -> list[Chunk]:
        """Split a text between words into parts that fit the window and do not overlap.

        A single word longer than a chunk is split inside.
        """
        plain = self._tokenizer.encode(text, add_special_tokens=False)
        special = len(self._tokenizer.encode("").ids)
        room = max(1, window - special - MARGIN)
        chunks, start = [], 0
        while start < len(plain.ids):
            end = min(start + room, len(plain.ids))
            cut = end
            if end < len(plain.ids):
                while cut > start and plain.word_ids[cut] == plain.word_ids[cut - 1]:
                    cut -= 1
                cut = cut if cut > start else end
            first, last = plain.offsets[start][0], plain.offsets[cut - 1][1]
            chunks.append(Chunk(text[first:last], cut - start))
            start = cut
        return chunks or [Chunk(text, 1)]
