"""pytest tests/util/test_limited.py"""

import os
import signal
import time

from sfr_eval.util.limited import excess

MB = 2**20


def test_what_is_modest_passes() -> None:
    assert excess(lambda: "x" * 10, seconds=10, memory=64 * MB) is None


def test_memory_and_time_are_named() -> None:
    assert excess(lambda: "x" * 2**31, seconds=10, memory=1024 * MB) == (
        "more than 1 GiB of memory"
    )
    assert excess(lambda: time.sleep(60), seconds=0.2, memory=64 * MB) == "more than 0.2 seconds"


def test_an_error_of_the_call_is_left_to_the_caller() -> None:
    def fail() -> None:
        raise ValueError

    assert excess(fail, seconds=10, memory=64 * MB) is None


def test_a_call_that_kills_its_process_is_too_much() -> None:
    much = excess(lambda: os.kill(os.getpid(), signal.SIGKILL), seconds=10, memory=64 * MB)
    assert much is not None
