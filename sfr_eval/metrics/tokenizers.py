"""Tokenizers. The lexical measures count tokens, so every signature names the tokenizer."""

import functools
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError, did_you_mean

# Chinese characters and Japanese kana are written without spaces, so each is its own token.
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[^\W{_CJK}]+(?:['\u2019][^\W{_CJK}]+)*|[{_CJK}]|[^\w\s]")
_ROUGE = re.compile(r"[a-z0-9]+")


def words(text: str) -> list[str]:
    """Split into words and single punctuation marks, case-folded.

    A word keeps its inner apostrophes (don't); a Chinese character or kana is a word. Limitation:
    scripts that write vowels as combining marks are split at the marks, and Thai, Lao and Khmer
    yield whole phrases; use "characters-v1" or a tokenizer file for them.
    """
    return _WORD.findall(text.casefold())


def characters(text: str) -> list[str]:
    """Split into characters without whitespace, case-folded: for languages without word spacing."""
    return [character for character in text.casefold() if not character.isspace()]


def blanks(text: str) -> list[str]:
    """Split at whitespace, unchanged: what nltk examples and most papers call whitespace tokens."""
    return text.split()


def rouge(text: str) -> list[str]:
    """Split into lower-case runs of a-z and 0-9 (English only): rouge_score without a stemmer."""
    return _ROUGE.findall(text.lower())


TOKENIZERS: dict[str, Callable[[str], list[str]]] = {
    "words-v1": words,
    "characters-v1": characters,
    "blanks-v1": blanks,
    "rouge-v1": rouge,
}
DEFAULT = "words-v1"


@dataclass(frozen=True, kw_only=True)
class Tokenizer:
    """A tokenizer, its name in signatures, and how many tokens of a text it keeps."""

    name: str
    split: Callable[[str], list[str]]
    window: int | None = None

    @property
    def signature(self) -> dict[str, Any]:
        """What two values must share to be comparable."""
        window = {} if self.window is None else {"token_window": self.window}
        return {"tokenizer": self.name, **window}

    def __call__(self, text: str) -> list[str]:
        """Return the tokens of a text, at most `window`."""
        return self.split(text)[: self.window]


def load_tokenizer(name: str = DEFAULT, *, window: int | None = None) -> Tokenizer:
    """Load a tokenizer by its name in TOKENIZERS or from a Hugging Face `tokenizer.json` (the file
    or its folder), which is named by its content. `window` keeps only the first tokens of each
    text; a common window makes texts of different lengths comparable."""
    if name in TOKENIZERS:
        return Tokenizer(name=name, split=TOKENIZERS[name], window=window)
    file = Path(name).expanduser()
    file = file / "tokenizer.json" if file.is_dir() else file
    if not file.is_file():
        raise UserError(
            f"--tokenizer {name}: neither a known tokenizer nor a tokenizer.json; "
            f"{did_you_mean(name, TOKENIZERS)}"
        )
    try:
        from tokenizers import Tokenizer as Pieces
    except ImportError:
        why = f"--tokenizer {name}: needs tokenizers: pip install 'sfr-eval[hf]'"
        raise UserError(why) from None
    content = file.read_bytes()
    try:
        pieces = Pieces.from_buffer(content)
    except Exception as error:  # noqa: BLE001  the library raises bare Exception
        raise UserError(f"--tokenizer {file}: not a tokenizer.json ({error})") from None
    pieces.no_truncation()
    pieces.no_padding()
    digest = hashlib.sha256(content).hexdigest()[:12]
    split = functools.partial(_pieces_of, pieces)  # not a lambda: worker processes need it too
    return Tokenizer(name=f"file:{digest}", split=split, window=window)


def _pieces_of(pieces: Any, text: str) -> list[str]:
    return list(pieces.encode(text, add_special_tokens=False).tokens)
