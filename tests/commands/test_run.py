"""pytest tests/commands/test_run.py: how a run ends, and what Ctrl-C leaves."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import WORLD, as_process, packages
from tests.support.fake_server import FakeServer, Reply, completion, refusal_of, serving
from tests.support.terminal import environment, in_pipe

RUN = ["-m", "sfr_eval", "run", "--suite", "persona", "--temperatures", "1"]
SMALL = ["--limit", "2", "--samples", "2", "--metrics", "text", "--output", "run"]
MANY = ["--limit", "148", "--samples", "8", "--metrics", "text,lexical", "--output", "run"]


def interrupted(
    arguments: Sequence[str], folder: Path, *, once: Callable[[], bool]
) -> tuple[int, list[str]]:
    """Run `python ARGUMENTS`, send SIGINT once something is there. Return exit code and stderr."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until = time.monotonic() + 120
    while not once():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    return process.returncode, said.splitlines()


def rows(folder: Path, kind: str) -> int:
    """Count the stored lines of a kind."""
    files = list((folder / "run" / kind).glob("*.jsonl"))
    return sum(file.read_bytes().count(b"\n") for file in files)


def server(server_: FakeServer) -> list[str]:
    return ["--model", "fake", "--base-url", server_.url]


def test_ctrl_c_while_sampling_says_how_many_are_kept(tmp_path: Path) -> None:
    with serving(lambda *_: completion("a reply")) as fake:
        fake.delay = 0.2
        line = [*RUN, *server(fake), *MANY, "--concurrency", "4"]
        code, said = interrupted(line, tmp_path, once=lambda: rows(tmp_path, "samples") > 3)
    assert code == 130
    kept = rows(tmp_path, "samples")
    assert said[-1] == (
        f"interrupted: {kept:,} samples kept, {148 * 9 * 8 - kept:,} to go; repeat the command"
    )


def test_ctrl_c_while_measuring_says_what_is_kept(tmp_path: Path) -> None:
    sealed = tmp_path / "run" / "samples.parquet"
    line = [*RUN, "--model", "world:cross=0.3", *MANY]

    def measuring() -> bool:
        return sealed.exists() and time.time() - sealed.stat().st_mtime > 1

    code, said = interrupted(line, tmp_path, once=measuring)
    assert code == 130
    assert said[-1] == (
        "sfr-eval: interrupted while measuring; all 10,656 samples and the embeddings so far are "
        "kept: repeat the command"
    )
    assert not (tmp_path / "run" / "results.json").exists()


def test_ctrl_c_while_judging_says_what_is_kept(tmp_path: Path) -> None:
    with serving(lambda *_: completion('{"score": 4}')) as judge:
        judge.delay = 0.2
        line = [*RUN, "--model", "world", *SMALL, "--judge", judge.url]
        line += ["--judge-axes", "flu", "--concurrency", "2"]
        code, said = interrupted(line, tmp_path, once=lambda: rows(tmp_path, "judgements") > 3)
    assert code == 130
    assert said[-1] == (
        "sfr-eval: interrupted while judging; all 36 samples and the votes so far are kept: "
        "repeat the command"
    )
    assert rows(tmp_path, "judgements") > 3


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (completion("", finish="length"), "all 36 replies are empty, 36 of them cut at max_tokens"),
        (completion("  ", finish="stop"), "all 36 replies are empty, 0 of them cut"),
    ],
)
def test_a_run_without_any_text_ends_with_3(reply: Reply, says: str, tmp_path: Path) -> None:
    with serving(lambda *_: reply) as fake:
        done = in_pipe([*RUN, *server(fake), *SMALL], tmp_path)
    assert done.returncode == 3, done.stderr
    assert any(says in line for line in done.stderr.splitlines()), done.stderr


def test_when_all_requests_failed_it_says_all(tmp_path: Path) -> None:
    with serving(lambda *_: refusal_of("no such thing")) as fake:  # too few to stop early
        line = [*RUN, *server(fake), *SMALL, "--limit", "1", "--samples", "1"]
        done = in_pipe(line, tmp_path)
    assert done.returncode == 3
    assert any("all 9 requests failed (HTTP 400" in line for line in done.stderr.splitlines())
    assert "All 9 requests failed" in done.stdout  # the verdict, in the page's words


