"""Values of two runs, prompt by prompt: what is paired, what is left out and counted."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.metrics.table import metric_info
from sfr_eval.types import Cell, PromptKey, Unit


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Means over paired prompts of each query, in both runs, query by query."""

    queries: tuple[str, ...]
    first: tuple[float, ...]
    second: tuple[float, ...]
    prompts: int  # behind each query; 0 if not the same number everywhere
    unpaired: int  # prompts with a value in one run only
    unequal: int  # prompts left out since the runs have different numbers of replies to them

    @property
    def differences(self) -> list[float]:
        """Second minus first, one for each query."""
        return [b - a for a, b in zip(self.first, self.second, strict=True)]


def unequal_prompts(runs: Sequence[ScoredRun], suite: str) -> dict[Cell, int]:
    """Return the prompts whose numbers of replies with text differ, and the smallest number.

    Replies are missing where requests failed or were refused, and that is not random: long and odd
    answers time out more. Only temperatures that all runs have and prompts that all were given
    count.
    """
    first, *others = runs
    unequal: dict[Cell, int] = {}
    for (name, temperature), counts in first.usable.items():
        sides = [run.usable.get((name, temperature), Counter()) for run in others]
        if name == suite and all(sides):
            for prompt, count in counts.items():
                numbers = {count, *(side.get(prompt, count) for side in sides)}
                if len(numbers) > 1 and all(prompt in side for side in sides):
                    unequal[temperature, *prompt] = min(numbers)
    return unequal


def fewer_replies(
    first: Mapping[PromptKey, int], second: Mapping[PromptKey, int]
) -> dict[PromptKey, int]:
    """Return the prompts of both sides whose numbers of replies differ, with the smaller number."""
    return {
        prompt: min(count, second[prompt])
        for prompt, count in first.items()
        if prompt in second and second[prompt] != count
    }


@dataclass(frozen=True, kw_only=True)
class Aligned:
    """Means over the prompts of each query that all runs have."""

    queries: tuple[str, ...]
    means: tuple[tuple[float, ...], ...]  # a row for each run
    prompts: int  # behind each query; 0 if not the same number everywhere
    unpaired: int  # prompts with a value in some runs only
    unequal: int  # prompts left out since the runs have different numbers of replies to them


def align(
    runs: Sequence[Mapping[PromptKey, float]], *, unit: Unit, unequal: Mapping[PromptKey, int]
) -> Aligned:
    """Align the values of one metric at one temperature in two or more runs.

    `unequal` prompts are left out of values of a prompt, and their queries out of values of a
    query: many of these depend on the number of replies. Nothing is left out of means over replies,
    which were taken over equally many, and of sets, which hold replies to several prompts.
    """
    everywhere = [key for key in runs[0] if all(key in run for run in runs)]
    if unit == "prompt":
        out = {key for key in everywhere if key in unequal}
    elif unit == "query":
        queries = {query for query, _ in unequal}
        out = {key for key in everywhere if key[0] in queries}
    else:
        out = set()
    shared = [key for key in everywhere if key not in out]
    sides: list[dict[str, list[float]]] = [{} for _ in runs]
    for key in shared:
        for side, values in zip(sides, runs, strict=True):
            side.setdefault(key[0], []).append(values[key])
    numbers = set(Counter(query for query, _ in shared).values())
    return Aligned(
        queries=tuple(sides[0]),
        means=tuple(tuple(math.fsum(v) / len(v) for v in side.values()) for side in sides),
        prompts=numbers.pop() if len(numbers) == 1 else 0,
        unpaired=len({key for run in runs for key in run}) - len(everywhere),
        unequal=len(out),
    )


def pair_up(
    first: Mapping[PromptKey, float],
    second: Mapping[PromptKey, float],
    *,
    unit: Unit,
    unequal: Mapping[PromptKey, int],
) -> Paired:
    """Pair the values of one metric at one temperature, as `align` does."""
    aligned = align((first, second), unit=unit, unequal=unequal)
    return Paired(
        queries=aligned.queries,
        first=aligned.means[0],
        second=aligned.means[1],
        prompts=aligned.prompts,
        unpaired=aligned.unpaired,
        unequal=aligned.unequal,
    )


def unit_of(metric: str) -> Unit:
    """Return what a metric's values belong to."""
    info = metric_info(metric)
    return "prompt" if info is None else info.unit


def at(temperature: float, unequal: Mapping[Cell, int]) -> dict[PromptKey, int]:
    """Return the unequal prompts of one temperature."""
    return {(q, p): count for (t, q, p), count in unequal.items() if t == temperature}


def shared_temperatures(runs: Sequence[ScoredRun], suite: str) -> list[float]:
    """Return the temperatures that all the runs have for a suite."""
    return sorted(set.intersection(*(set(run.suites[suite].temperatures) for run in runs)))
