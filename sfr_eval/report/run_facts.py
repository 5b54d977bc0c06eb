"""One line of facts about a run: what was sampled, how much, how and when."""

from collections.abc import Iterator
from dataclasses import dataclass

from sfr_eval.report.run_command import run_command
from sfr_eval.store.manifest import Manifest, PlannedSuite

HASH = 8
"""Characters of a fingerprint that a person reads."""


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """Facts in the words of a reader; "" where something is not known."""

    model: str
    weights: str
    date: str  # `2026-11-30 18:03 UTC`, of the last session that drew something
    size: str  # `16 queries x 4 samples x 8 temperatures`, suite by suite
    engine: str
    decoder: str
    seed: str
    command: str  # that makes the run again

    @property
    def parts(self) -> Iterator[str]:
        """Yield what is known, for a line."""
        weights = f"weights {self.weights}" if self.weights else ""
        seed = f"seed {self.seed}" if self.seed else ""
        known = (self.model, weights, self.date, self.size, self.engine, self.decoder, seed)
        yield from filter(None, known)


def run_facts(manifest: Manifest) -> RunFacts:
    """Return the facts of a run from its manifest."""
    identity, session = manifest.identity, manifest.last_session
    return RunFacts(
        model=manifest.name or manifest.config.model or "",
        weights=_weights(manifest),
        date=session.date.replace("T", " ").replace("Z", " UTC") if session else "",
        size="; ".join(_size(part, several=len(manifest.plan) > 1) for part in manifest.plan),
        engine="" if manifest.imported else str(identity.engine or ""),
        decoder=identity.decoder_name or "",
        seed="" if identity.seed is None else str(identity.seed),
        command=run_command(manifest),
    )


def _weights(manifest: Manifest) -> str:
    """Return the short hash of the weights; "" where the fingerprint is none of weights: that of
    imported generations is of their text."""
    if manifest.imported is not None:
        return ""
    digest = manifest.model.fingerprint.rpartition(":")[2]
    hexadecimal = len(digest) >= HASH and set(digest.lower()) <= set("0123456789abcdef")
    return digest[:HASH] if hexadecimal else ""


def _size(part: PlannedSuite, *, several: bool) -> str:
    name = f"{part.suite}: " if several else ""
    count = len(part.personas)
    personas = f"{count} personas x " if count else ""
    temperatures = "temperature" if len(part.temperatures) == 1 else "temperatures"
    return (
        f"{name}{part.queries:,} queries x {personas}{part.samples} samples x "
        f"{len(part.temperatures)} {temperatures}"
    )
