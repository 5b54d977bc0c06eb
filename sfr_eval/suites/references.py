"""Reference replies: what people, or a base model, answered to a suite's questions.

They come from the queries of a suite (`references`), from a file of rows, or from another run.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.store.manifest import FILE as MANIFEST
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.prompt_file import query_of
from sfr_eval.suites.suite import Suite
from sfr_eval.temperature import OWN_TEMPERATURE, nearest
from sfr_eval.thinking import answers
from sfr_eval.types import PromptKey
from sfr_eval.util.field_names import (
    CHATS,
    IDS,
    PERSONAS,
    PROMPTS,
    REFERENCES,
    REPLIES,
    alpaca_question,
    is_alpaca,
)
from sfr_eval.util.tabular import table_rows

_IDS = ("query", *IDS)
_PROMPTS = tuple(name for name in PROMPTS if name != "user")  # which may name a person
_REPLIES = (*REPLIES, *REFERENCES)


@dataclass(frozen=True, kw_only=True)
class References:
    """The reference replies to one suite's prompts."""

    name: str  # whose they are, inside a sentence
    texts: Mapping[PromptKey, tuple[str, ...]]  # (query, persona) -> replies; no key without any
    temperature: float | None = None  # of a run that they come from
    unmatched: int = 0  # rows that name no question of the suite

    @property
    def digest(self) -> str:
        """Hash of the texts, for signatures."""
        rows = [[*key, *texts] for key, texts in sorted(self.texts.items())]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:12]

    @property
    def fewest(self) -> int:
        """The fewest replies to a prompt that has any."""
        return min(map(len, self.texts.values()), default=0)


def references_of(suite: Suite, source: Path | None) -> References | None:
    """Return the references of a suite: those of `source`, a file or a run folder, or its own; None
    if there are none. Raises UserError for a source that cannot be read or fits no question."""
    if suite.code is not None:
        return None  # programs are graded by tests
    if source is None:
        own = {(id, ""): row.references for id, row in suite.rows.items() if row.references}
        if own and suite.personas:
            raise UserError(
                f"suite {suite.id}: its references do not say which persona they are of; pass "
                "--references FILE whose rows have a field `persona`"
            )
        return References(name="the references", texts=own) if own else None
    if not source.exists():
        raise UserError(f"--references {source}: no such file or run folder")
    if (source / MANIFEST).exists():
        return _of_run(suite, source)
    if source.is_dir():
        raise UserError(f"--references {source}: is a folder, but not of a run; name a file")
    return _of_file(suite, source)


def _of_run(suite: Suite, path: Path) -> References:
    manifest = Manifest.load(path)
    parts = {part.suite: part for part in manifest.plan}
    if suite.id not in parts:
        raise UserError(
            f"--references {path}: is a run of {', '.join(parts) or 'nothing'}, not of {suite.id}"
        )
    version = parts[suite.id].version
    if version and version != suite.version:
        raise UserError(
            f"--references {path}: was made with suite {suite.id} {version}, which is now "
            f"{suite.version}: its replies may answer other questions; draw it again"
        )
    rows = [row for row in RunFolder(path).sealed_samples() if row.suite == suite.id]
    replies = [row for row in answers(rows, manifest.thinking) if row.has_text]
    if not replies:
        raise UserError(f"--references {path}: holds no reply to suite {suite.id}")
    t = nearest(tuple({row.temperature for row in replies}), OWN_TEMPERATURE)
    texts: dict[PromptKey, list[str]] = {}
    for row in replies:
        if row.temperature == t:
            texts.setdefault(row.prompt_key, []).append(row.text)
    name = Path(manifest.name or path.resolve().name).name
    return References(name=f"{name} (T = {t:g})", texts=_tuples(texts), temperature=t)


