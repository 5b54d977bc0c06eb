"""Requests to samples on disk."""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from types import FrameType

from sfr_eval.samplers.subject import Subject
from sfr_eval.store.manifest import SamplerFacts, Session
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.suite import Suite
from sfr_eval.types import Request, Sample, Sampler
from sfr_eval.util.progress import Bar

_APPEND_SECONDS = 0.2


def _draw(
    subject: Subject,
    suites: Sequence[Suite],
    missing: Sequence[Request],
    stored: dict[str, Sample],
    *,
    folder: RunFolder,
) -> tuple[SamplerFacts, Session]:
    """Sample what is missing into the store and into `stored`. Returns facts for the manifest."""
    started = time.monotonic()
    with closing(subject.build_sampler(suites, missing)) as sampler:
        ready = time.monotonic()
        tokens = 0
        writer = folder.writer()
        with Bar("sampling", len(missing), unit="samples") as bar, closing(writer):
            for batch in _gather(sampler, missing):
                writer.append(batch)
                for sample in batch:
                    known = stored.get(sample.sample_id)
                    if known is None or known.status == "error":
                        stored[sample.sample_id] = sample
                    tokens += sample.completion_tokens
                bar.advance(len(batch))
        seconds = time.monotonic() - ready
        return SamplerFacts.model_validate(sampler.describe()), Session(
            samples=len(missing),
            completion_tokens=tokens,
            start_seconds=round(ready - started, 2),
            sampling_seconds=round(seconds, 2),
            tokens_per_second=round(tokens / max(seconds, 1e-9), 1),
        )


def _gather(sampler: Sampler, requests: Sequence[Request]) -> Iterator[list[Sample]]:
    """Samples in small batches, so that a write costs little; what is in hand when the sampler
    is interrupted or dies is handed over before the error goes on."""
    batch: list[Sample] = []
    since = time.monotonic()
    stream = sampler.sample(requests)
    try:
        for sample in stream:
            batch.append(sample)
            if time.monotonic() - since > _APPEND_SECONDS:
                yield batch
                batch = []
                since = time.monotonic()
    except (KeyboardInterrupt, Exception):
        if batch:
            yield batch
        raise
    if batch:
        yield batch


@contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """A polite kill ends the run as Ctrl-C does: flushed, marked partial."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
