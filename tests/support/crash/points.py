"""Which operations of a command to disturb, so that each kind is."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.crash.trees import is_scratch


@dataclass(frozen=True)
class Operation:
    """Something that a command did to a file."""

    name: str
    file: str

    @property
    def creates_temporary(self) -> bool:
        """Whether a file begins that will replace another."""
        return self.name == "open" and self.file.endswith(".part") and is_scratch(self.file)


def ends(operations: Sequence[Operation]) -> list[int]:
    """Return the numbers of operations, from 1: of a row of equal ones, as rows of samples are, the
    first and the last."""
    numbers, start = [], 1
    for _, group in itertools.groupby(operations):
        length = len(list(group))
        numbers += sorted({start, start + length - 1})
        start += length
    return numbers


def points(operations: Sequence[Operation]) -> list[int]:
    """Return the numbers of the operations to disturb.

    A file that replaces another is written by the same lines, whatever file it is (util/files.py):
    their caller sees an error or an interrupt either before the replacement or after it. So of each
    such file two operations are disturbed, one of those before and one of those after. Which, goes
    in turn, so that over all files each is.
    """
    return sorted(_points(operations))


def _points(operations: Sequence[Operation]) -> Iterator[int]:
    numbers, turn = ends(operations), 0
    while numbers:
        first = operations[numbers[0] - 1]
        if not first.creates_temporary:
            yield numbers.pop(0)
            continue
        last = Operation("fsync", str(Path(first.file).parent))
        length = next((i for i, n in enumerate(numbers, 1) if operations[n - 1] == last), 0)
        group, numbers = numbers[: length or None], numbers[length:] if length else []
        renamed = next((n for n in group if operations[n - 1].name == "rename"), group[-1])
        own = [n for n in group if operations[n - 1].file == first.file or n == renamed]
        yield from (n for n in group if n <= renamed and n not in own)  # of other files
        before, after = [n for n in own if n <= renamed], [n for n in group if n > renamed]
        yield before[turn % len(before)]
        yield from after[turn % max(len(after), 1) :][:1]
        turn += 1


def turns(operations: Sequence[Operation]) -> list[int]:
    """Return the operations before which, or after which, files with names of their own differ: a
    temporary file more or less, of which there are many, makes no new state."""
    changes = {"rename", "unlink", "rmdir", "mkdir", "truncate", "write", "open"}
    named, temporary = [], []
    for number in ends(operations):
        operation = operations[number - 1]
        if is_scratch(operation.file):
            temporary.append(number)
        elif operation.name in changes:
            named.append(number)
    return sorted({*named, *temporary[:7]})
