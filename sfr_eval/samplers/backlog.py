"""Keeps the requests that wait for several replicas, and those that may have killed one.

Pure bookkeeping, so that it can be tested without a cluster.
"""

from collections import Counter, deque
from collections.abc import Iterable
from itertools import islice

from sfr_eval.samplers.rows import error_row
from sfr_eval.types import Request, Sample

DEATHS = 3
"""A request in flight at this many deaths of a replica is not sent again."""
COHORT = 64
"""How many requests of a lost replica are drawn again together. Not larger, since each of them is
then tried alone, so that only the culprit is blamed; not smaller, since lost nodes are more common
and small batches are slow."""


class Backlog:
    """Requests in plan order; those lost with a replica return in cohorts.

    After a first death a request is drawn again among at most COHORT others that died with it,
    after a second one alone. So no innocent neighbour of a culprit is ever blamed.
    """

    def __init__(self, requests: Iterable[Request]) -> None:
        self._fresh = deque(requests)
        self._cohorts: deque[list[Request]] = deque()
        self._deaths: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._fresh) + sum(map(len, self._cohorts))

    def fresh(self, count: int) -> list[Request]:
        """Take at most `count` requests that were never lost, equal prompts side by side."""
        return [self._fresh.popleft() for _ in range(min(count, len(self._fresh)))]

    def cohort(self) -> list[Request]:
        """Take requests to be drawn with no others in flight; empty if there are none."""
        return self._cohorts.popleft() if self._cohorts else []

    def lost(self, requests: Iterable[Request], *, why: str) -> list[Sample]:
        """Take back requests over which a replica died. Returns error rows of those given up."""
        given_up: list[Sample] = []
        first_death: list[Request] = []
        for request in requests:
            self._deaths[request.sample_id] += 1
            deaths = self._deaths[request.sample_id]
            if deaths >= DEATHS:
                given_up.append(error_row(request, f"{deaths} replicas died over it ({why})"))
            elif deaths == DEATHS - 1:
                self._cohorts.append([request])
            else:
                first_death.append(request)
        waiting = iter(first_death)
        while cohort := list(islice(waiting, COHORT)):
            self._cohorts.append(cohort)
        return given_up

    def returned(self, requests: Iterable[Request]) -> None:
        """Take back requests of a replica that did not die over them; they wait as before."""
        self._fresh.extendleft(reversed(list(requests)))
