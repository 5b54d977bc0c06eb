"""pytest tests/samplers/test_ray.py: real Ray, one node of two cores, cheap engines."""

import os
import random
import signal
from collections.abc import Iterator

import numpy as np
import pytest

from sfr_eval.errors import RunError, UserError
from sfr_eval.metrics.lexical_stream import ReplyRow, lexical_stream
from sfr_eval.metrics.semantic_sets import set_values
from sfr_eval.metrics.tokenizers import load_tokenizer
from sfr_eval.samplers.ray import RaySampler
from sfr_eval.types import Request, Sample
from sfr_eval.util.workers import open_workers
from tests.samplers.test_backlog import requests
from tests.support.ray_nodes import Nodes, ray_nodes
from tests.support.ray_samplers import Dying, Echo, EchoBuilder, Refusing


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with ray_nodes(0, tmp_path_factory.mktemp("ray")) as nodes:
        nodes.add(cpus=2)
        yield nodes


def on(cluster: Nodes, build: object, **changes: object) -> RaySampler:
    return RaySampler(build, **{"replicas": 2, "address": cluster.address, **changes})  # type: ignore[arg-type]


def expected(asked: list[Request]) -> dict[str, Sample]:
    return {row.sample_id: row for row in Echo().sample(asked)}


def drawn(sampler: RaySampler, asked: list[Request]) -> dict[str, Sample]:
    rows: dict[str, Sample] = {}
    for row in sampler.sample(asked):
        assert row.sample_id not in rows, "a row came twice"
        rows[row.sample_id] = row
    return rows


def test_two_replicas_draw_what_one_engine_draws_each_row_once(cluster: Nodes) -> None:
    asked = requests(3_000)
    sampler = on(cluster, EchoBuilder())
    try:
        assert drawn(sampler, asked) == expected(asked)
        assert drawn(sampler, asked[:10]) == expected(asked[:10])  # and it can be asked again
        facts = sampler.describe()
        assert facts["engine"] == "echo"
        assert (facts["ray"]["replicas"], facts["ray"]["replicas_lost"]) == (2, 0)
    finally:
        sampler.close()
        sampler.close()


@pytest.mark.faults
def test_replicas_killed_at_random_lose_and_repeat_nothing(cluster: Nodes) -> None:
    asked = requests(800)
    sampler = on(cluster, EchoBuilder(seconds=0.002))
    moments = set(random.Random(0).sample(range(100, 700), 3))
    rows: dict[str, Sample] = {}
    killed: set[int] = set()
    try:
        for row in sampler.sample(asked):
            assert row.sample_id not in rows
            rows[row.sample_id] = row
            if len(rows) in moments:
                ready = {slot.place[1] for slot in sampler._slots if slot.ready} - killed
                if ready:
                    chosen = random.Random(len(rows)).choice(sorted(ready))
                    killed.add(chosen)
                    os.kill(chosen, signal.SIGKILL)
        assert rows == expected(asked)
        assert killed
        assert sampler.describe()["ray"]["replicas_lost"] == len(killed)
    finally:
        sampler.close()


@pytest.mark.faults
def test_a_request_that_kills_three_replicas_is_an_error_row(
    cluster: Nodes,
) -> None:
    asked = requests(300)
    killer = asked[77].sample_id
    sampler = on(cluster, EchoBuilder(poison=frozenset({killer})))
    try:
        rows = drawn(sampler, asked)
    finally:
        sampler.close()
    assert rows[killer].status == "error"
    assert rows[killer].error.startswith("3 replicas died over it")
    whole = expected(asked)
    assert {i: row for i, row in rows.items() if i != killer} == {
        i: row for i, row in whole.items() if i != killer
    }


@pytest.mark.faults
@pytest.mark.parametrize("replicas", [1, 2])
def test_an_engine_that_stands_still_is_replaced_like_a_dead_one(
    cluster: Nodes, replicas: int
) -> None:
    asked = requests(60)
    stuck = EchoBuilder(stuck_at=asked[3].sample_id)
    sampler = on(cluster, stuck, replicas=replicas, timeout_seconds=8.0)
    try:
        rows = drawn(sampler, asked)
    finally:
        sampler.close()
    assert [row.sample_id for row in rows.values() if row.status == "error"] == [asked[3].sample_id]
    assert "made no progress for 8 s" in rows[asked[3].sample_id].error
    assert len(rows) == len(asked)


def test_a_bad_model_ends_the_run_in_the_engines_own_words(cluster: Nodes) -> None:
    with pytest.raises(UserError, match="--model x: no such folder"):
        on(cluster, Refusing())


@pytest.mark.faults
def test_replicas_that_never_start_end_the_run(cluster: Nodes) -> None:
    with pytest.raises(RunError, match="no replica can be started"):
        on(cluster, Dying(), replicas=1)


def test_more_replicas_than_the_cluster_has_room_for_are_refused(cluster: Nodes) -> None:
    with pytest.raises(UserError, match=r"--replicas 3: the cluster has room for 2 of 1 CPU"):
        on(cluster, EchoBuilder(), replicas=3)


def test_an_address_where_nothing_answers_is_one_line() -> None:
    with pytest.raises(UserError, match="nothing answers there") as caught:
        RaySampler(EchoBuilder(), replicas=1, address="127.0.0.1:9")
    assert "\n" not in str(caught.value)


def test_a_polite_kill_goes_on_to_mean_what_the_run_made_of_it(cluster: Nodes) -> None:
    def ours(number: int, frame: object) -> None: ...

    before = signal.signal(signal.SIGTERM, ours)
    try:
        sampler = on(cluster, EchoBuilder(), replicas=1)
        assert signal.getsignal(signal.SIGTERM) is ours
        sampler.close()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_lexical_values_on_the_cluster_are_the_same_bits(cluster: Nodes) -> None:
    tokenizer = load_tokenizer()
    rows = [
        ReplyRow(query, persona, index, f"w{query} w{persona * index % 7} w{index} aye " * 4)
        for query in range(30)
        for persona in range(3)
        for index in range(4)
    ]
    here = list(lexical_stream(rows, tokenizer, batch_characters=2_000))
    with open_workers(None, ray_address=cluster.address) as workers:
        there = list(lexical_stream(rows, tokenizer, batch_characters=2_000, workers=workers))
    assert len(here) > 3
    for one, other in zip(here, there, strict=True):
        assert one.prompts == other.prompts
        for mine, theirs in (
            (one.of_prompts, other.of_prompts),
            (one.of_queries, other.of_queries),
        ):
            for name, column in mine.items():
                np.testing.assert_array_equal(column, theirs[name])


def test_embedding_sets_on_the_cluster_are_the_same_bits(cluster: Nodes) -> None:
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(200, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    sets = [np.arange(start, start + 2 + start % 5) for start in range(0, 180, 6)]
    here = set_values(rows, sets)
    with open_workers(None, ray_address=cluster.address) as workers:
        there = set_values(rows, sets, workers=workers)
    assert here.keys() == there.keys()
    for name, column in here.items():
        np.testing.assert_array_equal(column, there[name])


def test_parts_in_flight_do_not_exceed_the_cores_of_the_cluster(cluster: Nodes) -> None:
    taken = 0

    def parts() -> Iterator[int]:
        nonlocal taken
        for number in range(1_000):
            taken += 1
            yield number

    with open_workers(None, ray_address=cluster.address) as workers:
        results = workers.map(abs, parts())
        assert [next(results), next(results)] == [0, 1]
        assert taken <= 2 * 2 + 2  # two for each of two cores, and those that came back
        results.close()  # type: ignore[attr-defined]
