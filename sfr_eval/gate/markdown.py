"""A gate as Markdown, for the summary page of a CI job."""

import re

from sfr_eval.gate.outcome import GateResult, GateRow
from sfr_eval.report.numbers import number
from sfr_eval.util.untrusted import clean

_ORDER = {"fail": 0, "error": 1, "unverified": 2, "skipped": 3, "pass": 4}
_SIGNS = {
    "fail": "❌ fail",
    "error": "⚠️ error",
    "unverified": "⚠️ unverified",
    "skipped": "⚪ skipped",
    "pass": "✅ pass",
}
_HEADS = {"passed": "✅", "failed": "❌", "incomplete": "⚠️", "invalid": "⚠️"}
_MARKUP = re.compile(r"[\\`*_{}\[\]<>#|~!&@$]|(?<=:)/|(?<=www)\.")
_HEADER = (
    "| verdict | suite | metric | baseline | candidate | difference [95 %] | tolerance | p | n "
    "| smallest detectable | why |"
)


def markdown(gate: GateResult, *, limit: int = 1_000_000) -> str:
    """Return the gate in at most `limit` bytes. Rows that do not fit are cut from the table, passes
    first, and counted; the verdict is always shown."""
    head = [
        f"## {_HEADS[gate.verdict]} sfr-eval {_cell(gate.line)}",
        "",
        f"Baseline {_cell(gate.baseline.name or gate.baseline.file)}, candidate "
        f"{_cell(gate.candidate.name or gate.candidate.file)}.",
        "",
    ]
    head += [f"- {_cell(line)}" for line in gate.warnings] + [""] * bool(gate.warnings)
    if not gate.rows:
        return "\n".join(head)
    head += [_HEADER, "|" + " --- |" * (_HEADER.count("|") - 1)]
    rows = [_row(row) for row in sorted(gate.rows, key=lambda row: _ORDER[row.verdict])]
    tail = "\n{} more rows are in check.json.\n"
    size = len("\n".join(head).encode()) + len(tail) + 20
    shown = []
    for row in rows:
        size += len(row.encode()) + 1
        if size > limit:
            break
        shown.append(row)
    text = "\n".join([*head, *shown]) + "\n"
    return text if len(shown) == len(rows) else text + tail.format(len(rows) - len(shown))


def _row(row: GateRow) -> str:
    cells = (
        _SIGNS[row.verdict],
        row.suite,
        row.name,
        number(row.baseline, ".4g"),
        number(row.candidate, ".4g"),
        row.difference.text("+.3g"),
        f"{row.tolerance:g}",
        number(row.p_adjusted),
        str(row.n),
        number(row.minimum_detectable, ".2g"),
        row.reason,
    )
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    """Return text that stays inside its cell and is not read as markup, an address or a mention:
    names come from other people's files."""
    one_line = " ".join(clean(text).split())
    escaped = _MARKUP.sub(_escape, one_line)
    return escaped.replace("\\<", "&lt;").replace("\\>", "&gt;")


def _escape(match: re.Match[str]) -> str:
    text = match[0]
    # GitHub looks for mentions and addresses of mail in the text that is left of escapes.
    return f"\\{text}" + ("\u2060" if text in "@#" else "")
