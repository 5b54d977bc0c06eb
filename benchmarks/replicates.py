"""How often the intervals of `compare --group` hold, by simulation; prints the table of the docs.

    .venv/bin/python benchmarks/replicates.py           four minutes on one core
    .venv/bin/python benchmarks/replicates.py --draws 200

Two groups of trainings answer the same queries, without a true difference over both. A value is the
sum of the query's value, what the query adds in one group alone (`interaction`), what the training
adds (`between`), and what both together add (standard deviation 1). Each number is the share of
draws whose 95 % interval holds 0, or the share of families of four rows in which anything is
called; its standard error at 2,000 draws is .5 %.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from itertools import combinations, product

import numpy as np

from sfr_eval.stats.arrays import Doubles
from sfr_eval.stats.hierarchical import Crossed, crossed_difference, holm_steps
from sfr_eval.stats.intervals import t_interval

RUNS = ((2, 2), (2, 4), (3, 3), (3, 5), (5, 5))
QUERIES = (8, 20, 60)
BETWEEN = (0.0, 0.1, 0.2, 0.4, 1.0)
INTERACTION = (0.0, 0.5)
ROWS = 4
SHARED = 0.8
"""Part of each variance that the rows of a family share."""

Noise = Callable[[np.random.Generator, tuple[int, ...]], Doubles]

SHAPES: dict[str, Noise] = {
    "normal": lambda random, shape: random.standard_normal(shape),
    "skewed (exponential)": lambda random, shape: random.exponential(size=shape) - 1,
    "one training in ten fails by 3": lambda random, shape: (
        0.5 * random.standard_normal(shape) - 3 * ((random.random(shape) < 0.1) - 0.1)
    ),
}


def sides(
    random: np.random.Generator,
    runs: tuple[int, int],
    queries: int,
    *,
    between: tuple[float, float],
    interaction: float,
    noise: Noise = SHAPES["normal"],
) -> list[Doubles]:
    """Two groups, (runs, queries) each."""
    shared = random.standard_normal(queries)
    return [
        shared
        + random.standard_normal(queries) * interaction / 2**0.5
        + noise(random, (n, 1)) * spread
        + random.standard_normal((n, queries))
        for n, spread in zip(runs, between, strict=True)
    ]


def held(crossed: Crossed) -> bool:
    low, high = crossed.ends(level=0.05)
    return low <= 0 <= high


def coverage(draws: int, runs: tuple[int, int], queries: int, **how: object) -> float:
    random = np.random.default_rng(20_261_130)
    return float(
        np.mean(
            [
                held(crossed_difference(*sides(random, runs, queries, **how)))  # type: ignore[arg-type]
                for _ in range(draws)
            ]
        )
    )


def over_queries(draws: int, runs: tuple[int, int], queries: int, between: float) -> float:
    """The same for an interval over queries alone, which is what the seeds would be without."""
    random = np.random.default_rng(20_261_130)
    hits = 0
    for _ in range(draws):
        one, two = sides(random, runs, queries, between=(between, between), interaction=0.5)
        _, low, high = t_interval((two.mean(axis=0) - one.mean(axis=0)).tolist())
        hits += low <= 0 <= high
    return hits / draws


def family(
    random: np.random.Generator, runs: tuple[int, int], queries: int, between: float, shared: float
) -> list[list[Doubles]]:
    """Four correlated rows of two groups."""
    how = {"between": (between, between), "interaction": 0.5}
    common = sides(random, runs, queries, **how)  # type: ignore[arg-type]
    rows = [sides(random, runs, queries, **how) for _ in range(ROWS)]  # type: ignore[arg-type]
    return [
        [
            shared**0.5 * all_rows + (1 - shared) ** 0.5 * own
            for all_rows, own in zip(common, row, strict=True)
        ]
        for row in rows
    ]


def families(draws: int, runs: tuple[int, int], queries: int, between: float) -> float:
    """Share of families, none of whose rows differ, in which anything is called."""
    random = np.random.default_rng(20_261_130)
    called = 0
    for _ in range(draws):
        rows = family(random, runs, queries, between, SHARED)
        p_values = [crossed_difference(*row).p_value for row in rows]
        called += any(step.called for step in holm_steps(p_values, alpha=0.05))
    return called / draws


def by_labels(rows: list[list[Doubles]]) -> list[float]:
    """Adjusted p-values by permuting the trainings' labels: step-down, as in Westfall and Young."""
    number = len(rows[0][0])
    tables = [np.concatenate(row) for row in rows]
    trainings = range(len(tables[0]))
    drawn = np.array(
        [
            [
                crossed_difference(table[list(ones)], np.delete(table, ones, axis=0)).p_value
                for table in tables
            ]
            for ones in combinations(trainings, number)
        ]
    )
    order = np.argsort(drawn[0])
    smallest = np.minimum.accumulate(drawn[:, order[::-1]], axis=1)[:, ::-1]
    shares = (smallest <= drawn[0, order] * (1 + 1e-9)).mean(axis=0)
    adjusted = np.empty(len(rows))
    adjusted[order] = np.maximum.accumulate(shares)
    return adjusted.tolist()  # type: ignore[no-any-return]