def _of_file(suite: Suite, file: Path) -> References:
    questions = _Questions(suite)
    texts: dict[PromptKey, list[str]] = {}
    unmatched, first = 0, ""
    replies: Sequence[str]
    for where, row in table_rows(file):
        if not isinstance(row, Mapping):
            raise UserError(f"{where}: must be an object with a question and a reply")
        chat = next((name for name in CHATS if isinstance(row.get(name), list)), None)
        if chat is not None:
            read = query_of(row, number=1, field=chat, where=where)
            query, named, replies = questions.by_text(read.question, where), "", read.references
        else:
            query, named = questions.of(row, where)
            replies = _replies(row, where) if query is not None else ()
        if query is None:
            unmatched += 1
            first = first or f"{where}: {(named or read.question)[:60]!r}"
        elif replies:
            key = (query, _persona(row, suite, where))
            texts.setdefault(key, []).extend(replies)
        else:
            raise UserError(f"{where}: {chat}: does not end with a reply of the assistant")
    if not texts:
        raise UserError(
            f"--references {file}: no row belongs to a question of suite {suite.id} ({first})"
            if first
            else f"--references {file}: holds no rows"
        )
    return References(name="the references", texts=_tuples(texts), unmatched=unmatched)


class _Questions:
    """The questions of a suite, found by id or by text."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite.id
        self._texts = {id: question.strip() for id, question in suite.queries.items()}
        self._ids = {question: id for id, question in self._texts.items()}
        self._doubled = {q for q, n in Counter(self._texts.values()).items() if n > 1}

    def of(self, row: Mapping[str, Any], where: str) -> tuple[str | None, str]:
        """Return the id of the question that a row answers, None if it is not of the suite, and
        what the row calls it."""
        name, asked = (
            str(value).strip() if value is not None else ""
            for value in (_field(row, _IDS), _asked(row))
        )
        if not name and not asked:
            raise UserError(
                f"{where}: names no question; give `query` (its id in the suite) or `prompt` (its "
                "text)"
            )
        if name not in self._texts:
            return self.by_text(asked or name, where), asked or name
        if asked and self._texts[name] != asked:
            raise UserError(
                f"{where}: query {name} asks something else in suite {self._suite}; correct the id "
                "or leave it out"
            )
        return name, name

    def by_text(self, question: str, where: str) -> str | None:
        """Return the id of the question with this text. Raises UserError if there are two."""
        if question.strip() in self._doubled:
            raise UserError(f"{where}: two queries ask this; name one by `query`, its id")
        return self._ids.get(question.strip())


def _tuples(texts: Mapping[PromptKey, Sequence[str]]) -> dict[PromptKey, tuple[str, ...]]:
    return {key: tuple(own) for key, own in texts.items()}


def _field(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def _asked(row: Mapping[str, Any]) -> Any:
    if is_alpaca(row):
        return alpaca_question(str(row["instruction"]), str(row.get("input") or ""))
    return _field(row, _PROMPTS)


def _persona(row: Mapping[str, Any], suite: Suite, where: str) -> str:
    persona = str(_field(row, PERSONAS) or "")
    if not suite.personas:
        return ""
    if not persona:
        raise UserError(f"{where}: suite {suite.id} has personas; name one in a field `persona`")
    if persona not in suite.personas and persona not in suite.other_personas:
        hint = did_you_mean(persona, suite.personas)
        raise UserError(f"{where}: persona {persona}: not in suite {suite.id}; {hint}")
    return persona


def _replies(row: Mapping[str, Any], where: str) -> list[str]:
    """Return the replies of a row: one, or a list of them. Raises UserError if two fields hold
    different ones."""
    names = ("output",) if is_alpaca(row) and "output" in row else _REPLIES
    present = [name for name in names if row.get(name) is not None]
    if any(row[name] != row[present[0]] for name in present[1:]):
        raise UserError(
            f"{where}: the reply may be {' or '.join(present)}; leave one of the fields"
        )
    if not present:
        raise UserError(f"{where}: has no reply; name its field `reply`, or `replies` for a list")
    value = row[present[0]]
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in values):
        raise UserError(f"{where}: {present[0]}: must be a text or a list of texts")
    return list(values)
