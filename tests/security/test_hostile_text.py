"""pytest tests/security/test_hostile_text.py: text of others on a terminal and in a spreadsheet."""

import csv
import io
import json
import re
import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval import cli
from sfr_eval.formats.write.tables import _csv
from sfr_eval.report.figures import to_csv
from sfr_eval.util.progress import Bar, log, say
from sfr_eval.util.terminal import print_json, print_table
from sfr_eval.util.untrusted import clean, clean_json, file_name, spreadsheet_row

ATTACKS = {
    "colour": "\x1b[31mred",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "clear": "\x1b[2J\x1b[H",
    "c1": "\x9b31m",
    "back": "safe\x08\x08\x08\x08evil",
    "return": "evil\rgood",
    "turned": "\u202egnp.exe",
    "isolate": "\u2066\u2069",
    "lone": "half \ud800 pair",
    "delete": "\x7f",
    "noncharacter": "\ufffe \uffff",
}


def harmless(text: str) -> bool:
    """No control character but line feed and tab, no half character, nothing that ends a line or
    turns the direction of writing."""
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return not any(
        (unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c not in "\n\t")
        or unicodedata.bidirectional(c) in turning
        for c in text
    )


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_shown_and_not_obeyed(attack: str) -> None:
    shown = clean(attack)
    assert harmless(shown)
    assert "\\x" in shown or "\\u" in shown
    shown.encode()  # a lone surrogate would end the program when it is printed


@given(st.text())
def test_cleaning_is_idempotent_and_keeps_ordinary_text(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert harmless(clean(text + "\x1b[0m"))


@pytest.mark.parametrize("text", ["Grüße, 世界", "a\n\tb", "naïve — “quoted”", "👩‍🚀 ok"])
def test_ordinary_text_of_any_language_is_left_alone(text: str) -> None:
    assert clean(text) == text


@given(st.dictionaries(st.text(), st.text()))
def test_cleaned_json_is_the_same_value(value: dict[str, str]) -> None:
    shown = clean_json(json.dumps(value, ensure_ascii=False, indent=1))
    assert json.loads(shown) == value
    assert harmless(shown)


@pytest.mark.parametrize("speak", [say, log])
def test_what_a_line_quotes_cannot_begin_a_line_of_its_own(
    speak: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    speak("model \x1b[2Jx\nreport: /all/is/well\r\nsfr-eval: done\u2028end")
    out, err = capsys.readouterr()
    assert (out + err).count("\n") == 1
    assert harmless(out + err)


def test_tables_and_json_are_clean(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "".join(ATTACKS.values())
    print_table(hostile, [hostile, "b"], [[hostile, "[red]x[/red]"]])
    print_json({"text": hostile})
    out = capsys.readouterr().out
    assert harmless(out)
    assert "[red]x[/red]" in out  # no markup either


def test_the_title_of_a_bar_is_text_and_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with Bar("judging by [/x]\x1b]0;owned\x07", 3, unit="votes") as bar:
        bar.update(3)
    assert "[/x]" in stream.getvalue()
    assert "\x1b]0;" not in stream.getvalue()


def test_errors_that_quote_a_name_are_clean(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (
        ["run", "--model", "world", "--suite", "x\x1b[31m"],
        ["score", "no\x1b[31mfile\udcff"],
        ["run", "--model", "./a\x1b]0;t\x07", "--suite", "persona"],
    ):
        monkeypatch.setattr(sys, "argv", ["sfr-eval", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 2
        err = capsys.readouterr().err
        assert harmless(err)
        assert err.count("\n") == 1


COMMANDS = ("::error::x", "  ::add-mask::x", "\t::set-output name=a::b", "a ##[group]b")
COMMANDS += ("##vso[task.complete]", "x ##teamcity[message]", "###[error]y")


def is_command(line: str) -> bool:
    """What the runners of GitHub and Azure obey, and TeamCity."""
    return line.strip().startswith("::") or bool(re.search(r"##\w*\[", line))


@pytest.mark.parametrize("command", COMMANDS)
def test_no_line_is_a_command_to_a_ci_service(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_command(command)
    monkeypatch.setenv("COLUMNS", "24")
    say(command)
    log(f"one\n{command}")
    print_table(f"title\n{command}", ["a", "b"], [[f"x\n{command}", "y" * 30 + command]])
    print_json({"a": command})
    out, err = capsys.readouterr()
    assert not any(map(is_command, (out + err).splitlines()))
    assert not any(map(is_command, clean(f"one\n{command}\n{command}").splitlines()))


@pytest.mark.parametrize("width", range(12, 30))
def test_a_folded_cell_begins_no_command(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_table("t", ["a", "b"], [["std::error::x" * 5, "yes"]])
    assert not any(map(is_command, capsys.readouterr().out.splitlines()))


@pytest.mark.parametrize("text", ["std::vector<int>", "a ::b", "# [x]", "##", "C# [1]", "## Head"])
def test_colons_and_hashes_of_ordinary_text_stay(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    "name",
    [
        *(
            "..",
            ".",
            "",
            "...",
            " ",
            "a/b",
            "../../x",
            "a\\b",
            "/etc",
            "\x1b[2J",
            "a\nb",
            "\u202ex",
        ),
        *("\ud800", "x" * 5_000, "\u4e16" * 200, "C:", "a\0b", "\x9b31m"),
    ],
)
def test_a_name_is_one_part_of_a_path(name: str, tmp_path: Path) -> None:
    safe = file_name(name)
    file = tmp_path / safe
    file.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == [safe]
    assert harmless(safe)


@pytest.mark.parametrize(
    "name", ["org__name", "Qwen3-0.6B", "gpt-4.1", "\u4e16\u754c", ".hidden", "a b"]
)
def test_an_ordinary_name_of_a_file_stays(name: str) -> None:
    assert file_name(name) == name


@dataclass
class Cell:
    text: str


@pytest.mark.parametrize(
    "text",
    [
        *("=1+1", "+1", "-1+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", '=HYPERLINK("http://evil")'),
        *("\n=1", "\r\n=1", " \u00a0=1", "\ufeff=1", "\u200b@x", "\uff1d1+1", "\n", "\x0b+1"),
    ],
)
def test_text_that_a_spreadsheet_would_run_is_quoted(text: str) -> None:
    assert spreadsheet_row({"cell": text})["cell"] == f"'{text}"
    (row,) = csv.DictReader(io.StringIO(to_csv([{"text": text, "value": -1.5}]).decode()))
    assert row["text"] == f"'{text}"
    assert float(row["value"]) == -1.5  # a number stays one
    (row,) = csv.DictReader(io.StringIO(_csv(Cell, [Cell(text)])))  # of `export`
    assert row["text"] == f"'{text}"


@given(st.text(alphabet=st.characters(categories=["L", "N", "Zs"]), min_size=1))
def test_other_text_in_a_spreadsheet_is_left_alone(text: str) -> None:
    assert spreadsheet_row({"cell": text})["cell"] == text
