"""pytest tests/report/test_terminal.py: a run on the terminal."""

import re
from pathlib import Path

import pytest

from sfr_eval.report.scoreboard import scoreboard
from sfr_eval.report.terminal import log_verdict, show_run
from sfr_eval.report.verdict import finding
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import read_suites
from sfr_eval.store.run_folder import RunFolder
from tests.support.report_data import write_run
from tests.support.terminal import ESCAPES, in_pipe, in_terminal

SHOW = (
    "from pathlib import Path; from sfr_eval.report.terminal import show_run; show_run(Path('run'))"
)
RUN = [
    *("-m", "sfr_eval", "run", "--model", "world:cross=0.3", "--suite", "persona", "--limit", "6"),
    *("--samples", "4", "--temperatures", "0.5,1,1.5", "--metrics", "text,lexical,quality"),
    *("--output", "run"),
]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = write_run(tmp_path / "run")
    manifest = Manifest.load(folder.path).model_copy(update={"status": "partial"})  # warned of
    with folder:
        folder.write_manifest(manifest)
    return folder


def shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    show_run(folder)
    return capsys.readouterr().out.splitlines()


def test_verdict_then_warnings_then_the_table(
    run: RunFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    (suite,) = read_suites(Manifest.load(run.path), run.read_results())
    lines = shown(run.path, capsys)
    assert lines[0] == f"{suite.id}: {finding(suite).headline}."
    warned = [n for n, line in enumerate(lines) if line.startswith("  warning: ")]
    (head,) = [n for n, line in enumerate(lines) if line.startswith("metric ")]
    assert warned
    assert max(warned) < head
    groups = [
        line for line in lines[head + 1 :] if line in ("variety", "style", "quality", "facts")
    ]
    assert groups == ["variety", "style", "quality", "facts"]


def test_the_numbers_are_those_of_the_scoreboard(
    run: RunFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    (suite,) = read_suites(Manifest.load(run.path), run.read_results())
    lines = shown(run.path, capsys)
    cards = scoreboard(suite, temperature=finding(suite).temperature).cards
    assert cards
    for card in cards:
        (row,) = [line for line in lines if line.strip().startswith(f"{card.metric} ")]
        assert card.text in row
        assert all(delta.text in row for delta in card.differences[:1])


def test_the_personas_at_both_ends_are_named(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    (suite,) = read_suites(Manifest.load(run.path), run.read_results())
    said = finding(suite).temperature
    values = {p: e.value for p in suite.personas if (e := suite.at("style_accuracy", said, p))}
    line = " ".join(line for line in shown(run.path, capsys) if line.startswith("persona by style"))
    if len(set(values.values())) > 1:
        best = max(values, key=lambda p: values[p] or 0)
        assert f"strongest {suite.personas[best]} " in line
    else:
        assert line == ""


def test_with_json_the_verdict_goes_to_stderr(
    run: RunFolder, capfd: pytest.CaptureFixture[str]
) -> None:
    log_verdict(run.path)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines()[0].endswith(".")


@pytest.mark.parametrize("columns", [60, 80, 132])
def test_no_line_is_wider_than_the_terminal(run: RunFolder, columns: int) -> None:
    screen = in_terminal(["-c", SHOW], run.path.parent, columns=columns)
    assert screen.code == 0
    assert max(map(len, screen.lines)) <= columns
    assert "embed_distance" in screen.text


def test_colour_is_for_terminals_alone(run: RunFolder) -> None:
    folder = run.path.parent
    assert re.search(r"\x1b\[[0-9;]*3[1-3]m", in_terminal(["-c", SHOW], folder).raw)
    for changes in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert not re.search(
            r"\x1b\[[0-9;]*3[0-7]m", in_terminal(["-c", SHOW], folder, **changes).raw
        )
    assert not ESCAPES.search(in_pipe(["-c", SHOW], folder).stdout)


def test_a_pipe_has_the_same_table_in_80_columns(run: RunFolder) -> None:
    piped = in_pipe(["-c", SHOW], run.path.parent, COLUMNS="80").stdout
    screen = in_terminal(["-c", SHOW], run.path.parent)
    assert piped.splitlines() == [line.rstrip() for line in screen.lines]


def test_a_run_ends_with_its_path_and_draws_a_bar(tmp_path: Path) -> None:
    screen = in_terminal(RUN, tmp_path, NO_COLOR="1")
    assert screen.code == 0
    assert screen.text.splitlines()[-1].endswith("report.html")
    assert "━" in screen.text  # the bar, which NO_COLOR leaves
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", screen.raw)
    assert "648/648" in screen.text or "sampling" in screen.text


def test_a_dumb_terminal_gets_lines(tmp_path: Path) -> None:
    screen = in_terminal(RUN, tmp_path, TERM="dumb")
    assert screen.code == 0
    assert "━" not in screen.text
    assert "sampling: 648/648" in screen.text


@pytest.mark.parametrize("columns", [None, 60, 120])
def test_every_warning_is_said_whole(
    run: RunFolder,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int | None,
) -> None:
    """However many there are: they are why a number may not be what it seems."""
    many = [f"{'words of a long warning, ' * 12}which is number {number}." for number in range(12)]
    monkeypatch.setattr("sfr_eval.report.terminal.warnings", lambda *_: many)
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", str(columns))
    lines = shown(run.path, capsys)
    text = " ".join(" ".join(lines).split())
    assert [f"warning: {line}" in text for line in many] == [True] * 12
    assert "in the report" not in text
    assert columns is None or max(map(len, lines)) <= columns
