"""pytest tests/util/test_progress.py"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sfr_eval.util import progress
from sfr_eval.util.progress import Bar, ScoringProgress, log, waiting, written_rate
from tests.support.terminal import in_terminal


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0, "0"),
        (0.0103, "0.01"),
        (0.3333, "0.33"),
        (1, "1"),
        (4.26, "4.3"),
        (9.96, "10"),
        (1234.5, "1,234"),
    ],
)
def test_slow_rates_have_digits(rate: float, text: str) -> None:
    assert written_rate(rate) == text


def test_a_slow_run_does_not_say_that_nothing_happens(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr("sfr_eval.util.progress.time.monotonic", lambda: now[0])
    with Bar("sampling", 100, unit="samples") as bar:
        now[0] = 20.0
        bar.advance(6)
        now[0] = 30.0
    said = capfd.readouterr().err.splitlines()
    assert said == [
        "sampling: 6/100 0.3 samples/s, 313 s left",
        "sampling: 6/100 0.2 samples/s, 30 s",
    ]


def test_what_the_first_step_loads_is_not_extrapolated(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("sfr_eval.util.progress.time.monotonic", lambda: now[0])
    bar = Bar("report", 12, unit="")
    assert bar.line() == "report: 0/12, 0 s so far"
    now[0] = 9.0  # matplotlib is loaded
    bar.update(1)
    assert bar.line() == "report: 1/12, 9 s so far"
    now[0] = 11.0
    bar.update(3)
    assert bar.line() == "report: 3/12, 9 s left"  # 9 steps at one a second; 33 s by the mean


def test_what_does_not_move_is_said_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sfr_eval.util.progress._PLAIN_SECONDS", 0.2)
    with waiting("starting an engine"):
        time.sleep(0.7)
    with ScoringProgress() as report:
        report("score persona lexical", 3, 11)
        time.sleep(0.4)
    said = capfd.readouterr().err.splitlines()
    assert said[0] == "starting an engine: 0 s so far"
    assert any(line.startswith("scoring persona lexical: 3/11") for line in said)


def test_short_stages_are_silent_in_a_pipe(capfd: pytest.CaptureFixture[str]) -> None:
    log("it begins")
    capfd.readouterr()
    with ScoringProgress() as report:
        for done in range(12):
            report("score persona text", done, 11)
        for done in range(4):
            report(f"intervals persona metric{done}", done, 3)
        report("encode", 0, 2)
        report("encode", 2, 2)
    assert [line.split(":")[0] for line in capfd.readouterr().err.splitlines()] == ["encoding"]


def test_each_kind_of_scoring_has_a_bar_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    with ScoringProgress() as report:
        report("forward base", 0, 4)
        report("forward base", 3, 4)
        report("encode", 2, 2)  # the former never came to its end
        report("plots", 1, 2)  # has no bar
        report("forward tuned", 4, 4)
    titles = [line.split(":")[0] for line in capfd.readouterr().err.splitlines()]
    assert sorted(titles) == ["encoding", "reading by base", "reading by tuned"]


def test_bars_share_the_terminal_and_lines_stand_above(tmp_path: Path) -> None:
    script = """
import time
from sfr_eval.util.progress import Bar, log
with Bar("scoring", 3, unit="families") as outer:
    for round in range(3):
        with Bar("encoding", 4, unit="texts") as inner:
            for _ in range(4):
                inner.advance()
                time.sleep(0.05)
        log(f"a line of round {round}")
        outer.advance()
"""
    screen = in_terminal(["-c", script], tmp_path)
    assert screen.code == 0
    for said in range(3):
        assert f"a line of round {said}" in screen.text
    last = screen.text.split("a line of round 2")[-1]
    assert last.count("encoding") <= 2 * last.count("scoring")  # one line, however often it ran
    assert "3/3" in last
    assert "4/4" in last


SCORE = """
import os, signal, sys
from sfr_eval import cli
from sfr_eval.pipeline import score

def stop(*_, **__):
    os.kill(os.getpid(), signal.SIGINT)

score.measure_and_report = stop
sys.argv = ["sfr-eval", "score", "w", "--metrics", "text"]
cli.main()
"""


def test_ctrl_c_while_scoring_prints_one_line(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = "run --model world --suite persona --limit 2 --samples 2 --temperatures 1 --metrics text"
    subprocess.run(
        [sys.executable, "-m", "sfr_eval", *run.split(), "--output", "w"],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
    )
    ended = subprocess.run(
        [sys.executable, "-c", SCORE],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 130 != -signal.SIGINT
    assert ended.stderr.splitlines() == [
        "sfr-eval: interrupted while scoring; the samples, votes and embeddings of w are kept: "
        "repeat the command"
    ]


def test_a_bar_that_is_interrupted_while_it_opens_is_ended(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sfr_eval.util.progress.on_terminal", interrupted)
    with pytest.raises(KeyboardInterrupt), Bar("sampling", 4, unit="samples"):
        pass
    assert not progress._SCREEN._bars
    assert capfd.readouterr().err == ""


def test_a_line_that_quotes_a_file_has_an_end(capfd: pytest.CaptureFixture[str]) -> None:
    log(f"row 3: {'x' * 1_000_000}")
    assert capfd.readouterr().err == f"row 3: {'x' * 3_993}...\n"
