"""Numbers as a reader sees them: value and interval."""

from sfr_eval.types import Estimate


def bounds(estimate: Estimate) -> tuple[float, float, float]:
    """(value, low, high) of a defined estimate; without an interval both ends are the value."""
    if estimate.value is None:
        raise ValueError(f"{estimate.metric}: undefined")
    low = estimate.value if estimate.low is None else estimate.low
    high = estimate.value if estimate.high is None else estimate.high
    return estimate.value, low, high


def plain(estimate: Estimate, *, scale: float = 1.0, unit: str = "") -> str:
    """`0.37 ± 0.03`; an interval that is not symmetric is written out. Digits follow its width."""
    if estimate.value is None:
        return "undefined"
    value = estimate.value * scale
    if estimate.low is None or estimate.high is None:
        return f"{value:.{_digits(abs(value) / 10)}f}{unit} (no interval)"
    low, high = estimate.low * scale, estimate.high * scale
    half = (high - low) / 2
    digits = _digits(half or abs(value) / 10)
    if abs((value - low) - half) > 0.05 * half:
        return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]{unit}"
    return f"{value:.{digits}f} ± {half:.{digits}f}{unit}"


def percent(estimate: Estimate) -> str:
    """A share as `57 ± 3 %`."""
    return plain(estimate, scale=100, unit=" %")


def _digits(step: float) -> int:
    """Decimals that show a step of this size with one or two digits."""
    if not step:
        return 0
    for digits in range(4):
        if step >= 2 * 10.0**-digits:
            return digits
    return 3
