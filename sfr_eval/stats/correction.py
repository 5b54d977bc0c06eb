"""Intervals for shares, and shares measured by an imperfect judge corrected for its errors."""

import math

Z = 1.959963984540054  # 97.5% quantile of the normal distribution


def wilson(count: int, total: int) -> tuple[float, float, float] | None:
    """Return (share, low, high) with the 95% score interval of Wilson (1927); None of 0."""
    from scipy.stats import binomtest

    if total == 0:
        return None
    interval = binomtest(count, total).proportion_ci(method="wilson")
    return count / total, float(interval.low), float(interval.high)


def corrected_share(
    share: float, *, effective_n: float, positives: tuple[int, int], negatives: tuple[int, int]
) -> tuple[float, float, float] | None:
    """Return (value, low, high) of the true share, given the apparent one and the judge's errors.

    `positives` = (called good, all) among replies known to be good; their ratio is the sensitivity.
    `negatives` = (called bad, all) among those known to be bad; their ratio is the specificity.
    value = (share + specificity - 1) / (sensitivity + specificity - 1), clipped to 0..1 (Rogan &
    Gladen 1978). 95% interval of Lang & Reiczigel (2014, eq. 4-6), which carries the uncertainty of
    both error rates; Lee et al. (arXiv 2511.21140) recommend it for LLM judges. `effective_n` is
    the number of independent replies that would give the share's standard error (`bounded`), since
    replies to one question are not independent.

    None if the judge is no better than chance (sensitivity + specificity <= 1) or if a class of the
    calibration is empty. Assumes that the judge errs on these replies as often as it did in the
    calibration.
    """
    (hits, m1), (rejections, m0) = positives, negatives
    if not (m1 and m0):
        return None
    youden = hits / m1 + rejections / m0 - 1
    if youden <= 0:
        return None
    value = min(1.0, max(0.0, (share + rejections / m0 - 1) / youden))
    n = effective_n + Z**2
    q = (effective_n * share + Z**2 / 2) / n
    sensitivity, specificity = (hits + 1) / (m1 + 2), (rejections + 1) / (m0 + 2)
    youden = sensitivity + specificity - 1
    if youden <= 0:
        return None
    middle = (q + specificity - 1) / youden
    sensitivity_variance = sensitivity * (1 - sensitivity) / (m1 + 2)
    specificity_variance = specificity * (1 - specificity) / (m0 + 2)
    shift = 2 * Z**2 * (middle * sensitivity_variance - (1 - middle) * specificity_variance)
    variance = (
        q * (1 - q) / n
        + (1 - middle) ** 2 * specificity_variance
        + middle**2 * sensitivity_variance
    ) / youden**2
    half = Z * math.sqrt(variance)
    low, high = (min(1.0, max(0.0, middle + shift + side * half)) for side in (-1, 1))
    return value, min(low, value), max(high, value)
