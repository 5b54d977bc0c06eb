"""Engines for tests on Ray; the nodes import them from here."""

import os
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.samplers.rows import finished_row
from sfr_eval.types import Request, Sample


@dataclass
class Echo:
    """Answers with the seed; the text depends on nothing else. `poison`: ids that kill it."""

    seconds: float = 0.0
    poison: frozenset[str] = frozenset()
    stuck_at: str = ""
    steps: int = 0

    def describe(self) -> Mapping[str, Any]:
        return {"engine": "echo"}

    def sample(self, requests: Iterable[Request]) -> Iterator[Sample]:
        for request in requests:
            if request.sample_id in self.poison:
                os.kill(os.getpid(), signal.SIGKILL)
            if request.sample_id == self.stuck_at:
                time.sleep(10_000)
            time.sleep(self.seconds)
            yield finished_row(
                request,
                text=f"seed {request.seed}",
                finish_reason="stop",
                prompt_tokens=1,
                completion_tokens=1,
            )

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class EchoBuilder:
    seconds: float = 0.0
    poison: frozenset[str] = frozenset()
    stuck_at: str = ""

    def __call__(self) -> Echo:
        return Echo(self.seconds, self.poison, self.stuck_at)


@dataclass(frozen=True)
class Refusing:
    def __call__(self) -> Echo:
        raise UserError("--model x: no such folder")


@dataclass(frozen=True)
class Dying:
    """A builder that never gets an engine up."""

    def __call__(self) -> Echo:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError
