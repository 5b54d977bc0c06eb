"""pytest tests/sandbox/test_attacks.py -- wrong programs that try to pass, to stay, or to do harm.

Every one must fail, end in time and leave neither file nor process, and a right program that the
same server grades after it must still pass.
"""

import ctypes
import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sfr_eval.sandbox.detect import detect
from sfr_eval.sandbox.grade import grade
from sfr_eval.sandbox.isolation import ENVIRONMENT
from sfr_eval.sandbox.types import (
    AssertsProblem,
    FunctionalProblem,
    IoTest,
    Limits,
    Mode,
    Program,
    StdinProblem,
    Verdict,
)
from tests.support.attack_programs import ATTACKS, RIGHT

SECONDS = 2.0
DEADLINE = 2 * (25 * SECONDS + 1) + 3


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Something to steal, somewhere to write, a port to reach."""
    folder = tmp_path_factory.mktemp("host")
    private = folder / "private"
    private.write_text("secret")
    listener = socket.create_server(("127.0.0.1", 0))
    return {
        "marker": str(folder / "marker"),
        "private": str(private),
        "port": str(listener.getsockname()[1]),
        "keep": listener.fileno() and "",
    }


def filled(code: str, places: dict[str, str]) -> str:
    for name in ("marker", "private", "port"):
        code = code.replace("{" + name + "}", places[name])
    return code.replace("{{", "{").replace("}}", "}")


@pytest.fixture(scope="module", autouse=True)
def adoption() -> Iterator[None]:
    """What our servers leave behind becomes a child of this process, not of the machine's first."""
    libc = ctypes.CDLL(None)
    assert libc.prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER
    yield
    libc.prctl(36, 0, 0, 0, 0)


def processes() -> set[str]:
    """Returns the processes of our servers, which their command lines tell apart. Another grader on
    this machine has its own."""
    parents, servers = {}, set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                line = (folder / "cmdline").read_bytes()
                parents[folder.name] = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if b"inside.server" in line:
                servers.add(folder.name)
    return {server for server in servers if str(os.getpid()) in ancestors(server, parents)}


def ancestors(process: str, parents: dict[str, str]) -> Iterator[str]:
    while process in parents:
        process = parents[process]
        yield process


KINDS = [
    pytest.param("asserts", marks=pytest.mark.slow),
    pytest.param("lcb-compat", marks=pytest.mark.slow),
    "faithful",
]


def mode_of(kind: str) -> Mode:
    return "lcb-compat" if kind == "lcb-compat" else "faithful"


def attacks(kind: str, surroundings: dict[str, str]) -> list[Program]:
    """Returns every attack, each followed by a right program."""
    tests = (IoTest(input="4241", output="4242"),)
    problem = (
        AssertsProblem(id="p", asserts=("assert f(4241) == 4242",))
        if kind == "asserts"
        else FunctionalProblem(id="p", function="f", tests=tests)
    )
    programs: list[Program] = []
    for name, code in ATTACKS.items():
        programs.append(Program(id=name, code=filled(code, surroundings), problem=problem))
        programs.append(Program(id=f"after {name}", code=RIGHT, problem=problem))
    return programs


def check_all_failed(verdicts: dict[str, Verdict], surroundings: dict[str, str]) -> None:
    """No attack passed, changed the verdict of the next program, or left a file outside."""
    passed = [name for name in ATTACKS if verdicts[name].passed]
    broken = [name for name in ATTACKS if not verdicts[f"after {name}"].passed]
    unscored = [name for name in ATTACKS if verdicts[name].status == "not_scored"]
    assert (passed, broken, unscored) == ([], [], [])
    # lcb-compat has one alarm for loading and one for the test; a starved program gets 25
    # times as long.
    assert max(v.wall_seconds for v in verdicts.values()) < DEADLINE
    assert not Path(surroundings["marker"]).exists()


def temporary_folders() -> set[str]:
    return {name for name in os.listdir("/tmp") if name.startswith("sfr-eval-")}


