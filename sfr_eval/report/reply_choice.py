"""Which prompts a page shows with their replies, chosen by what a reader looks for.

The page has room for a part of a large run. First come those to which numbers of the page lead: one
prompt of every persona at every temperature, and one with each repeated text. Then some questions
whole, to compare personas and temperatures, from the most repeated one to the least repeated. Then,
in turn, the prompts at the ends of each order (most and least repeated, lowest quality, runs that
differ most), those with replies that are not ok, and an even spread. The choice depends on nothing
but samples and scores.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sfr_eval.report.page import script_json
from sfr_eval.types import Cell, Sample

MAX_REPLIES = 32  # of one prompt
MIN_REPLIES = 4
MAX_TEXT = 4_000  # characters of one reply
SPACE = 1_000_000  # bytes of JSON that the replies of all suites of a page take
BESIDES = 45  # bytes of a reply's JSON without its text
WHOLE = 0.5
"""Share of the space for questions with all their personas and temperatures."""
COVERED = 0.4
"""Share of the space that one prompt of each persona and temperature may take at most, with fewer
replies each where they would need more."""

_GOLDEN = (5**0.5 - 1) / 2

Prompts = Mapping[Cell, Sequence[Sample]]
Rank = Callable[[Cell], float | None]
"""The larger, the more a prompt is looked for; None comes last."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The prompts of a page in the suite's order, and how many replies of each it has room for."""

    cells: tuple[Cell, ...]
    replies: int
    wanted: frozenset[str]  # ids of samples that are shown whatever their number

    def of(self, samples: Sequence[Sample]) -> list[Sample]:
        """Return the replies to one prompt that are shown."""
        first = list(samples[: self.replies])
        return first + [s for s in samples[self.replies :] if s.sample_id in self.wanted]


def choose(
    runs: Sequence[Prompts],
    *,
    space: int = SPACE,
    wanted: Mapping[str, Cell] | None = None,
    repetition: Rank,
    others: Sequence[Rank] = (),
) -> Choice:
    """Choose among the prompts that all runs have; at least one is chosen, however large it is.

    `wanted` are ids of samples that must be shown, with their prompts: repeated texts. `repetition`
    ranks prompts by how alike their replies are, `others` by what else is looked for.
    """
    cells = [cell for cell in runs[0] if all(cell in run for run in runs[1:])]
    wanted = {id: cell for id, cell in (wanted or {}).items() if cell in runs[0]}
    pairs = dict.fromkeys((t, persona) for t, _, persona in cells)
    room = _Room(runs, space=space, ids=frozenset(wanted), pairs=len(pairs))
    queries: dict[str, list[Cell]] = {}
    for cell in cells:
        queries.setdefault(cell[1], []).append(cell)
    spread = _spread(list(queries))
    ranked = _by_mean(queries, repetition)
    # The most repeated question, and cells that it does not cover.
    room.take(queries[ranked[0]] if ranked else (), COVERED)
    covered = {(t, persona) for t, _, persona in room.cells}
    for number, pair in enumerate(pair for pair in pairs if pair not in covered):
        t, persona = pair
        own = (spread[(number + step) % len(spread)] for step in range(len(spread)))
        cell = next((t, query, persona) for query in own if (t, query, persona) in runs[0])
        room.take([cell])
    for cell in wanted.values():
        room.take([cell])
    for query in dict.fromkeys((*ranked[:2], *ranked[-1:], *spread)):
        if not room.take(queries[query], WHOLE):
            break
    in_turn = _in_turn(cells, spread)
    odd = [c for c in in_turn if any(reply.status != "ok" for run in runs for reply in run[c])]
    ends = [_sorted(in_turn, rank) for rank in (repetition, _negative(repetition), *others)]
    room.fill([odd, *ends, in_turn])
    order = {query: number for number, query in enumerate(queries)}
    places = {persona: number for number, persona in enumerate(dict.fromkeys(p for *_, p in cells))}
    chosen = room.cells or dict.fromkeys(in_turn[:1])
    return Choice(
        cells=tuple(sorted(chosen, key=lambda c: (order[c[1]], c[0], places[c[2]]))),
        replies=room.replies,
        wanted=frozenset(wanted),
    )


