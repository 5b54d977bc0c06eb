"""Replies that other people labelled as alike or different, read from JSONL.

Each row of a file has one of three forms:

    {"a": ..., "b": ..., "same": true, "prompt": ..., "model": ...}             a pair
    {"prompt": ..., "text": ..., "class": ..., "model": ...}                    a reply
    {"prompt": ..., "generations": [...], "partition": [...], "model": ...}     NoveltyBench

`model` is optional, and so is `prompt` of a pair. Other fields are left unread.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StrictBool, model_validator

from sfr_eval.errors import UserError
from sfr_eval.util.reading import json_lines, read_model


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPair:
    """Two replies to one prompt, and whether people call them the same."""

    prompt: str
    texts: tuple[str, str]
    same: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSet:
    """One model's replies to one prompt, and the class of each."""

    prompt: str
    model: str
    texts: tuple[str, ...]
    classes: tuple[str, ...]

    def pairs(self) -> list[LabelledPair]:
        """Return every pair of two replies."""
        labelled = zip(self.texts, self.classes, strict=True)
        return [
            LabelledPair(prompt=self.prompt, texts=(a, b), same=first == second)
            for (a, first), (b, second) in combinations(labelled, 2)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """A file of labels. A file of pairs has no sets, from which a model's variety could be told."""

    pairs: Sequence[LabelledPair]
    sets: Sequence[LabelledSet] = ()


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _PairRow(_Row):
    a: str
    b: str
    same: StrictBool
    prompt: str | None = None
    model: str = ""


class _ClassRow(_Row):
    prompt: str = Field(min_length=1, validation_alias=AliasChoices("prompt", "query"))
    text: str
    klass: str | int = Field(alias="class")
    model: str = ""


class _PartitionRow(_Row):
    prompt: str = Field(min_length=1, validation_alias=AliasChoices("prompt", "query"))
    generations: list[str] = Field(min_length=1)
    partition: list[int]
    model: str = ""

    @model_validator(mode="after")
    def _one_class_each(self) -> "_PartitionRow":
        if len(self.partition) != len(self.generations):
            raise ValueError(
                f"partition has {len(self.partition)} classes for {len(self.generations)} "
                "generations; give one to each"
            )
        return self


_FORMS: dict[str, type[_Row]] = {"same": _PairRow, "class": _ClassRow, "partition": _PartitionRow}
"""The field that tells a form from the others, and the form."""


def read_labels(file: Path) -> Labels:
    """Read a file of labels. Raises UserError for a file that cannot be read, a malformed row, rows
    of several forms, and labels that are all the same or all different."""
    rows: list[_Row] = []
    for where, loaded in json_lines(file):
        form = _form(loaded, where=where)
        if rows and not isinstance(rows[0], form):
            raise UserError(f"{where}: is of another form than the rows before it; use one form")
        rows.append(read_model(form, loaded, where=where))
    sets = _sets(rows)
    pairs = [
        LabelledPair(prompt=f"row {number}" if row.prompt is None else row.prompt,
                     texts=(row.a, row.b), same=row.same)
        for number, row in enumerate(rows)
        if isinstance(row, _PairRow)
    ]  # fmt: skip
    pairs += [pair for labelled in sets for pair in labelled.pairs()]
    if not pairs:
        raise UserError(f"--labels {file}: no two replies to one prompt; nothing to tell apart")
    if len({pair.same for pair in pairs}) < 2:
        label = "the same" if pairs[0].same else "different"
        raise UserError(f"--labels {file}: all {len(pairs)} pairs are {label}; both are needed")
    return Labels(pairs=pairs, sets=sets)


def _form(loaded: object, *, where: str) -> type[_Row]:
    if isinstance(loaded, dict):
        for field, form in _FORMS.items():
            if field in loaded:
                return form
    raise UserError(
        f"{where}: not a labelled row; give a pair (a, b, same), a reply (prompt, text, class) or "
        "a set (prompt, generations, partition)"
    )


def _sets(rows: Sequence[_Row]) -> list[LabelledSet]:
    labelled: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in rows:
        if isinstance(row, _ClassRow):
            labelled.setdefault((row.model, row.prompt), []).append((row.text, str(row.klass)))
        elif isinstance(row, _PartitionRow):
            classes = zip(row.generations, map(str, row.partition), strict=True)
            labelled.setdefault((row.model, row.prompt), []).extend(classes)
    return [
        LabelledSet(
            prompt=prompt,
            model=model,
            texts=tuple(text for text, _ in replies),
            classes=tuple(label for _, label in replies),
        )
        for (model, prompt), replies in labelled.items()
    ]
