"""Scores of replies, computed once: kept in the cache by model, precision, prompt and reply.

Rows are appended as batches are read, so what an interrupt leaves is not computed again.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from sfr_eval.models.checkpoint import Checkpoint
from sfr_eval.models.loading import load_prompter, prompt_identity
from sfr_eval.models.prompting import Prompter
from sfr_eval.models.reply_scorer import ReplyScorer, scoring_dtype
from sfr_eval.settings import EngineSettings
from sfr_eval.store.rows import appending, intact_rows
from sfr_eval.suites.teacher.reply import ReplyScore, ReplyText
from sfr_eval.types import Message
from sfr_eval.util.progress import OnProgress

FORMAT = 1

Messages = tuple[Message, ...]


@dataclass(frozen=True, kw_only=True)
class ScoreRow:
    """A line of the cache."""

    prompt: str  # hash of the messages
    reply: str  # ReplyText.digest
    temperature: float
    log_prob: float
    tokens: int


class ReplyScores:
    """What one model gives to replies. The weights are loaded when a score is missing."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        serving: EngineSettings,
        cache: Path,
        on_progress: OnProgress | None = None,
    ) -> None:
        self._checkpoint, self._serving = checkpoint, serving
        self.signature = {
            "model": checkpoint.fingerprint,
            "dtype": scoring_dtype(serving),
            "prompt": dict(prompt_identity(checkpoint, serving)),
            "system_role": serving.system_role,
        }
        self._file = cache / "teacher" / "scores" / f"{_digest([FORMAT, self.signature])}.jsonl"
        self._report = on_progress or (lambda *_: None)
        self._scorer: ReplyScorer | None = None
        self._rows: dict[tuple[str, str, float], ReplyScore] | None = None

    def score(
        self, replies: Mapping[Messages, Sequence[ReplyText]], *, temperatures: Sequence[float]
    ) -> dict[tuple[Messages, str, float], ReplyScore]:
        """Return (prompt, digest of the reply, temperature) -> score for each reply to each
        prompt."""
        rows = self._read()
        missing = {
            prompt: [
                reply
                for reply in dict.fromkeys(texts)
                if any((_hash(prompt), reply.digest, t) not in rows for t in temperatures)
            ]
            for prompt, texts in replies.items()
        }
        total, done = sum(map(len, missing.values())), 0
        what = f"probabilities {self._checkpoint.short_name}"
        if total:
            self._prompter.prepare(prompt for prompt, texts in missing.items() if texts)
        for prompt, texts in missing.items():
            if not texts:
                continue
            self._report(what, done, total)
            for count in self._compute(prompt, texts, temperatures=temperatures):
                done += count
                self._report(what, done, total)
        return {
            (prompt, reply.digest, t): rows[_hash(prompt), reply.digest, t]
            for prompt, texts in replies.items()
            for reply in texts
            for t in temperatures
        }

    def close(self) -> None:
        """Drop the model."""
        self._scorer = None

    @cached_property
    def _prompter(self) -> Prompter:
        return load_prompter(self._checkpoint, self._serving)

    def _read(self) -> dict[tuple[str, str, float], ReplyScore]:
        if self._rows is None:
            self._rows = {}
            for row in intact_rows(self._file, ScoreRow):
                self._keep(row)
        return self._rows

    def _keep(self, row: ScoreRow) -> None:
        assert self._rows is not None
        score = ReplyScore(log_prob=row.log_prob, tokens=row.tokens)
        self._rows[row.prompt, row.reply, row.temperature] = score

    def _compute(
        self, prompt: Messages, texts: Sequence[ReplyText], *, temperatures: Sequence[float]
    ) -> Iterator[int]:
        """Score the replies to one prompt, and keep each batch; yield its size."""
        if self._scorer is None:
            self._scorer = ReplyScorer(
                self._checkpoint, prompter=self._prompter, serving=self._serving
            )
        for batch in self._scorer.batches(prompt, texts, temperatures=temperatures):
            rows = [
                ScoreRow(
                    prompt=_hash(prompt), reply=texts[row].digest, temperature=t, **asdict(score)
                )
                for row, scores in batch.items()
                for t, score in zip(temperatures, scores, strict=True)
            ]
            with appending(self._file) as append:
                for row in rows:
                    append(row)
                    self._keep(row)
            yield len(batch)


def _hash(prompt: Messages) -> str:
    return _digest([[message.role, message.content] for message in prompt])


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:24]
