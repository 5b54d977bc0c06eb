"""How two runs were set up: in what they differ besides the numbers that are compared."""

from collections.abc import Callable
from dataclasses import dataclass

from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.store.manifest import Manifest


@dataclass(frozen=True, kw_only=True)
class SetupDifference:
    """One part of the setup, and what it is in each run."""

    what: str
    first: str
    second: str


def setup_differences(first: ScoredRun, second: ScoredRun) -> list[SetupDifference]:
    """Return what both runs know of their setup and do not share."""
    differing = []
    for what, read in _SETUP.items():
        one, two = read(first.manifest), read(second.manifest)
        if one is not None and two is not None and one != two:
            differing.append(SetupDifference(what=what, first=one, second=two))
    return differing


def other_decoders(first: ScoredRun, second: ScoredRun) -> tuple[str, str] | None:
    """Return the decoders of two runs; None if they are the same, or if one is unknown."""
    one, two = first.identity.decoder_name, second.identity.decoder_name
    return None if one is None or two is None or one == two else (one, two)


def apart_in(first: ScoredRun, second: ScoredRun) -> list[str]:
    """Return the names of all that differs: setup, decoder, seed."""
    names = [one.what for one in setup_differences(first, second)]
    names += ["decoder"] if other_decoders(first, second) else []
    return names + (["seed"] if first.identity.seed != second.identity.seed else [])


def same_weights(first: ScoredRun, second: ScoredRun) -> bool:
    """Return whether one model gave all replies."""
    return first.fingerprint == second.fingerprint


def same_texts(first: ScoredRun, second: ScoredRun) -> bool:
    """Return whether all replies that both runs have are the same texts."""
    one, two = (
        {(s.suite, s.cell, s.index): s.text for s in run.samples if s.has_text}
        for run in (first, second)
    )
    shared = one.keys() & two.keys()
    return bool(shared) and all(one[key] == two[key] for key in shared)


def template_in_use(manifest: Manifest) -> str | None:
    """Return the hash of the chat template of a run, `none` for completions; None if unknown."""
    if manifest.sampler is not None and manifest.sampler.template is not None:
        return manifest.sampler.template
    identity = manifest.identity.chat_template
    return None if identity == "tokenizer" else identity


def _stated(manifest: Manifest, value: object, default: str) -> str | None:
    """Return what a run says of its template, which has the default where it says nothing; None if
    it knows nothing of its template."""
    known = manifest.identity.chat_template is not None
    return str(value or default) if known else None


_SETUP: dict[str, Callable[[Manifest], str | None]] = {
    "pair of think-tags": lambda manifest: manifest.thinking.name if manifest.thinking else "none",
    "engine": lambda manifest: manifest.identity.engine,
    "dtype": lambda manifest: manifest.identity.dtype,
    "hash of the chat template": template_in_use,
    "set of values for the chat template": lambda manifest: _stated(
        manifest, manifest.identity.chat_template_kwargs, "none"
    ),
    "date in the chat template": lambda manifest: _stated(
        manifest, manifest.identity.template_date, "none"
    ),
    "prompt format": lambda manifest: _stated(manifest, manifest.identity.prompt_format, "chat"),
}
