"""Labelled replies: texts, and the persona that each was written by.

The style probe is fitted on them, and the measures of a population are distances to them. They come
from the user's --style-data, else from the suite's own synthetic benchmark, else from the example
replies of the persona cards.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, Field

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.metrics.normal_text import normal_text
from sfr_eval.plan import sample_seed
from sfr_eval.util.chat_rows import CHAT_FIELDS, chat_of_row
from sfr_eval.util.reading import read_model
from sfr_eval.util.tabular import table_rows

if TYPE_CHECKING:
    from sfr_eval.metrics.context import Context
    from sfr_eval.suites.suite import Suite

WORLD_DRAWS = 2  # per query and persona
LEAST_WORDS, LEAST_CHARACTERS = 5, 20
"""A text with fewer words and fewer characters may be repeated by chance."""

SEED = 20_240_501


class StyleRow(BaseModel):
    """One line of --style-data: a reply, the persona that wrote it, and the query that it answers,
    by id or as text. A row that names a suite is read for that suite only."""

    text: str = Field(min_length=1, pattern=r"\S")
    persona: str = Field(min_length=1)
    query: str = ""
    suite: str = ""


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Replies with the persona that wrote them and the query that they answer ("" if unknown)."""

    texts: tuple[str, ...]
    personas: tuple[str, ...]
    queries: tuple[str, ...]
    source: str
    synthetic: bool = False  # drawn from the suite's benchmark: nobody's own words
    left_out: int = 0  # rows of another suite, or of a persona that the run did not ask

    @property
    def digest(self) -> str:
        """Short hash of the content, used in signatures."""
        rows = zip(self.texts, self.personas, self.queries, strict=True)
        return hashlib.sha256(repr(list(rows)).encode()).hexdigest()[:16]


def labelled_replies(context: "Context") -> Labelled:
    """Return the labelled replies of a suite. Those of a synthetic benchmark are equal in every
    run. Raises UserError for a row of --style-data whose persona the suite does not have."""
    suite = context.suite
    if context.style_data is not None:
        return read_style_data(context.style_data, suite)
    if suite.world is not None:
        return _benchmark_replies(suite)
    rows = [
        (reply, persona, "")
        for persona, card in suite.personas.items()
        for reply in card.example_replies
    ]
    return _labelled(rows, source="example replies of the persona cards")


def read_style_data(file: Path, suite: "Suite") -> Labelled:
    """Return the rows of a file that label replies of the suite's personas.

    Raises UserError, with file and line, for a persona that the suite does not have, however near
    its name. Rows of personas that the run did not ask, or that name another suite, are counted.
    """
    known = {*suite.personas, *suite.other_personas}
    ids = {_words(text): query for query, text in suite.queries.items()}
    rows, left_out = [], 0
    for where, loaded in table_rows(file):
        for row in _style_rows(loaded, suite, where=where):
            other_suite = row.suite not in ("", suite.id)
            if known and row.persona and not other_suite and row.persona not in known:
                raise UserError(
                    f"{where}: persona: `{row.persona}` is not in suite {suite.id}; "
                    f"{_near_persona(row.persona, suite)}"
                )
            if other_suite or row.persona not in suite.personas:
                left_out += 1
                continue
            query = row.query
            if query not in suite.queries:
                query = ids.get(_words(query), query)
            rows.append((row.text, row.persona, query))
    return _labelled(rows, source=f"--style-data {file.name}", left_out=left_out)


def _style_rows(loaded: Any, suite: "Suite", *, where: str) -> Iterator[StyleRow]:
    """Yield the labelled replies of a row: itself, or those of a chat as `train` reads it. A chat
    without a persona belongs to the one whose card is its system message."""
    if not isinstance(loaded, dict) or "text" in loaded or not CHAT_FIELDS & loaded.keys():
        yield read_model(StyleRow, loaded, where=where)
        return
    chat = chat_of_row(loaded, where=where)
    persona = chat.persona
    if not persona:
        system = "\n".join(t["content"] for t in chat.turns if t["role"] == "system")
        cards = {_words(card.system): id for id, card in suite.personas.items()}
        persona = cards.get(_words(system), "")
    if not persona and not suite.other_personas:
        raise UserError(
            f"{where}: names no persona, and its system message is not a persona's card in "
            f"suite {suite.id}; add persona"
        )
    for before, reply in chat.replies():
        asked = [turn["content"] for turn in before if turn["role"] == "user"]
        values = {
            "text": "\n".join(turn["content"] for turn in reply),
            "query": asked[-1] if asked else "",
            "suite": loaded.get("suite", ""),
        }
        yield read_model(StyleRow, {**values, "persona": persona or "-"}, where=where).model_copy(
            update={"persona": persona}
        )


def copied_shares(labelled: Labelled, replies: Sequence[str]) -> tuple[float, float]:
    """Return the share of the labelled texts that some reply repeats word for word, and the share
    of the replies that are such a copy; 0 to 1 each, 0 of nothing.

    Case, blanks and invisible characters do not count, nor do texts so short that they are repeated
    by chance. A model that was trained on the labelled texts has both shares well above 0, and the
    probe, which knows these texts, then rewards memory.
    """
    texts = {_words(text) for text in labelled.texts if _long_enough(text)}
    answers = [_words(reply) for reply in replies]
    copies = [answer for answer in answers if answer in texts]
    return len(set(copies)) / max(1, len(texts)), len(copies) / max(1, len(answers))


def _labelled(
    rows: Iterable[tuple[str, str, str]], *, source: str, synthetic: bool = False, left_out: int = 0
) -> Labelled:
    columns = tuple(zip(*rows, strict=True)) or ((), (), ())
    texts, personas, queries = columns
    return Labelled(
        texts=texts,
        personas=personas,
        queries=queries,
        source=source,
        synthetic=synthetic,
        left_out=left_out,
    )


def _benchmark_replies(suite: "Suite") -> Labelled:
    assert suite.world is not None
    world = suite.world.dialed()
    rows = []
    for query, persona, index in product(suite.queries, suite.personas, range(WORLD_DRAWS)):
        generator = _generator(suite.id, f"{query}/{persona}", index)
        rows.append((world.sample(persona, query, generator), persona, query))
    source = f"world of suite {suite.id}, {WORLD_DRAWS} replies per query and persona"
    return _labelled(rows, source=source, synthetic=True)


def _generator(suite: str, prompt: str, index: int) -> np.random.Generator:
    seed = sample_seed(SEED, suite=suite, prompt=prompt, temperature=1.0, index=index)
    return np.random.default_rng(seed)


def _near_persona(name: str, suite: "Suite") -> str:
    """Return the end of the message about an unknown persona: `Pirate ` may mean `pirate`, and a
    persona's displayed name its id."""
    known = (*suite.personas, *suite.other_personas)
    plain = {_plain(id): id for id in known}
    plain |= {_plain(card.name): id for id, card in suite.personas.items()}
    if meant := plain.get(_plain(name)):
        return f"did you mean `{meant}`?"
    return did_you_mean(name.strip().casefold(), known)


def _plain(name: str) -> str:
    """Return a name without case, blanks and punctuation."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _words(text: str) -> str:
    return " ".join(normal_text(text).casefold().split())


def _long_enough(text: str) -> bool:
    return len(text.split()) >= LEAST_WORDS or len(text) >= LEAST_CHARACTERS
