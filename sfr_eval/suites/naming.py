"""Reads which of the known answers of a question a reply names: exactly one, or none.

Strict, since a reply that hedges, or only mentions an answer on its way, does not count:

1. The line read is the first with a word or number in it, without the mark of a list ("1. "). A
   line that names no answer and ends in a colon or an exclamation mark ("Sure, here is one:",
   "Sure!") is passed over.
2. The whole line may be a spelling of an answer, whatever its case, marks and layout.
3. Otherwise the line names an answer wherever its words stand in it, the longest first: "West
   Virginia" is not Virginia. Two different answers, an answer after "either" or before "or", one
   that its clause rules out ("not Monday", "don't pick Monday", "any day but Monday"), or a near
   miss ("Washington, D.C.") count as none.
4. The one answer must end the line or a clause, or stand in quotes, bold or brackets, or before
   "is", "because" or "since". "It is Monday, I think" names one; "flip a coin that shows heads with
   probability" does not. The end of a reply that was cut off ends no line.
5. A number stands alone: 3 is not named by 3.5, -3, 1/3, 3rd or 13. Answers that are whole numbers
   to 100 are also read in English words, in a sentence only at its end and if it has no digits;
   "one" only if it is the whole line.
6. An answer of one or two letters is named in a sentence only in its own case, and not before a
   word in lower case but "or" and "and": "I pick K" names K alone, and "As you wish" no element.
   After a colon, at the end of its line, its case does not matter: "Letter: q".
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"[-\u2212]?\d+(?:[.,/:\u2013\u2212-]\d+)*(?:-?[^\W\d_]+|%)?|[^\W_]+(?:['\u2019][^\W_]+)*"
)
_DIGIT = re.compile(r"\d")
_LIST_MARK = re.compile(r"^\s*(?:\d{1,2}[.)]|[-*\u2022])\s+(?=\S)")
_RULED_OUT_AFTER = frozenset(
    {"except", "excluding", "besides", "without", "avoid", "than", "neither", "nor", "either"}
)
_NEGATIONS = frozenset({"not", "never", "cannot"})  # and all in n't, up to the end of the clause
_ALL = frozenset({"all", "any", "anything", "every", "everything", "no", "none", "nothing"})
_CLAUSE_END = re.compile(r"[,.;:!?()\u2013\u2014]|\s-\s")
_CLAUSE_STARTS = frozenset({"so", "but", "however", "then"})
_RULED_OUT_BEFORE = frozenset({"or", "nor"})
_REASONS = frozenset({"is", "because", "since"})
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

    def answer_of(self, reply: str, *, cut: bool = False) -> str | None:
        """Return the answer that a reply names; None if it names none, two, or a near miss. `cut`
        says that the reply ended at the token limit."""
        text = unicodedata.normalize("NFKC", reply).rstrip()
        lines = text.splitlines()
        for number, whole_line in enumerate(lines):
            line = _LIST_MARK.sub("", whole_line)
            places = list(_TOKEN.finditer(line))
            if not places:
                continue
            whole = _folded([place[0] for place in places])
            if whole in self._spellings:
                return self._spellings[whole]
            open_end = cut and number == len(lines) - 1
            named = list(self._named(line, places, open_end=open_end))
            if not named and line.rstrip(' *_`"').endswith((":", "!")):
                continue
            answers = {answer for answer, _ in named}
            return answers.pop() if len(answers) == 1 and any(meant for _, meant in named) else None
        return None

    def _named(
        self, line: str, places: Sequence[re.Match[str]], *, open_end: bool
    ) -> Iterable[tuple[str | None, bool]]:
        """Yield the answers that a line names, None for what rules an answer out, and whether each
        stands where an answer is meant."""
        words = [place[0] for place in places]
        folded = _folded(words)
        digits = any(_DIGIT.search(word) for word in words)
        longest, start = max(map(len, self._spellings), default=0), 0
        while start < len(words):
            for size in range(min(longest, len(words) - start), 0, -1):
                spelling, end = folded[start : start + size], start + size
                if spelling in self._spellings and (
                    self._counts(words, start, size, digits=digits)
                    or (size == 1 == len(words) - start and _after_colon(line, places))
                ):
                    out = _is_ruled_out(_clause_before(line, places, start), words[start]) or (
                        end < len(words) and folded[end] in _RULED_OUT_BEFORE
                    )
                    rest = line[places[end - 1].end() :]
                    meant = _is_meant(rest, folded[end] if end < len(words) else "", open_end)
                    yield None if out else self._spellings[spelling], meant
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


def _clause_before(line: str, places: Sequence[re.Match[str]], start: int) -> Tokens:
    """Return the words between the beginning of a word's clause and the word."""
    first = start
    while first > 0 and not _CLAUSE_END.search(
        line[places[first - 1].end() : places[first].start()]
    ):
        first -= 1
    return _folded([place[0] for place in places[first:start]])


def _is_ruled_out(before: Tokens, word: str) -> bool:
    """Return whether the words before an answer in its clause say that it is not the one."""
    if not before:
        return False
    last = before[-1]
    if last in _RULED_OUT_AFTER or (last == "no" and word.isalpha()):
        return True
    if last == "but":
        return not _ALL.isdisjoint(before)
    starts = [i for i, each in enumerate(before) if each in _CLAUSE_STARTS]
    clause = before[starts[-1] + 1 :] if starts else before
    return any(each in _NEGATIONS or each.endswith("n't") for each in clause)


def _after_colon(line: str, places: Sequence[re.Match[str]]) -> bool:
    """Return whether the last word of a line is a letter that follows a colon."""
    return (
        len(places) > 1
        and len(places[-1][0]) <= _SHORT
        and places[-1][0].isalpha()
        and ":" in line[places[-2].end() : places[-1].start()]
    )


def _is_meant(rest: str, next_word: str, open_end: bool) -> bool:
    """Return whether what follows an answer in its line lets it stand for the reply."""
    if not rest.strip():
        return not open_end
    return not rest.lstrip()[0].isalnum() or next_word in _REASONS


def _folded(words: Sequence[str]) -> Tokens:
    return tuple(map(_fold, words))


def _fold(word: str) -> str:
    if word.isascii() and word.isdigit():
        return word.lstrip("0") or "0"
    return word.casefold().replace("\u2019", "'")
