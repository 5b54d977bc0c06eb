"""The checking process: answers questions until the grader hangs up, within its limits."""

import json
import resource
import time

from sfr_eval.sandbox.answers import QUESTIONS
from sfr_eval.sandbox.inside.wire import read_frame, write_json

MEMORY_BYTES = 2**30
"""Address space: sixteen times the most that a program may send."""
_WIRE = 0


def main(seconds: int) -> None:
    """Serve, each question within so many seconds of CPU time. What exceeds the limits ends the
    process, which tells the grader enough."""
    for limit, most in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(limit, (most, most))
    write_json(_WIRE, "ready")
    while (body := read_frame(_WIRE)) is not None:
        _allow(seconds)
        question, values, count = json.loads(body)
        replies = [read_frame(_WIRE) for _ in range(count)]
        write_json(_WIRE, QUESTIONS[question](*values, *replies))


def _allow(seconds: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + 1 + seconds, most))
