"""The table of readers: how the files of each tool are recognised and read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sfr_eval.errors import UserError, brief_error
from sfr_eval.formats.read import (
    alpaca,
    bigcode,
    evalplus,
    inspect_log,
    livecodebench,
    lm_eval,
    mt_bench,
    novelty_bench,
    openai_batch,
    promptfoo,
    rows,
)
from sfr_eval.formats.read.mapping import Prompts
from sfr_eval.formats.read.names import Fields
from sfr_eval.formats.read.reply import Reading
from sfr_eval.formats.read.source import Source


def _own_suite(source: Source) -> str | None:
    """Return the suite that all rows of our own export name."""
    suites = {row.get("suite") if set(row) >= rows.OWN else None for row in source.first_rows}
    suite = suites.pop() if len(suites) == 1 else None
    return suite if isinstance(suite, str) and suite else None


@dataclass(frozen=True, kw_only=True)
class Reader:
    """One kind of file."""

    name: str
    looks_like: Callable[[Source], bool]
    read: Callable[[Source, Prompts], Reading]
    own_suite: Callable[[Source], str | None] = lambda source: None
    """The suite that the file itself names."""
    fields: frozenset[str] = frozenset({"query", "persona"})
    """Those of --...-field that it reads; others mean that the rows are to be read as such."""


READERS = (
    Reader(
        name=inspect_log.NAME,
        looks_like=inspect_log.looks_like,
        read=inspect_log.read,
        own_suite=inspect_log.own_suite,
    ),
    Reader(
        name=lm_eval.NAME,
        looks_like=lm_eval.looks_like,
        read=lm_eval.read,
        own_suite=lm_eval.own_suite,
    ),
    Reader(
        name=novelty_bench.NAME,
        looks_like=novelty_bench.looks_like,
        read=novelty_bench.read,
        own_suite=novelty_bench.own_suite,
    ),
    Reader(name=promptfoo.NAME, looks_like=promptfoo.looks_like, read=promptfoo.read),
    Reader(name=openai_batch.NAME, looks_like=openai_batch.looks_like, read=openai_batch.read),
    Reader(name=mt_bench.NAME, looks_like=mt_bench.looks_like, read=mt_bench.read),
    Reader(name=livecodebench.NAME, looks_like=livecodebench.looks_like, read=livecodebench.read),
    Reader(name=evalplus.NAME, looks_like=evalplus.looks_like, read=evalplus.read),
    Reader(name=bigcode.NAME, looks_like=bigcode.looks_like, read=bigcode.read),
    Reader(name=alpaca.NAME, looks_like=alpaca.looks_like, read=alpaca.read),
)
"""In the order in which they are tried; what fits none is plain rows."""
ROWS = Reader(
    name="rows",
    looks_like=lambda source: True,
    read=rows.read,
    own_suite=_own_suite,
    fields=frozenset({"prompt", "text", "model", "sample", "query", "persona", "temperature"}),
)


@contextmanager
def values_of(file: Path) -> Iterator[None]:
    """Turn what fails on a value of an unexpected kind, such as a number where its tool writes a
    list, into a line for the user. The readers check what is common, this the rest."""
    try:
        yield
    except UserError:  # which is a ValueError
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise UserError(
            f"{file}: holds a value of a kind that such files do not have ({brief_error(error)}); "
            "correct its row or remove it"
        ) from None


def reader_of(source: Source, fields: Fields) -> Reader:
    """Return the reader of a file. Raises UserError if it is a part of something else."""
    if openai_batch.is_requests(source):
        raise UserError(
            f"{source.file}: holds requests without replies; name the file of results, too"
        )
    named = {option.removeprefix("--").removesuffix("-field") for option in fields.given}
    for reader in READERS:
        if reader.looks_like(source):
            # Whoever says where prompt and reply are wants the rows to be read so.
            return reader if named <= reader.fields or source.kind == "log" else ROWS
    return ROWS