class _Room:
    """The cells that are taken for the page, and how much of its space they fill."""

    def __init__(
        self, runs: Sequence[Prompts], *, space: int, ids: frozenset[str], pairs: int
    ) -> None:
        self.runs, self.space, self.ids = runs, space, ids
        self.cells: dict[Cell, None] = {}
        self._taken = 0
        some = [
            reply for cell in list(runs[0])[:: 1 + len(runs[0]) // 200] for reply in runs[0][cell]
        ]
        mean = sum(map(_size, some)) / max(1, len(some))
        fitting = int(COVERED * space / max(1, len(runs) * pairs * mean)) if some else MAX_REPLIES
        self.replies = min(MAX_REPLIES, max(MIN_REPLIES, fitting))

    def take(self, group: Sequence[Cell], share: float = 1) -> bool:
        """Take all cells of a group if they fit into this share of the space."""
        new = [cell for cell in group if cell not in self.cells]
        size = self._taken + sum(
            _prompt_size(run[cell], self.replies, self.ids) for cell in new for run in self.runs
        )
        if size > share * self.space:
            return False
        self.cells.update(dict.fromkeys(new))
        self._taken = size
        return True

    def fill(self, lists: Sequence[Sequence[Cell]]) -> None:
        """Take from the lists in turn until the next one of a list does not fit."""
        rest: list[Iterator[Cell]] = [iter(each) for each in lists]
        while rest:
            for each in list(rest):
                cell = next((cell for cell in each if cell not in self.cells), None)
                if cell is None or not self.take([cell]):
                    rest.remove(each)


def _prompt_size(replies: Sequence[Sample], count: int, ids: frozenset[str]) -> int:
    texts: set[str] = set()
    size = 150
    for number, reply in enumerate(replies):
        if number < count or reply.sample_id in ids:
            size += BESIDES if reply.text in texts else _size(reply)
            texts.add(reply.text)
    return size


def _size(reply: Sample) -> int:
    """Return how many bytes a reply takes in the page."""
    text = (reply.text if reply.has_text else reply.error)[:MAX_TEXT]
    return BESIDES + len(script_json(text).encode())


def _spread(queries: Sequence[str]) -> list[str]:
    """Return the queries, the first ones far apart: by multiples of the golden ratio, since
    neighbouring queries of a suite share a topic."""
    return [queries[i] for i in sorted(range(len(queries)), key=lambda i: (i * _GOLDEN % 1, i))]


def _by_mean(queries: Mapping[str, Sequence[Cell]], rank: Rank) -> list[str]:
    """Return the queries by the mean of their cells' ranks, the largest first."""
    means = {}
    for query, cells in queries.items():
        values = [value for value in map(rank, cells) if value is not None]
        means[query] = sum(values) / len(values) if values else -1.0
    return sorted(means, key=lambda query: -means[query])


def _in_turn(cells: Sequence[Cell], spread: Sequence[str]) -> list[Cell]:
    """Return all personas of one query at one temperature, then of the next query at the next
    temperature, and so on."""
    temperatures = sorted({temperature for temperature, _, _ in cells})
    steps = {query: step for step, query in enumerate(spread)}
    places = {t: place for place, t in enumerate(temperatures)}

    def turn(cell: Cell) -> tuple[int, int]:
        step = steps[cell[1]]
        return (places[cell[0]] - step) % len(temperatures), step

    return sorted(cells, key=turn)


def _negative(rank: Rank) -> Rank:
    def negative(cell: Cell) -> float | None:
        value = rank(cell)
        return None if value is None else -value

    return negative


def _sorted(cells: Iterable[Cell], rank: Rank) -> list[Cell]:
    """Return the cells that have a rank, the largest first; ties stay in order."""
    ranks = {cell: value for cell in cells if (value := rank(cell)) is not None}
    return sorted(ranks, key=lambda cell: -ranks[cell])
