"""The real vLLM engine on a tiny checkpoint. One engine start serves most of these tests."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("vllm")

from sfr_eval.config import RunConfig
from sfr_eval.plan import Plan, make_plan
from sfr_eval.samplers.subject import Subject, resolve_subject
from sfr_eval.samplers.vllm import VllmSampler, sampling_params
from sfr_eval.suites.suite import load_suite
from sfr_eval.types import Sample, Sampling

pytestmark = pytest.mark.slow
HOSTILE = {"do_sample": True, "temperature": 0.01, "top_k": 1, "repetition_penalty": 3.0}


@pytest.fixture(scope="module")
def hostile_checkpoint(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint with a generation_config that would fake total collapse."""
    folder = tmp_path_factory.mktemp("hostile")
    for file in tiny_checkpoint.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    settings = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps({**settings, **HOSTILE}))
    return folder


@pytest.fixture(scope="module")
def subject(hostile_checkpoint: Path) -> Subject:
    config = RunConfig(model=str(hostile_checkpoint), suite=("persona",))
    return resolve_subject(config, [load_suite("persona")])


def plan_of(subject: Subject, *, samples: int = 4, limit: int = 2, max_tokens: int = 12) -> Plan:
    return make_plan(
        [load_suite("persona")],
        subject=subject.identity,
        samples=samples,
        temperatures=(0.7, 1.0),
        max_tokens=max_tokens,
        limit=limit,
        seed=0,
    )


@pytest.fixture(scope="module")
def engine(subject: Subject) -> Iterator[VllmSampler]:
    requests = list(plan_of(subject, max_tokens=40).requests())
    sampler = subject.build_sampler([load_suite("persona")], requests)
    assert isinstance(sampler, VllmSampler)
    yield sampler
    sampler.close()


def by_id(samples: Iterator[Sample]) -> dict[str, Sample]:
    rows = list(samples)
    found = {row.sample_id: row for row in rows}
    assert len(found) == len(rows), "a request ended in two rows"
    return found


def test_every_request_ends_in_one_row_with_its_own_fields(
    engine: VllmSampler, subject: Subject
) -> None:
    requests = list(plan_of(subject).requests())
    rows = by_id(engine.sample(requests))
    assert set(rows) == {request.sample_id for request in requests}
    for request in requests:
        row = rows[request.sample_id]
        assert (row.query, row.persona) == (request.prompt.query, request.prompt.persona)
        assert (row.temperature, row.index, row.seed) == (
            request.sampling.temperature,
            request.index,
            request.seed,
        )
        assert row.status in ("ok", "truncated")
        assert row.completion_tokens <= 12
        assert (row.status == "truncated") <= (row.completion_tokens == 12)


def test_draws_repeat_bit_for_bit_alone_reversed_and_in_a_crowd(
    engine: VllmSampler, subject: Subject
) -> None:
    requests = list(plan_of(subject).requests())
    crowd = by_id(engine.sample(requests))
    backwards = by_id(engine.sample(reversed(requests)))
    alone = by_id(row for request in requests[:6] for row in engine.sample([request]))
    assert backwards == crowd
    assert alone == {key: crowd[key] for key in alone}


def test_the_first_token_varies_and_a_hostile_config_is_ignored(
    engine: VllmSampler, subject: Subject
) -> None:
    # A random model is close to uniform over 1,000 tokens: 64 draws hold some 62 different first
    # tokens. With the file's top_k = 1 or T = 0.01 they would hold one.
    requests = [
        request
        for request in plan_of(subject, samples=64, limit=1, max_tokens=1).requests()
        if request.sampling.temperature == 1.0
    ][:64]
    texts = {row.text for row in engine.sample(requests)}
    assert len(texts) > 40


@pytest.mark.parametrize("filters", [{"top_k": 1}, {"min_p": 1.0}, {"top_p": 1e-6}], ids=str)
def test_a_filter_that_leaves_one_token_is_greedy(
    engine: VllmSampler, subject: Subject, filters: dict[str, float]
) -> None:
    requests = [r for r in plan_of(subject, limit=1).requests() if r.sampling.temperature == 1.0]

    def texts(**fields: float) -> set[tuple[str, str]]:
        changed = [replace(r, sampling=replace(r.sampling, **fields)) for r in requests]
        return {(row.persona, row.text) for row in engine.sample(changed)}

    assert len(texts()) > len(texts(temperature=0.0))
    assert texts(**filters) == texts(temperature=0.0)


def test_a_constant_seed_gives_one_text_so_seeds_do_matter(
    engine: VllmSampler, subject: Subject
) -> None:
    requests = list(plan_of(subject).requests())[:4]
    same = [replace(request, seed=7) for request in requests]
    assert len({row.text for row in engine.sample(same)}) == 1
    assert len({row.text for row in engine.sample(requests)}) == 4


def test_a_refused_request_is_an_error_row_and_the_others_go_on(
    engine: VllmSampler, subject: Subject
) -> None:
    good, bad = list(plan_of(subject).requests())[:2]
    endless = replace(bad, sampling=replace(bad.sampling, max_tokens=0))
    rows = by_id(engine.sample([good, endless]))
    assert rows[good.sample_id].status != "error"
    assert rows[endless.sample_id].status == "error"
    assert rows[endless.sample_id].error
    assert rows[endless.sample_id].text == ""


def test_a_killed_engine_is_restarted_and_nothing_changes(
    engine: VllmSampler, subject: Subject
) -> None:
    requests = list(plan_of(subject, samples=8, max_tokens=40).requests())
    before = by_id(engine.sample(requests))
    rows: dict[str, Sample] = {}
    for row in engine.sample(requests):
        if not rows:
            kill_engine(engine)
        assert row.sample_id not in rows
        rows[row.sample_id] = row
    assert rows == before
    assert engine.describe()["restarts"] == 1


def kill_engine(engine: VllmSampler) -> None:
    client = engine._engine.engine_core
    for process in client.resources.engine_manager.processes:
        os.kill(process.pid, signal.SIGKILL)


def test_every_sampling_field_reaches_the_engine() -> None:
    sampling = Sampling(
        temperature=0.9,
        top_p=0.8,
        top_k=7,
        min_p=0.05,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        repetition_penalty=1.3,
        max_tokens=5,
        stop=("\n",),
    )
    sent = sampling_params(sampling, seed=11)
    for field in ("temperature", "top_p", "top_k", "min_p", "presence_penalty"):
        assert getattr(sent, field) == getattr(sampling, field)
    for field in ("frequency_penalty", "repetition_penalty", "max_tokens"):
        assert getattr(sent, field) == getattr(sampling, field)
    assert (sent.stop, sent.seed, sent.n) == (["\n"], 11, 1)
