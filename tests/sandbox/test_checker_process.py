"""pytest tests/sandbox/test_checker_process.py: the limits that the process sets itself."""

from pathlib import Path

from sfr_eval.sandbox.checker import Checker
from sfr_eval.sandbox.checker_process import MEMORY_BYTES


def test_the_process_limits_its_memory_and_time() -> None:
    with Checker(seconds=3) as checker:
        assert checker.ask("are_json", ("1",)) is True
        assert checker.pid is not None
        text = Path(f"/proc/{checker.pid}/limits").read_text()
    limits = {line[:26].strip(): line[26:].split()[0] for line in text.splitlines()[1:]}
    assert limits["Max address space"] == str(MEMORY_BYTES)
    assert limits["Max core file size"] == "0"
    assert 3 < int(limits["Max cpu time"]) < 30
