"""pytest tests/security/test_hostile_names.py: whatever a received run calls things, what we print
is text: to a terminal, to the log of a CI job, to its summary, to JUnit, to a spreadsheet."""

import csv
import json
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sfr_eval import cli
from tests.security.test_hostile_text import harmless
from tests.support.compare_data import write_world_run

POISON = (
    "\n::error::pwned\r\n  ::stop-commands::t0ken\u2028::add-mask::x##[add-mask]passed ##vso[x]"
    "\x1b]8;;http://evil.example\x07click\x1b]8;;\x07\x1b[2J\x9b31m\u202e\x00 https://evil.example"
    " www.evil.example @team me@evil.example #12 [a](http://b) ![c](http://d) <img src=x> `x` |y|"
    " $z$ "
)
NAMES = {"suite", "metric", "persona", "id", "by", "group", "query"}
"""Fields that hold the parts of a run together."""
FIXED = {"version", "format", "kind", "status", "sealed", "fingerprint", "determinism", "method"}
FIXED |= {
    "unit",
    "world",
    "timestamp",
    "date",
    "signature",
    "system_role",
    "chat_template",
    "shard",
}
COMMANDS = re.compile(r"^\s*::|##\w*\[", re.MULTILINE)
OURS = re.compile(r"^::(error|warning) title=", re.MULTILINE)


def poisoned(value: Any, *, key: str = "", names: bool = False) -> Any:
    """The same JSON with POISON behind every free text, or only behind the `names`."""
    if isinstance(value, str):
        return value + POISON if (key in NAMES if names else key not in NAMES | FIXED) else value
    if isinstance(value, Mapping):
        return {name: poisoned(inner, key=name, names=names) for name, inner in value.items()}
    if isinstance(value, list):
        return [poisoned(inner, key=key, names=names) for inner in value]
    return value


def poison(run: Path, *, names: bool) -> None:
    """Rewrite what the run's files say."""
    for name in ("manifest.json", "results.json"):
        content = json.loads((run / name).read_text())
        (run / name).write_text(json.dumps(poisoned(content, names=names)))


@pytest.fixture(scope="module", params=[False, True], ids=["texts", "names"])
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("hostile")
    found = []
    for number, within in enumerate((0.0, 0.5)):
        run = folder / f"run{number}"
        dials = {"cross": 0.0, "within": within}
        write_world_run(run, dials, queries=2, families=("text", "lexical"))
        poison(run, names=request.param)
        found.append(run.rename(folder / f"run{number}\x1b]0;t\x07\n::error::folder ##[x]"))
    return found


@pytest.fixture(params=["", "true"], ids=["terminal", "actions"])
def ci(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("GITHUB_ACTIONS", request.param)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.setenv("COLUMNS", "70")
    return tmp_path


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["sfr-eval", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def assert_inert(printed: str) -> None:
    assert harmless(printed)
    assert COMMANDS.findall(OURS.sub("", printed)) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "RUN", "RUN", "--output", "OUT"],
        ["index", "TREE"],
        ["index", "TREE", "--json"],
        ["ls", "runs", "TREE"],
        ["ls", "metrics", "no\n::error::x"],
        *(
            ["export", "RUN", "--format", name, "--output", "OUT"]
            for name in ("lm-eval", "csv", "jsonl", "model-card", "chats", "noveltybench")
        ),
        ["grade", "PROGRAMS"],
        ["score", "RUN", "--metrics", "text"],
        ["report", "RUN"],
        ["run", "--model", "RUN", "--suite", "persona"],
        ["doctor", "--model", "RUN"],
        ["view", "no\n::error::x"],
    ],
    ids=" ".join,
)
def test_a_command_prints_names_as_text(
    arguments: list[str],
    runs: list[Path],
    ci: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    left = list(runs)
    shown = {"OUT": lambda: ci / "out", "TREE": lambda: runs[0].parent, "RUN": lambda: left.pop(0)}
    programs = ci / "programs.jsonl"
    programs.write_text(json.dumps({"id": POISON, "code": "1", "test_list": [POISON]}) + "\n")
    shown["PROGRAMS"] = lambda: programs
    before = set(ci.rglob("*"))
    call(monkeypatch, *(shown[word]() if word in shown else word for word in arguments))
    printed = capsys.readouterr()
    assert printed.out + printed.err
    assert_inert(printed.out)
    assert_inert(printed.err)
    assert "unexpected" not in printed.err
    for file in set(ci.rglob("*")) - before:
        assert file.resolve().is_relative_to(ci.resolve())
        assert harmless(file.name)
        if file.suffix == ".csv":
            for row in csv.reader(file.open(newline="")):
                assert not any(re.match(r"\s*[=+@]", cell) for cell in row)


def test_a_gate_writes_names_as_text(
    runs: list[Path],
    ci: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    baseline, junit, result = ci / "baseline.json", ci / "junit.xml", ci / "check.json"
    call(monkeypatch, "check", "--write-baseline", runs[0], "--baseline", baseline)
    if not baseline.exists():  # names that no baseline can hold
        assert_inert("".join(capsys.readouterr()))
        return
    content = poisoned(json.loads(baseline.read_text()))
    baseline.write_text(json.dumps(content))
    options = ["--junit", junit, "--output", result]
    call(monkeypatch, "check", "--baseline", baseline, "--candidate", runs[1], *options)
    assert_inert("".join(capsys.readouterr()))
    assert ET.parse(junit).getroot().tag == "testsuites"
    summary = (ci / "summary.md").read_text()
    assert harmless(summary)
    assert not re.search(r"https?://|www\.|(?<!\\)[@`<$]|(?<!\\)\]\(|^::", summary, re.MULTILINE)
