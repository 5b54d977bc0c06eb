"""The manifest of a run that was made of other tools' files: its plan, origin and warnings."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from sfr_eval.formats.read.checks import shared_prompts, suspicions
from sfr_eval.formats.read.names import Fields
from sfr_eval.formats.read.reply import UNKNOWN, Reading
from sfr_eval.store.manifest import (
    Identity,
    ImportFacts,
    Manifest,
    ModelFacts,
    PersonaName,
    PlannedSuite,
)
from sfr_eval.suites.suite import Suite
from sfr_eval.types import Sample, Sampling
from sfr_eval.util.reading import read_model

_SUBJECT = ("chat_template", "system_role", "seed")
"""What a comparison needs of the run that our own export came from."""
_SHOWN = 3  # missing queries that a warning names


def import_manifest(
    readings: Sequence[Reading],
    suite: Suite,
    samples: list[Sample],
    digest: str,
    *,
    missing: Sequence[str],
    missing_fail: bool,
    fields: Fields,
) -> Manifest:
    """Return the manifest of one model's samples. The `digest` of the files stands for the text,
    `missing` are the queries without a reply, which may count as failed."""
    first = readings[0]
    personas = {sample.persona for sample in samples}
    cells = Counter(sample.cell for sample in samples)
    replies = [reply for reading in readings for reply in reading.replies]
    name = ", ".join(sorted({reading.model for reading in readings} - {""})) or first.file.name
    warnings = [warning for reading in readings for warning in reading.warnings]
    if missing:
        warnings.insert(0, _missing(missing, suite, fail=missing_fail))
    warnings += _uneven(samples)
    unknown = _unstated(readings)
    if unknown and first.format != "rows":
        warnings.append(f"Not stated by the files, and unknown: {', '.join(unknown)}.")
    identity = {
        "text": digest,
        "sampling": _stated_sampling(readings, suite),
        "suites": {suite.id: suite.version},
        **{name: first.origin[name] for name in _SUBJECT if name in first.origin},
    }
    plan = PlannedSuite(
        suite=suite.id,
        version=suite.version,
        title=suite.spec.title,
        prompts=len({sample.prompt_key for sample in samples}),
        queries=len({sample.query for sample in samples}),
        personas=tuple(
            PersonaName(id=id, name=card.name)
            for id, card in suite.personas.items()
            if id in personas
        ),
        temperatures=tuple(sorted({sample.temperature for sample in samples})),
        samples=max(cells.values()),
        primary=suite.spec.primary,
        about=suite.about(sample.query for sample in samples),
    )
    facts = ImportFacts(
        format=first.format,
        files=tuple(reading.file.name for reading in readings),
        origin=dict(first.origin),
        unknown=tuple(unknown),
        warnings=tuple(
            dict.fromkeys([*warnings, *shared_prompts(readings), *suspicions(replies, suite)])
        ),
        **({"missing": len(missing)} if missing else {}),
        **({"fields": fields.given} if fields.given else {}),
    )
    return Manifest(
        name=name,
        model=ModelFacts(name=name, kind="text", fingerprint=f"text:{digest}", folder=None),
        world=None,
        identity=read_model(Identity, identity, where=str(first.file)),
        plan=(plan,),
        imported=facts,
        determinism=UNKNOWN,
        versions={},
        status="partial" if missing and not missing_fail else "complete",
        samples=len(samples),
    )


def _missing(missing: Sequence[str], suite: Suite, *, fail: bool) -> str:
    """Return the warning of queries that no reply answers."""
    what = "problems" if suite.code is not None else "queries"
    shown = ", ".join(missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
    count, total = len(suite.queries) - len(missing), len(suite.queries)
    if fail:
        return (
            f"{len(missing):,} of the {total:,} {what} have no reply and count as failed: {shown}."
        )
    basis = "it alone" if count == 1 else f"those {count:,} alone"
    return (
        f"Only {count:,} of the {total:,} {what} of suite {suite.id} "
        f"{'has' if count == 1 else 'have'} replies, and all numbers are of {basis}; missing: "
        f"{shown}."
    )


def _uneven(samples: Sequence[Sample]) -> Iterator[str]:
    """Yield a warning if not all queries have replies at all temperatures."""
    asked: dict[float, set[str]] = {}
    for sample in samples:
        asked.setdefault(sample.temperature, set()).add(sample.query)
    total = len(set().union(*asked.values()))
    if any(len(queries) < total for queries in asked.values()):
        shown = ", ".join(f"{len(asked[t]):,} at T = {t:g}" for t in sorted(asked))
        yield (
            f"Not all of the {total:,} queries have replies at each temperature ({shown}): numbers "
            "at different temperatures are of different queries."
        )


def _stated_sampling(readings: Sequence[Reading], suite: Suite) -> Any:
    """Return {suite: sampling fields that every file states}, or "unknown". Unstated fields are
    absent, so that nothing is compared with them."""
    stated = readings[0].sampling
    if not stated or any(reading.sampling != stated for reading in readings):
        return UNKNOWN
    return {suite.id: dict(stated)}


def _unstated(readings: Sequence[Reading]) -> list[str]:
    """Return the settings that can change an answer but are not stated in the files."""
    first = readings[0]
    if first.format == "rows":
        return ["sampling", *_SUBJECT]
    names = [name for name in Sampling.__dataclass_fields__ if name != "temperature"]
    return [name for name in (*names, *_SUBJECT) if name not in {*first.sampling, *first.origin}]