@pytest.mark.parametrize("kind", KINDS)
def test_no_attack_succeeds(kind: str, surroundings: dict[str, str]) -> None:
    files, servers = temporary_folders(), processes()
    started = time.monotonic()
    limits = Limits(seconds=SECONDS)
    programs = attacks(kind, surroundings)
    verdicts = grade(programs, mode=mode_of(kind), workers=1, limits=limits)
    check_all_failed({v.id: v for v in verdicts}, surroundings)
    assert time.monotonic() - started < len(ATTACKS) * DEADLINE
    assert temporary_folders() <= files
    assert processes() <= servers


LEAVES_FILES = """
import os
def f(x):
    try:
        os.makedirs('/tmp/a/b')
        open('/tmp/a/b/c', 'w').close()
        open(b'/tmp/\\xff\\n', 'w').close()
        os.symlink('/usr', '/tmp/link')
        os.symlink('/usr', '/tmp/a/link')
        os.mkfifo('/tmp/fifo')
        os.chmod('/tmp/a/b', 0)
        os.chmod('/tmp/a', 0)
        os.chdir('/tmp')
        for place in range(2000):
            os.mkdir('d')
            os.chdir('d')
        os.chmod('/tmp', 0)
    except OSError:
        return 0
    return x + 1
"""
FINDS_NOTHING = """
import os
def f(x):
    facts = os.stat('/tmp')
    clean = os.listdir('/tmp') == [] == os.listdir('.') and facts.st_mode & 0o777 == 0o777
    return x + 1 if clean and os.path.isdir('/usr/lib') else 0
"""


def test_nothing_is_left_for_the_servers_next_program() -> None:
    tests = (IoTest(input="1", output="2"),)
    problems = (
        AssertsProblem(id="p", asserts=("assert f(1) == 2",)),
        FunctionalProblem(id="p", function="f", tests=tests * 2),
    )
    programs = [
        Program(id=f"{name} {number}", code=code, problem=problem)
        for problem in problems
        for number, (name, code) in enumerate(
            [("leaves", LEAVES_FILES), ("finds", FINDS_NOTHING)] * 3
        )
    ]
    for verdict in grade(programs, workers=1):
        assert verdict.passed, (verdict.id, verdict.status, verdict.detail)


THIEVES = {
    "frames": "import re, sys\ndef f(x):\n    fr = sys._getframe()\n    while fr:\n"
    "        m = re.search('needle-[0-9]+', repr(fr.f_locals) + repr(fr.f_code.co_consts))\n"
    "        if m: return m[0]\n        fr = fr.f_back",
    "collector": "import re, gc\ndef f(x):\n    for o in gc.get_objects():\n        try:\n"
    "            m = re.search('needle-[0-9]+', repr(o)[:9999])\n"
    "            if m: return m[0]\n        except Exception: pass",
}


@pytest.mark.parametrize("mode", ["lcb-compat", "faithful"])
def test_expected_values_are_not_in_the_sandbox(mode: Mode) -> None:
    right = '"needle-2718"'
    problems = (
        AssertsProblem(id="p", asserts=(f"assert f(1) == {right}",)),
        FunctionalProblem(id="p", function="f", tests=(IoTest(input="1", output=right),)),
    )
    programs = [
        Program(id=name, code=code, problem=problem)
        for name, code in THIEVES.items()
        for problem in problems
    ]
    assert [v.status for v in grade(programs, mode=mode, workers=1)] == ["wrong"] * 4


def test_no_server_is_left_behind() -> None:
    before = processes()
    problem = AssertsProblem(id="p", asserts=("assert f(1) == 2",))
    assert [v.passed for v in grade([Program(id="a", code=RIGHT, problem=problem)])] == [True]
    assert processes() <= before


def stdin_verdict(code: str, mode: Mode) -> Verdict:
    problem = StdinProblem(id="p", tests=(IoTest(input="1\n", output="2"),))
    limits = Limits(seconds=SECONDS)
    program = Program(id="a", code=code, problem=problem)
    return next(iter(grade([program], mode=mode, workers=1, limits=limits)))


