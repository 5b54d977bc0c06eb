"""pytest tests/pipeline/test_run.py"""

import errno
import json
import os
import shutil
import subprocess
from collections import namedtuple
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.config import FIELDS, RunConfig
from sfr_eval.errors import RunError, UserError
from sfr_eval.pipeline import run as module
from sfr_eval.pipeline.run import Outcome, execute
from sfr_eval.samplers.rows import error_row
from sfr_eval.samplers.world import WorldSampler
from sfr_eval.settings import ScoreSettings
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.rows import SampleWriter
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.types import Request, Sample

PERSONAS, QUERIES, TEMPERATURES = ("pirate", "butler"), 2, (0.7, 1.0)
PROMPTS = len(PERSONAS) * QUERIES * len(TEMPERATURES)


@pytest.fixture(autouse=True)
def no_scoring(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scoring has its own tests; here it would be nine tenths of the time."""
    if "scored" not in request.fixturenames:
        monkeypatch.setattr(
            module, "measure_and_report", lambda *_, folder, **__: folder.path / "report.html"
        )


@pytest.fixture
def scored() -> None:
    """Asks `no_scoring` to let scoring happen."""


def config(output: Path | None, *, samples: int = 2, **changes: Any) -> RunConfig:
    fields: dict[str, Any] = {
        "model": "world:cross=0.3",
        "suite": ("persona",),
        "personas": PERSONAS,
        "limit": QUERIES,
        "temperatures": TEMPERATURES,
        "output": output,
        "samples": samples,
    }
    return RunConfig(**{**fields, **changes})


def sealed(folder: Path) -> bytes:
    return (folder / "samples.parquet").read_bytes()


def manifest(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return loaded


def rows(folder: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in (folder / "samples").glob("*.jsonl"))


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


def stop_after(monkeypatch: pytest.MonkeyPatch, count: int, error: BaseException) -> None:
    """The sampler answers `count` requests and then ends in `error`."""
    whole = WorldSampler.sample

    def sample(self: WorldSampler, requests: Iterable[Request]) -> Iterator[Sample]:
        for number, row in enumerate(whole(self, requests)):
            if number == count:
                raise error
            yield row

    monkeypatch.setattr(WorldSampler, "sample", sample)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """samples.parquet of a run in one go, four samples a prompt."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "measure_and_report", lambda *_, **__: Path())
        path = tmp_path_factory.mktemp("truth") / "run"
        execute(config(path, samples=4))
        return sealed(path)


def test_the_second_run_draws_nothing_and_seals_equal_bytes(
    tmp_path: Path, drawn: list[str]
) -> None:
    first = execute(config(tmp_path / "run"))
    assert (first.exit_code, len(drawn)) == (0, 2 * PROMPTS)
    before = sealed(tmp_path / "run")
    again = execute(config(tmp_path / "run"))
    assert (again.exit_code, len(drawn)) == (0, 2 * PROMPTS)
    assert sealed(tmp_path / "run") == before
    # What the engine said of itself is not forgotten by a run that needs no engine.
    assert manifest(tmp_path / "run")["sampler"]["engine"] == "world"


def test_two_folders_of_one_plan_have_equal_samples(tmp_path: Path) -> None:
    execute(config(tmp_path / "a"))
    execute(config(tmp_path / "b"))
    assert sealed(tmp_path / "a") == sealed(tmp_path / "b")


def test_raising_the_samples_draws_only_the_new_ones(
    tmp_path: Path, drawn: list[str], truth: bytes
) -> None:
    execute(config(tmp_path / "run", samples=2))
    few = set(drawn)
    execute(config(tmp_path / "run", samples=4))
    assert len(drawn) == len(set(drawn)) == 4 * PROMPTS  # K to 2K: exactly K more, none twice
    assert few < set(drawn)
    assert sealed(tmp_path / "run") == truth


def test_fewer_samples_and_more_again_lose_nothing(
    tmp_path: Path, drawn: list[str], truth: bytes
) -> None:
    execute(config(tmp_path / "run", samples=4))
    execute(config(tmp_path / "run", samples=2))
    assert len(RunFolder(tmp_path / "run").sealed_samples()) == 2 * PROMPTS
    execute(config(tmp_path / "run", samples=4))
    assert len(drawn) == 4 * PROMPTS
    assert sealed(tmp_path / "run") == truth


def test_temperatures_and_queries_may_grow_too(
    tmp_path: Path, drawn: list[str], truth: bytes
) -> None:
    execute(config(tmp_path / "run", samples=4, temperatures=(1.0,), limit=1))
    assert len(drawn) == 4 * PROMPTS / 4
    execute(config(tmp_path / "run", samples=4))
    assert len(drawn) == 4 * PROMPTS
    assert sealed(tmp_path / "run") == truth


def test_every_prompt_has_exactly_its_share_of_rows(tmp_path: Path) -> None:
    execute(config(tmp_path / "run", samples=3))
    cells: dict[tuple[object, ...], list[int]] = {}
    for row in RunFolder(tmp_path / "run").sealed_samples():
        cells.setdefault((row.query, row.persona, row.temperature), []).append(row.index)
    assert len(cells) == PROMPTS
    assert all(indices == [0, 1, 2] for indices in cells.values())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"model": "world:cross=0.4"}, "model: world:cross=0.3"),
        # Equal in six digits is not equal.
        ({"model": "world:cross=0.30000001"}, "model: world:cross=0.3"),
        ({"seed": 1}, "seed: 0 there, 1 here"),
        ({"max_tokens": 7}, "sampling.persona.max_tokens: 96 there, 7 here"),
    ],
)
def test_a_folder_of_another_plan_is_refused_by_its_difference(
    tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    execute(config(tmp_path / "run"))
    before = {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()}
    with pytest.raises(UserError, match="holds a run of another plan") as caught:
        execute(config(tmp_path / "run", **changes))
    assert named in str(caught.value)
    after = {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()}
    assert after == before


def test_other_data_in_the_suite_is_another_plan(tmp_path: Path, copied_assets: Any) -> None:
    suite = copied_assets()
    execute(config(tmp_path / "run"))
    cards = suite / "personas.yaml"
    cards.write_text(cards.read_text().replace("pirate", "pirate", 1) + "\n# touched\n")
    with pytest.raises(UserError, match=r"another plan \(suites.persona: 1\+"):
        execute(config(tmp_path / "run"))


def test_samples_without_a_manifest_are_not_touched(tmp_path: Path) -> None:
    execute(config(tmp_path / "run"))
    (tmp_path / "run" / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"holds samples but no manifest\.json"):
        execute(config(tmp_path / "run"))
    assert rows(tmp_path / "run") == 2 * PROMPTS


@pytest.mark.parametrize("count", [0, 1, 17, 4 * PROMPTS - 1])
def test_an_interrupted_run_resumes_to_equal_bytes(
    tmp_path: Path, truth: bytes, count: int
) -> None:
    path = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, count, KeyboardInterrupt())
        outcome = execute(config(path, samples=4))
    assert outcome.exit_code == 130
    assert outcome.report is None
    assert f"{count:,} samples kept, {4 * PROMPTS - count:,} to go" in outcome.lines[0]
    assert rows(path) == count
    assert (manifest(path)["status"], manifest(path)["samples"]) == ("partial", count)
    assert not (path / "samples.parquet").exists()
    assert execute(config(path, samples=4)).exit_code == 0
    assert rows(path) == 4 * PROMPTS
    assert sealed(path) == truth


