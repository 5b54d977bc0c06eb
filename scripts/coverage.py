"""Measures what the intervals and tests of the statistics promise, and prints Markdown tables.

Each table simulates data with a known truth: how often a 95% interval holds it and how wide it is,
or how often a test errs. docs/design/statistics.md has the tables of the default settings. Run:
python scripts/coverage.py [--repeats 2000] [--only shares,references]
"""

# ruff: noqa: T201  (what this script prints is its result)

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from sfr_eval.stats.arrays import Floats
from sfr_eval.stats.bounded import share_ends
from sfr_eval.stats.curves import whole_curve
from sfr_eval.stats.frontier import Functional, diversity_at_part, hypervolume
from sfr_eval.stats.intervals import DRAWS, bca_mean, t_half_factor, t_interval
from sfr_eval.stats.noninferiority import patchy_loss_p, positive_mean_p
from sfr_eval.stats.permutation import sign_flip_p_values
from sfr_eval.stats.power import smallest_visible

SEED = 20_261_130
QUERIES = (10, 16, 32, 100)


def shares(repeats: int) -> Iterator[str]:
    """Shares of k replies to n queries, by the interval of shares and by t."""
    yield row("law of the queries' shares", "k", *(f"n = {n}" for n in QUERIES))
    for mean in (0.5, 0.9, 0.98, 0.995):
        for alike in (0.03, 0.1, 0.2):
            a = mean * (1 / alike - 1)
            draw = partial(_beta, a=a, b=a / mean - a)
            yield _share_row(f"mean {mean:g}, correlation {alike:g}", draw, mean, 36, repeats)
    for mean in (0.9, 0.98, 0.995):
        draw = partial(_beta, a=9 * mean, b=9 * (1 - mean))
        yield _share_row(f"mean {mean:g}, correlation 0.1", draw, mean, 4, repeats)
        yield _share_row(f"mean {mean:g}", draw, mean, 1, repeats)
    for part, a, b in ((0.2, 1, 4), (0.1, 1, 1), (0.05, 1, 3)):
        draw = partial(_mostly_zero, part=part, a=a, b=b)
        truth = part * a / (a + b)
        yield _share_row(f"{1 - part:.0%} zero, else Beta({a}, {b})", draw, truth, 36, repeats)


Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]


def _beta(random: np.random.Generator, shape: tuple[int, int], *, a: float, b: float) -> Floats:
    return random.beta(a, b, shape)


def _mostly_zero(
    random: np.random.Generator, shape: tuple[int, int], *, part: float, a: float, b: float
) -> Floats:
    return random.beta(a, b, shape) * (random.random(shape) < part)


def _share_row(name: str, draw: Draw, truth: float, k: int, repeats: int) -> str:
    random = np.random.default_rng(SEED)
    cells = []
    for n in QUERIES:
        values = random.binomial(k, draw(random, (repeats, n))) / k
        half = t_half_factor(n) * values.std(axis=1, ddof=1) / n**0.5
        mean = values.mean(axis=1)
        ours, t = (
            f"{((low <= truth + 1e-12) & (truth - 1e-12 <= high)).mean():.3f}"
            for low, high in (share_ends(values), (mean - half, mean + half))
        )
        low, high = share_ends(values)
        cells.append(f"{ours} ± {(high - low).mean() / 2:.3f} (t {t})")
    return row(name, str(k), *cells)


