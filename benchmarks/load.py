"""How busy other processes keep a machine, and which of two results was measured in more quiet."""

import os
import resource
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

QUIET = 0.25
"""Share of the cores that others may use. Above it seconds are too high on both sides of a ratio,
and not by the same factor."""

_SECONDS = 3.0


class OtherLoad:
    """Counts the cores that other processes use from here on."""

    def __init__(self) -> None:
        self._wall, self._all, self._own = time.monotonic(), _all_seconds(), _own_seconds()

    def cores(self) -> float:
        """Return their mean since the start; processes that were started here and have ended do not
        count."""
        used = (_all_seconds() - self._all) - (_own_seconds() - self._own)
        return round(max(0.0, used) / (time.monotonic() - self._wall), 1)


def other_load_now() -> float:
    """Return the cores that other processes use in the next seconds."""
    load = OtherLoad()
    time.sleep(_SECONDS)
    return load.cores()


def noise(record: Mapping[str, Any]) -> int:
    """Return 0 for a result that was measured in quiet, 2 for one beside other work, 1 if that is
    unknown."""
    load = record.get("load_during", record["load_before"])
    if load is None:
        return 1
    return 0 if load <= QUIET * record["machine"]["cores"] else 2


def _all_seconds() -> float:
    """Return the processor seconds of the machine since it started, all cores together."""
    user, nice, system, _idle, _wait, irq, soft, steal = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    """Return those of this process and of its children that have ended."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in usage)
