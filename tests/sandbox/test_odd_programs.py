"""pytest tests/sandbox/test_odd_programs.py -- honest programs run as `python -I program.py`."""

import subprocess
import sys
from pathlib import Path

from sfr_eval.sandbox.grade import grade
from sfr_eval.sandbox.isolation import ENVIRONMENT
from sfr_eval.sandbox.types import IoTest, Program, StdinProblem
from tests.support.odd_programs import ODD


def test_odd_programs_do_what_they_do_outside(tmp_path: Path) -> None:
    programs = []
    for name, (code, text) in ODD.items():
        (tmp_path / "program.py").write_bytes(code.encode())
        process = subprocess.run(
            [sys.executable, "-I", "program.py"],
            input=text.encode(),
            capture_output=True,
            cwd=tmp_path,
            env=dict(ENVIRONMENT),
            check=True,
            start_new_session=True,  # one signals its group
        )
        output = process.stdout.decode()
        assert output.strip(), (name, process.stderr)
        tests = (IoTest(input=text, output=output),) * 2
        programs.append(Program(id=name, code=code, problem=StdinProblem(id=name, tests=tests)))
    verdicts = {v.id: (v.status, v.detail) for v in grade(programs)}
    assert {name: v for name, v in verdicts.items() if v[0] != "passed"} == {}
