"""pytest tests/sandbox/test_attacks.py -- wrong programs that try to pass, to stay, or to harm.

Every one must fail, must end in time, must leave neither file nor process, and a right program
graded after it, by the same server, must still pass.
"""

import os
import pickle
import socket
import subprocess
import sys
import time
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

SECONDS = 2.0
DEADLINE = 2 * (5 * SECONDS + 1) + 3
RIGHT = "def f(x):\n    return x + 1"
WRONG = "\ndef f(x):\n    return 0"

# name: code before a wrong f (problem: f(x) = x + 1). An attack that reaches what it wants makes f
# right, so that its success shows as a pass.
ON_SUCCESS = "\ndef f(x):\n    return x + 1"


def reaching(what: str) -> str:
    """A program that is right only if `what` goes through without an exception."""
    body = "\n".join("    " + line for line in what.splitlines())
    return (
        f"def attempt():\n{body}\ntry:\n    attempt()\n    ok = 1\n"
        "except BaseException:\n    ok = 0\ndef f(x):\n    return x + 1 if ok else 0"
    )


ATTACKS = {
    "always equal": "class E:\n    def __eq__(self, o): return True\ndef f(x):\n    return E()",
    "always equal int": "class E(int):\n    def __eq__(self, o): return True\n"
    "    __hash__ = int.__hash__\ndef f(x):\n    return E(0)",
    "not-different object": "class E(float):\n    __eq__ = lambda s, o: True\n"
    "    __ne__ = lambda s, o: False\ndef f(x):\n    return E('nan')",
    "own exit code of the keeper": "import os\ndef f(x): os._exit(70)",
    "other exit code of the keeper": "import os\nos._exit(71)",
    "sys.exit": "import sys\ndef f(x): sys.exit(0)",
    "os._exit": "import os\ndef f(x): os._exit(0)",
    "exit at top": "import os\nos._exit(0)",
    "forged records": "import os, json\ndef f(x):\n    for fd in range(3, 64):\n        try:\n"
    "            b = json.dumps({'t': 1, 'ok': True, 'passed': True}).encode()\n"
    "            os.write(fd, len(b).to_bytes(4, 'little') + b)\n        except OSError: pass\n"
    "    os._exit(0)",
    "huge frame": "import os\ndef f(x):\n    for fd in range(3, 64):\n        try:\n"
    "            os.write(fd, b'\\xff\\xff\\xff\\x7f' + b'x' * 100)\n"
    "        except OSError: pass\n    return 0",
    "no JSON": "import os\ndef f(x):\n    for fd in range(3, 64):\n        try:\n"
    "            os.write(fd, (200000).to_bytes(4, 'little') + b'[' * 200000)\n"
    "        except OSError: pass\n    return 0",
    "encoder replaced": "import sys\nfor m in list(sys.modules.values()):\n"
    "    for n in ('encode', 'write_json', 'outputs_equal', 'texts_equal'):\n"
    "        if hasattr(m, n):\n            try: setattr(m, n, lambda *a: True)\n"
    "            except Exception: pass" + WRONG,
    "builtins replaced": "import builtins\nbuiltins.len = lambda *a: 0\n"
    "builtins.all = lambda *a: True\nbuiltins.zip = lambda *a, **k: []\n"
    "builtins.isinstance = lambda *a: True" + WRONG,
    "kill the parent": reaching(
        "import os\nos.kill(os.getppid() or 1, 9)\nassert os.getppid() != 1"
    ),
    "kill everything": "import os\ntry: os.kill(-1, 9)\nexcept OSError: pass" + WRONG,
    "parent memory": reaching("import os\nopen(f'/proc/{os.getppid()}/mem', 'r+b')"),
    "environment of process 1": reaching("assert open('/proc/1/environ').read()"),
    "command line of process 1": reaching("assert open('/proc/1/cmdline').read()"),
    "host file written": reaching("import _io\n_io.FileIO('{marker}', 'w').write(b'x')"),
    "private file read": reaching("open('{private}').read()"),
    "private folder listed": reaching("import os\nassert os.listdir('/root') or 1"),
    "interpreter changed": reaching("import os\nopen(os.__file__, 'a')"),
    "own source changed": reaching("import sys\nopen(sys.modules['inside'].__file__, 'a')"),
    "written outside tmp": reaching("open('/usr/x', 'w')"),
    "written to dev": reaching("open('/dev/shm/x', 'w')"),
    "socket": reaching("import socket\nsocket.socket()"),
    "unix socket": reaching("import socket\nsocket.socket(socket.AF_UNIX)"),
    "host port": reaching("import socket\nsocket.create_connection(('127.0.0.1', {port}))"),
    "shell": reaching("import os\nassert os.system('true') == 0"),
    "posix.system": reaching("import posix\nassert posix.system('true') == 0"),
    "execv": "import os\nos.execv('/bin/true', ['true'])" + ON_SUCCESS,
    "subprocess": reaching("import subprocess\nsubprocess.run(['true'], check=True)"),
    "fork": reaching("import os\nif os.fork() == 0: os._exit(0)"),
    "ctypes fork that sleeps": reaching(
        "import ctypes, time\np = ctypes.CDLL(None).fork()\nassert p >= 0\n"
        "if p == 0: time.sleep(100)"
    ),
    "raw clone": reaching(
        "import ctypes\nassert ctypes.CDLL(None).syscall(56, 17, 0, 0, 0, 0) >= 0"
    ),
    "fork bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "thread bomb": "import threading, time\nwhile True:\n    try:\n"
    "        threading.Thread(target=time.sleep, args=(99,)).start()\n    except Exception: pass",
    "user namespace": reaching("import ctypes\nassert ctypes.CDLL(None).unshare(0x10000000) == 0"),
    "mount": reaching(
        "import ctypes\nassert ctypes.CDLL(None).mount(b'x', b'/tmp', b'tmpfs', 0, 0) == 0"
    ),
    "ptrace": reaching("import ctypes\nassert ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0"),
    "set user id": reaching("import os\nos.setuid(0)\nassert os.getuid() == 0"),
    "limits raised": reaching(
        "import resource\nr = resource.RLIMIT_AS\nresource.setrlimit(r, (-1, -1))"
    ),
    "signals blocked": "import signal\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
    "signals ignored": "import signal\nfor s in range(1, 65):\n"
    "    try: signal.signal(s, signal.SIG_IGN)\n    except Exception: pass\nwhile True: pass",
    "regex in C": "import re\nre.match('(a+)+$', 'a' * 60 + 'b')" + WRONG,
    "swallowed exceptions": "while True:\n    try:\n        while True: pass\n"
    "    except BaseException: pass",
    "300 MB printed": "print('x' * 300_000_000)" + WRONG,
    "printed for ever": "while True: print('x' * 1_000_000)",
    "300 MB returned": "def f(x): return 'x' * 300_000_000",
    "6 GB": "x = bytearray(6 * 2**30)" + ON_SUCCESS,
    "6 GB in parts": "x = []\nfor i in range(60):\n    x.append(bytearray(100 * 2**20))"
    + ON_SUCCESS,
    "temporary files": reaching(
        "for i in range(1000):\n    open(f'/tmp/{{i}}', 'wb').write(bytes(2**20))"
    ),
    "a million files": reaching("for i in range(100000): open(f'/tmp/{{i}}', 'w')"),
    "thread outlives main": "import threading, time\ndef g():\n    time.sleep(1000)\n"
    "threading.Thread(target=g).start()" + WRONG,
    "stdout closed": "import os\nos.closerange(0, 64)" + WRONG,
    "dies by a signal": "import os, signal\ndef f(x): signal.raise_signal(signal.SIGKILL)",
    "segmentation fault": "import ctypes\nctypes.string_at(0)" + WRONG,
    "deep nesting": "def f(x):\n    a = []\n    for i in range(100000): a = [a]\n    return a",
    "cycle": "def f(x):\n    a = []\n    a.append(a)\n    return a",
    "deep syntax": "x = " + "(" * 5000 + ")" * 5000 + WRONG,
    "colliding set": "def f(x): return {{i * (2**61 - 1) for i in range(3000)}}",
    "stack overflow": "import sys\nsys.setrecursionlimit(10**9)\ndef f(x): return max([x], key=f)",
    "memory without a mapping": reaching(
        "import ctypes\nassert ctypes.CDLL(None).memfd_create(b'x', 0) >= 0"
    ),
    "many open files": "x = []\ntry:\n    while True: x.append(open('/dev/null'))\n"
    "except OSError: pass" + WRONG,
    "many pipes": "import os\nx = []\ntry:\n    while True: x.append(os.pipe())\n"
    "except OSError: pass" + WRONG,
    "locked memory": reaching(
        "import ctypes, mmap\nm = mmap.mmap(-1, 2**28)\nassert ctypes.CDLL(None).mlockall(3) == 0"
    ),
    "sleeps at exit": "import atexit, time\natexit.register(time.sleep, 1000)" + WRONG,
    "exits in a thread": "import os, threading\ndef f(x):\n"
    "    threading.Thread(target=os._exit, args=(0,)).start()\n    while True: pass",
    "daemon that answers": "import os, threading, time\ndef g():\n    while True:\n"
    "        for fd in range(3, 32):\n            try: os.write(fd, b'\\x05\\0\\0\\0[[]] ')\n"
    "            except OSError: pass\n"
    "threading.Thread(target=g, daemon=True).start()\ntime.sleep(.1)" + WRONG.replace("0", "1"),
    "exception that is everything": "class E(BaseException):\n    __eq__ = lambda s, o: True\n"
    "def f(x): raise E",
    "keyboard interrupt": "def f(x): raise KeyboardInterrupt",
    "generator exit at top": "raise GeneratorExit",
    "no reply": "def f(x):\n    import sys\n    sys._getframe(1).f_globals.clear()\n    return 0",
    "frames emptied": "import sys\ndef f(x):\n    frame = sys._getframe()\n    while frame:\n"
    "        for name in list(frame.f_globals):\n"
    "            if name != '__builtins__': frame.f_globals[name] = lambda *a, **k: True\n"
    "        frame = frame.f_back\n    return 0",
    "trace function": "import sys\ndef t(frame, event, arg):\n    for key in frame.f_locals:\n"
    "        if key in ('reply', 'right', 'ok'): frame.f_locals[key] = {'v': True}\n    return t\n"
    "sys.settrace(t)" + WRONG,
    "import replaced": "import builtins\nbuiltins.__import__ = lambda *a, **k: None" + WRONG,
    "marshal replaced": "import marshal, json\nmarshal.loads = json.loads = lambda *a: []" + WRONG,
    "no alarm": "import signal\nsignal.alarm = signal.setitimer = lambda *a: 0\n"
    "signal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass",
    "alarm for others": "import signal, os\nsignal.signal(signal.SIGTERM, lambda *a: None)\n"
    "def f(x):\n    os.kill(0, signal.SIGTERM)\n    return 0",
    "type that lies": "class M(type):\n    __module__ = 'decimal'\n    __mro__ = (int, object)\n"
    "    __name__ = 'Decimal'\nclass E(metaclass=M):\n    __eq__ = lambda s, o: True\n"
    "    __str__ = lambda s: 'NaN'\ndef f(x): return E()",
    "list that lies": "class L(list):\n    __len__ = lambda s: 0\n    __eq__ = lambda s, o: True\n"
    "    __iter__ = lambda s: iter(())\ndef f(x): return L([L([])])",
    "infinite answer": "def f(x):\n    while True: yield 1",
    "huge integer": "def f(x): return 1 << 10**8",
    "huge decimal": "from decimal import Decimal\ndef f(x): return Decimal('1e999999')",
    "surrogates": "def f(x): return '\\ud800' * 9",
    "namespace of the server": reaching(
        "import os, ctypes\nfd = os.open('/proc/self/ns/user', 0)\n"
        "assert ctypes.CDLL(None).setns(fd, 0) == 0"
    ),
    "map of users": reaching("open('/proc/self/uid_map', 'w').write('0 0 1')"),
    "priority raised": reaching("import os\nos.setpriority(0, 0, -5)"),
    "new root": reaching("import os\nos.chroot('/tmp')"),
    "set-id program": reaching(
        "import os\nopen('/tmp/x', 'w').close()\nos.chmod('/tmp/x', 0o4755)\n"
        "os.execv('/tmp/x', ['x'])"
    ),
    "device made": reaching("import os\nos.mknod('/tmp/x', 0o20666, 259)"),
    "kernel log": reaching(
        "import ctypes\nb = ctypes.create_string_buffer(99)\n"
        "assert ctypes.CDLL(None).klogctl(3, b, 99) >= 0"
    ),
    "clock set": reaching("import time\ntime.clock_settime(time.CLOCK_REALTIME, 0)"),
    "host name": reaching("import socket\nsocket.sethostname('x')"),
    "attribute left": reaching("import os\nos.setxattr('/tmp', 'user.x', b'x')"),
    "hostile repr": "class E(Exception):\n    def __repr__(s): raise s\n    __str__ = __repr__\n"
    "def f(x): raise E",
}


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Something to steal, something to write, a port to reach."""
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


def processes() -> set[str]:
    """Command lines that only our servers have."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                line = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if b"inside.server" in line:
                found.add(folder.name)
    return found