def test_a_wrong_key_stops_early(tmp_path: Path) -> None:
    with serving(lambda *_: refusal_of("Incorrect API key", status=401)) as fake:
        done = in_pipe([*RUN, *server(fake), *MANY], tmp_path)
        assert fake.count <= 64
    assert done.returncode == 3
    assert "refuses every request" in done.stderr.splitlines()[-1]
    assert "Incorrect API key" in done.stderr.splitlines()[-1]


def test_json_is_alone_on_stdout_and_the_verdict_on_stderr(tmp_path: Path) -> None:
    done = in_pipe([*RUN, "--model", "world", *SMALL, "--json"], tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout)["estimates"]
    assert any(line.startswith("persona: ") for line in done.stderr.splitlines())
    assert any(line.startswith("  warning: ") for line in done.stderr.splitlines())


def test_a_report_of_an_unfinished_run_says_what_to_do(tmp_path: Path) -> None:
    with serving(lambda *_: completion("a reply")) as fake:
        fake.delay = 0.2
        line = [*RUN, *server(fake), *MANY, "--concurrency", "4"]
        interrupted(line, tmp_path, once=lambda: rows(tmp_path, "samples") > 3)
    for command in (["report", "run"], ["compare", "run", "run"]):
        done = in_pipe(["-m", "sfr_eval", *command], tmp_path)
        assert done.returncode == 2
        assert "repeat the run" in done.stderr


def test_a_folder_that_holds_no_files_is_no_full_disk(tmp_path: Path) -> None:
    line = [*RUN, "--model", "world", *SMALL[:-1], "/proc/run"]
    done = in_pipe(line, tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "sfr-eval: --output /proc/run: cannot be written; choose another folder\n"
    )


def test_a_run_as_a_user_types_it(tmp_path: Path) -> None:
    """One real process for the way through: progress to stderr, table to stdout, then resume."""
    first = as_process([*WORLD, "--output", "out"], tmp_path)
    assert (first.code, first.out.splitlines()[-1]) == (
        0,
        f"report: {tmp_path.resolve() / 'out' / 'report.html'}",
    )
    assert "truncation_rate" in first.out
    assert "8 requests, 0 already there -> out" in first.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    again = as_process([*WORLD, "--output", "out", "--json"], tmp_path)
    assert again.code == 0
    assert json.loads(again.out)["estimates"]  # nothing but JSON on stdout
    assert "8 requests, 8 already there" in again.err


SLOW = """
import sys, time
from sfr_eval.samplers.world import WorldSampler
from sfr_eval.cli import main
whole = WorldSampler.sample
def sample(self, requests):
    for row in whole(self, requests):
        time.sleep(0.1)
        yield row
WorldSampler.sample = sample
main()
"""


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_in_mid_run_loses_no_row_that_was_written(
    command: Any, number: signal.Signals
) -> None:
    arguments = [*WORLD, "--samples", "8", "--output", "out"]
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(packages())},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    file = Path("out/samples/0001.jsonl")
    while process.poll() is None and not (file.exists() and file.stat().st_size):
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    polite = number != signal.SIGKILL
    assert process.returncode == (130 if polite else -signal.SIGKILL)
    assert "Traceback" not in err
    kept = file.read_bytes().count(b"\n")
    assert 0 < kept < 32
    manifest = json.loads(Path("out/manifest.json").read_text())
    assert manifest["status"] == ("partial" if polite else "running")
    if polite:
        assert f"interrupted: {kept} samples kept, {32 - kept} to go" in err
    else:
        again = command(*arguments)
        assert again.code == 0
        assert f"32 requests, {kept} already there" in again.err
        whole = command(*arguments[:-1], "whole")
        assert whole.code == 0
        sealed = [Path(name, "samples.parquet").read_bytes() for name in ("out", "whole")]
        assert sealed[0] == sealed[1]
