"""Kills and full disks at the operations on files of commands that load a model.

As `test_every_operation.py`, at some operations only: each of these commands takes seconds.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.test_every_operation import problems, spread
from tests.support.crash.client import COMPILER, PACKAGES, CrashServer, crash_server
from tests.support.crash.fault import FULL, KILL, TWICE
from tests.support.crash.matrix import Matrix
from tests.support.crash.points import turns
from tests.support.crash.verbs import Verb
from tests.train.test_run_job import write_job

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="the shim needs a C compiler"),
    pytest.mark.slow,
    pytest.mark.faults,
]

SAMPLED = (
    *("run", "--model", "base", "--engine", "transformers", "--suite", "persona", "--limit", "2"),
    *("--samples", "2", "--temperatures", "1.0", "--max-tokens", "8", "--metrics", "text"),
    *("--set", "personas=[pirate, butler]", "--output"),
)
GEOMETRY = ("score", "runs/a", "--metrics", "geometry")
VERBS = (
    Verb(name="geometry", command=GEOMETRY, before=((*SAMPLED, "runs/a"),)),
    Verb(
        name="report beside",
        command=("report", "runs/a", "--beside", "runs/b"),
        before=(
            (*SAMPLED, "runs/a"),
            GEOMETRY,
            (*SAMPLED, "runs/b", "--seed", "1"),
            ("score", "runs/b", *GEOMETRY[2:]),
        ),
    ),
)
LOADED = (
    *("torch", "transformers", "sfr_eval.samplers.transformers", "sfr_eval.models.hidden_states"),
    "sfr_train.encode_only",
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crash")


@pytest.fixture(scope="module")
def server(scratch: Path) -> Iterator[CrashServer]:
    with crash_server(scratch, modules=(*PACKAGES, *LOADED)) as started:
        yield started


def test_targets_that_are_encoded_alone_end_the_same(
    server: CrashServer, scratch: Path, tiny_checkpoint: Path
) -> None:
    def inputs(folder: Path) -> None:
        base = Path(shutil.copytree(tiny_checkpoint, folder / "base"))
        write_job(folder, base, objective={"name": "sfr", "width": 32})

    verb = Verb(name="encode", command=("train", "job.yaml", "--encode-only"))
    matrix = Matrix(server=server, scratch=scratch / "encode", verb=verb, inputs=inputs)
    some = turns(matrix.operations)
    for fault, count in ((KILL, 14), (FULL, 4), (TWICE, 4)):
        assert problems(matrix, fault, spread(some, count)) == []


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_hidden_states_end_the_same(
    verb: Verb, server: CrashServer, scratch: Path, tiny_checkpoint: Path
) -> None:
    def inputs(folder: Path) -> None:
        shutil.copytree(tiny_checkpoint, folder / "base")

    matrix = Matrix(server=server, scratch=scratch / "states", verb=verb, inputs=inputs)
    some = turns(matrix.operations)
    for fault, count in ((KILL, 8), (FULL, 4), (TWICE, 4)):
        assert problems(matrix, fault, spread(some, count)) == []
