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


def unequal_prompts(first: ScoredRun, second: ScoredRun, suite: str) -> dict[Cell, int]:
    """Return the prompts whose numbers of replies with text differ, and the smaller number.

    Replies are missing where requests failed or were refused, and that is not random: long and odd
    answers time out more. Only temperatures that both runs have and prompts that both were given
    count.
    """
    return {
        (temperature, *prompt): count
        for (name, temperature), counts in first.usable.items()
        if name == suite and (name, temperature) in second.usable
        for prompt, count in fewer_replies(counts, second.usable[name, temperature]).items()
    }


def fewer_replies(
    first: Mapping[PromptKey, int], second: Mapping[PromptKey, int]
) -> dict[PromptKey, int]:
    """Return the prompts of both sides whose numbers of replies differ, with the smaller number."""
    return {
        prompt: min(count, second[prompt])
        for prompt, count in first.items()
        if prompt in second and second[prompt] != count
    }


def pair_up(
    first: Mapping[PromptKey, float],
    second: Mapping[PromptKey, float],
    *,
    unit: Unit,
    unequal: Mapping[PromptKey, int],
) -> Paired:
    """Pair the values of one metric at one temperature.

    `unequal` prompts are left out of values of a prompt, and their queries out of values of a
    query: many of these depend on the number of replies. Nothing is left out of means over replies,
    which were taken over equally many, and of sets, which hold replies to several prompts.
    """
    if unit == "prompt":
        out = {key for key in unequal if key in first and key in second}
    elif unit == "query":
        queries = {query for query, _ in unequal}
        out = {key for key in first if key[0] in queries and key in second}
    else:
        out = set()
    shared = [key for key in first if key in second and key not in out]
    sides: list[dict[str, list[float]]] = [{}, {}]
    for key in shared:
        for side, values in zip(sides, (first, second), strict=True):
            side.setdefault(key[0], []).append(values[key])
    means = [tuple(math.fsum(v) / len(v) for v in side.values()) for side in sides]
    numbers = set(Counter(query for query, _ in shared).values())
    return Paired(
        queries=tuple(sides[0]),
        first=means[0],
        second=means[1],
        prompts=numbers.pop() if len(numbers) == 1 else 0,
        unpaired=len(first.keys() ^ second.keys()),
        unequal=len(out),
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
