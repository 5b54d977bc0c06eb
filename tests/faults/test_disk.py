"""A full disk at every place where something is written, and a disk that cannot be written at all.

The disks are tmpfs mounts of a few megabytes, so the errors are the kernel's own.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.fault_runs import (
    CODE,
    WORLD,
    Verdicts,
    assert_nothing_lost_nothing_twice,
    assert_same_verdicts,
    finish,
    last_line,
    rows_in,
)
from tests.support.server_process import ServerProcess

pytestmark = [
    pytest.mark.slow,
    pytest.mark.faults,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount the small disk"),
]

SMALL = (*WORLD, "--limit", "6", "--samples", "4")

FILL = """
def fill(folder, spare=0):
    with open(folder + "/filler", "ab", buffering=0) as stream:
        for size in (2**20, 2**12):
            try:
                while stream.write(bytes(size)) == size:
                    pass
            except OSError:
                pass
"""
"""Takes every page that is left."""

WRAP = (
    FILL
    + """
import functools, importlib
def full_before(place, call, folder):
    module, _, name = place.partition(":")
    owner = importlib.import_module(module)
    *path, last = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    whole, calls = getattr(owner, last), [0]
    @functools.wraps(whole)
    def wrapped(*a, **k):
        calls[0] += 1
        if calls[0] == call:
            fill(folder)
        return whole(*a, **k)
    setattr(owner, last, wrapped)
full_before({place!r}, {call}, {folder!r})
"""
)

# In the order in which a run comes to them.
PLACES = {
    "manifest at the start": ("sfr_eval.store.run_folder:RunFolder.write_manifest", 1),
    "first samples": ("sfr_eval.store.rows:SampleWriter.append", 1),
    "seal": ("sfr_eval.store.run_folder:RunFolder.seal", 1),
    "manifest at the end": ("sfr_eval.store.run_folder:RunFolder.write_manifest", 2),
    "scores": ("sfr_eval.store.run_folder:RunFolder.write_scores", 1),
    "results": ("sfr_eval.store.run_folder:RunFolder.write_results", 1),
    "report": ("sfr_eval.report.report:write_report", 1),
}


@contextmanager
def disk(folder: Path, *, megabytes: int) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("direct") / "run"
    finish(*SMALL, "--output", folder)
    return (folder / "samples.parquet").read_bytes()


def test_a_full_disk_at_any_place_ends_in_one_line(tmp_path: Path, truth: bytes) -> None:
    """A run that fails at a place got past all places before it, where it had failed before."""
    with disk(tmp_path / "disk", megabytes=16) as small:
        for place, (function, call) in PLACES.items():
            before = WRAP.format(place=function, call=call, folder=str(small))
            text = finish(*SMALL, "--output", small / "run", code=3, before=before)
            assert "the disk is full" in last_line(text), (place, text)
            (small / "filler").unlink()
        finish(*SMALL, "--output", small / "run")
        assert_nothing_lost_nothing_twice(small / "run", truth)


def fails_then_completes(disk: Path, *command: object, place: str, call: int) -> None:
    """The command with a disk that is full from this call on, and again with room."""
    before = WRAP.format(place=place, call=call, folder=str(disk))
    text = finish(*command, code=3, before=before)
    assert "the disk is full" in last_line(text), text
    (disk / "filler").unlink()
    finish(*command)


def test_a_disk_that_is_full_among_the_verdicts(tmp_path: Path, graded: Verdicts) -> None:
    with disk(tmp_path / "disk", megabytes=16) as small:
        command = (*CODE, "--output", small / "run")
        fails_then_completes(small, *command, place="sfr_eval.grading.verdicts:_graded", call=20)
        assert_same_verdicts(small / "run", graded)


def test_a_disk_that_is_full_among_the_judgements(tmp_path: Path, server: ServerProcess) -> None:
    command = (*SMALL, "--judge", server.url, "--set", "judge_axes=[rel]")
    with disk(tmp_path / "disk", megabytes=16) as small:
        output = small / "run"
        fails_then_completes(
            small, *command, "--output", output, place="sfr_eval.judges.judge:read", call=50
        )
        votes = [row["judgement_id"] for row in rows_in(output, "judgements")]
        assert len(votes) == len(set(votes)) == 6 * 9 * 4


def test_a_disk_that_is_full_under_hidden_states(tmp_path: Path, tiny_checkpoint: Path) -> None:
    command = (
        *("run", "--model", tiny_checkpoint, "--engine", "transformers", "--suite", "persona"),
        *("--limit", "2", "--samples", "2", "--temperatures", "1.0", "--max-tokens", "8"),
        *("--metrics", "geometry"),
    )
    with disk(tmp_path / "disk", megabytes=16) as small:
        output = small / "run"
        place = "sfr_eval.models.states_on_disk:StatesWriter._array"  # the last of them
        fails_then_completes(small, *command, "--output", output, place=place, call=3)
        again = tmp_path / "again"
        finish(*command, "--output", again)
        assert (output / "results.json").read_bytes() == (again / "results.json").read_bytes()


def test_a_disk_that_is_full_among_the_verdicts_of_grade(tmp_path: Path) -> None:
    programs = tmp_path / "programs.jsonl"
    programs.write_text(
        "".join(
            json.dumps({"id": n, "code": f"print({n % 3})", "tests": [["", "0"]]}) + "\n"
            for n in range(60)
        )
    )
    with disk(tmp_path / "disk", megabytes=1) as small:
        output = small / "verdicts.jsonl"
        command = ("grade", programs, "--unsafe-code", "--output", output)
        fails_then_completes(
            small, *command, place="sfr_eval.grading.program_file:verdict_row", call=10
        )
        header, *rows = [json.loads(line) for line in output.read_text().splitlines()]
        assert header["mode"] == "faithful"
        assert sorted(int(row["id"]) for row in rows) == list(range(60))
        assert all(row["passed"] == (int(row["id"]) % 3 == 0) for row in rows)


def test_a_full_cache_costs_time_and_no_answer(tmp_path: Path, truth: bytes) -> None:
    with disk(tmp_path / "disk", megabytes=4) as cache:
        before = WRAP.format(
            place="sfr_eval.embeddings.cache:EmbeddingStore.add", call=1, folder=str(cache)
        )
        command = (*SMALL, "--metrics", "semantic", "--output", tmp_path / "run")
        finish(*command, before=before, SFR_EVAL_CACHE=str(cache))
        assert_nothing_lost_nothing_twice(tmp_path / "run", truth)
        results = (tmp_path / "run" / "results.json").read_bytes()
        (cache / "filler").unlink()
        shutil.rmtree(tmp_path / "run")
        finish(*command, SFR_EVAL_CACHE=str(cache))
        assert (tmp_path / "run" / "results.json").read_bytes() == results


def test_a_run_in_an_unwritable_folder_can_continue_later(tmp_path: Path, truth: bytes) -> None:
    with disk(tmp_path / "disk", megabytes=16) as small:
        finish(*SMALL, "--samples", "2", "--output", small / "run")
        subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
        for command in ((*SMALL, "--output", small / "run"), ("score", small / "run")):
            text = finish(*command, code=2)
            assert "cannot be written (Read-only file system)" in last_line(text), text
        subprocess.run(["mount", "-o", "remount,rw", str(small)], check=True)
        finish(*SMALL, "--output", small / "run")
        assert_nothing_lost_nothing_twice(small / "run", truth)
