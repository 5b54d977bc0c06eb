"""pytest tests/sandbox/inside/test_descriptors.py -- /dev/stdin and its like, without /proc."""

import subprocess
import sys
from pathlib import Path

import pytest

from sfr_eval.sandbox.isolation import Tier
from sfr_eval.sandbox.types import IoTest, Program, StdinProblem
from tests.support.tiers import graded_in, needs_other_users

PROGRAMS = {
    "stream": "with open('/dev/stdin') as f: print(*f.read().split())",
    "own process": "with open('/proc/self/fd/0', 'rb') as f: print(f.readlines())",
    "number": "import os\nprint(os.read(os.open('/dev/fd/0', os.O_RDONLY), 100))",
    "path": "from pathlib import Path\np = Path('/dev/stdin')\nprint(p.exists(), p.read_text())",
    "kind": "import os, stat\nprint(stat.S_ISFIFO(os.stat(b'/dev/stdin').st_mode))",
    "all lines": "import fileinput\nprint(list(fileinput.input('/dev/stdin')))",
    "what is left": "print(input(), '|', open('/dev/stdin').read())",
    "output": "print(1, flush=True)\nwith open('/dev/stdout', 'w') as f: f.write('2')\nprint(3)",
    "error output": "print(4, file=open('/dev/stderr', 'w'))\nprint(5)",
    "closed": "try: open('/dev/fd/77')\nexcept FileNotFoundError as e: print(e)",
    "own opener": "import os\nf = open('/dev/none', opener=lambda *_: os.dup(0))\nprint(f.read())",
    "name": "f = open('/dev/stdin', encoding='ascii')\nprint(f.name, f.mode, f.encoding)",
    "its own file": "open('/dev/null').close()\nwith open(__file__) as f: print(len(f.read()))",
}


@pytest.mark.parametrize("tier", ["bubblewrap", "namespaces", "landlock"])
def test_names_of_descriptors_are_those_of_python(tier: Tier, tmp_path: Path) -> None:
    needs_other_users()
    text = "1 2\n3\n"
    programs = []
    for name, code in PROGRAMS.items():
        (tmp_path / "program.py").write_text(code)
        words = [sys.executable, "-I", "program.py"]
        run = subprocess.run(
            words, cwd=tmp_path, input=text, capture_output=True, text=True, check=True
        )
        problem = StdinProblem(id=name, tests=(IoTest(input=text, output=run.stdout),))
        if tier != "landlock" or name != "its own file":  # there it writes none
            programs.append(Program(id=name, code=code, problem=problem))
    verdicts = graded_in(tier, programs)
    assert {name: v.detail for name, v in verdicts.items() if not v.passed} == {}
