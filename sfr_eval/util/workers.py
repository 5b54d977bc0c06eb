"""Maps work over parts of a run: in this process, in processes of this machine, or on Ray.

Results come in the order of the parts, and the same function computes every part from the same
rows, so they do not depend on where the work is done. The number of parts in flight is bounded, so
memory does not grow with the run.
"""

import multiprocessing
import multiprocessing.connection
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from sfr_eval.errors import RunError
from sfr_eval.util.ray_cluster import connect, disconnect, node_resources

Part = TypeVar("Part")
Result = TypeVar("Result")

_AHEAD = 2  # parts per worker, one of them waiting
_TRIES = 3  # per part on Ray, whose nodes come and go
_WORTH = 20_000
"""Replies from which a run has several parts, each of seconds; a process starts in one."""
_MOST = 8  # processes that nobody asked for: each takes some 200 MB


def usual_workers(replies: int) -> int:
    """Return how many processes measure so many replies, where the user does not say."""
    return min(len(os.sched_getaffinity(0)), _MOST) if replies >= _WORTH else 1


class Workers(Protocol):
    """Maps a function over parts. Both are pickled, so the function is one of a module, or a
    `functools.partial` of such a function."""

    def map(self, work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
        """Yield `work(part)` for each part, in order."""

    def begin(self, work: Callable[[Part], Result], part: Part) -> Callable[[], Result] | None:
        """Begin `work(part)` beside this process. Returns what waits for its result; None where
        that would be done in this process."""


class Here:
    """Works in this process, on one part after the other."""

    def map(self, work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
        """See Workers."""
        return map(work, parts)

    def begin(self, _work: object, _part: object) -> None:
        """See Workers."""


class Processes:
    """Works in `count` processes of this machine, one thread each."""

    def __init__(self, pool: ProcessPoolExecutor, count: int) -> None:
        self._pool, self._count = pool, count

    def map(self, work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
        """See Workers. Raises RunError if a process is killed, for example when memory runs out."""
        futures = (self._pool.submit(work, part) for part in parts)
        with _named_death():
            yield from _in_order(futures, Future.result, cancel=Future.cancel, workers=self._count)

    def begin(self, work: Callable[[Part], Result], part: Part) -> Callable[[], Result]:
        """See Workers. What waits raises RunError like `map`."""
        future = self._pool.submit(work, part)

        def result() -> Result:
            with _named_death():
                return future.result()

        return result


@contextmanager
def _named_death() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool:
        raise RunError(
            "a worker process was killed (by the system, if memory ran out); samples are kept: "
            "repeat the command with fewer --workers"
        ) from None


class OnRay:
    """Works in tasks on a Ray cluster, one core each. A part whose node is lost is repeated."""

    def __init__(self, cores: int) -> None:
        self._count = max(1, cores)

    def map(self, work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
        """See Workers. Raises RunError if a part is lost three times."""
        import ray

        task: Any = ray.remote(_call).options(num_cpus=1, max_retries=_TRIES - 1)
        references = (task.remote(work, part) for part in parts)
        try:
            yield from _in_order(references, ray.get, cancel=ray.cancel, workers=self._count)
        except ray.exceptions.RayTaskError:
            raise  # an error of the work itself
        except ray.exceptions.RayError as error:
            raise RunError(
                f"--ray-address: a part of the scoring was lost {_TRIES} times "
                f"({type(error).__name__}); samples are kept: repeat the command"
            ) from error

    def begin(self, _work: object, _part: object) -> None:
        """See Workers. The samples would travel to another machine."""


def _in_order(
    started: Iterator[Any],
    result: Callable[[Any], Result],
    *,
    cancel: Callable[[Any], Any],
    workers: int,
) -> Iterator[Result]:
    """Yield the result of each piece of work, started by iteration only shortly before its turn."""
    in_flight: deque[Any] = deque()
    try:
        for handle in started:
            in_flight.append(handle)
            if len(in_flight) >= _AHEAD * workers:
                yield result(in_flight.popleft())
        while in_flight:
            yield result(in_flight.popleft())
    finally:
        for handle in in_flight:
            cancel(handle)


def _call(work: Callable[[Part], Result], part: Part) -> Result:
    return work(part)


@contextmanager
def open_workers(count: int | None, *, ray_address: str | None = None) -> Iterator[Workers]:
    """Open `count` processes, or the cores of a Ray cluster; with neither, work in this process."""
    if ray_address is not None:
        connect(ray_address)
        try:
            yield OnRay(sum(int(node.get("CPU", 0)) for node in node_resources()))
        finally:
            disconnect()
    elif count is None or count == 1:
        yield Here()
    else:
        # Not forked: this process may have threads of BLAS, torch or Ray, which hold locks.
        context = multiprocessing.get_context("spawn")
        others = set(multiprocessing.active_children())
        with ProcessPoolExecutor(count, mp_context=context, initializer=_prepare) as pool:
            try:
                yield Processes(pool, count)
            except BaseException:  # an interrupt does not wait for a part of many seconds
                for process in set(multiprocessing.active_children()) - others:
                    process.terminate()
                raise


def _prepare() -> None:
    """Use one thread, and end with the process that started this one, also if that is killed:
    a worker holds both ends of the pipe it waits at, and would wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"


def _end_after(process: int) -> None:
    multiprocessing.connection.wait([process])
    os._exit(1)
