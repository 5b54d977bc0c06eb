"""pytest tests/grading/test_math_equality.py"""

import time
from pathlib import Path

import pytest

from sfr_eval.grading import math_equality
from sfr_eval.grading.math_equality import Equality


def test_texts_and_fractions_need_no_process() -> None:
    with Equality() as equality:
        assert equality.equal("$1,200$", "1200.0")
        assert equality.equal(r"\text{Monday}", "monday")
        assert not equality.equal("1", "2")
        assert not equality.equal("", "$$")
        assert equality._process is None


def test_values_are_compared_in_a_process_that_ends() -> None:
    with Equality() as equality:
        assert equality.equal(r"\sqrt{8}", r"2\sqrt{2}")
        assert not equality.equal(r"\sqrt{8}", "3")
        assert not equality.equal("Evelyn", "__import__('os')")
        process = equality._process
        assert process is not None
        assert process.poll() is None
    assert process.poll() is not None


def test_a_pair_that_takes_too_long_is_different_and_the_next_is_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "slow.py"
    script.write_text(
        "import sys, time\nprint('ready', flush=True)\n"
        "for line in sys.stdin:\n    time.sleep(60 if 'slow' in line else 0)\n"
        "    print('true', flush=True)\n"
    )
    monkeypatch.setattr(math_equality, "_SCRIPT", script)
    with Equality(seconds=1.0) as equality:
        begin = time.monotonic()
        assert not equality.equal("slow", "x^2")
        assert time.monotonic() - begin < 30
        assert equality.too_slow == 1
        assert not equality.equal("slow", "x^2")  # remembered
        assert equality.too_slow == 1
        assert equality.equal("x", "x^1")
