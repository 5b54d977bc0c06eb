"""The prompts that a page shows with their replies, chosen by what a reader looks for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from sfr_eval.report.page import script_json
from sfr_eval.types import Cell, Sample

MAX_SAMPLES = 2_400
MAX_CHARACTERS = 1_000_000  # of all texts together: the page stays below 4 MB
MAX_TEXT = 4_000  # characters of one reply
MAX_REPLIES = 32  # of one prompt

WHOLE = 0.5
"""Share of the space for queries with all their personas and temperatures."""
ODD = 0.1
"""Share of the space for prompts that have a reply which is not ok."""

_GOLDEN = (5**0.5 - 1) / 2

Prompts = Mapping[Cell, Sequence[Sample]]


def for_page(
    runs: Mapping[str, Sequence[Sample]],
    *,
    personas: Mapping[str, str],
    queries: Mapping[str, str],
) -> dict[str, Any]:
    """Return what the macro `browser` takes.

    `runs` maps names to samples of one suite; of several runs the prompts that all have are shown.
    A query without a text in `queries` is shown by its id.
    """
    prompts = [_by_prompt(samples) for samples in runs.values()]
    shared = [key for key in prompts[0] if all(key in other for other in prompts[1:])]
    rows = [
        {"run": number, **_row(key, replies[key])}
        for key in _chosen(shared, prompts)
        for number, replies in enumerate(prompts)
    ]
    texts = {row["query"]: queries.get(row["query"], "") for row in rows}
    shown = dict.fromkeys(persona for _, _, persona in shared if persona)
    return {
        "personas": {id: personas.get(id, id) for id in shown},
        "temperatures": sorted({row["temperature"] for row in rows}),
        "queries": texts,
        "statuses": sorted({reply["status"] for row in rows for reply in row["replies"]}),
        "runs": list(runs),
        "data": script_json(
            {"personas": dict(personas), "queries": texts, "runs": list(runs), "prompts": rows}
        ),
        "shown": sum(len(row["replies"]) for row in rows),
        "total": sum(map(len, runs.values())),
    }


def _by_prompt(samples: Iterable[Sample]) -> Prompts:
    prompts: dict[Cell, list[Sample]] = {}
    for sample in samples:
        prompts.setdefault(sample.cell, []).append(sample)
    for replies in prompts.values():
        replies.sort(key=lambda reply: reply.index)
    return prompts


class _Space:
    """The keys that are taken for the page, and how much of its space they fill."""

    def __init__(self, runs: Sequence[Prompts]) -> None:
        self.runs = runs
        self.keys: dict[Cell, None] = {}
        self._samples = self._characters = 0

    def fill(self, groups: Iterable[Sequence[Cell]], share: float = 1) -> None:
        """Take group after group until one does not fit into this share of the space."""
        for group in groups:
            new = [key for key in group if key not in self.keys]
            replies = [r for key in new for run in self.runs for r in run[key][:MAX_REPLIES]]
            samples = self._samples + len(replies)
            characters = self._characters + sum(min(len(r.text), MAX_TEXT) for r in replies)
            if samples > share * MAX_SAMPLES or characters > share * MAX_CHARACTERS:
                return
            self.keys.update(dict.fromkeys(new))
            self._samples, self._characters = samples, characters


def _chosen(keys: Sequence[Cell], runs: Sequence[Prompts]) -> list[Cell]:
    """Return the keys to show, by query and temperature; at least one, however large it is.

    Three readers are served in turn: one who compares personas or temperatures finds some queries
    whole; one who looks for what went wrong finds replies that are not ok; one who wants an
    impression of the run finds all personas of one query at one temperature, then of the next query
    at the next temperature, and so on. The choice depends on nothing but the samples.
    """
    space = _Space(runs)
    spread = _spread(keys)
    queries: dict[str, list[Cell]] = {query: [] for query in spread}
    for key in keys:
        queries[key[1]].append(key)
    space.fill(queries.values(), WHOLE)
    odd = (key for key in keys if any(reply.status != "ok" for run in runs for reply in run[key]))
    space.fill(([key] for key in odd), WHOLE + ODD)
    in_turn = _in_turn(keys, spread)
    space.fill([key] for key in in_turn)
    return sorted(space.keys or in_turn[:1], key=lambda key: (key[1], key[0]))


def _spread(keys: Sequence[Cell]) -> list[str]:
    """Return the queries, the first ones far apart: by multiples of the golden ratio, since
    neighbouring queries of a suite share a topic."""
    queries = list(dict.fromkeys(query for _, query, _ in keys))
    return [queries[i] for i in sorted(range(len(queries)), key=lambda i: (i * _GOLDEN % 1, i))]


def _in_turn(keys: Sequence[Cell], spread: Sequence[str]) -> list[Cell]:
    temperatures = sorted({temperature for temperature, _, _ in keys})
    steps = {query: step for step, query in enumerate(spread)}
    places = {t: place for place, t in enumerate(temperatures)}

    def turn(key: Cell) -> tuple[int, int]:
        step = steps[key[1]]
        return (places[key[0]] - step) % len(temperatures), step

    return sorted(keys, key=turn)


def _row(key: Cell, replies: Sequence[Sample]) -> dict[str, Any]:
    """Return a prompt with its replies. `same` is the number, from 1, of the first reply with the
    same text, or 0; `total` counts the replies that there are."""
    numbers: dict[str, int] = {}
    rows = []
    for number, reply in enumerate(replies[:MAX_REPLIES], start=1):
        first = numbers.setdefault(reply.text.strip(), number) if reply.has_text else number
        rows.append(
            {
                "status": reply.status,
                "text": _cut(reply.text if reply.has_text else reply.error),
                "same": first if first != number else 0,
            }
        )
    prompt = dict(zip(("temperature", "query", "persona"), key, strict=True))
    return {**prompt, "total": len(replies), "replies": rows}


def _cut(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    return f"{text[:MAX_TEXT]} [cut here; {len(text):,} characters in all]"


def replies_address(box: str, **filter: str | float) -> str:
    """Return the address of the replies behind a number. `box` is the id of the reply browser, as
    `replies-1`, and the rest are its controls: persona, temperature, query, status, text, sort."""
    return f"#{box}?{urlencode(filter)}"
