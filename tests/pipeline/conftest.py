"""Fixtures of whole runs."""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from sfr_eval.cli import main
from sfr_eval.pipeline import run as run_module
from sfr_eval.pipeline.run import execute
from sfr_eval.samplers.world import WorldSampler
from sfr_eval.types import Request, Sample
from tests.support.small_runs import config, sealed

Command = Callable[..., int]


@pytest.fixture(scope="module", autouse=True)
def undrawn(no_drawing: None) -> None:
    """Nothing here looks at a static drawing."""


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command line, and return its exit code."""

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["sfr-eval", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0)

    return run


@pytest.fixture
def no_scoring(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scoring has its own tests; here it would be nine tenths of the time."""
    if "scored" not in request.fixturenames:
        monkeypatch.setattr(
            run_module, "measure_and_report", lambda *_, folder, **__: folder.path / "report.html"
        )


@pytest.fixture
def scored() -> None:
    """Asks `no_scoring` to let scoring happen."""


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of all requests that reached the sampler."""
    seen: list[str] = []
    whole = WorldSampler.sample

    def sample(self: WorldSampler, requests: Iterable[Request]) -> Iterator[Sample]:
        for request in requests:
            seen.append(request.sample_id)
            yield from whole(self, [request])

    monkeypatch.setattr(WorldSampler, "sample", sample)
    return seen


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """samples.parquet of a run in one go, four samples a prompt."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "measure_and_report", lambda *_, **__: Path())
        path = tmp_path_factory.mktemp("truth") / "run"
        execute(config(path, samples=4))
        return sealed(path)