def test_an_interrupt_loses_at_most_the_row_being_written(
    tmp_path: Path, truth: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    whole = SampleWriter.append
    left = [5]

    def append(self: SampleWriter, samples: Iterable[Sample]) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        whole(self, samples)

    with monkeypatch.context() as patch:
        patch.setattr(SampleWriter, "append", append)
        assert execute(config(path, samples=4)).exit_code == 130
    assert rows(path) == 4
    execute(config(path, samples=4))
    assert sealed(path) == truth


def test_a_polite_kill_is_an_interrupt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = WorldSampler.sample

    def sample(self: WorldSampler, requests: Iterable[Request]) -> Iterator[Sample]:
        for number, row in enumerate(whole(self, requests)):
            if number == 3:
                os.kill(os.getpid(), 15)
            yield row

    monkeypatch.setattr(WorldSampler, "sample", sample)
    assert execute(config(tmp_path / "run")).exit_code == 130
    assert rows(tmp_path / "run") == 3


def test_failed_requests_end_in_3_and_the_next_run_repairs_them(
    tmp_path: Path, truth: bytes, drawn: list[str]
) -> None:
    path = tmp_path / "run"
    whole = WorldSampler.sample

    def sample(self: WorldSampler, requests: Iterable[Request]) -> Iterator[Sample]:
        for number, request in enumerate(requests):
            if number % 5 == 0:
                yield error_row(request, "engine\nsaid   no")
            else:
                yield from whole(self, [request])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WorldSampler, "sample", sample)
        outcome = execute(config(path, samples=4))
    failed = -(-4 * PROMPTS // 5)
    assert outcome.exit_code == 3
    assert outcome.report is not None  # all files are written before a non-zero exit
    assert outcome.lines[0].startswith(f"{failed} of {4 * PROMPTS} requests failed (engine said no")
    assert manifest(path)["status"] == "partial"
    errors = [row for row in RunFolder(path).sealed_samples() if row.status == "error"]
    assert len(errors) == failed
    assert {row.text for row in errors} == {""}  # a failure never becomes text
    drawn.clear()
    assert execute(config(path, samples=4)).exit_code == 0
    assert sorted(drawn) == sorted(row.sample_id for row in errors)
    assert sealed(path) == truth


def test_a_damaged_row_is_named_and_drawn_again(
    tmp_path: Path, truth: bytes, drawn: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run"
    execute(config(path, samples=4))
    file = path / "samples" / "0001.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    lines[6] = lines[6].replace(b'"index":', b'"index":1')
    file.write_bytes(b"".join(lines))
    drawn.clear()
    capsys.readouterr()
    assert execute(config(path, samples=4)).exit_code == 0
    assert f"warning: {file}:7: damaged row" in capsys.readouterr().err
    assert len(drawn) == 1
    assert sealed(path) == truth


Usage = namedtuple("Usage", "total used free")


def test_a_full_disk_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 1_000))
    with pytest.raises(UserError, match=r"--output .*: the disk is full: 0\.0 MB free"):
        execute(config(tmp_path / "deep" / "run"))
    assert list(tmp_path.iterdir()) == []


