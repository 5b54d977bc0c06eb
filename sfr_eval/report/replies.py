"""What the reply browser of a page holds: prompts with replies, and orders to read them in."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sfr_eval.report.page import script_json
from sfr_eval.report.reply_choice import MAX_TEXT, SPACE, Choice, Prompts, Rank, choose
from sfr_eval.report.reply_map import ReplyMap
from sfr_eval.report.reply_quality import Quality
from sfr_eval.report.shared_wording import disagreement, repetition
from sfr_eval.types import Cell, Sample

Locate = Callable[[Sequence[Sequence[Sample]]], ReplyMap | None]
"""The replies of each run that the page shows -> their map, if they have one."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """An order of the prompts of a page."""

    id: str  # the value of `sort` in an address
    name: str
    cells: tuple[Cell, ...]  # those without a rank come last, in the suite's order


def for_page(
    runs: Mapping[str, Sequence[Sample]],
    *,
    personas: Mapping[str, str],
    queries: Mapping[str, str],
    wanted: Mapping[str, Cell] | None = None,
    quality: Quality | None = None,
    locate: Locate | None = None,
    space: int = SPACE,
) -> dict[str, Any]:
    """Return what the macro `browser` takes.

    `runs` maps names to samples of one suite; of several runs the prompts that all have are shown.
    A query without a text in `queries` is shown by its id. `wanted` are ids of samples to which
    other parts of the page lead; `space` is the size of the JSON in bytes.
    """
    prompts = [_by_prompt(samples) for samples in runs.values()]
    shared = [cell for cell in prompts[0] if all(cell in run for run in prompts[1:])]
    repeated = [repetition({c: _texts(run[c]) for c in shared}) for run in prompts]
    differ = None
    if len(prompts) > 1:
        differ = disagreement({c: [_texts(run[c]) for run in prompts] for c in shared})
    ranks = _ranks(repeated, differ=differ, quality=quality)
    others = [rank for id, (_, rank) in ranks.items() if id not in ("repetition", "variety")]
    choice = choose(
        prompts,
        space=space,
        wanted=wanted,
        repetition=ranks["repetition"][1],
        others=others,
    )
    shown = [[reply for c in choice.cells for reply in choice.of(run[c])] for run in prompts]
    drawn = locate(shown) if locate is not None else None
    rows = [
        {
            "run": number,
            **_row(cell, run[cell], choice=choice, drawn=drawn),
            **_facts(repeated[number].get(cell), quality, cell=cell, run=number),
        }
        for cell in choice.cells
        for number, run in enumerate(prompts)
    ]
    texts = {query: queries.get(query, "") for _, query, _ in choice.cells}
    orders = _orders(ranks, choice.cells)
    cells = {cell: number for number, cell in enumerate(choice.cells)}
    return {
        "personas": {id: personas.get(id, id) for id in _distinct(p for *_, p in shared) if id},
        "temperatures": sorted({cell[0] for cell in shared}),
        "queries": texts,
        "statuses": sorted({reply.status for run in runs.values() for reply in run}),
        "runs": list(runs),
        "orders": orders,
        "map": drawn,
        "map_files": "",  # in plots/, without the suffix
        "data": script_json(
            {
                "personas": dict(personas),
                "queries": texts,
                "runs": list(runs),
                "prompts": rows,
                "orders": {order.id: [cells[cell] for cell in order.cells] for order in orders},
                "quality": quality.label if quality else "",
                "map": drawn.payload if drawn else {},
                "suite": next((s.suite for run in runs.values() for s in run), ""),
                "shown": sum(map(len, shown)),
                "total": sum(map(len, runs.values())),
            }
        ),
        "shown": sum(map(len, shown)),
        "total": sum(map(len, runs.values())),
    }


def _distinct(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _by_prompt(samples: Iterable[Sample]) -> Prompts:
    prompts: dict[Cell, list[Sample]] = {}
    for sample in samples:
        prompts.setdefault(sample.cell, []).append(sample)
    for replies in prompts.values():
        replies.sort(key=lambda reply: reply.index)
    return prompts


def _texts(replies: Iterable[Sample]) -> list[str]:
    return [reply.text for reply in replies if reply.has_text]


def _ranks(
    repeated: Sequence[Mapping[Cell, float | None]],
    *,
    differ: Mapping[Cell, float | None] | None,
    quality: Quality | None,
) -> dict[str, tuple[str, Rank]]:
    """Return id of an order -> its name and the ranks of prompts, the first one the largest. Of
    several runs, the means over runs are ranked."""

    def mean(cell: Cell) -> float | None:
        values = [value for run in repeated if (value := run.get(cell)) is not None]
        return sum(values) / len(values) if values else None

    def least(cell: Cell) -> float | None:
        value = mean(cell)
        return None if value is None else -value

    def gap(cell: Cell) -> float | None:
        values = [value for run in repeated if (value := run.get(cell)) is not None]
        return max(values) - min(values) if len(values) > 1 else None

    ranks: dict[str, tuple[str, Rank]] = {
        "repetition": ("most repeated first", mean),
        "variety": ("least repeated first", least),
    }
    if quality is not None:
        ranks["quality"] = (f"lowest quality first ({quality.label})", quality.badness)
    if differ is not None:
        ranks["disagreement"] = ("runs that share the least wording first", differ.get)
        ranks["gap"] = ("largest difference of repetition between runs first", gap)
    return ranks


def _orders(ranks: Mapping[str, tuple[str, Rank]], cells: Sequence[Cell]) -> list[Order]:
    def ordered(rank: Rank) -> tuple[Cell, ...]:
        values = {cell: rank(cell) for cell in cells}
        known = {cell: value for cell, value in values.items() if value is not None}
        rest = [cell for cell, value in values.items() if value is None]
        return (*sorted(known, key=lambda cell: -known[cell]), *rest)

    return [Order(id=id, name=name, cells=ordered(rank)) for id, (name, rank) in ranks.items()]


def _facts(
    repeated: float | None, quality: Quality | None, *, cell: Cell, run: int
) -> dict[str, float]:
    """Return the numbers of a prompt, without those that are undefined."""
    facts = {"repetition": repeated}
    if quality is not None:
        facts["quality"] = quality.values[run].get(cell)
    return {name: round(value, 4) for name, value in facts.items() if value is not None}


def _row(
    cell: Cell, replies: Sequence[Sample], *, choice: Choice, drawn: ReplyMap | None
) -> dict[str, Any]:
    """Return a prompt with its replies. `same` is the number, from 1, of the first reply with the
    same text, which is then not repeated; `n` is a reply's number where it is not the next one;
    `total` counts the replies that there are; `at` is the place on the map."""
    numbers = {id(reply): number for number, reply in enumerate(replies, start=1)}
    first: dict[Hashable, int] = {}
    rows = []
    for place, reply in enumerate(choice.of(replies), start=1):
        number = numbers[id(reply)]
        row: dict[str, Any] = {"n": number} if number != place else {}
        if reply.status != "ok":
            row["status"] = reply.status
        same = first.setdefault(reply.text.strip(), number) if reply.has_text else number
        if same != number:
            row["same"] = same
        else:
            row["text"] = _cut(reply.text if reply.has_text else reply.error)
        if drawn is not None and reply.sample_id in drawn.points:
            row["at"] = drawn.points[reply.sample_id].payload
        rows.append(row)
    prompt = dict(zip(("temperature", "query", "persona"), cell, strict=True))
    return {**prompt, "total": len(replies), "replies": rows}


def _cut(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    return f"{text[:MAX_TEXT]} [cut here; {len(text):,} characters in all]"


def replies_address(box: str, **filter: str | float) -> str:
    """Return the address of the replies behind a number. `box` is the id of the reply browser, as
    `replies-1`, and the rest are its controls: persona, temperature, query, status, run, text,
    regex, beside, sort, view, colour, reply."""
    return f"#{box}?{urlencode(filter)}"
