"""A gate in GitHub Actions: the step summary and annotations."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from sfr_eval.gate.markdown import markdown
from sfr_eval.gate.outcome import GateResult, GateRow
from sfr_eval.util.files import writing_to
from sfr_eval.util.untrusted import clean

SUMMARY_BYTES = 1024 * 1024
"""Above this, GitHub drops the whole summary of a step, so the table is cut and not the file."""

SHOWN = 10
"""Annotations of one kind that GitHub shows for a step; the last one counts the rest."""

_ROOM = 4096
"""With less room than this, the summary is left as it is."""


def append_summary(gate: GateResult, environment: Mapping[str, str]) -> Path | None:
    """Append to the file named by GITHUB_STEP_SUMMARY and return it; None if unset or full."""
    name = environment.get("GITHUB_STEP_SUMMARY")
    if not name:
        return None
    file = Path(name)
    with writing_to(file.parent):
        used = file.stat().st_size if file.exists() else 0
        room = SUMMARY_BYTES - used - 2
        if room < _ROOM:
            return None
        with file.open("a", encoding="utf-8") as stream:
            stream.write(("\n" if used else "") + markdown(gate, limit=room) + "\n")
    return file


def annotations(gate: GateResult, environment: Mapping[str, str]) -> list[str]:
    """Return workflow commands for the log, only under GITHUB_ACTIONS=true: an error for each suite
    that failed or could not be computed, a warning for each with skipped rows."""
    if environment.get("GITHUB_ACTIONS") != "true":
        return []
    if not gate.rows:
        return [_command("error", "sfr-eval check", gate.line)] if gate.exit_code else []
    return [
        *_limited("error", _lines(gate, "fail", "error", "unverified")),
        *_limited("warning", _lines(gate, "skipped")),
    ]


def _lines(gate: GateResult, *verdicts: str) -> Iterator[tuple[str, str]]:
    """Yield (suite, message)."""
    for suite in dict.fromkeys(row.suite for row in gate.rows):
        rows = [row for row in gate.rows if row.suite == suite and row.verdict in verdicts]
        if rows:
            yield suite, _message(rows)


def _message(rows: list[GateRow]) -> str:
    shown = "; ".join(row.line for row in rows[:5])
    return shown + (f"; and {len(rows) - 5} more" if len(rows) > 5 else "")


def _limited(kind: str, lines: Iterator[tuple[str, str]]) -> Iterator[str]:
    suites = list(lines)
    shown = suites if len(suites) <= SHOWN else suites[: SHOWN - 1]
    for suite, message in shown:
        yield _command(kind, f"sfr-eval {suite}", message)
    if len(shown) < len(suites):
        yield _command(kind, "sfr-eval", f"and {len(suites) - len(shown)} more suites")


def _command(kind: str, title: str, message: str) -> str:
    return f"::{kind} title={_escape(title, more=':,')}::{_escape(message)}"


def _escape(text: str, *, more: str = "") -> str:
    """Return text that ends neither the line nor, in a property, the property."""
    text = clean(text).replace("%", "%25").replace("\n", "%0A")
    for character in more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