def test_a_run_whose_disk_fills_up_resumes_with_its_rows(
    tmp_path: Path, truth: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    whole = SampleWriter.append
    left = [6]

    class FullDisk:
        """A file on a disk with room for half a row."""

        def __init__(self, stream: Any) -> None:
            self._stream = stream

        def write(self, data: memoryview) -> int:
            self._stream.write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def __getattr__(self, name: str) -> Any:
            return getattr(self._stream, name)

    def append(self: SampleWriter, samples: Iterable[Sample]) -> None:
        left[0] -= 1
        if left[0] == 0:
            self._stream = FullDisk(self._stream)  # type: ignore[assignment]
        whole(self, samples)

    with monkeypatch.context() as patch:
        patch.setattr(SampleWriter, "append", append)
        with pytest.raises(RunError, match="the disk is full; all finished samples are kept"):
            execute(config(path, samples=4))
    assert rows(path) == 5
    assert (path / "samples" / "0001.jsonl").read_bytes()[-1:] != b"\n"  # the half row is there
    assert manifest(path)["status"] == "partial"
    assert execute(config(path, samples=4)).exit_code == 0
    assert sealed(path) == truth


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 64 kB; needs root and the right to mount."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount command")
    if done.returncode:
        pytest.skip("may not mount a tmpfs here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.faults
def test_a_real_disk_that_fills_up(
    small_disk: Path, tmp_path: Path, truth: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small_disk / "run"
    monkeypatch.setattr("sfr_eval.pipeline.preflight.check_space", lambda *_: None)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(48 * 1024))
    with pytest.raises(RunError, match="the disk is full"):
        execute(config(path, samples=4))
    assert 0 < rows(path) < 4 * PROMPTS
    ballast.unlink()
    assert execute(config(path, samples=4)).exit_code == 0
    assert sealed(path) == truth


def test_places_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    for place in (file, file / "run", tmp_path / ("n" * 300)):
        with pytest.raises(UserError, match=r"--output .*: cannot be written") as caught:
            execute(config(place))
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="--output /proc/nowhere"):
        execute(config(Path("/proc/nowhere/run")))
    assert file.read_text() == "in the way"
    assert list(tmp_path.iterdir()) == [file]


def test_a_place_that_may_not_even_be_looked_at_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path.stat

    def stat(self: Path, **options: Any) -> os.stat_result:
        if self.is_relative_to(tmp_path / "locked" / "x"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))
        return whole(self, **options)

    monkeypatch.setattr(Path, "stat", stat)  # root, who runs CI, may look everywhere
    with pytest.raises(UserError, match="cannot be written"):
        execute(config(tmp_path / "locked" / "x" / "run"))


def test_an_engine_that_refuses_to_start_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise UserError("--model m: vLLM cannot load it")

    monkeypatch.setattr(WorldSampler, "__init__", refuse)
    with pytest.raises(UserError, match="cannot load it"):
        execute(config(tmp_path / "new" / "run"))
    assert list(tmp_path.iterdir()) == []


