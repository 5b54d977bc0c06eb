"""A share measured with an instrument that errs, corrected for its errors."""

import math

Z = 1.959963984540054  # 97.5% quantile of the normal distribution


def wilson(count: int, total: int) -> tuple[float, float, float] | None:
    """(share, low, high) with the 95% score interval of Wilson (1927); None of nothing."""
    if total == 0:
        return None
    share = count / total
    middle = (share + Z**2 / (2 * total)) / (1 + Z**2 / total)
    half = Z * math.sqrt(share * (1 - share) / total + Z**2 / (4 * total**2)) / (1 + Z**2 / total)
    return share, max(0.0, middle - half), min(1.0, middle + half)


def corrected_share(
    share: float,
    *,
    effective_n: float,
    positives: tuple[int, int],
    negatives: tuple[int, int],
) -> tuple[float, float, float] | None:
    """(value, low, high) of a true share, from an apparent one and a calibration of the judge.

    `positives` = (called good, all) among replies known to be good, whose ratio is the
    sensitivity; `negatives` = (called bad, all) among those known to be bad: the specificity.
    value = (share + specificity - 1) / (sensitivity + specificity - 1), clipped to 0..1 (Rogan &
    Gladen 1978). 95% interval of Lang & Reiczigel (2014, eq. 4-6), which carries the uncertainty of
    both error rates; Lee et al. (arXiv 2511.21140) recommend it for LLM judges. `effective_n` is
    the number of independent replies that would give the share's standard error, so that replies to
    one question are not counted as independent.

    None where the judge is no better than chance (sensitivity + specificity <= 1) or a class of the
    calibration is empty. Assumes that the judge errs on these replies as often as on those of the
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
    of_sensitivity = sensitivity * (1 - sensitivity) / (m1 + 2)
    of_specificity = specificity * (1 - specificity) / (m0 + 2)
    shift = 2 * Z**2 * (middle * of_sensitivity - (1 - middle) * of_specificity)
    variance = (
        q * (1 - q) / n + (1 - middle) ** 2 * of_specificity + middle**2 * of_sensitivity
    ) / youden**2
    half = Z * math.sqrt(variance)
    low, high = (min(1.0, max(0.0, middle + shift + side * half)) for side in (-1, 1))
    return value, min(low, value), max(high, value)
