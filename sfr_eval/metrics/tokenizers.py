"""Tokenizers. The lexical measures count tokens, so every signature names the tokenizer.

All of them read the normal form of a text, and a part that is cut off is in it.
"""

import functools
import hashlib
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.metrics.normal_text import NORMAL_FORM, normal_text
from sfr_eval.metrics.plain_text import PLAIN_FORM, plain_text
from sfr_eval.util.untrusted import plain_bytes

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
    return _WORD.findall(normal_text(text).casefold())


def characters(text: str) -> list[str]:
    """Split into characters without whitespace, case-folded: for languages without word spacing."""
    return [one for one in normal_text(text).casefold() if not one.isspace()]


def blanks(text: str) -> list[str]:
    """Split at whitespace, with case: what nltk examples and most papers call whitespace tokens."""
    return normal_text(text).split()


def rouge(text: str) -> list[str]:
    """Split into lower-case runs of a-z and 0-9 (English only): rouge_score without a stemmer."""
    return _ROUGE.findall(normal_text(text).lower())


TOKENIZERS: dict[str, Callable[[str], list[str]]] = {
    "words-v1": words,
    "characters-v1": characters,
    "blanks-v1": blanks,
    "rouge-v1": rouge,
}
DEFAULT = "words-v1"

_RULES: dict[str, tuple[re.Pattern[str], Callable[[str], str]]] = {
    "words-v1": (_WORD, str.casefold),
    "characters-v1": (re.compile(r"\S"), str.casefold),
    "blanks-v1": (re.compile(r"\S+"), str),
    "rouge-v1": (_ROUGE, str.lower),
}
"""The same as patterns on a folded text, to find where a token ends."""


def _end_by_rule(name: str, text: str, count: int) -> int:
    pattern, fold = _RULES[name]
    folded = fold(text)
    match = next(itertools.islice(pattern.finditer(folded), count - 1, None), None)
    if match is None:
        return len(text)
    if len(folded) == len(text):
        return match.end()
    lengths = itertools.accumulate(len(fold(character)) for character in text)
    return 1 + next(place for place, length in enumerate(lengths) if length >= match.end())


@dataclass(frozen=True, kw_only=True)
class Tokenizer:
    """A tokenizer, its name in signatures, and how many tokens of a text it keeps (None: all)."""

    name: str
    split: Callable[[str], list[str]]
    end: Callable[[str, int], int]
    """Where the n-th token of a text ends; the text's length if it has fewer."""
    window: int | None = None
    plain: bool = False  # read texts without their layout; programs are read as they are

    @property
    def signature(self) -> dict[str, Any]:
        """What two values must share to be comparable."""
        window = {} if self.window is None else {"token_window": self.window}
        return {"tokenizer": self.name, **window, "text": self.form}

    @property
    def text_signature(self) -> dict[str, Any]:
        """The same for values that depend on the tokenizer only through the window."""
        return {"text": self.form} if self.window is None else self.signature

    @property
    def form(self) -> str:
        """The form in which texts are read."""
        return PLAIN_FORM if self.plain else NORMAL_FORM

    def read(self, text: str) -> str:
        """Return a text in the form in which it is read."""
        return normal_text(plain_text(text) if self.plain else text)

    def __call__(self, text: str) -> list[str]:
        """Return the tokens of a text, at most `window`."""
        return self.split(self.read(text))[: self.window]

    def cut(self, text: str) -> str:
        """Return the form of a text up to the end of the last token in the window."""
        text = self.read(text)
        return text if self.window is None else text[: self.end(text, self.window)]

    def is_short(self, text: str) -> bool:
        """Whether a text has fewer tokens than the window."""
        return self.window is not None and len(self.split(self.read(text))) < self.window


def load_tokenizer(
    name: str = DEFAULT, *, window: int | None = None, plain: bool = False
) -> Tokenizer:
    """Load a tokenizer by its name in TOKENIZERS or from a Hugging Face `tokenizer.json` (the file
    or its folder), which is named by its content. `window` keeps only the first tokens of each
    text; a common window makes texts of different lengths comparable. `plain` leaves out layout."""
    if name in TOKENIZERS:
        end = functools.partial(_end_by_rule, name)
        return Tokenizer(name=name, split=TOKENIZERS[name], end=end, window=window, plain=plain)
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
    content = plain_bytes(file)
    try:
        pieces = Pieces.from_buffer(content)
    except Exception as error:  # noqa: BLE001  the library raises bare Exception
        raise UserError(f"--tokenizer {file}: not a tokenizer.json ({error})") from None
    pieces.no_truncation()
    pieces.no_padding()
    digest = hashlib.sha256(content).hexdigest()[:12]
    # Not lambdas: worker processes need them too.
    split, end = functools.partial(_pieces_of, pieces), functools.partial(_end_of_pieces, pieces)
    return Tokenizer(name=f"file:{digest}", split=split, end=end, window=window, plain=plain)


def _pieces_of(pieces: Any, text: str) -> list[str]:
    return list(pieces.encode(normal_text(text), add_special_tokens=False).tokens)


def _end_of_pieces(pieces: Any, text: str, count: int) -> int:
    offsets = pieces.encode(text, add_special_tokens=False).offsets
    return int(offsets[count - 1][1]) if len(offsets) >= count else len(text)