@pytest.mark.parametrize("mode", ["lcb-compat", "faithful"])
def test_statuses_of_standard_input_programs(mode: Mode) -> None:
    assert stdin_verdict("x = bytearray(6 * 2**30)\nprint(2)", mode).status == "memory"
    endless = stdin_verdict("while True: pass", mode)
    assert endless.status == "time_limit" or "too busy" in endless.detail
    assert stdin_verdict("print('x' * 300_000_000)", mode).status in ("output_limit", "time_limit")
    assert stdin_verdict("import os\nos.abort()", mode).status == "runtime_error"
    assert stdin_verdict("print(3)", mode).status == "wrong"


def test_the_secrets_of_the_environment_do_not_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret-of-the-user")
    code = "import os\nprint(2 if 'OPENAI_API_KEY' in os.environ else 3)"
    assert stdin_verdict(code, "faithful").status == "wrong"
    assert "OPENAI_API_KEY" not in ENVIRONMENT


ORDINARY = """
import os, pickle, sys
if os.getuid() == 0:
    os.setgroups([]); os.setresgid(65533, 65533, 65533); os.setresuid(65533, 65533, 65533)
sys.path.insert(0, sys.argv[1])
programs, mode, limits = pickle.loads(sys.stdin.buffer.read())
from sfr_eval.sandbox.grade import grade
from sfr_eval.sandbox.detect import detect
verdicts = list(grade(programs, mode=mode, workers=1, limits=limits))
sys.stdout.buffer.write(pickle.dumps((detect().tier, verdicts)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["asserts", "lcb-compat", "faithful"])
def test_no_attack_succeeds_for_an_ordinary_user(kind: str, surroundings: dict[str, str]) -> None:
    python = Path("/usr/bin/python3")
    if os.geteuid() != 0 or not python.exists() or sys.version_info < (3, 11):
        pytest.skip("needs root to become another user, and a Python that everybody can read")
    files, servers = temporary_folders(), processes()
    root = Path(__file__).parents[2]
    programs = attacks(kind, surroundings)
    process = subprocess.run(
        [python, "-c", ORDINARY, str(root)],
        input=pickle.dumps((programs, mode_of(kind), Limits(seconds=SECONDS))),
        capture_output=True,
        env={"PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert process.returncode == 0, process.stderr.decode()
    tier, verdicts = pickle.loads(process.stdout)
    assert tier == detect().tier
    check_all_failed({v.id: v for v in verdicts}, surroundings)
    assert temporary_folders() <= files
    assert processes() <= servers


LOWER = """
import os, sys
sys.path.insert(0, sys.argv[1])
if os.getuid() == 0:
    os.setgroups([]); os.setresgid(65533, 65533, 65533); os.setresuid(65533, 65533, 65533)
from sfr_eval.sandbox.detect import probe
from sfr_eval.sandbox.host import Host
for tier in sys.argv[2:]:
    with Host(tier) as host:
        probe(host)
        print(tier, host.facts["capabilities"], host.facts["no_new_privileges"])
"""


def test_the_lower_tiers_work_for_an_ordinary_user() -> None:
    python = Path("/usr/bin/python3")
    if not python.exists() or sys.version_info < (3, 11):
        pytest.skip("needs a Python that everybody can read")
    root = Path(__file__).parents[2]
    process = subprocess.run(
        [python, "-c", LOWER, str(root), "namespaces", "landlock"],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert process.stdout.splitlines() == ["namespaces 0 1", "landlock 0 1"], process.stderr


def test_without_isolation_the_tool_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    from sfr_eval.errors import UserError
    from sfr_eval.sandbox import detect as detection

    monkeypatch.setattr(detection, "_obstacle", lambda tier: "" if tier == "none" else "gone")
    detection.detect.cache_clear()
    with pytest.raises(UserError, match=r"bubblewrap: gone; .*--unsafe-code"):
        detection.detect()
    isolation = detection.detect(unsafe=True)
    assert (isolation.tier, len(isolation.missing)) == ("none", 3)
    assert "NONE" in isolation.line
    detection.detect.cache_clear()
