"""Keeps Ctrl-C from an engine's processes: the run itself decides how to end them."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker


@contextmanager
def ctrl_c_is_ours() -> Iterator[None]:
    """Keep SIGINT, which a terminal sends to a whole process group, from processes that start in
    this block.

    vLLM's processes answer SIGINT with tracebacks and die in the middle of a step. They install
    handlers of their own, but inherit the signal mask of the thread that starts them. In this
    process Ctrl-C still works in the meantime, because one thread does not block it.
    """
    # Python unblocks SIGINT when it starts its tracker of shared memory, so start that first.
    resource_tracker.ensure_running()
    done = threading.Event()
    threading.Thread(target=done.wait, name="ctrl-c", daemon=True).start()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        done.set()
