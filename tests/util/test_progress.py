"""pytest tests/util/test_progress.py"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sfr_eval.util.progress import Bar, ScoringProgress, written_rate


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
    times = iter([0.0, 20.0, 30.0])
    monkeypatch.setattr("sfr_eval.util.progress.time.monotonic", lambda: next(times))
    with Bar("sampling", 100, unit="samples") as bar:
        bar.advance(6)
    said = capfd.readouterr().err.splitlines()
    assert said == [
        "sampling: 6/100 0.3 samples/s, 313 s left",
        "sampling: 6/100 0.2 samples/s, 30 s",
    ]


def test_each_kind_of_scoring_has_a_bar_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    report = ScoringProgress()
    report("forward base", 0, 4)
    report("forward base", 3, 4)
    report("encode", 2, 2)  # the former never came to its end
    report("plots", 1, 2)  # has no bar
    report("forward tuned", 4, 4)
    titles = [line.split(" ", 3)[:3] for line in capfd.readouterr().err.splitlines()]
    assert [" ".join(words).split(":")[0] for words in titles] == [
        "reading by base",
        "encoding",
        "reading by tuned",
    ]


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
        "sfr-eval: interrupted; what was finished is kept: repeat the command"
    ]
