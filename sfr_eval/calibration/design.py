"""The design of a calibration: how much is drawn, and what a metric must show to pass."""

from dataclasses import dataclass

TOLERANCE = 0.05
"""A count-stable metric moves with k by at most this part of what full collapse does to it."""

NOMINAL = (0.93, 0.97)
"""Accepted share of null intervals that cover zero: 95% give or take 2."""

POWER = 0.8


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is drawn. Encoding is nearly all of the cost, so the number of texts decides."""

    k: int = 8  # replies to a prompt, as in the suite itself
    steps: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)  # settings of each dial, beyond 0
    dose_queries: int = 16  # of metrics that need the encoder
    dose_personas: int = 4
    light_queries: int = 37  # of metrics that do not; all personas
    null_queries: int = 16  # at the reference distribution, every metric
    null_pool: int = 64  # replies to a prompt, all personas: source of runs and of noise
    null_personas: int = 4  # in a run
    null_runs: int = 800  # each with its own seed
    null_partners: int = 10  # other runs to compare each run with
    wide_queries: int = 148  # a collapsed source, as many queries as a real run
    wide_personas: int = 4
    wide_sets: int = 4  # draws of k replies, assembled query by query into pairs of runs
    wide_repeats: int = 1_000
    counts: tuple[int, ...] = (8, 16, 32, 64, 128, 256)  # k for stability; all divide the last
    count_queries: int = 4
    count_personas: int = 4
    lengths: tuple[int, ...] = (10, 20, 30)  # first words kept of each reply
    noise: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)  # shares of words replaced


DEFAULT = Size()

QUICK = Size(
    steps=(0.5, 1.0),
    dose_queries=5,  # the fewest for relevance and the order of words
    light_queries=6,
    null_queries=4,
    null_pool=32,
    null_runs=60,
    null_partners=7,
    wide_queries=52,
    wide_personas=2,
    wide_sets=3,
    wide_repeats=40,
    counts=(8, 16, 32),
    count_queries=2,
    noise=(0.2, 1.0),
)

WIDE_DIALS = {"cross": 0.3, "within": 0.5}
LEFT_OUT = (
    *("across", "code", "geometry", "tokens", "judge", "reward", "syntax"),
    *("novelty", "hivemind", "answers", "math", "references"),
)
"""across: its unit is a block of queries, and a calibration of this size has too few of them. The
others need what a calibration lacks: a checkpoint, a judge, a reward model, problems to solve, a
tagger, classes of equal answers, the encoder of a published cut, answers or replies to hold the
replies against."""
