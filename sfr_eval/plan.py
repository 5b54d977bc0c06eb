"""Plans every request of a run, with its seed and its id.

Nothing is random here. The same configuration gives the same requests in the same order on every
machine; the work that remains is the plan minus what the store holds.
"""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sfr_eval.config import Shard
from sfr_eval.decoders.decoder import SamplingChoice, refuse_greedy
from sfr_eval.errors import UserError
from sfr_eval.store.manifest import Manifest, PersonaName, PlannedSuite
from sfr_eval.suites.suite import Suite
from sfr_eval.types import Prompt, Request, Sampling


@dataclass(frozen=True, kw_only=True)
class SuitePlan:
    """One suite's share of the run."""

    suite: Suite
    prompts: tuple[Prompt, ...]
    temperatures: tuple[float, ...]
    samples: int
    sampling: Sampling  # its temperature is replaced by each of `temperatures`

    @property
    def size(self) -> int:
        """Number of requests."""
        return len(self.prompts) * len(self.temperatures) * self.samples


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All requests of a run. `identity`: settings that stay fixed within a run folder. Samples,
    temperatures and limit may grow or shrink, since the ids cover them."""

    suites: tuple[SuitePlan, ...]
    identity: Mapping[str, Any]
    seed: int

    @property
    def size(self) -> int:
        """Number of requests."""
        return sum(part.size for part in self.suites)

    @property
    def token_bound(self) -> int:
        """Most completion tokens that the run can draw."""
        return sum(part.size * part.sampling.max_tokens for part in self.suites)

    @property
    def digest(self) -> str:
        """Short hash of the identity, for the default name of the run folder."""
        return _digest(self.identity)[:10]

    def requests(self) -> Iterator[Request]:
        """Yield all requests by suite, prompt, temperature and index. Equal prompts come side by
        side, so that an engine computes the prefix of a prompt once."""
        for part in self.suites:
            key = _digest({**self.identity, "suites": {part.suite.id: part.suite.version}})
            for prompt, temperature in itertools.product(part.prompts, part.temperatures):
                text = _canonical([[m.role, m.content] for m in prompt.messages])
                sampling = replace(part.sampling, temperature=temperature)
                fields = hashlib.sha256(f"{key}\0{text}\0{_canonical(asdict(sampling))}".encode())
                for index in range(part.samples):
                    seed = sample_seed(
                        self.seed,
                        suite=part.suite.id,
                        prompt=prompt.id,
                        temperature=temperature,
                        index=index,
                    )
                    digest = fields.copy()
                    digest.update(f"\0{prompt.id}\0{index}\0{seed}".encode())
                    id = digest.hexdigest()[:32]
                    yield Request(
                        sample_id=id, prompt=prompt, sampling=sampling, index=index, seed=seed
                    )


def sample_seed(seed: int, *, suite: str, prompt: str, temperature: float, index: int) -> int:
    """Return the 63-bit seed of one sample. The hash covers the prompt, so that different prompts
    never share a random stream, and the index, so that another run seed gives another sample."""
    text = f"{seed}\0{suite}\0{prompt}\0{temperature!r}\0{index}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def make_plan(
    suites: Sequence[Suite],
    *,
    subject: Mapping[str, Any],
    sampling: SamplingChoice | None = None,
    samples: int | None,
    temperatures: tuple[float, ...] | None,
    max_tokens: int | None,
    limit: int | None,
    seed: int,
    shard: Shard | None = None,
) -> Plan:
    """Make the plan of a run. `subject` is what answers (fingerprint, engine, dtype, template)."""
    sampling = sampling or SamplingChoice()
    parts = []
    for suite in suites:
        spec = suite.spec
        suite_temperatures = temperatures or spec.temperatures
        k = samples or spec.samples
        if k > 1 and 0.0 in suite_temperatures:
            raise UserError(
                f"--temperatures 0 with {k} samples: greedy decoding gives {k} copies of one "
                "text, which reads as total collapse; use --samples 1 or a temperature above 0"
            )
        fields = sampling.sampling(max_tokens=max_tokens or spec.max_tokens, suite=spec)
        refuse_greedy(fields, samples=k)
        parts.append(
            SuitePlan(
                suite=suite,
                prompts=planned_prompts(suite, limit=limit, shard=shard),
                temperatures=tuple(sorted(suite_temperatures)),
                samples=k,
                sampling=fields,
            )
        )
    identity = {
        **subject,
        "suites": {suite.id: suite.version for suite in suites},
        "sampling": {part.suite.id: _without_temperature(part.sampling) for part in parts},
        "seed": seed,
    }
    return Plan(suites=tuple(parts), identity=identity, seed=seed)


def planned_prompts(suite: Suite, *, limit: int | None, shard: Shard | None) -> tuple[Prompt, ...]:
    """Return the prompts of a run or of its shard: the i-th of n shards has every n-th query from
    the i-th on, with all its personas, temperatures and samples.

    Queries are never split, since a metric may read a query with all its personas. They are dealt
    out by position, not by hash, so shards differ by at most one query of each suite. Ids and seeds
    do not depend on the shard.
    """
    prompts = suite.prompts(limit=limit)
    if shard is None:
        return tuple(prompts)
    place = {query: number for number, query in enumerate(dict.fromkeys(p.query for p in prompts))}
    if shard.count > len(place):
        raise UserError(
            f"--shard {shard}: suite {suite.id} has only {len(place)} queries here; use at most as "
            "many shards"
        )
    return tuple(p for p in prompts if place[p.query] % shard.count == shard.index - 1)


def plan_of(manifest: Manifest, suites: Sequence[Suite]) -> Plan:
    """Return the full plan of a stored run or of one of its shards, by its manifest."""
    identity = manifest.identity
    if not isinstance(identity.seed, int):
        raise UserError(f"{manifest.name}: has no seed, so its plan cannot be recomputed")
    return Plan(
        suites=tuple(
            SuitePlan(
                suite=suite,
                prompts=planned_prompts(suite, limit=manifest.config.limit, shard=None),
                temperatures=part.temperatures,
                samples=part.samples,
                sampling=_stored_sampling(identity.sampling_of(suite.id)),
            )
            for suite, part in zip(suites, manifest.plan, strict=True)
        ),
        identity=identity.stored(),
        seed=identity.seed,
    )


def _stored_sampling(fields: Mapping[str, Any]) -> Sampling:
    return Sampling(temperature=1.0, **{**fields, "stop": tuple(fields["stop"])})


def describe_plan(plan: Plan) -> tuple[PlannedSuite, ...]:
    """Return what a manifest says of the plan, for each suite."""
    return tuple(
        PlannedSuite(
            suite=part.suite.id,
            version=part.suite.version,
            title=part.suite.spec.title,
            prompts=len(part.prompts),
            queries=len({prompt.query for prompt in part.prompts}),
            personas=tuple(
                PersonaName(id=card.id, name=card.name) for card in part.suite.personas.values()
            ),
            temperatures=part.temperatures,
            samples=part.samples,
            primary=part.suite.spec.primary,
            about=part.suite.about(prompt.query for prompt in part.prompts),
        )
        for part in plan.suites
    )


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], *, prefix: str = ""
) -> Iterator[tuple[str, str, str]]:
    """Yield (dotted name, old, new) of each field that differs, with values shortened."""
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from differences(before, after, prefix=f"{prefix}{key}.")
        elif before != after:
            yield f"{prefix}{key}", _shortened(before), _shortened(after)


def _shortened(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _without_temperature(sampling: Sampling) -> dict[str, Any]:
    """Return the fields as JSON reads them back (lists, not tuples), to compare with a manifest."""
    fields = asdict(sampling)
    del fields["temperature"]
    return {**fields, "stop": list(sampling.stop)}


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _digest(value: Any) -> str:
    return hashlib.sha256(_canonical(value).encode()).hexdigest()
