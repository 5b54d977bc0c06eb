"""Ray in a night of failures: two nodes on this machine, one core each, killed in mid-run."""

import contextlib
import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.support.fault_runs import (
    PATIENCE,
    REQUESTS,
    VLLM,
    VLLM_REQUESTS,
    WORLD,
    assert_nothing_lost_nothing_twice,
    descendants,
    end_of,
    finish,
    start,
    wait_for_rows,
    wait_until,
)
from tests.support.ray_nodes import Nodes, node_environment, ray_nodes

pytestmark = [pytest.mark.slow, pytest.mark.faults]

# Inside the nodes, so that a run on them lives long enough to be hit.
SLOW_NODES = """
import sys
if any("default_worker" in word for word in sys.orig_argv):
    import time
    from sfr_eval.samplers import world
    whole = world.WorldSampler.sample
    def sample(self, requests):
        for row in whole(self, requests):
            time.sleep(0.002)
            yield row
    world.WorldSampler.sample = sample
"""


SLOW_SCORING = """
import sys
if any("default_worker" in word for word in sys.orig_argv):
    import time
    from sfr_eval import workers
    undelayed = workers._call
    def _call(work, part):
        time.sleep(0.5)
        return undelayed(work, part)
    workers._call = _call
"""
SMALL_PARTS = """
from sfr_eval.metrics.lexical_stream import lexical_stream
lexical_stream.__kwdefaults__["batch_characters"] = 20_000
"""


@pytest.fixture
def slow_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SLOW_NODES + SLOW_SCORING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))


def on(nodes: Nodes, output: Path) -> tuple[object, ...]:
    return (
        *(*WORLD, "--engine", "ray", "--replicas", "2", "--ray-address", nodes.address),
        *("--output", output),
    )


def workers(nodes: Nodes, number: int) -> list[int]:
    """Processes of actors on a node."""
    found = descendants(nodes.processes[number].pid)
    return [pid for pid, words in found if "ray::Replica" in words]


def all_workers(nodes: Nodes) -> list[int]:
    return workers(nodes, 0) + workers(nodes, 1)


def kill_one(pids: list[int], chance: random.Random) -> bool:
    """SIGKILL to one of these processes, if there is one."""
    if pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(pids), signal.SIGKILL)
            return True
    return False


def test_a_node_lost_during_a_run_loses_no_row(
    tmp_path: Path, world_truth: bytes, slow_nodes: None
) -> None:
    output = tmp_path / "run"
    with ray_nodes(2, tmp_path / "nodes") as nodes:
        process = start(*on(nodes, output), **node_environment())
        wait_for_rows(output, REQUESTS // 4 + 1, process)
        wait_until(lambda: bool(workers(nodes, 0) and workers(nodes, 1)), process)
        nodes.kill(1)
        text = end_of(process, code=0)
    assert "is replaced" in text
    assert_nothing_lost_nothing_twice(output, world_truth)


def test_actors_and_the_run_itself_killed_at_random(
    tmp_path: Path, world_truth: bytes, slow_nodes: None
) -> None:
    output = tmp_path / "run"
    chance = random.Random(2)
    with ray_nodes(2, tmp_path / "nodes") as nodes:
        process = start(*on(nodes, output), **node_environment())
        for moment in (REQUESTS // 6, REQUESTS // 3):
            wait_for_rows(output, moment + 1, process)
            wait_until(lambda: kill_one(all_workers(nodes), chance), process)
        wait_for_rows(output, REQUESTS // 2 + 1, process)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        until = time.monotonic() + PATIENCE
        while all_workers(nodes):
            assert time.monotonic() < until, "actors outlived their killed driver"
            time.sleep(0.2)
        text = finish(*on(nodes, output), **node_environment())
    assert " 0 already there" not in text
    assert_nothing_lost_nothing_twice(output, world_truth)


def test_a_lost_cluster_ends_the_run_and_another_engine_resumes(
    tmp_path: Path, world_truth: bytes, slow_nodes: None
) -> None:
    output = tmp_path / "run"
    with ray_nodes(2, tmp_path / "nodes") as nodes:
        process = start(*on(nodes, output), **node_environment())
        wait_for_rows(output, REQUESTS // 4 + 1, process)
        for number in (1, 0):
            nodes.kill(number)
        process.communicate(timeout=PATIENCE)  # it may not hang; Ray ends it in its own way
        assert process.returncode != 0
    finish(*WORLD, "--output", output)  # a run begun on Ray goes on without it
    assert_nothing_lost_nothing_twice(output, world_truth)


def test_scoring_on_two_nodes_one_of_them_lost_changes_nothing(
    tmp_path: Path, world_run: Path, slow_nodes: None
) -> None:
    here, there = (Path(shutil.copytree(world_run, tmp_path / n)) for n in ("here", "there"))
    score = ("score", "--metrics", "text", "--metrics", "lexical")
    finish(*score, here, before=SMALL_PARTS)
    with ray_nodes(2, tmp_path / "nodes") as nodes:
        process = start(
            *(*score, "--ray-address", nodes.address, there),
            before=SMALL_PARTS,
            **node_environment(),
        )
        wait_until(lambda: "ray::_call" in str(descendants(nodes.processes[1].pid)), process)
        nodes.kill(1)
        end_of(process, code=0)
    expected, found = (
        json.loads((folder / "results.json").read_text())["estimates"] for folder in (here, there)
    )
    assert found == expected
    assert any(row["metric"] == "self_bleu_4" for row in found)


def test_vllm_on_two_nodes_one_of_them_lost_equals_one_engine(
    tiny_checkpoint: Path, tmp_path: Path, vllm_truth: bytes
) -> None:
    output = tmp_path / "run"
    with ray_nodes(2, tmp_path / "nodes") as nodes:
        process = start(
            *(*VLLM, "--model", tiny_checkpoint, "--engine", "ray", "--replicas", "2"),
            *("--ray-address", nodes.address, "--output", output),
            **node_environment(),
        )
        wait_for_rows(output, VLLM_REQUESTS // 8 + 1, process)
        nodes.kill(1)
        end_of(process, code=0)
    assert_nothing_lost_nothing_twice(output, vllm_truth)
