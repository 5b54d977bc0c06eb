"""Bits that flip, files that tear, clocks that jump."""

import os
import random
import shutil
from pathlib import Path

import pytest

from tests.support.fault_runs import (
    WORLD,
    assert_nothing_lost_nothing_twice,
    finish,
    last_line,
    rows_in,
)

pytestmark = [pytest.mark.slow, pytest.mark.faults]

SMALL = (*WORLD, "--limit", "10", "--samples", "4")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that came to its end."""
    folder = tmp_path_factory.mktemp("direct") / "run"
    finish(*SMALL, "--output", folder)
    return folder


@pytest.fixture
def truth(whole: Path) -> bytes:
    return (whole / "samples.parquet").read_bytes()


@pytest.fixture
def output(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


@pytest.mark.parametrize("seed", range(3))
def test_rows_with_flipped_bits_are_named_and_drawn_again(
    output: Path, truth: bytes, seed: int
) -> None:
    (file,) = (output / "samples").glob("*.jsonl")
    content = bytearray(file.read_bytes())
    chance = random.Random(seed)
    lines = content.count(b"\n")
    hit = set()
    for place in chance.sample(range(len(content)), 20):
        content[place] ^= 1 << chance.randrange(8)
        hit.add(content[:place].count(b"\n"))
    file.write_bytes(content)
    text = finish(*SMALL, "--output", output)
    named = {int(line.split(":")[2]) for line in text.splitlines() if "damaged row" in line}
    assert 0 < len(named) <= 21
    assert named <= {number + 1 for number in range(lines)}
    assert f"{file}:" in text
    # Each damaged row was drawn again, and no good one was.
    again = len(rows_in(output)) - len([r for r in rows_in(output) if "crc" not in r])
    assert again >= lines - len(named)
    assert (output / "samples.parquet").read_bytes() == truth
    if seed == 0:  # and it stays so
        finish(*SMALL, "--output", output)
        assert (output / "samples.parquet").read_bytes() == truth


@pytest.mark.parametrize("seed", range(3))
def test_a_truncated_sample_file_costs_its_end_only(output: Path, truth: bytes, seed: int) -> None:
    (file,) = (output / "samples").glob("*.jsonl")
    content = file.read_bytes()
    file.write_bytes(content[: random.Random(seed).randrange(len(content))])
    kept = file.read_bytes().count(b"\n")
    text = finish(*SMALL, "--output", output)
    assert f"{kept:,} already there" in text
    assert_nothing_lost_nothing_twice(output, truth)


def test_a_flipped_bit_in_the_sealed_file_is_seen_and_repaired(output: Path, truth: bytes) -> None:
    file = output / "samples.parquet"
    chance = random.Random(0)
    for _ in range(3):
        content = bytearray(truth)
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        file.write_bytes(content)
        text = finish("score", output, code=2)
        assert "samples.parquet: damaged; repeat the command that made it" in last_line(text)
    finish(*SMALL, "--output", output)
    assert_nothing_lost_nothing_twice(output, truth)


CLOCK = """
import itertools, random, time
steps, chance = itertools.count(), random.Random(0)
start = time.time()
time.time = lambda: {now}
time.time_ns = lambda: int(time.time() * 1e9)
"""


@pytest.mark.parametrize(
    "now",
    ["start - 3600.0 * next(steps)", "start + chance.uniform(-1e8, 1e8)"],
    ids=["backwards", "jumping by years"],
)
def test_a_clock_that_does_not_go_on_evenly_changes_nothing(
    tmp_path: Path, truth: bytes, now: str
) -> None:
    finish(*SMALL, "--output", tmp_path / "run", before=CLOCK.format(now=now))
    assert_nothing_lost_nothing_twice(tmp_path / "run", truth)


@pytest.mark.parametrize("when", [0.0, 4_102_444_800.0], ids=["1970", "2100"])
def test_files_of_another_age_resume_as_ever(tmp_path: Path, truth: bytes, when: float) -> None:
    output = tmp_path / "run"
    finish(*SMALL, "--samples", "2", "--output", output)
    for file in output.rglob("*"):
        os.utime(file, (when, when))
    text = finish(*SMALL, "--output", output)
    assert "360 requests, 180 already there" in text
    assert_nothing_lost_nothing_twice(output, truth)
