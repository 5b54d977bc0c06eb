"""pytest tests/util/test_terminal.py"""

import pytest
from rich.cells import cell_len
from rich.text import Text

from sfr_eval.util.terminal import (
    Column,
    fitting_table,
    print_rich,
    sentence_lines,
    wrapped,
)

COLUMNS = [
    Column(title="metric", cells=["style", "  style_accuracy"], styles={0: "bold"}),
    Column(title="T=0.2", cells=["", "0.9"], rank=2, right=True),
    Column(title="T=1", cells=["", "0.70 ± 0.02"]),
    Column(title="difference", cells=["", "-0.041 [-0.07, -0.01]"], rank=1),
]


def lines(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    print_rich([fitting_table(COLUMNS, width=width)])
    return capsys.readouterr().out.splitlines()


def test_columns_without_room_are_left_out_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lines(80, capsys, monkeypatch) == [
        "metric            T=0.2  T=1          difference",
        "style",
        "  style_accuracy    0.9  0.70 ± 0.02  -0.041 [-0.07, -0.01]",
    ]
    assert lines(58, capsys, monkeypatch)[2].startswith("  style_accuracy   0.9 0.70")
    assert lines(54, capsys, monkeypatch)[0] == "metric            T=1          difference"
    assert lines(30, capsys, monkeypatch) == [
        "metric            T=1",
        "style",
        "  style_accuracy  0.70 ± 0.02",
    ]
    assert max(map(len, lines(12, capsys, monkeypatch))) <= 12  # what is left folds


@pytest.mark.parametrize("width", range(10, 90, 7))
def test_no_line_is_wider_than_the_terminal(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert max(map(len, lines(width, capsys, monkeypatch))) <= width


def test_a_sentence_in_a_pipe_stays_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    sentence = "many words " * 30 + "[red]:smile:[/red]"
    print_rich([Text(sentence)], piped=80)
    assert capsys.readouterr().out == sentence + "\n"
    monkeypatch.setenv("COLUMNS", "40")
    print_rich([Text(sentence)], piped=80)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 40


def test_a_wrapped_sentence_by_hand() -> None:
    assert wrapped("  one two three", width=9) == ["  one two", "    three"]
    assert wrapped("", width=9) == []
    assert wrapped("a runs/a-long-folder b", width=9) == ["a", "    runs/a-long-folder", "    b"]


@pytest.mark.parametrize("width", [20, 33, 80])
@pytest.mark.parametrize("word", ["noise", "w\u00f6rter", "\u4e2d\u6587\u6a21\u578b"])
def test_wrapping_loses_no_word(width: int, word: str) -> None:
    text = f"warning: {word} " * 40 + "end"
    lines = wrapped(text, width=width)
    assert " ".join(" ".join(lines).split()) == text
    assert max(map(cell_len, lines)) <= width


def test_no_wrapped_line_is_a_command_to_a_ci_service() -> None:
    lines = wrapped("a name of 20 letters ::error::no ##[group]no", width=21)
    assert len(lines) == 3
    assert not any(line.lstrip().startswith(("::", "##[")) for line in lines)


def test_a_sentence_is_wrapped_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = "many words " * 30 + "end"
    monkeypatch.delenv("COLUMNS", raising=False)
    assert sentence_lines(sentence) == [sentence]
    monkeypatch.setenv("COLUMNS", "40")
    assert max(map(len, sentence_lines(sentence))) <= 40