KINDS = [
    pytest.param("asserts", marks=pytest.mark.slow),
    pytest.param("lcb-compat", marks=pytest.mark.slow),
    "faithful",
]


def mode_of(kind: str) -> Mode:
    return "lcb-compat" if kind == "lcb-compat" else "faithful"


def attacks(kind: str, surroundings: dict[str, str]) -> list[Program]:
    """Every attack, and after each a program that is right."""
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


def nothing_succeeded(found: dict[str, Verdict], surroundings: dict[str, str]) -> None:
    """No attack passed, none changed the verdict of the next program or left a file outside."""
    passed = [name for name in ATTACKS if found[name].passed]
    broken = [name for name in ATTACKS if not found[f"after {name}"].passed]
    unscored = [name for name in ATTACKS if found[name].status == "not_scored"]
    assert (passed, broken, unscored) == ([], [], [])
    # lcb-compat has an alarm for loading and one for the test; a starved program gets five times.
    assert max(v.wall_seconds for v in found.values()) < DEADLINE
    assert not Path(surroundings["marker"]).exists()


def temporary_of_ours() -> set[str]:
    return {name for name in os.listdir("/tmp") if name.startswith("sfr-eval-")}


@pytest.mark.parametrize("kind", KINDS)
def test_no_attack_succeeds(kind: str, surroundings: dict[str, str]) -> None:
    files, servers = temporary_of_ours(), processes()
    started = time.monotonic()
    limits = Limits(seconds=SECONDS)
    programs = attacks(kind, surroundings)
    found = {v.id: v for v in grade(programs, mode=mode_of(kind), workers=1, limits=limits)}
    nothing_succeeded(found, surroundings)
    assert time.monotonic() - started < len(ATTACKS) * DEADLINE
    assert temporary_of_ours() <= files
    assert processes() <= servers


