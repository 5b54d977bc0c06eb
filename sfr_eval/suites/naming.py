"""Reads which of the known answers of a question a reply names: exactly one, or none.

Strict, since a reply that hedges is no draw:

1. The line read is the first with a word or number in it. A line that names no answer and ends in a
   colon or an exclamation mark ("Sure, here is one:", "Sure!") is passed over.
2. The whole line may be a spelling of an answer, whatever its case, marks and layout.
3. Otherwise the line names an answer wherever its words stand in it, the longest first: "West
   Virginia" is not Virginia. Two different answers, an answer after "not", or a near miss
   ("Washington, D.C.") count as none.
4. A number stands alone: 3 is not named by 3.5, -3, 1/3, 3rd or 13. Answers that are whole numbers
   to 100 are also read in English words, in a sentence only at its end and if it has no digits;
   "one" only if it is the whole line.
5. An answer of one or two letters is named in a sentence only in its own case, and not before a
   word in lower case but "or" and "and": "I pick K" names K alone, and "As you wish" no element.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"[-\u2212]?\d+(?:[.,/:\u2013\u2212-]\d+)*(?:-?[^\W\d_]+|%)?|[^\W_]+(?:['\u2019][^\W_]+)*"
)
_DIGIT = re.compile(r"\d")
_NEGATIONS = frozenset({"not", "never", "except", "isn't", "neither", "nor"})
_ONES = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SHORT = 2  # letters
_BETWEEN = frozenset({"or", "and"})

Tokens = tuple[str, ...]


def number_words(number: int) -> str:
    """Return a number from 0 to 100 in English words: `twenty one`."""
    if number == 100:
        return "one hundred"
    if number < len(_ONES):
        return _ONES[number]
    tens, ones = divmod(number, 10)
    return " ".join((_TENS[tens - 2], *([_ONES[ones]] if ones else [])))


def tokens(text: str) -> list[str]:
    """Return the words and numbers of a text, in their case."""
    return _TOKEN.findall(unicodedata.normalize("NFKC", text))


@dataclass(frozen=True)
class Naming:
    """The answers of one question and how they may be spelled."""

    answers: Sequence[str]
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)  # answer -> other spellings
    near_misses: Sequence[str] = ()  # they look like an answer and are none
    _spellings: dict[Tokens, str | None] = field(default_factory=dict, init=False, repr=False)
    _in_words: set[Tokens] = field(default_factory=set, init=False, repr=False)

    def __post_init__(self) -> None:
        """Raises ValueError if two answers share a spelling, or one has no word or number."""
        for answer in self.answers:
            for spelling in (answer, *self.aliases.get(answer, ())):
                self._add(spelling, answer)
            if re.fullmatch(r"\d{1,2}|100", answer):
                words = _folded(tokens(number_words(int(answer))))
                if words not in self._spellings:
                    self._spellings[words] = answer
                    self._in_words.add(words)
        for spelling in self.near_misses:
            self._add(spelling, None)
        if unknown := set(self.aliases) - set(self.answers):
            raise ValueError(f"aliases: `{min(unknown)}` is not among the answers")

    def _add(self, spelling: str, answer: str | None) -> None:
        words = _folded(tokens(spelling))
        if not words:
            raise ValueError(f"answers: `{spelling}` has no word or number in it")
        if self._spellings.setdefault(words, answer) != answer:
            raise ValueError(f"answers: `{spelling}` is a spelling of two answers")

    def answer_of(self, reply: str) -> str | None:
        """Return the answer that a reply names; None if it names none, two, or a near miss."""
        for line in reply.splitlines():
            words = tokens(line)
            if not words:
                continue
            whole = _folded(words)
            if whole in self._spellings:
                return self._spellings[whole]
            named = set(self._named(words))
            if not named and line.rstrip(' *_`"').endswith((":", "!")):
                continue
            return named.pop() if len(named) == 1 else None
        return None

    def _named(self, words: Sequence[str]) -> Iterable[str | None]:
        """Yield the answers that a line names, None for what rules an answer out."""
        folded = _folded(words)
        digits = any(_DIGIT.search(word) for word in words)
        longest, start = max(map(len, self._spellings), default=0), 0
        while start < len(words):
            for size in range(min(longest, len(words) - start), 0, -1):
                spelling = folded[start : start + size]
                if spelling in self._spellings and self._counts(words, start, size, digits=digits):
                    negated = start > 0 and folded[start - 1] in _NEGATIONS
                    yield None if negated else self._spellings[spelling]
                    start += size - 1
                    break
            start += 1

    def _counts(self, words: Sequence[str], start: int, size: int, *, digits: bool) -> bool:
        """Return whether a spelling inside a longer line is meant as an answer."""
        spelling = _folded(words[start : start + size])
        if spelling in self._in_words:
            return not digits and spelling != ("one",) and start + size == len(words)
        word = words[start]
        if size > 1 or len(word) > _SHORT or not word.isalpha():
            return True
        answer = self._spellings[spelling]
        after = words[start + 1 : start + 2]
        return word == answer and not (after and after[0].islower() and after[0] not in _BETWEEN)


def _folded(words: Sequence[str]) -> Tokens:
    return tuple(map(_fold, words))


def _fold(word: str) -> str:
    if word.isascii() and word.isdigit():
        return word.lstrip("0") or "0"
    return word.casefold().replace("\u2019", "'")
