"""The files of a folder, and what two equal runs have in common."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Tree = Mapping[str, bytes]
"""Path below the folder -> content, without what differs between two undisturbed runs."""

OF_A_SESSION = {"last_session", "judging"}
"""Keys of the manifest that tell what a session drew or asked, and how long that took: of a run in
two sessions, the second."""
_SESSIONS = re.compile(r"(^|/)(samples|judgements)/")
_APPENDED = re.compile(rf"{_SESSIONS.pattern}|(^|/)verdicts/|(verdicts|\.votes)\.jsonl$")
_SCRATCH = re.compile(
    r"(^|/)\.[^/]*\.part$|\.part(/|$)|(^|/)\.[^/]+-[0-9a-f]{16}(/|$)"
    r"|/targets/(workers|claims)/[^/]+(/|$)|/tokenize-.+/tmp\w{8}$"
)
_STEPS = re.compile(r"/targets/[0-9a-f]{24}/build/")
_RANDOM = re.compile(r"[0-9a-f]{16}")
_OF_A_GATE = ("check.json", ".xml")
_LEFT_OUT = re.compile(r"(^|/)(\.lock|engine\.log|fingerprints\.json)$")  # by inode


def files(folder: Path) -> dict[str, bytes]:
    """Every file as it is, and each temporary folder, even an empty one, as a file without
    content."""
    found = {}
    for file in sorted(folder.rglob("*")):
        name = str(file.relative_to(folder))
        if file.is_file() and not _LEFT_OUT.search(name):
            found[name] = file.read_bytes()
        elif file.is_dir() and is_scratch(name):
            found[name] = b""
    return found


def tree(folder: Path) -> dict[str, bytes]:
    """Every file, compared by what two equal runs have in common."""
    found: dict[str, bytes] = {}
    rows: dict[str, list[bytes]] = {}
    for name, content in files(folder).items():
        if _SESSIONS.search(name):  # nobody adds to the file of a killed session
            rows.setdefault(str(Path(name).parent), []).extend(map(_row, whole_lines(content)))
        elif _APPENDED.search(name):
            rows[name] = [_row(line) for line in content.splitlines(keepends=True)]
        else:
            found[name] = common(name, content)
    # However many sessions a folder has, it has each row once.
    return found | {f"{name}: rows": b"\n".join(sorted(some)) for name, some in rows.items()}


@dataclass(frozen=True)
class State:
    """What the next command finds."""

    files: str  # a hash of all that have names of their own, without the times that a gate took
    abandoned: frozenset[str]  # folders with temporary files, and scratch folders

    def covers(self, other: "State") -> bool:
        """Whether who gets on with this state gets on with the other: it has the same files, and no
        less to be cleared away."""
        return self.files == other.files and other.abandoned <= self.abandoned


def state_of(folder: Path) -> State:
    """The state of a folder."""
    digest, abandoned = hashlib.sha256(), set()
    for name, content in files(folder).items():
        if is_scratch(name):
            abandoned.add(_place(name))
            continue
        timed = common(name, content) if name.endswith(_OF_A_GATE) else content
        digest.update(name.encode() + hashlib.sha256(timed).digest())
    return State(digest.hexdigest(), frozenset(abandoned))


def _place(name: str) -> str:
    """Where somebody has to look for a temporary file: in a folder, or for a folder of its name."""
    parts = Path(name).parts
    first = next(n for n in range(len(parts)) if is_scratch(str(Path(*parts[: n + 1], ""))))
    own = "" if parts[first].endswith(".part") else _RANDOM.sub("", parts[first])
    return str(Path(*parts[:first], own))


def whole_lines(content: bytes) -> list[bytes]:
    """The lines that end, without what a killed writer left at the end."""
    return content[: content.rfind(b"\n") + 1].splitlines()


def common(name: str, content: bytes) -> bytes:
    """A file's content without times."""
    for end, change in _CHANGES.items():
        if name.endswith(end):
            return change(content)
    return content


def is_scratch(name: str) -> bool:
    """Whether a file has a temporary name."""
    return _SCRATCH.search(name) is not None


def may_be_partial(name: str) -> bool:
    """Whether rows are added to a file, or the Trainer writes it under its own name: a checkpoint
    counts only with the file that it writes last. Or whether it is a step of a build of targets,
    which goes when these are there."""
    return any(pattern.search(name) for pattern in (_APPENDED, _STEPS)) or "/checkpoint-" in name


def _row(line: bytes) -> bytes:
    """A row without the time that a program or a judge took; what is torn is as it is."""
    try:
        row: dict[str, Any] = json.loads(line)
    except ValueError:
        return line
    kept = {key: value for key, value in row.items() if key not in _TIMES}
    return json.dumps(kept, sort_keys=True).encode()


_TIMES = {"crc", "seconds", "cpu_seconds", "waited", "wall_seconds", "waited_seconds", "retried"}
_TIMES |= {"near_limit"}


def _manifest(content: bytes) -> bytes:
    manifest = json.loads(content)
    return json.dumps({k: v for k, v in manifest.items() if k not in OF_A_SESSION}).encode()


def _judge(content: bytes) -> bytes:
    trial = json.loads(content)
    del trial["report"]["session"]  # what it asked
    return json.dumps(trial).encode()


def _without(*patterns: str) -> Callable[[bytes], bytes]:
    pattern = re.compile("|".join(patterns).encode())
    return lambda content: pattern.sub(b"", content)


_CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "manifest.json": _manifest,
    "report.html": _without(r"\n<tr><th[^>]*>(last_|judging)[^\n]*"),
    # Of a run that is being continued, it says so, and shows what was measured last.
    "compare.html": lambda content: content.replace(b"running", b"partial"),
    "comparison.json": lambda content: content.replace(b"running", b"partial"),
    "check.json": _without(r'"seconds": [^\n]*'),
    "judge.json": _judge,
    ".xml": _without(r'time="[^"]*"'),
    ".eval": lambda content: b"",  # named by random ids of its own; read by its tests
}
