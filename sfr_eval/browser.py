"""Which samples a report shows, and how they get into the page without being able to act there."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sfr_eval.types import Sample

MAX_SAMPLES = 600
MAX_CHARACTERS = 1_000_000  # of all texts together: the page stays below 3 MB
MAX_TEXT = 4_000  # characters of one reply

_GOLDEN = (5**0.5 - 1) / 2

_Prompt = tuple[float, str, str]


def embedded(samples: Sequence[Sample], *, limit: int = MAX_SAMPLES) -> list[dict[str, Any]]:
    """Some whole prompts, with all their replies, spread over temperatures and queries.

    Taken are all personas of one query at one temperature, then of the next query at the next
    temperature, and so on: neighbours can be compared, and every query gets its turn. The choice
    depends on nothing but the samples. At least one prompt is taken, however large.
    """
    prompts: dict[_Prompt, list[Sample]] = {}
    for sample in samples:
        key = (sample.temperature, sample.query, sample.persona)
        prompts.setdefault(key, []).append(sample)
    chosen: list[dict[str, Any]] = []
    count = characters = 0
    for key in _order(list(prompts)):
        replies = sorted(prompts[key], key=lambda reply: reply.index)
        size = sum(min(len(reply.text), MAX_TEXT) for reply in replies)
        if chosen and (count + len(replies) > limit or characters + size > MAX_CHARACTERS):
            break
        count, characters = count + len(replies), characters + size
        chosen.append(_prompt(key, replies))
    return sorted(chosen, key=lambda prompt: (prompt["query"], prompt["temperature"]))


def _order(keys: Sequence[_Prompt]) -> list[_Prompt]:
    temperatures = sorted({temperature for temperature, _, _ in keys})
    queries = list(dict.fromkeys(query for _, query, _ in keys))
    # Neighbouring queries share a topic: by multiples of the golden ratio the first ones taken lie
    # far apart in the suite, however many are taken.
    spread = sorted(range(len(queries)), key=lambda i: (i * _GOLDEN % 1, i))
    by_place: dict[tuple[float, str], list[_Prompt]] = {}
    for key in keys:
        by_place.setdefault(key[:2], []).append(key)
    rounds = (
        (temperatures[(step + turn) % len(temperatures)], queries[number])
        for turn in range(len(temperatures))
        for step, number in enumerate(spread)
    )
    return [key for place in rounds for key in by_place.get(place, [])]


def _prompt(key: _Prompt, replies: Sequence[Sample]) -> dict[str, Any]:
    """`same` is the number of the first reply with the same text, counted from 1, or 0."""
    first: dict[str, int] = {}
    rows = []
    for number, reply in enumerate(replies, start=1):
        text = reply.text.strip()
        has_text = reply.status in ("ok", "truncated")
        earlier = first.setdefault(text, number) if has_text else number
        rows.append(
            {
                "status": reply.status,
                "text": _cut(reply.text if has_text else reply.error),
                "same": earlier if earlier != number else 0,
            }
        )
    temperature, query, persona = key
    return {"temperature": temperature, "query": query, "persona": persona, "replies": rows}


def _cut(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    return f"{text[:MAX_TEXT]} [cut here; {len(text):,} characters in all]"


def script_json(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """JSON that is inert inside <script>: no <, >, & and, being ASCII, no U+2028 or U+2029."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
