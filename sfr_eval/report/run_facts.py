"""One line of facts about a run: what was sampled, how much, how and when."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from sfr_eval.store.manifest import Manifest

HASH = 8
"""Characters of a fingerprint that a person reads."""


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """Facts in the words of a reader; "" where something is not known."""

    model: str
    weights: str
    size: str  # `16 queries x 4 samples x 8 temperatures`, suite by suite
    engine: str
    decoder: str
    command: str

    @property
    def parts(self) -> Iterator[str]:
        """Yield what is known, for a line."""
        weights = f"weights {self.weights}" if self.weights else ""
        yield from filter(None, (self.model, weights, self.size, self.engine, self.decoder))


def run_facts(manifest: Manifest) -> RunFacts:
    """Return the facts of a run from its manifest."""
    sizes = [
        f"{part.suite}: {part.queries:,} queries x {part.samples} samples x "
        f"{len(part.temperatures)} temperatures"
        for part in manifest.plan
    ]
    model = manifest.config.model or manifest.name
    suites = ",".join(manifest.config.suite)
    return RunFacts(
        model=manifest.name or model,
        weights=manifest.model.fingerprint.rpartition(":")[2][:HASH],
        size="; ".join(sizes),
        engine=str(manifest.identity.engine or ""),
        decoder=manifest.identity.decoder_name or "",
        command=f"sfr-eval run --model {shlex.quote(model)} --suite {shlex.quote(suites)}",
    )
