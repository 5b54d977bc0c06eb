"""Replies of several runs to the same prompts, as the page shows them side by side."""

from collections.abc import Sequence
from typing import Any

from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.types import Sample

SHOWN = 1_200
"""Most replies in the page, of all runs together."""
MAX_CHARACTERS = 1_000_000  # of all texts together: the page stays below 4 MB
MAX_TEXT = 4_000  # characters of one reply
_GOLDEN = (5**0.5 - 1) / 2

Key = tuple[float, str, str]
"""temperature, query, persona"""


def side_by_side(runs: Sequence[ScoredRun], suite: str) -> list[dict[str, Any]]:
    """Whole prompts that all runs were asked at one temperature, with each run's replies.

    All personas of one query at one temperature are taken, then of the next query at the next
    temperature, and so on. The choice depends on nothing but the samples; at least one prompt is
    taken, however large.
    """
    by_run = [_by_prompt(run, suite) for run in runs]
    shared = [key for key in by_run[0] if all(key in other for other in by_run[1:])]
    chosen: list[Key] = []
    count = characters = 0
    for key in _in_turn(shared):
        replies = [reply for prompts in by_run for reply in prompts[key]]
        size = sum(min(len(reply.text), MAX_TEXT) for reply in replies)
        if chosen and (count + len(replies) > SHOWN or characters + size > MAX_CHARACTERS):
            break
        count, characters = count + len(replies), characters + size
        chosen.append(key)
    return [
        {
            "temperature": key[0],
            "query": key[1],
            "persona": key[2],
            "runs": [_replies(prompts[key]) for prompts in by_run],
        }
        for key in sorted(chosen, key=lambda key: (key[1], key[0]))
    ]


def _by_prompt(run: ScoredRun, suite: str) -> dict[Key, list[Sample]]:
    found: dict[Key, list[Sample]] = {}
    for sample in run.samples:
        if sample.suite == suite:
            found.setdefault(sample.cell, []).append(sample)
    return found


def _in_turn(keys: Sequence[Key]) -> list[Key]:
    temperatures = sorted({temperature for temperature, _, _ in keys})
    queries = list(dict.fromkeys(query for _, query, _ in keys))
    # Neighbouring queries share a topic: by multiples of the golden ratio the first ones taken lie
    # far apart in the suite, however many are taken.
    spread = sorted(range(len(queries)), key=lambda i: (i * _GOLDEN % 1, i))
    by_place: dict[tuple[float, str], list[Key]] = {}
    for key in keys:
        by_place.setdefault(key[:2], []).append(key)
    rounds = (
        (temperatures[(step + turn) % len(temperatures)], queries[number])
        for turn in range(len(temperatures))
        for step, number in enumerate(spread)
    )
    return [key for place in rounds for key in by_place.get(place, [])]


def _replies(samples: Sequence[Sample]) -> list[dict[str, str]]:
    return [
        {
            "status": sample.status,
            "text": _cut(sample.text if sample.has_text else sample.error),
        }
        for sample in sorted(samples, key=lambda sample: sample.index)
    ]


def _cut(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    return f"{text[:MAX_TEXT]} [cut here; {len(text):,} characters in all]"
