"""Which samples a page shows: some prompts with their replies, chosen for what one looks for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sfr_eval.report.page import script_json
from sfr_eval.types import Sample

MAX_SAMPLES = 2_400
MAX_CHARACTERS = 1_000_000  # of all texts together: the page stays below 4 MB
MAX_TEXT = 4_000  # characters of one reply
MAX_REPLIES = 32  # of one prompt

WHOLE = 0.5
"""Share of the space for queries with all their personas and temperatures."""
ODD = 0.1
"""Share of the space for prompts that have a reply which is not ok."""

_GOLDEN = (5**0.5 - 1) / 2

Key = tuple[float, str, str]
"""temperature, query, persona"""


def for_page(
    runs: Mapping[str, Sequence[Sample]],
    *,
    personas: Mapping[str, str],
    queries: Mapping[str, str],
) -> dict[str, Any]:
    """What the macro `browser` takes, but `id`. `runs` is name -> samples of one suite; of two runs
    the prompts that both have. `queries` may lack texts, which are then shown by their ids."""
    prompts = [_by_prompt(samples) for samples in runs.values()]
    shared = [key for key in prompts[0] if all(key in other for other in prompts[1:])]
    rows = [
        {"run": number, **_prompt(key, prompts[number][key])}
        for key in _chosen(shared, prompts)
        for number in range(len(runs))
    ]
    shown = list(dict.fromkeys(row["query"] for row in rows))
    return {
        "personas": {
            id: personas.get(id, id) for id in dict.fromkeys(key[2] for key in shared) if id
        },
        "temperatures": sorted({row["temperature"] for row in rows}),
        "queries": {query: queries.get(query, "") for query in shown},
        "statuses": sorted({reply["status"] for row in rows for reply in row["replies"]}),
        "runs": list(runs),
        "data": script_json(
            {
                "personas": dict(personas),
                "queries": {query: queries.get(query, "") for query in shown},
                "runs": list(runs),
                "prompts": rows,
            }
        ),
        "shown": sum(len(row["replies"]) for row in rows),
        "total": sum(map(len, runs.values())),
    }


def _by_prompt(samples: Iterable[Sample]) -> dict[Key, list[Sample]]:
    prompts: dict[Key, list[Sample]] = {}
    for sample in samples:
        prompts.setdefault(sample.cell, []).append(sample)
    for replies in prompts.values():
        replies.sort(key=lambda reply: reply.index)
    return prompts


def _chosen(keys: Sequence[Key], prompts: Sequence[Mapping[Key, Sequence[Sample]]]) -> list[Key]:
    """The keys to show, sorted by query and temperature; at least one, however large it is.

    Three readers are served in turn: who compares personas or temperatures finds some queries
    whole; who looks for what went wrong finds replies that are not ok; who wants to know what the
    run is like finds all personas of one query at one temperature, then of the next query at the
    next temperature, and so on. The choice depends on nothing but the samples.
    """
    taken: dict[Key, None] = {}
    samples = characters = 0

    def take(group: Sequence[Key], share: float) -> bool:
        """Take a group if it fits into this share of the space."""
        nonlocal samples, characters
        new = [key for key in group if key not in taken]
        shown = [reply for key in new for run in prompts for reply in run[key][:MAX_REPLIES]]
        more = sum(min(len(reply.text), MAX_TEXT) for reply in shown)
        fits = (
            samples + len(shown) <= share * MAX_SAMPLES
            and characters + more <= share * MAX_CHARACTERS
        )
        if fits:
            taken.update(dict.fromkeys(new))
            samples, characters = samples + len(shown), characters + more
        return fits

    spread = _spread(keys)
    of_query: dict[str, list[Key]] = {query: [] for query in spread}
    for key in keys:
        of_query[key[1]].append(key)
    for group in of_query.values():
        if not take(group, WHOLE):
            break
    for key in keys:
        odd = any(reply.status != "ok" for run in prompts for reply in run[key])
        if odd and not take([key], WHOLE + ODD):
            break
    for key in _in_turn(keys, spread):
        if not take([key], 1):
            break
    if not taken and keys:
        taken[_in_turn(keys, spread)[0]] = None
    return sorted(taken, key=lambda key: (key[1], key[0]))


def _spread(keys: Sequence[Key]) -> list[str]:
    """The queries, the first ones far apart: by multiples of the golden ratio, since neighbouring
    queries of a suite share a topic."""
    queries = list(dict.fromkeys(query for _, query, _ in keys))
    return [queries[i] for i in sorted(range(len(queries)), key=lambda i: (i * _GOLDEN % 1, i))]


def _in_turn(keys: Sequence[Key], spread: Sequence[str]) -> list[Key]:
    temperatures = sorted({temperature for temperature, _, _ in keys})
    by_place: dict[tuple[float, str], list[Key]] = {}
    for key in keys:
        by_place.setdefault(key[:2], []).append(key)
    rounds = (
        (temperatures[(step + turn) % len(temperatures)], query)
        for turn in range(len(temperatures))
        for step, query in enumerate(spread)
    )
    return [key for place in rounds for key in by_place.get(place, [])]


def _prompt(key: Key, replies: Sequence[Sample]) -> dict[str, Any]:
    """`same` is the number of the first reply with the same text, counted from 1, or 0; `of` counts
    the replies that there are."""
    first: dict[str, int] = {}
    rows = []
    for number, reply in enumerate(replies[:MAX_REPLIES], start=1):
        text = reply.text.strip()
        earlier = first.setdefault(text, number) if reply.has_text else number
        rows.append(
            {
                "status": reply.status,
                "text": _cut(reply.text if reply.has_text else reply.error),
                "same": earlier if earlier != number else 0,
            }
        )
    temperature, query, persona = key
    return {
        "temperature": temperature,
        "query": query,
        "persona": persona,
        "of": len(replies),
        "replies": rows,
    }


def _cut(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    return f"{text[:MAX_TEXT]} [cut here; {len(text):,} characters in all]"
