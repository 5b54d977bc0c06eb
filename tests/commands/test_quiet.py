"""pytest tests/commands/test_quiet.py: what a command leaves on the terminal."""

import sys
from pathlib import Path

import pytest

from tests.support.terminal import in_pipe, in_terminal

OURS = (
    *("sampling: ", "encoding: ", "starting vLLM: ", "scoring", "intervals", "reference", "report"),
    *("reading by ", "warning: ", "isolation: ", "checking the run: ", "reading the results: "),
)
"""Beginnings of our lines on stderr."""


def only_ours(stderr: str, name: str) -> list[str]:
    """Return the lines that are not ours."""
    lines = stderr.splitlines()
    return [line for line in lines if not line.startswith((f"{name}: ", *OURS))]


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.parametrize("engine", ["vllm", "transformers"])
def test_a_run_with_a_real_engine_prints_only_our_lines(
    engine: str, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    line = ["-m", "sfr_eval", "run", "--model", str(tiny_checkpoint), "--engine", engine]
    line += ["--suite", "persona", "--limit", "2", "--samples", "2", "--temperatures", "1"]
    line += ["--max-tokens", "8", "--output", "out", "--metrics", "text,semantic,geometry"]
    done = in_pipe(line, tmp_path)
    assert done.returncode == 0, done.stderr
    assert only_ours(done.stderr, str(tiny_checkpoint)) == []
    starts = ("persona", "  ", "metric ", "variety", "quality", "inside", "facts", "report: ")
    assert [x for x in done.stdout.splitlines() if not x.startswith(starts)] == []
    if engine == "vllm":  # which is never silent: it is in the log
        assert (tmp_path / "out" / "logs" / "engine.log").stat().st_size > 0


@pytest.mark.slow
@pytest.mark.model
def test_an_engine_that_fails_leaves_its_log(tiny_checkpoint: Path, tmp_path: Path) -> None:
    line = ["-m", "sfr_eval", "run", "--model", str(tiny_checkpoint), "--suite", "persona"]
    line += ["--limit", "1", "--samples", "1", "--temperatures", "1", "--output", "out"]
    line += ["--metrics", "text"]
    done = in_pipe(line, tmp_path, VLLM_CPU_KVCACHE_SPACE="100000")  # more than there is
    assert done.returncode in (2, 3)
    (error,) = [x for x in done.stderr.splitlines() if x.startswith("sfr-eval: ")]
    assert "vLLM cannot load it" in error
    assert only_ours(done.stderr.replace(error, "warning: "), str(tiny_checkpoint)) == []


def test_a_light_run_prints_only_our_lines(tmp_path: Path) -> None:
    line = ["-m", "sfr_eval", "run", "--model", "world", "--suite", "persona", "--limit", "2"]
    line += ["--samples", "2", "--temperatures", "1", "--metrics", "text", "--output", "out"]
    done = in_pipe(line, tmp_path)
    assert done.returncode == 0
    assert only_ours(done.stderr, "world") == []
    assert not (tmp_path / "out" / "logs").exists()  # nothing to keep


def test_verbose_is_an_option_of_what_starts_engines(tmp_path: Path) -> None:
    for command in ("run", "score", "report", "calibrate", "doctor", "demo"):
        done = in_pipe(["-m", "sfr_eval", command, "--help"], tmp_path)
        assert "--verbose" in done.stdout, command


def test_help_and_errors_reach_the_terminal(tmp_path: Path) -> None:
    screen = in_terminal(
        ["-m", "sfr_eval", "run", "--model", "./nowhere", "--suite", "persona"], tmp_path
    )
    assert screen.code == 2
    assert screen.lines[-1] == "sfr-eval: --model ./nowhere: no such folder"
    assert "Traceback" not in screen.text


def test_a_reader_that_has_seen_enough_ends_it_quietly(tmp_path: Path) -> None:
    script = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1], shell=True).returncode)"
    python = "{ " + f"{sys.executable} -m sfr_eval ls metrics; " + "} | head -1"
    done = in_pipe(["-c", script, python], tmp_path)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
