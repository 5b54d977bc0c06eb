"""Kills and full disks at the operations on files of every command that writes any.

The command is repeated, and all files are compared with those of an undisturbed run. Here a few
operations of a few commands; `test_the_whole_matrix` tries all of all.
"""

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crash.client import COMPILER, CrashServer, crash_server
from tests.support.crash.fault import FULL, INTERRUPT, KILL, TERMINATE, TWICE, Fault, failure
from tests.support.crash.matrix import Matrix
from tests.support.crash.verbs import BY_NAME, VERBS, Verb, answer
from tests.support.fake_server import serving
from tests.train.test_run_job import write_job

pytestmark = pytest.mark.skipif(COMPILER is None, reason="the shim needs a C compiler")

FAULTS = (
    *(KILL, TERMINATE, INTERRUPT, TWICE, FULL),
    failure("EIO", errno.EIO),
    failure("EDQUOT", errno.EDQUOT),
    failure("EMFILE", errno.EMFILE),
)
CHEAP = ("write-baseline again", "export csv", "grade", "import")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Where a server answers as a model and as a judge."""
    with serving(answer, keep=False) as server:
        yield server.url


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crash")


@pytest.fixture(scope="module")
def server(scratch: Path) -> Iterator[CrashServer]:
    with crash_server(scratch) as started:
        yield started


def spread(points: list[int], count: int) -> list[int]:
    """Some of these, the first and the last among them."""
    if len(points) <= count:
        return points
    return [points[round(n * (len(points) - 1) / (count - 1))] for n in range(count)]


def problems(matrix: Matrix, fault: Fault, points: list[int]) -> list[str]:
    return [
        f"{fault.name} at {at}, {' '.join(matrix.operations[at - 1])}: {problem}"
        for at in points
        for problem in matrix.problems(fault, at)
    ]


@pytest.mark.parametrize("name", CHEAP)
def test_a_repetition_makes_up_for_a_fault(
    name: str, server: CrashServer, scratch: Path, url: str
) -> None:
    matrix = Matrix(server=server, scratch=scratch / "cases", verb=BY_NAME[name], url=url)
    turns = matrix.turns()
    assert len(turns) > 4
    for fault, count in ((KILL, 4), (TWICE, 2), (FULL, 2)):
        assert problems(matrix, fault, spread(turns, count)) == []


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_the_whole_matrix(
    verb: Verb, fault: Fault, server: CrashServer, scratch: Path, url: str
) -> None:
    matrix = Matrix(server=server, scratch=scratch / "cases", verb=verb, url=url)
    assert problems(matrix, fault, matrix.points()) == []


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("fault", [KILL, TWICE, FULL], ids=lambda fault: fault.name)
def test_a_training_ends_with_the_same_weights(
    fault: Fault, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    def inputs(folder: Path) -> None:
        write_job(folder, Path(shutil.copytree(tiny_checkpoint, folder / "base")))

    verb = Verb(name="train", command=("train", "job.yaml"))
    with crash_server(tmp_path, modules=("sfr_train.run_job", "sfr_train.trainer")) as server:
        matrix = Matrix(server=server, scratch=tmp_path / "cases", verb=verb, inputs=inputs)
        states = [
            number
            for number, (name, file) in enumerate(matrix.operations, start=1)
            if name == "write" and file.endswith("trainer_state.json")
        ]
        assert len(states) == 3  # a checkpoint for each step
        points = sorted({*states, *spread(matrix.turns(), 12)})
        assert problems(matrix, fault, points) == []