def test_two_runs_that_start_together_do_not_delete_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other makes and locks the folder after this one saw that it was not there."""
    other = RunFolder(tmp_path / "run")

    def start_other(*_: object) -> None:
        other.__enter__()
        other.write_manifest(Manifest(status="running"))

    monkeypatch.setattr("sfr_eval.pipeline.preflight.check_space", start_other)
    with pytest.raises(UserError, match="another sfr-eval is writing here"):
        execute(config(tmp_path / "run"))
    assert manifest(tmp_path / "run") == {"format": 1, "status": "running"}
    other.__exit__(None, None, None)


def test_an_engine_that_dies_keeps_the_rows(
    tmp_path: Path, truth: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_after(patch, 9, RunError("vLLM died twice"))
        with pytest.raises(RunError, match="died twice"):
            execute(config(path, samples=4))
    assert manifest(path)["status"] == "partial"
    execute(config(path, samples=4))
    assert sealed(path) == truth


def test_a_second_run_in_one_folder_is_refused_harmlessly(tmp_path: Path) -> None:
    execute(config(tmp_path / "run"))
    before = manifest(tmp_path / "run")
    with (
        RunFolder(tmp_path / "run"),
        pytest.raises(UserError, match="another sfr-eval is writing here"),
    ):
        execute(config(tmp_path / "run", samples=4))
    assert manifest(tmp_path / "run") == before


def test_a_limited_run_is_partial_and_a_full_one_complete(
    tmp_path: Path, copied_assets: Any
) -> None:
    suite = copied_assets()
    topics = suite / "topics.yaml"
    execute(config(tmp_path / "limited"))
    assert manifest(tmp_path / "limited")["status"] == "partial"
    assert topics.is_file()
    whole = config(
        tmp_path / "whole", samples=1, limit=None, personas=("pirate",), temperatures=(1.0,)
    )
    assert execute(whole).exit_code == 0
    assert manifest(tmp_path / "whole")["status"] == "complete"
    assert manifest(tmp_path / "whole")["samples"] == 148


def test_the_manifest_has_every_setting_and_sampling_field(tmp_path: Path) -> None:
    execute(config(tmp_path / "run"))
    kept = manifest(tmp_path / "run")
    assert kept["config"].keys() == FIELDS.keys()
    assert kept["identity"]["sampling"]["persona"] == {
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "repetition_penalty": 1.0,
        "max_tokens": 96,
        "stop": [],
    }
    assert kept["determinism"] == "bitwise"
    assert kept["identity"]["model"].startswith("world:cross=0.3")


def test_without_output_the_folder_is_named_after_model_and_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = execute(config(None)).folder
    assert first.parent == Path("runs")
    assert first.name.startswith("world-cross=0.3-")
    assert execute(config(None, samples=4)).folder == first  # it resumes
    assert execute(config(None, seed=1)).folder != first


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"suite": ("persona", "persona")}, "the same suite is named twice"),
        ({"metrics": ("txet",)}, "did you mean `text`"),
        ({"personas": ("pirat",)}, "did you mean `pirate`"),
        ({"engine": "vllm"}, "belong together"),
        ({"sampling": "model"}, r"has no generation_config\.json"),
        ({"temperatures": (0.0, 1.0)}, "greedy decoding gives 2 copies"),
    ],
)
def test_what_is_wrong_is_found_before_a_folder_is_made(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        execute(config(tmp_path / "run", **changes))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("scored")
def test_a_run_ends_in_results_and_a_report(tmp_path: Path) -> None:
    outcome: Outcome = execute(config(tmp_path / "run", metrics=("text",)))
    assert outcome.report is not None
    assert outcome.report.is_file()
    assert str(outcome.report.resolve()) in outcome.lines[-1]
    results = RunFolder(tmp_path / "run").read_results().stored()
    assert {row["metric"] for row in results["estimates"]} >= {"length", "duplicate_rate"}
    before = (tmp_path / "run" / "results.json").read_bytes()
    execute(config(tmp_path / "run", metrics=("text",)))
    assert (tmp_path / "run" / "results.json").read_bytes() == before


@pytest.mark.usefixtures("scored")
def test_an_up_to_date_report_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is not as the report has it is measured."""
    settings = config(tmp_path / "run", score=ScoreSettings(metrics=("text",)))
    first = execute(settings)
    folder, measured = first.folder, []

    def measure(*_: Any, folder: RunFolder, **__: Any) -> Path:
        measured.append(folder)
        return folder.path / "report.html"

    monkeypatch.setattr(module, "measure_and_report", measure)
    again = execute(settings, measure_again=False)
    assert (again, measured) == (first, [])
    execute(settings)
    assert len(measured) == 1
    (scores,) = (folder / "scores").glob("text@*.parquet")
    older = scores.rename(scores.with_name("text@0.parquet"))
    execute(settings, measure_again=False)
    assert len(measured) == 2
    older.rename(scores)
    os.utime(folder / "report.html", (0, 0))  # of the measurement before
    execute(settings, measure_again=False)
    assert len(measured) == 3
    os.utime(folder / "report.html")
    assert execute(settings, measure_again=False) == first
    execute(config(folder, samples=3, score=settings.score), measure_again=False)
    assert len(measured) == 4
