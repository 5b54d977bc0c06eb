"""Small suites and samples, and the real encoder with a cache that lives as long as the session."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.metrics.context import Context
from sfr_eval.suites.spec import PersonaRow, SuiteSpec
from sfr_eval.suites.suite import Suite, load_suite
from sfr_eval.types import Sample

MakeContext = Callable[[Mapping[tuple[str, str], Sequence[str | None]]], Context]


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encoder]:
    cache = tmp_path_factory.mktemp("encoder")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SFR_EVAL_CACHE", str(cache))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield Encoder(None, cache)


def make_suite(personas: Sequence[str]) -> Suite:
    spec = SuiteSpec(id="toy", version="1", title="toy", metrics=("text",))
    cards = {id: PersonaRow(id=id, name=id, system=f"You are {id}.") for id in personas if id}
    return Suite(spec=spec, folder=Path("toy"), version="1", queries={}, personas=cards, world=None)


def make_sample(query: str, persona: str, index: int, text: str, **fields: object) -> Sample:
    values: dict[str, object] = {
        "sample_id": f"{query}/{persona}/{index}/{fields.get('temperature', 1.0)}",
        "suite": "toy",
        "query": query,
        "persona": persona,
        "temperature": 1.0,
        "index": index,
        "seed": 0,
        "status": "ok",
        "text": text,
        "prompt_tokens": 1,
        "completion_tokens": 1,
    }
    return Sample(**{**values, **fields})  # type: ignore[arg-type]


@pytest.fixture
def context(encoder: Encoder) -> MakeContext:
    """Replies by (query, persona); None stands for an error row."""

    def make(replies: Mapping[tuple[str, str], Sequence[str | None]]) -> Context:
        samples = [
            make_sample(query, persona, index, text or "", status="error" if text is None else "ok")
            for (query, persona), texts in replies.items()
            for index, text in enumerate(texts)
        ]
        suite = make_suite(list(dict.fromkeys(persona for _, persona in replies)))
        return Context(samples=samples, suite=suite, encoder=encoder)

    return make


@pytest.fixture(scope="module")
def small() -> Suite:
    """Three personas and twelve queries of the persona suite: 72 labelled replies."""
    suite = load_suite("persona", personas=("pirate", "sergeant", "butler"))
    return replace(suite, queries=dict(list(suite.queries.items())[:12]))


def answers(suite: Suite, encoder: Encoder, *, cross: float, k: int = 2) -> Context:
    """Draw k replies to each prompt of the persona suite at a dial."""
    assert suite.world is not None
    world, rng = suite.world.dialed(cross=cross), np.random.default_rng(5)
    samples = [
        make_sample(query, persona, index, world.sample(persona, query, rng), suite=suite.id)
        for query in suite.queries
        for persona in suite.personas
        for index in range(k)
    ]
    return Context(samples=samples, suite=suite, encoder=encoder)