def power(draws: int, between: float, shared: float) -> tuple[float, float]:
    """Share of rows that Holm's procedure and permuted labels call: 4 against 4 trainings, 20
    queries, true differences of 3.5 standard errors in every row."""
    random = np.random.default_rng(20_261_130)
    shift = 3.5 * (between**2 / 2 + 0.5**2 / 20 + 1 / 40) ** 0.5
    holm = labels = 0
    for _ in range(draws):
        rows = [[one, two + shift] for one, two in family(random, (4, 4), 20, between, shared)]
        steps = holm_steps([crossed_difference(*row).p_value for row in rows], alpha=0.05)
        holm += sum(step.called for step in steps)
        labels += sum(p <= 0.05 for p in by_labels(rows))
    return holm / draws / ROWS, labels / draws / ROWS


def table(draws: int) -> Iterator[str]:
    yield "| trainings | queries | " + " | ".join(f"between {b:g}" for b in BETWEEN) + " |"
    yield "|---|---|" + "---|" * len(BETWEEN)
    for runs, queries in product(RUNS, QUERIES):
        cells = []
        for between in BETWEEN:
            spread = (between, between)
            shares = [
                coverage(draws, runs, queries, between=spread, interaction=interaction)
                for interaction in INTERACTION
            ]
            cells.append(" / ".join(f"{100 * share:.1f}" for share in shares))
        yield f"| {runs[0]} and {runs[1]} | {queries} | " + " | ".join(cells) + " |"
    yield ""
    yield "| trainings | queries | what | coverage |"
    yield "|---|---|---|---|"
    for runs, queries in product(RUNS, (20, 60)):
        cases: list[tuple[str, dict[str, object]]] = [
            (name, {"between": (0.5, 0.5), "noise": noise}) for name, noise in SHAPES.items()
        ]
        cases += [
            ("second group scatters twice as much", {"between": (0.5, 1.0)}),
            ("second group scatters four times as much", {"between": (0.25, 1.0)}),
            ("first group scatters four times as much", {"between": (1.0, 0.25)}),
        ]
        for name, how in cases:
            share = coverage(draws, runs, queries, interaction=0.5, **how)
            yield f"| {runs[0]} and {runs[1]} | {queries} | {name} | {100 * share:.1f} |"
    yield ""
    yield "| trainings | queries | between | anything called | over queries alone, coverage |"
    yield "|---|---|---|---|---|"
    for runs, between in product(((2, 2), (3, 3), (5, 5)), (0.0, 0.2, 1.0)):
        called = families(max(1, draws // 2), runs, 20, between)
        alone = over_queries(draws, runs, 20, between)
        yield (
            f"| {runs[0]} and {runs[1]} | 20 | {between:g} | {100 * called:.1f} % | "
            f"{100 * alone:.1f} |"
        )
    yield ""
    yield "| between | part that the rows share | called by t and Holm | by permuted labels |"
    yield "|---|---|---|---|"
    for between, shared in product((0.0, 0.2, 1.0), (0.3, 0.8)):
        holm, labels = power(max(1, draws // 10), between, shared)
        yield f"| {between:g} | {shared:g} | {100 * holm:.0f} % | {100 * labels:.0f} % |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=2000)
    for line in table(parser.parse_args().draws):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
