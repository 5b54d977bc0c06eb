"""Mismatches, warnings and notes of all pairs, said once where they are about several of them."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sfr_eval.comparison.result import Comparison, Pair

Kind = Literal["mismatch", "warning", "note"]
"""A mismatch was allowed; a warning says why a difference may not be what it seems; a note takes
nothing from it."""

KINDS: tuple[Kind, ...] = ("mismatch", "warning", "note")
"""By gravity."""


@dataclass(frozen=True, kw_only=True)
class JoinedWarning:
    """One line, with the names of those that it is about."""

    text: str
    kind: Kind = "warning"

    @property
    def line(self) -> str:
        """The line as the terminal shows it."""
        return f"{self.kind}: {self.text}"


def joined_warnings(comparison: Comparison) -> list[JoinedWarning]:
    """Return what is to be said, mismatches first and notes last, otherwise in order of
    appearance."""
    names = [run.label for run in comparison.runs]
    names += [group.name for group in comparison.groups]
    return [
        JoinedWarning(text=text, kind=kind)
        for kind in KINDS
        for text in _merged(list(_attributed(comparison, kind, names)), names)
    ]


def _attributed(comparison: Comparison, kind: Kind, names: Collection[str]) -> Iterator[str]:
    """Yield the lines of one kind; those of some pairs only name them."""
    owners: dict[str, list[str]] = {}
    for pair in comparison.pairs:
        for line in dict.fromkeys(_lines(pair, kind)):
            owners.setdefault(line, []).append(pair.second)
    for line, seconds in owners.items():
        whole = len(seconds) == len(comparison.pairs) or _named(line, names)
        yield line if whole else f"{listed(seconds)}: {line}"


def _lines(pair: Pair, kind: Kind) -> Sequence[str]:
    if kind == "mismatch":
        return [str(mismatch) for mismatch in pair.mismatches]
    return pair.warnings if kind == "warning" else pair.notes


def _merged(lines: Sequence[str], names: Collection[str]) -> list[str]:
    """Join lines that differ only in the one name that each of them has."""
    templates: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        found = _named(line, names)
        if len(found) == 1:
            start, end = found[0].span()
            templates.setdefault((line[:start], line[end:]), []).append(found[0].group())
        else:
            templates.setdefault((line, ""), [])
    return [
        _sentence(before, after, list(dict.fromkeys(who)), everybody=len(set(names)))
        if who
        else before
        for (before, after), who in templates.items()
    ]


def _named(line: str, names: Collection[str]) -> list[re.Match[str]]:
    """Return where a line has one of the names as a whole."""
    longest = sorted(map(re.escape, names), key=len, reverse=True)
    return list(re.finditer(rf"(?<!\w)(?:{'|'.join(longest)})(?!\w)", line))


def _sentence(before: str, after: str, names: Sequence[str], *, everybody: int) -> str:
    if len(names) > 1:
        after = re.sub(r"^ (is|has)\b", lambda verb: f" {_PLURALS[verb[1]]}", after)
    if len(names) == everybody > 2:
        return f"{before}{'all' if before else 'All'} {everybody} runs{after}"
    return f"{before}{listed(names)}{after}"


_PLURALS = {"is": "are", "has": "have"}


def listed(names: Sequence[str]) -> str:
    """Return `a, b and c`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
