"""NoveltyBench's generations.jsonl, partitions.jsonl and scores.jsonl: a line for each prompt.

The three hold the same replies; the second adds their classes, the third the scores of the first
reply of each class. Whichever is named, the classes and scores of its folder are read, if they
belong to the same replies.
"""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, Field, model_validator

from sfr_eval.errors import UserError
from sfr_eval.formats.read.mapping import PromptMap, Prompts
from sfr_eval.formats.read.names import TEMPERATURE_NAMES
from sfr_eval.formats.read.reply import UNSTATED_TEMPERATURE, Reading, Reply, checked_text
from sfr_eval.formats.read.source import Source, open_source
from sfr_eval.util.reading import read_model

NAME = "noveltybench"
FILES = ("scores.jsonl", "partitions.jsonl", "generations.jsonl")
"""The fullest first."""
TEMPERATURE = "The file does not say at which temperature it was sampled; it is taken as 1."
SUITES = {"curated-": "noveltybench", "WildChat-": "noveltybench-wildchat"}
"""How the ids of a suite's prompts begin."""


class NoveltyRow(BaseModel, extra="allow"):
    """A line of one of the three files."""

    id: str
    prompt: str = Field(min_length=1)
    model: str = ""
    generations: tuple[str | None, ...]
    partition: tuple[int, ...] | None = None
    generation_scores: tuple[float, ...] | None = None

    @model_validator(mode="after")
    def _check_lengths(self) -> "NoveltyRow":
        for name in ("partition", "generation_scores"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.generations):
                raise ValueError(
                    f"{name}: has {len(values)} numbers for {len(self.generations)} generations"
                )
        return self


def fullest(folder: Path) -> list[Path]:
    """Return the fullest of the three files in a folder; [] if there is none of them."""
    return [folder / name for name in FILES if (folder / name).is_file()][:1]


def looks_like(source: Source) -> bool:
    """Return whether these are lines of such a file."""
    generations = source.first.get("generations")
    return (
        isinstance(generations, list)
        and isinstance(source.first.get("id"), str)
        and isinstance(source.first.get("prompt"), str)
        and not set(TEMPERATURE_NAMES) & set(source.first)  # another tool's, which states more
        and all(text is None or isinstance(text, str) for text in generations)
    )


def own_suite(source: Source) -> str | None:
    """Return the suite that the ids belong to; None if they are another's."""
    id = str(source.first.get("id"))
    return next((suite for start, suite in SUITES.items() if id.startswith(start)), None)


def read(source: Source, prompts: Prompts) -> Reading:
    """Read all replies with their classes and scores.

    Raises UserError for an id that the suite gives to another question, and for a prompt that
    occurs twice.
    """
    file = source.file
    rows = dict(_rows(file))
    warnings = [TEMPERATURE, *_complete(file, rows)]
    replies = [
        reply
        for where, row in rows.items()
        for reply in _replies(row, _query(row, prompts, where=where), where=where)
    ]
    if not replies:
        raise UserError(f"{file}: has no replies")
    if lost := sum(reply.status == "error" for reply in replies):
        warnings.append(f"{lost} of {len(replies)} generations are null: the model gave no reply.")
    return Reading(
        file=file,
        format=NAME,
        replies=replies,
        warnings=warnings,
    )


def _rows(file: Path) -> Iterator[tuple[str, NoveltyRow]]:
    for where, row in open_source(file).rows():
        yield where, read_model(NoveltyRow, row, where=where)


def _query(row: NoveltyRow, prompts: Prompts, *, where: str) -> str:
    """Return the id of the row's prompt. Raises UserError if the suite means another by it."""
    if not isinstance(prompts, PromptMap):
        return prompts.find({}, {"id": row.id}, messages=[("user", row.prompt)], where=where)[0]
    question = prompts.suite.queries.get(row.id)
    if question is None:
        return prompts.known_query(row.prompt, where=where)
    if question.split() != row.prompt.split():
        raise UserError(
            f"{where}: id {row.id} is another question in suite {prompts.suite.id}: "
            f"`{question[:60]}`; correct the id or name the suite with --suite"
        )
    return row.id


def _replies(row: NoveltyRow, query: str, *, where: str) -> Iterator[Reply]:
    for index, text in enumerate(row.generations):
        yield Reply(
            where=where,
            query=query,
            persona="",
            temperature=UNSTATED_TEMPERATURE,
            index=index,
            model=row.model,
            status="error" if text is None else "ok",
            text=checked_text(text or "", where=where),
            error="no reply in the file" if text is None else "",
            group=row.partition[index] if row.partition else None,
            score=row.generation_scores[index] if row.generation_scores else None,
        )


def _complete(file: Path, rows: dict[str, NoveltyRow]) -> list[str]:
    """Add the classes and scores of fuller files in the folder to the rows. Returns warnings."""
    warnings: list[str] = []
    for name in FILES:
        lacking = {w: row for w, row in rows.items() if row.generation_scores is None}
        fuller = file.with_name(name)
        if not lacking or fuller == file or not fuller.is_file():
            continue
        others = {(row.model, row.id): row for _, row in _rows(fuller)}
        strange = 0
        for where, row in lacking.items():
            other = others.get((row.model, row.id))
            if other is None or other.partition is None:
                continue
            if other.generations != row.generations or row.partition not in (None, other.partition):
                strange += 1
                continue
            rows[where] = row.model_copy(
                update={"partition": other.partition, "generation_scores": other.generation_scores}
            )
        if strange:
            warnings.append(
                f"{name} beside {file.name} belongs to other replies or classes for {strange} of "
                f"{len(rows)} prompts; it is not read for these."
            )
    return warnings