def curves(repeats: int) -> Iterator[str]:
    """Hypervolume and matched diversity of one run, by the interval of curves and by a plain
    jackknife."""
    yield row("curve", "T", "n", "hypervolume", "at 50 %", "at 90 %", "at 95 %")
    for name, shape in _SHAPES.items():
        for settings, n in ((8, 16), (8, 60), (16, 16), (16, 60)):
            means = shape(np.linspace(0, 1, settings))
            functionals: tuple[Functional, ...] = (
                hypervolume,
                *(partial(diversity_at_part, part=part) for part in (0.5, 0.9, 0.95)),
            )
            cells = (_curve_cell(means, n, functional, repeats // 5) for functional in functionals)
            yield row(name, str(settings), str(n), *cells)


_SHAPES: dict[str, Callable[[Floats], Floats]] = {
    "flat": lambda t: np.stack([0.8 + 0 * t, 0.5 + 0 * t]),
    "falling": lambda t: np.stack([0.95 - 0.75 * t**2, 0.15 + 0.6 * t]),
    "falling late": lambda t: np.stack([0.9 / (1 + np.exp(8 * (t - 0.7))), 0.35 + 0.2 * t]),
    "bent": lambda t: np.stack([np.minimum(0.9, 1.4 - t), 0.3 + 0.3 * np.minimum(t, 0.5)]),
}


def _curve_cell(means: Floats, n: int, functional: Functional, repeats: int) -> str:
    random = np.random.default_rng(SEED)
    truth = float(functional(means[0], means[1]))
    hits = plain = 0
    errors = []
    for _ in range(repeats):
        query = random.normal(0, [[[0.1]], [[0.08]]], (2, n, 1))
        noise = random.normal(0, [[[0.06]], [[0.05]]], (2, n, means.shape[1]))
        quality, diversity = means[:, None] + query + noise
        found = whole_curve(quality, diversity, functional, generator=random)
        assert found.value is not None
        assert found.low is not None
        assert found.high is not None
        errors.append(found.value - truth)
        hits += found.low <= truth <= found.high
        sums = quality.sum(axis=0), diversity.sum(axis=0)
        left_out = functional((sums[0] - quality) / (n - 1), (sums[1] - diversity) / (n - 1))
        value = float(functional(sums[0] / n, sums[1] / n))
        half = t_half_factor(n) * float(left_out.std() * (n - 1) ** 0.5)
        plain += abs(value - truth) <= half
    return f"{hits / repeats:.3f}, bias {np.mean(errors):+.4f} (plain {plain / repeats:.3f})"


def losses(repeats: int) -> Iterator[str]:
    """Non-inferiority at a true mean loss of the tolerance, .05: how often it passes."""
    yield row("loss of .05", "noise", *(f"n = {n}" for n in (16, 20, 50, 148)))
    laws: dict[str, Callable[[np.random.Generator, int], Floats]] = {
        "the same in each query": lambda random, n: np.full(n, -0.05),
        "a tenth of the queries lose .5": lambda random, n: -0.5 * (random.random(n) < 0.1),
        "a quarter lose .2": lambda random, n: -0.2 * (random.random(n) < 0.25),
        "exponential": lambda random, n: -random.exponential(0.05, n),
        "none at all (should pass)": lambda random, n: np.zeros(n),
    }
    for name, law in laws.items():
        for noise in (0.02, 0.1, 0.2):
            cells = []
            for n in (16, 20, 50, 148):
                random = np.random.default_rng(SEED)
                gains = [law(random, n) + random.normal(0, noise, n) for _ in range(repeats // 4)]
                flips = np.array(
                    sign_flip_p_values(
                        [one + 0.05 for one in gains], alternative="greater", flips=999
                    )
                )
                ours = [
                    max(p, positive_mean_p(one + 0.05), _patchy(one))
                    for p, one in zip(flips, gains, strict=True)
                ]
                passed = (np.array(ours) <= 0.05).mean()
                cells.append(f"{passed:.3f} (flips {(flips <= 0.05).mean():.3f})")
            yield row(name, f"{noise:g}", *cells)


def _patchy(gains: Floats) -> float:
    return patchy_loss_p(gains.tolist(), tolerance=0.05, largest=0.5)


def power(repeats: int) -> Iterator[str]:
    """Differences as large as the printed smallest visible one: how often they are called."""
    yield row("queries", "called at 5 %")
    for n in (16, 32, 50, 148):
        random = np.random.default_rng(SEED)
        printed = [
            smallest_visible(random.normal(size=n).tolist(), alpha=0.05) or 0.0
            for _ in range(repeats)
        ]
        rows = random.normal(size=(repeats, n)) + np.array(printed)[:, None]
        called = np.array(sign_flip_p_values(rows.tolist(), flips=1_999)) <= 0.05
        yield row(str(n), f"{called.mean():.3f}")


def differences(repeats: int) -> Iterator[str]:
    """Paired differences of two sides that do not differ: how often the interval leaves out 0."""
    yield row("values of a query", *(f"n = {n}" for n in (20, 50, 148, 400)))
    for name, draw in (("normal", _normal), ("lognormal, sigma 1.2", _long_tailed),
                       ("a tenth are 1, else 0", _rare)):  # fmt: skip
        cells = []
        for n in (20, 50, 148, 400):
            random = np.random.default_rng([SEED, n])
            shape = (repeats, n)
            samples = (draw(random, shape) - draw(random, shape)).tolist()
            ends = [t_interval(numbers)[1:] for numbers in samples]
            bca = [bca_mean(numbers, draws=DRAWS)[:2] for numbers in samples]
            cells.append(f"{_misses(ends):.3f} (BCa {_misses(bca):.3f})")
        yield row(name, *cells)


def _misses(ends: Sequence[tuple[float, float]]) -> float:
    return float(np.mean([low > 0 or high < 0 for low, high in ends]))


def _normal(random: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return random.normal(size=shape)


def _long_tailed(random: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return random.lognormal(0, 1.2, shape)


def _rare(random: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return (random.random(shape) < 0.1) * 1.0


def references(repeats: int) -> Iterator[str]:
    """Replies and references of one source at equal numbers: how often sign flips find p <= .05."""
    yield row("replies, references", "measure of a prompt", "n = 10", "n = 25", "n = 60")
    for m, r in ((8, 4), (10, 5), (20, 4), (40, 5)):
        for name, draw, measure in (
            ("mean of normal numbers", _normal, np.mean),
            ("largest of lognormal numbers", _long_tailed, np.max),
            ("spread of lognormal numbers", _long_tailed, np.std),
            ("most frequent of 50 words", _words, _most_frequent),
        ):
            cells = []
            for n in (10, 25, 60):
                random = np.random.default_rng([SEED, m, r, n])
                replies, others = (draw(random, (repeats, n, k)) for k in (m, r))
                draws = np.stack(
                    [measure(random.permuted(replies, axis=-1)[..., :r], axis=-1) for _ in range(8)]
                )
                one, mean = (side - measure(others, axis=-1) for side in (draws[0], draws.mean(0)))
                calls = [np.mean(np.array(_flipped(side)) <= 0.05) for side in (one, mean)]
                cells.append(f"{calls[0]:.3f} (mean of 8 {calls[1]:.3f})")
            yield row(f"{m}, {r}", name, *cells)


def _flipped(samples: Floats) -> list[float]:
    return sign_flip_p_values(samples.tolist(), flips=1_999)


def _words(random: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    chances = 1 / np.arange(1, 51)
    return random.choice(50, size=shape, p=chances / chances.sum()).astype(np.float64)


def _most_frequent(words: Floats, axis: int) -> Floats:
    equal = words[..., None] == words[..., None, :]
    return np.asarray(equal.sum(axis=-1).max(axis=axis) / words.shape[axis])


def row(*cells: str) -> str:
    """Format a row of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


TABLES = {
    "shares": shares,
    "curves": curves,
    "losses": losses,
    "power": power,
    "differences": differences,
    "references": references,
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=2_000)
    parser.add_argument("--only", default=",".join(TABLES))
    options = parser.parse_args()
    for name in options.only.split(","):
        head, *lines = TABLES[name](options.repeats)
        rule = f"|{'---|' * (head.count('|') - 1)}"
        print("", name, "", head, rule, *lines, sep="\n", flush=True)


if __name__ == "__main__":
    main()
