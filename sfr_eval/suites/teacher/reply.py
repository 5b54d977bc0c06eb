"""Replies as a language model scores them."""

import hashlib
from dataclasses import dataclass

from sfr_eval.types import Sample


@dataclass(frozen=True)
class ReplyText:
    """A reply as text. `ended`: by itself, not by the limit of its length."""

    text: str
    ended: bool

    @classmethod
    def of(cls, reply: Sample) -> "ReplyText":
        """Return the text of a stored reply."""
        return cls(text=reply.text, ended=reply.status == "ok")

    @property
    def digest(self) -> str:
        """Short hash by which a reply is found again."""
        return hashlib.sha256(f"{int(self.ended)}{self.text}".encode()).hexdigest()[:24]


@dataclass(frozen=True)
class ReplyScore:
    """Natural log-probability of a reply, at most 0, and how many tokens it is the sum over, the
    end of the turn included."""

    log_prob: float
    tokens: int
