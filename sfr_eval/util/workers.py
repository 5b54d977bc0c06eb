"""Where work on parts of a run is done: here, in processes of this machine, or on a Ray cluster.

Results come in the order of the parts, and every part is computed by the same function on the same
rows, so where it is done changes no bit of them. A bounded number of parts is under way, so memory
does not grow with the run.
"""

import multiprocessing
import os
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

_AHEAD = 2  # parts for each worker, one of them waiting
_TRIES = 3  # of a part on Ray, whose nodes come and go


class Workers(Protocol):
    """Maps a function over parts. The function and the parts are pickled: a function of a module,
    or `functools.partial` of one."""

    def map(self, work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
        """`work` of each part, in order."""


class Here:
    """In this process, one after the other."""

    def map(self, work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
        """See Workers."""
        return map(work, parts)


class Processes:
    """In `count` processes of this machine, one thread each."""

    def __init__(self, pool: ProcessPoolExecutor, count: int) -> None:
        self._pool, self._count = pool, count

    def map(self, work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
        """See Workers. RunError if a process is killed, as for want of memory."""
        under_way: deque[Future[Result]] = deque()
        try:
            for part in parts:
                under_way.append(self._pool.submit(work, part))
                if len(under_way) >= _AHEAD * self._count:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except BrokenProcessPool:
            raise RunError(
                "a worker process was killed (by the system, if memory ran out); samples are kept: "
                "repeat the command, with fewer --workers"
            ) from None
        finally:
            for left in under_way:
                left.cancel()


class OnRay:
    """As tasks on a Ray cluster, one core each. A part whose node is lost is done again."""

    def __init__(self, cores: int) -> None:
        self._count = max(1, cores)

    def map(self, work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
        """See Workers. RunError if a part was lost three times."""
        import ray

        task: Any = ray.remote(_call).options(num_cpus=1, max_retries=_TRIES - 1)
        under_way: deque[Any] = deque()
        try:
            for part in parts:
                under_way.append(task.remote(work, part))
                if len(under_way) >= _AHEAD * self._count:
                    yield ray.get(under_way.popleft())
            while under_way:
                yield ray.get(under_way.popleft())
        except ray.exceptions.RayTaskError:
            raise  # an error of the work itself
        except ray.exceptions.RayError as error:
            raise RunError(
                f"--ray-address: a part of the scoring was lost {_TRIES} times "
                f"({type(error).__name__}); samples are kept: repeat the command"
            ) from error
        finally:
            for left in under_way:
                ray.cancel(left)


def _call(work: Callable[[Part], Result], part: Part) -> Result:
    return work(part)


@contextmanager
def open_workers(count: int | None, *, ray_address: str | None = None) -> Iterator[Workers]:
    """`count` processes, or the cores of a Ray cluster; neither: this process."""
    if ray_address is not None:
        connect(ray_address)
        try:
            yield OnRay(sum(int(node.get("CPU", 0)) for node in node_resources()))
        finally:
            disconnect()
    elif count is None or count == 1:
        yield Here()
    else:
        # Not forked: this process may hold threads of BLAS, torch or Ray, and locks with them.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(count, mp_context=context, initializer=_one_thread) as pool:
            yield Processes(pool, count)


def _one_thread() -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
