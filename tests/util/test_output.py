"""pytest tests/util/test_output.py"""

from pathlib import Path

import pytest

from sfr_eval.util import output
from tests.support.terminal import in_pipe, in_terminal

NOISE = """
import atexit, os, subprocess, sys, warnings
from pathlib import Path
from sfr_eval.util.output import PrintedMeanwhile, log_kept_in, own_output
from sfr_eval.util.progress import log, say
from sfr_eval.util.terminal import print_json, print_table

atexit.register(lambda: print("library at the end", file=sys.stderr))
with own_output():
    say("our result")
    print("library on stdout")
    os.write(2, b"engine on descriptor 2\\n")
    with log_kept_in(Path("logs", "engine.log")):
        printed = PrintedMeanwhile()
        subprocess.run(["sh", "-c", "echo ValueError: no room >&2"], check=True)
        late = subprocess.Popen(["sh", "-c", "sleep 1; echo child at the end >&2"])
        log(f"our reason: {printed.text().strip()} in {printed.file}")
    with log_kept_in(Path("nothing", "engine.log")), log_kept_in(Path("within", "engine.log")):
        pass
    with log_kept_in(Path("/proc/nowhere/engine.log")):
        os.write(2, b"engine without a log\\n")
    warnings.warn("a warning of a library", FutureWarning)
    print_table("our table", ["a"], [["1"]])
    print_json({"our": "json"})
log("our end")
late.wait()
"""


def test_only_our_lines_reach_the_streams(tmp_path: Path) -> None:
    done = in_pipe(["-c", NOISE], tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "our result",
        "our table",
        "a",
        "1",
        "{",
        ' "our": "json"',
        "}",
    ]
    assert done.stderr.splitlines() == [
        "our reason: ValueError: no room in logs/engine.log",
        "our end",
    ]
    kept = (tmp_path / "logs" / "engine.log").read_text()
    assert kept == "ValueError: no room\nchild at the end\n"
    assert not (tmp_path / "nothing").exists()  # an empty log says nothing
    assert not (tmp_path / "within").exists()  # there is one log at a time


def test_verbose_shows_all_of_it(tmp_path: Path) -> None:
    done = in_pipe(["-c", NOISE], tmp_path, VLLM_LOGGING_LEVEL="INFO")
    for line in ("engine on descriptor 2", "a warning of a library", "ValueError: no room"):
        assert line in done.stderr
    assert "library on stdout" in done.stdout
    assert "our reason:  in None" in done.stderr  # it went to the user


def test_a_terminal_is_redirected_like_a_pipe(tmp_path: Path) -> None:
    shown = in_terminal(["-c", NOISE], tmp_path)
    assert "our result" in shown.text
    assert "our end" in shown.text
    assert not any(word in shown.text for word in ("library", "engine on", "child"))


def test_a_long_log_keeps_its_end(tmp_path: Path) -> None:
    script = """
import os
from pathlib import Path
from sfr_eval.util.output import log_kept_in, own_output
with own_output(), log_kept_in(Path("engine.log")):
    for number in range(40):
        os.write(1, b"x" * 65_536)
    os.write(1, b"the end")
"""
    assert in_pipe(["-c", script], tmp_path).returncode == 0
    kept = (tmp_path / "engine.log").read_bytes()
    assert len(kept) == 1 << 20
    assert kept.endswith(b"the end")


def test_an_error_inside_reaches_the_user(tmp_path: Path) -> None:
    script = "from sfr_eval.util.output import own_output\nwith own_output():\n    1 / 0"
    done = in_pipe(["-c", script], tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_captured_streams_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with output.own_output():
        print("of a notebook")
    assert capsys.readouterr().out == "of a notebook\n"


def test_columns_overrule_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert output.width(output.stdout(), piped=100) == 72
    monkeypatch.setenv("COLUMNS", "wide")
    with open("/dev/null", "w") as pipe:
        assert output.width(pipe, piped=100) == 100
