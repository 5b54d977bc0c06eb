"""Parses and checks temperatures."""

import math
from collections.abc import Sequence

MAX_TEMPERATURES = 64
MAX_TEMPERATURE = 2.0  # vLLM's bounds
MIN_TEMPERATURE = 0.01
OWN_TEMPERATURE = 1.0
"""At which sampling leaves the model's own distribution unchanged."""


def parse_temperatures(text: str) -> tuple[float, ...]:
    """Parse `0.6,1.0`, or `start:stop:step` with both ends included. Raises ValueError."""
    try:
        if ":" not in text:
            return tuple(float(part) for part in text.split(",") if part.strip())
        start, stop, step = (float(part) for part in text.split(":"))
    except ValueError:
        raise ValueError(
            f"`{text}` is neither a list like 0.6,1.0 nor a range like 0.2:1.6:0.2"
        ) from None
    if not all(math.isfinite(number) for number in (start, stop, step)):
        raise ValueError(f"range `{text}` contains a number that is not finite")
    if step <= 0 or stop < start:
        raise ValueError(f"range `{text}` is empty; write start:stop:step with start <= stop")
    steps = (stop - start) / step + 1e-9
    if not steps < MAX_TEMPERATURES:  # before floor, which has no integer for infinity
        raise ValueError(f"range `{text}` has too many temperatures; at most {MAX_TEMPERATURES}")
    count = math.floor(steps) + 1
    return tuple(round(start + i * step, 10) for i in range(count))


def checked_temperatures(temperatures: Sequence[float]) -> tuple[float, ...]:
    """Sort temperatures and drop repeats. Raises ValueError if there are none, or for one that no
    engine serves."""
    if not temperatures:
        raise ValueError("names no temperature; give a list 0.6,1.0 or a range 0.2:1.6:0.2")
    if len(temperatures) > MAX_TEMPERATURES:
        raise ValueError(
            f"names {len(temperatures):,} temperatures; at most {MAX_TEMPERATURES} are sampled"
        )
    for temperature in temperatures:
        if not 0 <= temperature <= MAX_TEMPERATURE:  # catches NaN too
            raise ValueError(f"{temperature:g} is not between 0 and {MAX_TEMPERATURE:g}")
        if 0 < temperature < MIN_TEMPERATURE:
            raise ValueError(
                f"{temperature:g} is below {MIN_TEMPERATURE:g}, to which vLLM would lift it "
                "silently; use 0 for greedy decoding"
            )
    return tuple(sorted(set(temperatures)))


def nearest(temperatures: tuple[float, ...], to: float) -> float:
    """Return the temperature nearest to `to`; of two equally near ones the lower."""
    return min(temperatures, key=lambda t: (abs(t - to), t))
