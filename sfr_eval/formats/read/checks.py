"""Checks imported rows for what would falsify variety: copies that no model drew."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from sfr_eval.errors import UserError
from sfr_eval.formats.read.reply import Reading, Reply, checked_text
from sfr_eval.suites.suite import Suite
from sfr_eval.types import TEXT_STATUSES, Cell

Key = TypeVar("Key")

_LONG = 12
"""A reply may well begin with fewer characters that are its prompt."""
_MOST = 0.9
MOST_REPLIES = 20_000
MOST_TEMPERATURE = 1_000.0  # beyond, every token is as likely as any other
MOST_SCORE = 1e100
_MANY = 4
"""From this many prompts on, "every text comes in pairs" cannot be a coincidence."""


def refuse_copies(readings: Sequence[Reading]) -> None:
    """Raise UserError for several replies to one prompt at temperature 0, for an id or index used
    twice, and for a prompt that two files answer."""
    greedy: set[Cell] = set()
    ids: dict[str, str] = {}
    places: dict[tuple[Cell, int], str] = {}
    first_files: dict[Cell, Path] = {}
    for reading in readings:
        for reply in reading.replies:
            where, cell = reply.where, reply.cell
            if cell in greedy:
                raise UserError(
                    f"{where}: a second reply to {_name(reply)} at temperature 0: greedy decoding "
                    "gives copies of one text, which look like total collapse; keep one reply to "
                    "each prompt"
                )
            if reply.temperature == 0:
                greedy.add(cell)
            if reply.sample_id is not None:
                _once(ids, reply.sample_id, where, what=f"sample_id {reply.sample_id}")
            if reply.index is not None:
                what = f"reply {reply.index} to {_name(reply)} at {reply.temperature:g}"
                _once(places, (cell, reply.index), where, what=what)
            first = first_files.setdefault(cell, reading.file)
            if first != reading.file and not reading.sharded:
                raise UserError(
                    f"{where}: {_name(reply)} at temperature {reply.temperature:g} has replies in "
                    f"{first}, too; name only one of the two files"
                )


def refuse_impossible(readings: Sequence[Reading]) -> None:
    """Raise UserError for a fact of a reply that no run folder can keep, and for more replies to a
    prompt than can be compared in pairs."""
    cells: Counter[Cell] = Counter()
    for reading in readings:
        for reply in reading.replies:
            _check_numbers(reply)
            for name in ("text", "error", "model", "query", "persona", "sample_id"):
                text = getattr(reply, name) or ""
                if not isinstance(text, str):
                    raise UserError(f"{reply.where}: {name}: {text!r:.40} is not a text")
                checked_text(text, where=reply.where, what=name)
            cells[reply.cell] += 1
            if cells[reply.cell] > MOST_REPLIES:
                raise UserError(
                    f"{reply.where}: more than {MOST_REPLIES:,} replies to {_name(reply)}, whose "
                    "pairs would take hours to compare; import a random part of them"
                )


def _check_numbers(reply: Reply) -> None:
    limits = {
        "index": (0, 2**31 - 1),
        "seed": (-(2**63), 2**63 - 1),
        "prompt_tokens": (0, 2**31 - 1),
        "completion_tokens": (0, 2**31 - 1),
        "temperature": (0, MOST_TEMPERATURE),
        "group": (-(2**63), 2**63 - 1),
        "score": (-MOST_SCORE, MOST_SCORE),
    }
    for name, (least, most) in limits.items():
        value = getattr(reply, name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"{reply.where}: {name}: {value!r:.40} is not a number")
        if not least <= value <= most:  # NaN is not, either
            raise UserError(
                f"{reply.where}: {name}: {value!r:.40} is not between {least:,} and {most:,}"
            )


def _once(seen: dict[Key, str], key: Key, where: str, *, what: str) -> None:
    if key in seen:
        raise UserError(f"{where}: {what} is already in {seen[key]}: rows are doubled; remove one")
    seen[key] = where


def _name(reply: Reply) -> str:
    return f"{reply.query}/{reply.persona}" if reply.persona else reply.query


def shared_prompts(readings: Sequence[Reading]) -> Iterator[str]:
    """Yield a warning if several files answer the same prompts without naming a model: they are
    taken as parts of one run, but may be of several models."""
    files = {reading.file for reading in readings}
    cells = [{reply.cell for reply in reading.replies} for reading in readings]
    shared = {cell for n, own in enumerate(cells) for other in cells[:n] for cell in own & other}
    if len(files) > 1 and shared and not any(reading.model for reading in readings):
        yield (
            f"{len(files)} files answer the same {len(shared):,} prompts and name no model: their "
            "replies are put together as one model's. If they are of several, score each file "
            "alone, or give their rows a field `model`."
        )


def suspicions(replies: Sequence[Reply], suite: Suite) -> Iterator[str]:
    """Yield warnings for the report about oddities that may be intended."""
    if suite.code is None:  # whose programs may contain their prompts
        yield from _echoes(replies, suite)
    cells: dict[Cell, list[Reply]] = defaultdict(list)
    for reply in replies:
        cells[reply.cell].append(reply)
    sizes = Counter(len(cell) for cell in cells.values())
    if len(sizes) > 1:
        yield (
            f"Prompts have between {min(sizes)} and {max(sizes)} replies: measures that depend on "
            "the number of replies are not comparable between them."
        )
    if len(cells) >= _MANY and all(_in_pairs(cell) for cell in cells.values()):
        yield (
            "Every text occurs an even number of times for its prompt: are the rows doubled? "
            "Doubled rows look like collapse."
        )


def _echoes(replies: Sequence[Reply], suite: Suite) -> Iterator[str]:
    texts = [reply for reply in replies if reply.status in TEXT_STATUSES and reply.text]
    prompts = {query: prompt.strip() for query, prompt in suite.queries.items()}
    echoes = sum(
        len(prompts[reply.query]) >= _LONG and reply.text.lstrip().startswith(prompts[reply.query])
        for reply in texts
    )
    if echoes > _MOST * len(texts):
        yield (
            f"{echoes:,} of {len(texts):,} replies begin with their prompt, as text-generation "
            "pipelines return it: replies that share a beginning look alike. Take it off, or name "
            "the field of the reply alone with --text-field."
        )


def _in_pairs(cell: Sequence[Reply]) -> bool:
    texts = Counter(reply.text for reply in cell if reply.status in TEXT_STATUSES)
    return bool(texts) and all(count % 2 == 0 for count in texts.values())
