"""Disturbs a command at one operation after the other, and says what is wrong afterwards."""

import hashlib
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sfr_eval.store import unfinished
from tests.support.crash.client import CrashServer
from tests.support.crash.fault import KILL, NONE, SHOWN, Case, End, Fault
from tests.support.crash.points import Operation, ends
from tests.support.crash.trees import (
    State,
    common,
    files,
    is_scratch,
    may_be_partial,
    state_of,
    tree,
)
from tests.support.crash.verbs import URL, Verb, copy, write_inputs

CODES = {signal.SIGKILL: {-9}, signal.SIGTERM: {-15, 130, 143}, signal.SIGINT: {130, -2}}
MANIFEST = "manifest.json"
UNFINISHED = str(unfinished.FILE)  # is there only while files are replaced
READ = "read"


@dataclass(kw_only=True)
class Matrix:
    """A command, its undisturbed run, and the faults that are tried on it. There is one at a time
    in a scratch folder."""

    server: CrashServer
    scratch: Path
    verb: Verb
    inputs: Callable[[Path], object] = write_inputs  # writes what the commands read
    url: str = ""  # of a model's or judge's server
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._work = self.scratch / "work"  # always the same: some files name their folder
        self._before = self._prepared()
        copy(self._before, self._work)
        end = self._run(self.verb.command)
        assert end.code == self.verb.code, end.output
        self.operations = [Operation(*line.split("\t")[1:]) for line in end.operations]
        self.seconds = end.seconds
        self._truth, self._old = tree(self._work), files(self._before)
        self._new = files(self._work)
        copy(self._work, self.scratch / "after")
        self._states: list[State] = []
        self._reads: dict[Sequence[str], list[dict[str, bytes]]] = {}

    def _prepared(self) -> Path:
        """Return the folder of what has to be there before, made once for all verbs."""
        key = hashlib.sha256(repr(self.verb.before).encode()).hexdigest()[:16]
        folder = self.scratch / f"before-{key}"
        if not folder.is_dir():
            shutil.rmtree(self._work, ignore_errors=True)
            self._work.mkdir(parents=True)
            self.inputs(self._work)
            for command in self.verb.before:
                end = self._run(command)
                assert end.code == 0, end.output
            copy(self._work, folder)
        return folder

    def killed(self) -> Iterator[str]:
        """Yield what is wrong after a kill at any operation; of rows of equal ones, at the ends."""
        copy(self._before, self._work)
        end = self._run(self.verb.command, fault=SHOWN)
        assert end.code == self.verb.code, end.output
        chosen = set(ends(self.operations))
        for at, state in end.states:
            if at not in chosen:
                continue
            copy(Path(state), self._work)
            yield from (f"{self.place(at)}: {problem}" for problem in self._left(KILL))

    def place(self, at: int) -> str:
        """Return an operation as a message names it."""
        operation = self.operations[at - 1]
        return f"at {at}, {operation.name} {operation.file}"

    def problems(self, fault: Fault, at: int) -> Iterator[str]:
        """Disturb the command once, then repeat it. Yields what is wrong."""
        copy(self._before, self._work)
        end = self._run(self.verb.command, fault=fault, at=at)
        disturbed = len(end.operations) >= at
        yield from _wrong_end(end, fault, disturbed=disturbed, code=self.verb.code)
        yield from self._left(fault)

    def _left(self, fault: Fault) -> Iterator[str]:
        """Yield what is wrong with what a fault left. What the next commands do depends on the
        files alone, so they are run once for each state."""
        yield from self._half_written(fault)
        state = state_of(self._work)
        if not any(known.covers(state) for known in self._states):
            self._states.append(state)
            yield from self._read()
            yield from self._repeated()

    def _read(self) -> Iterator[str]:
        """Have other commands read what was left: either they refuse it, or what they write is what
        they write of the folder as it was, or as it should be."""
        for command in self.verb.readers:
            end, written = self._written_by(command)
            if end.code not in (0, 1, 2, 3) or not _one_line(end):
                yield f"`{' '.join(command)}` of what was left: {end.code} {end.output[-400:]}"
            elif end.code < 2 and written not in self._expected(command):
                yield f"`{' '.join(command)}` took what was left for whole"

    def _written_by(self, command: Sequence[str]) -> tuple[End, dict[str, bytes]]:
        """Return what a reader writes of the folder as it is, and take that away."""
        end = self._run(command)
        folder = self._work / READ
        written = tree(folder) if folder.is_dir() else {}
        shutil.rmtree(folder, ignore_errors=True)
        # The index shows how far each run is, which nothing else says of a killed one.
        return end, {n: content for n, content in written.items() if not n.endswith("index.html")}

    def _expected(self, command: Sequence[str]) -> list[dict[str, bytes]]:
        """Return what a reader writes of the folder before and after the undisturbed command."""
        if command not in self._reads:
            left = copy(self._work, self.scratch / "left")
            self._reads[command] = []
            for state in (self._before, self.scratch / "after"):
                copy(state, self._work)
                self._reads[command].append(self._written_by(command)[1])
            copy(left, self._work)
        return self._reads[command]

    def _repeated(self) -> Iterator[str]:
        """Repeat the command, and compare all files with those of an undisturbed run."""
        again = self._run(self.verb.command)
        if again.code != self.verb.code or not _one_line(again):
            yield f"repeated: exit code {again.code}: {again.output[-400:]}"
        for line in again.orphans:
            yield f"repeated: left a process: {line}"
        here = tree(self._work)
        for name in sorted(here.keys() | self._truth.keys()):
            if name not in self._truth:
                yield f"{name}: left for good"
            elif name not in here:
                yield f"{name}: missing after the repetition"
            elif here[name] != self._truth[name]:
                yield f"{name}: differs from an undisturbed run"

    def _half_written(self, fault: Fault) -> Iterator[str]:
        for name, content in files(self._work).items():
            if is_scratch(name):
                # A second Ctrl-C may end the removal, too.
                if fault.value not in (signal.SIGKILL, signal.SIGTERM) and fault.times == 1:
                    yield f"{name}: left by a command that could have removed it"
            elif not may_be_partial(name) and not name.endswith((MANIFEST, UNFINISHED)):
                whole = [v.get(name) for v in (self._old, self._new)]
                if common(name, content) not in [common(name, v) for v in whole if v is not None]:
                    yield f"{name}: neither as before nor as it should be"

    def _run(self, command: Sequence[str], *, fault: Fault = NONE, at: int = 0) -> End:
        environment = {"SFR_EVAL_CACHE": str(self._work / "cache"), **self.environment}
        return self.server.run(
            Case(
                arguments=tuple(word.replace(URL, self.url) for word in command),
                folder=self._work,
                fault=fault,
                at=at,
                environment=environment,
            )
        )


def _wrong_end(end: End, fault: Fault, *, disturbed: bool, code: int) -> Iterator[str]:
    """Yield what is wrong with how a disturbed command ended."""
    for line in end.orphans:
        yield f"left a process: {line}"
    # At the very end a signal comes too late; an error of the cache costs time only.
    good = {code} | (CODES[signal.Signals(fault.value)] if fault.kills else {3})
    if disturbed and end.code not in good:
        yield f"exit code {end.code}: {end.output[-400:]}"
    if not _one_line(end):
        yield f"not one line: {end.output[-800:]}"
    if disturbed and not fault.kills and end.code == 3 and "unexpected" in end.output:
        yield f"unnamed: {end.output[-400:]}"


def _one_line(end: End) -> bool:
    return "Traceback" not in end.output and "(unexpected" not in end.output
