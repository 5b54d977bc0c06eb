"""What undisturbed runs give; each is made once for all fault tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fault_runs import CODE, VLLM, WORLD, Verdicts, finish, verdicts
from tests.support.server_process import ServerProcess


@pytest.fixture(scope="session")
def world_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """WORLD by one engine in one go; not to be changed."""
    folder = tmp_path_factory.mktemp("world") / "run"
    finish(*WORLD, "--output", folder)
    return folder


@pytest.fixture(scope="session")
def world_truth(world_run: Path) -> bytes:
    """Its sealed rows."""
    return (world_run / "samples.parquet").read_bytes()


@pytest.fixture(scope="session")
def vllm_truth(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The same of VLLM."""
    pytest.importorskip("vllm")
    folder = tmp_path_factory.mktemp("vllm") / "run"
    finish(*VLLM, "--model", tiny_checkpoint, "--output", folder)
    return (folder / "samples.parquet").read_bytes()


@pytest.fixture(scope="session")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    """The verdicts of CODE."""
    folder = tmp_path_factory.mktemp("graded") / "run"
    finish(*CODE, "--output", folder)
    return verdicts(folder)


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    made = ServerProcess()
    made.start()
    yield made
    made.kill()
