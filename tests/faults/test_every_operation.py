"""Kills and full disks at the operations on files of every command that writes any.

The command is repeated, and all files are compared with those of an undisturbed run. Here a few
operations of a few commands; `test_the_whole_matrix` tries all of all.
"""

import errno
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.crash.client import (
    COMPILER,
    PACKAGES,
    SLOW_PACKAGES,
    CrashServer,
    crash_server,
)
from tests.support.crash.fault import FULL, INTERRUPT, KILL, TERMINATE, TWICE, Fault, failure
from tests.support.crash.matrix import Matrix
from tests.support.crash.points import points, turns
from tests.support.crash.verbs import BY_NAME, VERBS, Verb, answer
from tests.support.fake_server import serving
from tests.train.test_run_job import write_job

pytestmark = pytest.mark.skipif(COMPILER is None, reason="the shim needs a C compiler")

ERRORS = (
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


@pytest.fixture(scope="module")
def whole_server(scratch: Path) -> Iterator[CrashServer]:
    with crash_server(scratch, modules=(*PACKAGES, *SLOW_PACKAGES)) as started:
        yield started


def spread(points: list[int], count: int) -> list[int]:
    """Some of these, the first and the last among them."""
    if len(points) <= count:
        return points
    return [points[round(n * (len(points) - 1) / (count - 1))] for n in range(count)]


def problems(matrix: Matrix, fault: Fault, points: Sequence[int]) -> list[str]:
    return [
        f"{fault.name} {matrix.place(at)}: {problem}"
        for at in points
        for problem in matrix.problems(fault, at)
    ]


@pytest.mark.parametrize("name", CHEAP)
def test_a_repetition_makes_up_for_a_fault(
    name: str, server: CrashServer, scratch: Path, url: str
) -> None:
    matrix = Matrix(server=server, scratch=scratch / "cases", verb=BY_NAME[name], url=url)
    some = turns(matrix.operations)
    assert len(some) > 4
    for fault, count in ((KILL, 4), (TWICE, 2), (FULL, 2)):
        assert problems(matrix, fault, spread(some, count)) == []


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_the_whole_matrix(verb: Verb, whole_server: CrashServer, scratch: Path, url: str) -> None:
    """Of kills, all states are tried that the files are ever in: one run shows them. A few are
    kills indeed, which may leave processes. SIGTERM is either a kill or Ctrl-C to us, which the
    latter two try: at some operations. An error is an OSError, of whatever number: EIO, EDQUOT and
    EMFILE share the operations at which each happens once. `points` says which are tried of the
    operations by which all files are replaced.
    """
    matrix = Matrix(server=whole_server, scratch=scratch / "cases", verb=verb, url=url)
    assert list(matrix.killed()) == []
    chosen = points(matrix.operations)
    for fault, some in (
        (KILL, spread(turns(matrix.operations), 4)),
        (FULL, chosen),
        (INTERRUPT, chosen),
        (TWICE, chosen),
        (TERMINATE, chosen[::3]),
        *((error, chosen[n::3]) for n, error in enumerate(ERRORS)),
    ):
        assert problems(matrix, fault, some) == []


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
            for number, operation in enumerate(matrix.operations, start=1)
            if operation.name == "write" and operation.file.endswith("trainer_state.json")
        ]
        assert len(states) == 3  # a checkpoint for each step
        points = sorted({*states, *spread(turns(matrix.operations), 12)})
        assert problems(matrix, fault, points) == []
