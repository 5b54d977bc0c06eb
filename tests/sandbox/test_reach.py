"""pytest tests/sandbox/test_reach.py -- programs change no file or process of the host."""

import contextlib
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sfr_eval.sandbox.inside import confine
from sfr_eval.sandbox.isolation import Tier
from sfr_eval.sandbox.types import AssertsProblem, IoTest, Limits, Problem, Program, StdinProblem
from tests.support.attack_programs import RIGHT
from tests.support.reach_programs import CHANGES, SIGNALS, TRACES
from tests.support.tiers import ORDINARY, ROOT, graded_in, needs_other_users

TIERS: list[Tier] = ["bubblewrap", "namespaces", "landlock"]
ASSERTS = AssertsProblem(id="asserts", asserts=("assert f(1) == 2",))
STDIN = StdinProblem(id="stdin", tests=(IoTest(input="1\n", output="2"),))
NOBODY = 65534
LIMITS = Limits(seconds=2.0)


@dataclass(frozen=True)
class Target:
    """What the grader's user owns: a file, a process, a socket."""

    private: Path
    process: subprocess.Popen[bytes]
    listener: socket.socket

    def filled(self, code: str) -> str:
        places = {
            "{private}": str(self.private),
            "{folder}": str(self.private.parent),
            "{pid}": str(self.process.pid),
            "{socket}": str(self.listener.getsockname()),
        }
        for name, place in places.items():
            code = code.replace(name, place)
        return code

    def state(self) -> object:
        """Returns everything that a program might have changed."""
        facts = [
            (s.st_mode, s.st_uid, s.st_gid, s.st_mtime, s.st_size)
            for s in (self.private.stat(), self.private.parent.stat(), Path(os.__file__).stat())
        ]
        pid = self.process.pid
        limits = Path(f"/proc/{pid}/limits").read_text()
        stopped = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "TZ"
        attributes = os.listxattr(self.private)
        return facts, limits, os.sched_getaffinity(pid), stopped, attributes


@contextlib.contextmanager
def target_of(user: int, folder: Path) -> Iterator[Target]:
    """Makes such a target of this user below a folder that everybody can enter."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    private = folder / "private"
    private.write_text("secret")
    private.chmod(0o600)
    with contextlib.suppress(OSError):
        os.setxattr(private, "user.kept", b"1")
    os.chown(private, user, user)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(folder / "socket"))
    listener.setblocking(False)
    (folder / "socket").chmod(stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO)
    os.chown(folder, user, user)
    process = subprocess.Popen(["/bin/sleep", "1000"], user=user, group=user, extra_groups=[])
    try:
        yield Target(private=private, process=process, listener=listener)
    finally:
        process.kill()
        process.wait()
        listener.close()
        shutil.rmtree(folder)


@pytest.fixture
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place outside /tmp, which the tiers with namespaces hide anyway."""
    needs_other_users()
    return Path(f"/var/tmp/sfr-reach-{os.getpid()}")


@pytest.mark.parametrize("user", [0, ORDINARY])
@pytest.mark.parametrize("tier", TIERS)
def test_no_program_changes_anything_of_the_host(tier: Tier, user: int, hidden: Path) -> None:
    with target_of(user or NOBODY, hidden) as target:  # root's programs run as nobody
        before = target.state()
        programs = [
            program
            for name, code in CHANGES.items()
            for program in (
                Program(id=name, code=target.filled(code), problem=ASSERTS),
                Program(id=f"after {name}", code=RIGHT, problem=ASSERTS),
            )
        ]
        verdicts = graded_in(tier, programs, user=user, limits=LIMITS)
        assert [name for name in CHANGES if verdicts[name].status != "wrong"] == []
        assert [name for name in CHANGES if not verdicts[f"after {name}"].passed] == []
        assert target.state() == before
        with pytest.raises(BlockingIOError):
            target.listener.recv(1)


@pytest.mark.parametrize("tier", TIERS)
def test_no_trace_is_left_for_the_next_program(tier: Tier) -> None:
    needs_other_users()
    programs = [
        Program(id=f"{name} {place}", code=code, problem=ASSERTS)
        for name, pair in TRACES.items()
        for place, code in enumerate(pair)
    ]
    verdicts = graded_in(tier, programs, limits=LIMITS)
    assert [name for name, verdict in verdicts.items() if verdict.passed] == []


@pytest.fixture
def old_landlock(tmp_path: Path) -> Iterator[Path]:
    """A copy of what runs in the sandbox that takes the kernel for one without signal scope."""
    folder = Path(f"/var/tmp/sfr-inside-{os.getpid()}")
    shutil.copytree(ROOT / "sfr_eval/sandbox/inside", folder)
    file = folder / "confine.py"
    text = file.read_text()
    ours = "return _call(number, _ZERO, _ZERO, ctypes.c_uint(1))"
    assert ours in text
    file.write_text(text.replace(ours, ours.replace("_call(", "min(4, _call(") + ")"))
    yield folder
    shutil.rmtree(folder)


def signal_programs(problem: Problem, right: str) -> list[Program]:
    wrong = "def f(x): return 0"
    return [
        program
        for name, code in SIGNALS.items()
        for program in (
            Program(id=f"{problem.id} {name}", code=code + wrong, problem=problem),
            Program(id=f"{problem.id} after {name}", code=right, problem=problem),
        )
    ]


@pytest.mark.parametrize("tier", ["bubblewrap", "namespaces"])
def test_a_signal_to_the_group_reaches_no_server(tier: Tier, old_landlock: Path) -> None:
    needs_other_users()
    if confine.landlock_abi() < 1:
        pytest.skip("the kernel has no Landlock")
    programs = signal_programs(ASSERTS, RIGHT) + signal_programs(STDIN, "print(2)")
    limits = Limits(seconds=1.0)
    verdicts = graded_in(tier, programs, limits=limits, inside=old_landlock)
    for name, verdict in verdicts.items():
        assert verdict.passed is ("after" in name), (name, verdict)
        assert verdict.status != "not_scored", (name, verdict)


def test_a_server_never_runs_programs_as_root() -> None:
    """Whatever the grader decides: the server itself refuses."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    code = (
        "from sfr_eval.sandbox import host, isolation\n"
        "isolation._NOBODY = 0\n"
        "try: host.Host('landlock')\n"
        "except host.HostError as error: print(error)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert process.stdout == "programs would run as root\n", process.stderr