LEFT = """
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
FOUND = """
import os
def f(x):
    facts = os.stat('/tmp')
    clean = os.listdir('/tmp') == [] == os.listdir('.') and facts.st_mode & 0o777 == 0o777
    return x + 1 if clean and os.path.isdir('/usr/lib') else 0
"""


def test_nothing_is_left_for_the_next_program_on_the_same_server() -> None:
    tests = (IoTest(input="1", output="2"),)
    problems = (
        AssertsProblem(id="p", asserts=("assert f(1) == 2",)),
        FunctionalProblem(id="p", function="f", tests=tests * 2),
    )
    programs = [
        Program(id=f"{name} {number}", code=code, problem=problem)
        for problem in problems
        for number, (name, code) in enumerate([("leaves", LEFT), ("finds", FOUND)] * 3)
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
found = list(grade(programs, mode=mode, workers=1, limits=limits))
sys.stdout.buffer.write(pickle.dumps((detect().tier, found)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["asserts", "lcb-compat", "faithful"])
def test_no_attack_succeeds_for_an_ordinary_user(kind: str, surroundings: dict[str, str]) -> None:
    python = Path("/usr/bin/python3")
    if os.geteuid() != 0 or not python.exists() or sys.version_info < (3, 11):
        pytest.skip("needs root to become somebody else, and a Python that everybody can read")
    files, servers = temporary_of_ours(), processes()
    root = Path(__file__).parents[2]
    programs = attacks(kind, surroundings)
    done = subprocess.run(
        [python, "-c", ORDINARY, str(root)],
        input=pickle.dumps((programs, mode_of(kind), Limits(seconds=SECONDS))),
        capture_output=True,
        env={"PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    tier, verdicts = pickle.loads(done.stdout)
    assert tier == detect().tier
    nothing_succeeded({v.id: v for v in verdicts}, surroundings)
    assert temporary_of_ours() <= files
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


def test_the_lower_tiers_work_for_an_ordinary_user_without_bubblewrap() -> None:
    python = Path("/usr/bin/python3")
    if not python.exists() or sys.version_info < (3, 11):
        pytest.skip("needs a Python that everybody can read")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [python, "-c", LOWER, str(root), "namespaces", "landlock"],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert done.stdout.splitlines() == ["namespaces 0 1", "landlock 0 1"], done.stderr


def test_without_isolation_the_tool_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    from sfr_eval.errors import UserError
    from sfr_eval.sandbox import detect as detection

    monkeypatch.setattr(detection, "_obstacle", lambda tier: "" if tier == "none" else "gone")
    detection.detect.cache_clear()
    with pytest.raises(UserError, match=r"bubblewrap: gone; .*--unsafe-code"):
        detection.detect()
    found = detection.detect(unsafe=True)
    assert (found.tier, len(found.missing)) == ("none", 3)
    assert "NONE" in found.line
    detection.detect.cache_clear()
