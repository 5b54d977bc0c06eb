"""Finds the final answer in a solution, and brings it into a normal form as text.

The first of these that the reply has, the last of its kind:

1. \\boxed{...} or \\fbox{...};
2. a line with "#### 42";
3. "the answer is 42", "Answer: 42", up to the end of the sentence or the line;
4. the last number, unless the reply was cut off: then it had not come to its answer.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

LONGEST = 2_000
"""Characters of an answer; a longer one is none."""

_HASHES = re.compile(r"####[ \t]*(\S[^\n]*)")
_PHRASE = re.compile(
    r"(?i)\b(?:final answer|answer)\b[*_ ]*(?:is|are|=|:)[*_: ]*(\S[^\n]*)",
)
_SENTENCE_END = re.compile(r"\.(?:\s|$)|[!?](?:\s|$)")
_NUMBER = re.compile(r"-?\$?\d[\d,]*(?:\.\d+)?(?:/\d+)?|-?\.\d+")
_FRACTION = re.compile(r"(-?)\\frac\{?(\d+)\}?\{?(\d+)\}?")
_PLAIN = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:/\d+)?")

_SPACES = re.compile(r"\\[,;:! ]|\\q?quad(?![A-Za-z])|~|\s+")
_SIZES = re.compile(r"\\(?:left|right|bigl?|bigr|Bigl?|Bigr|displaystyle|limits)(?![A-Za-z])\.?")
_FRACTIONS = re.compile(r"\\[dtc]frac(?![A-Za-z])")
_DEGREES = re.compile(r"\^\{?\\circ\}?|\\degree(?![A-Za-z])|\u00b0")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_TEXT = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|operatorname)\s*\{([^{}]*)\}"
)
_CHOICES = re.compile(r"(?i)\s*(?:,\s*)?\b(?:and|or)\b\s*")
_UNIT = re.compile(r"(?<=[\d})])\s*(?:[A-Za-z]{2,}[A-Za-z .]*(?:\^\{?\d\}?)?|[a-z]\.?[a-z]\.)$")
_KNOWN_WORDS = re.compile(r"^(?:pi|sqrt|sin|cos|tan|log|ln|exp|infinity)\b")
_NAME = re.compile(r"^(?:[A-Za-z](?:_\{?\w+\}?)?|[A-Za-z]\([a-z]\)|\\[a-z]+)\s*=(?!=)")


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """The answer as written, and how it was found."""

    text: str
    found: str  # boxed, hashes, phrase, last number


def final_answer(reply: str, *, cut: bool = False) -> FinalAnswer | None:
    """Return the final answer of a reply, None if it has none. `cut` says that the reply ended at
    the token limit."""
    finders = (("boxed", _boxed), ("hashes", _after_hashes), ("phrase", _after_phrase))
    for found, find in finders:
        text = find(reply)
        if text is not None and 0 < len(text.strip()) <= LONGEST:
            return FinalAnswer(text.strip(), found)
    if cut:
        return None
    numbers = _NUMBER.findall(reply)
    return FinalAnswer(numbers[-1].rstrip(","), "last number") if numbers else None


def normal_answer(text: str) -> str:
    """Return an answer without what does not change it: dollar signs, spaces and sizes of LaTeX,
    units, degrees, percent signs, commas in thousands, and a name in front ("x = 5")."""
    text = text.strip().strip("*_`").strip()
    for opener, closer in (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")):
        if text.startswith(opener) and text.endswith(closer) and len(text) > len(opener):
            text = text[len(opener) : -len(closer)].strip()
    text = text.replace("\u2212", "-").replace("\\%", "").replace("%", "")
    text = text.replace("\\$", "").replace("$", "").replace("\\!", "").replace("{,}", ",")
    text = _FRACTIONS.sub(r"\\frac", _SIZES.sub("", _DEGREES.sub("", text)))
    if whole := _TEXT.fullmatch(text.strip()):
        text = whole[1]
    text = _TEXT.sub(lambda match: _word(match[1]), text)
    text = " ".join(_SPACES.sub(" ", text).split()).rstrip(".,;: ")
    if not set("([{") & set(text):
        text = _THOUSANDS.sub("", text)
    bare = _NAME.sub("", text).strip()
    text = bare if bare and "=" not in bare else text
    if re.search(r"\d.*\b(?:and|or)\b", text):
        text = _CHOICES.sub(", ", text)
    unit = _UNIT.search(text)
    if unit and not _KNOWN_WORDS.match(unit[0].strip()):
        text = text[: unit.start()].rstrip()
    return text.strip()


def key(text: str) -> str:
    """Return what two answers share that are equal as texts: no spaces, no case in words."""
    joined = "".join(normal_answer(text).split())
    return joined.casefold() if re.fullmatch(r"[^\W\d_]{2,}", joined) else joined


def rational(text: str) -> Fraction | None:
    """Return the value of a plain number or fraction of numbers; None for anything else."""
    plain = "".join(normal_answer(text).split()).removeprefix("+")
    if match := _FRACTION.fullmatch(plain):
        plain = f"{match[1]}{match[2]}/{match[3]}" if _unambiguous(plain, match) else plain
    if len(plain) > 100 or not _PLAIN.fullmatch(plain):
        return None
    try:
        top, _, bottom = plain.partition("/")
        return Fraction(top) / Fraction(bottom or "1")
    except ZeroDivisionError:
        return None


def _unambiguous(plain: str, match: re.Match[str]) -> bool:
    """\\frac12 reads one digit each; only braces hold more."""
    return plain.count("{") == 2 or (len(match[2]) == len(match[3]) == 1 and "{" not in plain)


def _word(text: str) -> str:
    """Return the text of \\text{...}: kept if it joins values or is all there is, else a unit."""
    word = text.strip()
    return f" {word} "


def _boxed(reply: str) -> str | None:
    boxes = list(_boxes(reply))
    return boxes[-1] if boxes else None


def _boxes(reply: str) -> Iterator[str]:
    """Yield the contents of all boxes that are closed."""
    for match in re.finditer(r"\\(?:boxed|fbox)\s*", reply):
        start = match.end()
        if start < len(reply) and reply[start] != "{":
            if word := re.match(r"\S+", reply[start:]):  # \boxed 5
                yield word[0].rstrip("$.")
            continue
        depth = 0
        for place in range(start, min(len(reply), start + LONGEST + 2)):
            depth += (reply[place] == "{") - (reply[place] == "}")
            if depth == 0:
                yield reply[start + 1 : place]
                break


def _after_hashes(reply: str) -> str | None:
    matches = _HASHES.findall(reply)
    return matches[-1] if matches else None


def _after_phrase(reply: str) -> str | None:
    matches = list(_PHRASE.finditer(reply))
    if not matches:
        return None
    text = matches[-1][1]
    end = _SENTENCE_END.search(text)
    return text[: end.start()] if end else text
