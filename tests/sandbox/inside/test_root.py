"""pytest tests/sandbox/inside/test_root.py -- which files of the host a program can see."""

import shutil
import tempfile
from pathlib import Path

import pytest

from sfr_eval.sandbox import detect as detection
from sfr_eval.sandbox.isolation import Tier
from sfr_eval.sandbox.types import AssertsProblem, FunctionalProblem, IoTest, Program
from tests.support.attack_programs import reaching
from tests.support.tiers import ORDINARY, ROOT, graded_in, needs_other_users

ASSERTS = AssertsProblem(id="p", asserts=("assert f(1) == 2",))
CALL = FunctionalProblem(id="c", function="f", tests=(IoTest(input="1", output="2"),))
HIDDEN = {
    "metadata": f"import os\nos.stat({str(ROOT / 'pyproject.toml')!r})",
    "folder entered": f"import os\nos.chdir({str(ROOT)!r})",
    "names": "import os\nassert set(os.listdir('/')) - {'usr', 'lib', 'lib64', 'tmp', 'sfr'}",
    "homes": "import os\nos.stat('/home')",
    "users": "import os\nos.stat('/etc/passwd')",
    "own process": "import os\nos.readlink('/proc/self')",
    "descriptors": "import os\nos.open('/proc/self/fd/0', os.O_RDONLY)",
    "memory map": "open('/proc/self/maps').read()",
    "open folder": "import os\nassert any(os.path.isdir(f'/dev/fd/{n}') for n in range(3, 99))",
    "inherited folder": "import os\nfor n in range(3, 256):\n    try: os.listdir(n)\n"
    "    except OSError: continue\n    break\nelse: raise ValueError",
    "root changed": "open('/x', 'w')",
}


@pytest.mark.parametrize("user", [0, ORDINARY])
@pytest.mark.parametrize("tier", ["bubblewrap", "namespaces"])
def test_a_program_sees_nothing_of_the_host(tier: Tier, user: int) -> None:
    needs_other_users()
    programs = [
        Program(id=f"{name} {problem.id}", code=reaching(code), problem=problem)
        for name, code in HIDDEN.items()
        for problem in (ASSERTS, CALL)
    ]
    verdicts = graded_in(tier, programs, user=user)
    assert {name for name, verdict in verdicts.items() if verdict.status != "wrong"} == set()


WRITES = {
    "its folder": "open('x', 'w')",
    "tmp": "open('/tmp/x-of-a-program', 'w')",
    "unnamed": "import os\nos.open('.', os.O_TMPFILE | os.O_WRONLY)",
    "shared memory": "open('/dev/shm/x-of-a-program', 'w')",
    "folder made": "import os\nos.mkdir('d')",
    "read": f"open({str(ROOT / 'pyproject.toml')!r})",
    "listed": "import os\nos.listdir('/tmp')",
}


def test_with_landlock_alone_no_file_is_written_or_read() -> None:
    needs_other_users()
    programs = [
        Program(id=name, code=reaching(code), problem=ASSERTS) for name, code in WRITES.items()
    ]
    verdicts = graded_in("landlock", programs)
    assert {name for name, verdict in verdicts.items() if verdict.status != "wrong"} == set()


def test_a_python_in_tmp_is_said_to_be_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "python_prefix", lambda: "/tmp/python")
    for tier in ("bubblewrap", "namespaces"):
        assert "a /tmp of their own" in detection._obstacle(tier)
    monkeypatch.setattr(detection, "python_prefix", lambda: "/tmpython")
    assert "a /tmp of their own" not in detection._obstacle("bubblewrap")


@pytest.mark.parametrize("tier", ["bubblewrap", "namespaces"])
def test_the_package_may_be_anywhere(tier: Tier) -> None:
    """Also in /tmp, which programs do not see."""
    needs_other_users()
    code = "import statistics, fractions\ndef f(x): return x + 1"
    programs = [Program(id=problem.id, code=code, problem=problem) for problem in (ASSERTS, CALL)]
    # Not pytest's own folder: another pytest of the same user hides it from all others.
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        copy = Path(shutil.copytree(ROOT / "sfr_eval/sandbox/inside", f"{name}/inside"))
        for mode in ("faithful", "lcb-compat"):
            verdicts = graded_in(tier, programs, mode=mode, inside=copy)
            assert all(verdict.passed for verdict in verdicts.values()), verdicts
