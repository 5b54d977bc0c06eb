"""Mismatches and warnings of all pairs, said once where they are about several of them."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sfr_eval.comparison.result import Comparison


@dataclass(frozen=True, kw_only=True)
class JoinedWarning:
    """One line, with the names of those that it is about."""

    text: str
    is_mismatch: bool = False

    @property
    def line(self) -> str:
        """The line as the terminal shows it."""
        return f"mismatch: {self.text}" if self.is_mismatch else self.text


def joined_warnings(comparison: Comparison) -> list[JoinedWarning]:
    """Return what is to be said, mismatches first, otherwise in order of appearance."""
    owners: dict[tuple[bool, str], list[str]] = {}
    for pair in comparison.pairs:
        lines = [(True, str(mismatch)) for mismatch in pair.mismatches]
        lines += [(False, line) for line in pair.warnings]
        for line in dict.fromkeys(lines):
            owners.setdefault(line, []).append(pair.second)
    names = [run.label for run in comparison.runs]
    names += [group.name for group in comparison.groups]
    texts = {}
    for is_mismatch in (True, False):
        of_some = {
            line: seconds
            if len(seconds) < len(comparison.pairs) and not _named(line, names)
            else []
            for (kind, line), seconds in owners.items()
            if kind == is_mismatch
        }
        texts[is_mismatch] = _merged(
            [f"{listed(who)}: {line}" if who else line for line, who in of_some.items()], names
        )
    return [
        JoinedWarning(text=text, is_mismatch=is_mismatch)
        for is_mismatch, lines in texts.items()
        for text in lines
    ]


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
