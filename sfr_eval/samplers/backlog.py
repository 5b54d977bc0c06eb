"""What waits to be drawn by several replicas, and which requests may have killed one.

Pure bookkeeping, so that it can be tested without a cluster.
"""

from collections import Counter, deque
from collections.abc import Iterable
from itertools import islice

from sfr_eval.samplers.rows import error_row
from sfr_eval.types import Request, Sample

DEATHS = 3
"""A request that was in flight in so many deaths of a replica is not sent again."""
COHORT = 64
"""Requests of one lost replica that are drawn together again. Small, since the last try is alone:
only the request that kills may be called the one that kills. Large, since a lost node is the more
frequent case, and a small batch is slow."""


class Backlog:
    """Requests in plan order; those that were lost with a replica come back in cohorts.

    After a first death a request is drawn again among at most COHORT others that died with it,
    after a second one alone. So an innocent neighbour of a request that kills is never blamed.
    """

    def __init__(self, requests: Iterable[Request]) -> None:
        self._fresh = deque(requests)
        self._cohorts: deque[list[Request]] = deque()
        self._deaths: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._fresh) + sum(map(len, self._cohorts))

    def fresh(self, count: int) -> list[Request]:
        """At most `count` requests that never died, equal prompts side by side."""
        return [self._fresh.popleft() for _ in range(min(count, len(self._fresh)))]

    def cohort(self) -> list[Request]:
        """Requests to be drawn with nothing beside them; empty if there are none."""
        return self._cohorts.popleft() if self._cohorts else []

    def lost(self, requests: Iterable[Request], *, why: str) -> list[Sample]:
        """A replica died over these. Returns error rows of those that are given up."""
        given_up: list[Sample] = []
        once: list[Request] = []
        for request in requests:
            self._deaths[request.sample_id] += 1
            deaths = self._deaths[request.sample_id]
            if deaths >= DEATHS:
                given_up.append(error_row(request, f"{deaths} replicas died over it ({why})"))
            elif deaths == DEATHS - 1:
                self._cohorts.append([request])
            else:
                once.append(request)
        again = iter(once)
        while some := list(islice(again, COHORT)):
            self._cohorts.append(some)
        return given_up

    def returned(self, requests: Iterable[Request]) -> None:
        """A replica was stopped that had not died over these: they wait again as before."""
        self._fresh.extendleft(reversed(list(requests)))
