"""A slot grammar: a reply is a sequence of phrases, drawn independently, with a known probability.

A grammar is a tuple of slots. The entries of a slot may be frames with a hole that names the next
slot ("You should {action}."), which then fills the hole. A slot without a hole is a sentence of its
own. Sentences are joined by one space, and an empty sentence adds nothing.

Slots are independent, so the probability of a derivation (one entry number for each slot) is the
product of those of its entries. A text can have several derivations; `log_prob` sums over them.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_HOLE = re.compile(r"\{(\w+)\}")


class PhraseIndex:
    """Finds which of some phrases stand at a given position of a text."""

    KEY = 6  # leading characters to look up in a dictionary; shorter phrases are tried one by one

    def __init__(self, phrases: Iterable[tuple[int, str]]) -> None:
        self._short: list[tuple[int, str]] = []
        self._by_key: dict[str, list[tuple[int, str]]] = {}
        for number, phrase in phrases:
            if len(phrase) >= self.KEY:
                self._by_key.setdefault(phrase[: self.KEY], []).append((number, phrase))
            else:
                self._short.append((number, phrase))

    def at(self, text: str, start: int) -> list[tuple[int, int]]:
        """Return (number, end position) of every phrase that `text` has at `start`."""
        near = self._by_key.get(text[start : start + self.KEY], ())
        candidates = (*near, *self._short)
        return [(n, start + len(p)) for n, p in candidates if text.startswith(p, start)]


def sharpen(probabilities: Sequence[float], beta: float) -> tuple[float, ...]:
    """Return p^beta, normalised: 1 changes nothing, 0 is uniform on the support, inf keeps one
    mode.

    Does not raise the entropy for beta above 1. At inf, the first of equal modes wins.
    """
    if not beta >= 0:
        raise ValueError(f"beta must be 0 or more, not {beta}")
    if beta == 1:
        return tuple(probabilities)
    top = max(probabilities)
    if beta == math.inf:
        # Equal modes may differ in the last bit; the first of them has to win nonetheless.
        mode = next(i for i, p in enumerate(probabilities) if p >= top * (1 - 1e-12))
        return tuple(float(i == mode) for i in range(len(probabilities)))
    # Relative to the largest, since a large beta would underflow every entry.
    powers = [math.exp(beta * math.log(p / top)) if p > 0 else 0.0 for p in probabilities]
    total = math.fsum(powers)
    return tuple(power / total for power in powers)


def truncate(
    probabilities: Sequence[float], *, top_p: float = 1.0, top_k: int = 0, min_p: float = 0.0
) -> tuple[float, ...]:
    """Return the probabilities after min_p, top_k and top_p, in this order and normalised: what the
    engines do to a model's tokens (`samplers/transformers.py`). Off values change nothing."""
    if min_p > 0:
        floor = min_p * max(probabilities)
        probabilities = _normalised([p if p >= floor else 0.0 for p in probabilities])
    if 0 < top_k < len(probabilities):
        edge = sorted(probabilities, reverse=True)[top_k - 1]
        probabilities = _normalised([p if p >= edge else 0.0 for p in probabilities])
    if top_p < 1:
        order = sorted(range(len(probabilities)), key=lambda i: -probabilities[i])
        before = accumulate((probabilities[i] for i in order), initial=0.0)
        kept = {i for i, mass in zip(order, before, strict=False) if mass < top_p}
        probabilities = _normalised([p if i in kept else 0.0 for i, p in enumerate(probabilities)])
    return tuple(probabilities)


def _normalised(weights: Sequence[float]) -> list[float]:
    total = math.fsum(weights)
    return [weight / total for weight in weights]


@dataclass(frozen=True)
class Slot:
    """One part of a reply: distinct entries and their probabilities (0 or more, sum 1)."""

    name: str
    entries: tuple[str, ...]
    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.entries) != len(self.probabilities):
            raise ValueError(f"slot {self.name}: entries and probabilities differ in number")
        if len(set(self.entries)) != len(self.entries):
            raise ValueError(f"slot {self.name}: the same entry twice")
        if not all(p >= 0 for p in self.probabilities):
            raise ValueError(f"slot {self.name}: a probability is negative or not a number")
        if abs(math.fsum(self.probabilities) - 1) > 1e-9:
            raise ValueError(f"slot {self.name}: probabilities do not sum to 1")
        holes = {tuple(_HOLE.findall(entry)) for entry in self.entries}
        if len(holes) != 1 or len(next(iter(holes))) > 1:
            raise ValueError(f"slot {self.name}: all entries need one and the same hole, or none")

    @cached_property
    def hole(self) -> str | None:
        """Name of the slot that fills these frames; None if the entries are plain."""
        match = _HOLE.search(self.entries[0])
        return match[1] if match else None

    @cached_property
    def heads(self) -> tuple[str, ...]:
        """Each entry up to its hole; the whole entry if it has none."""
        return tuple(_HOLE.split(entry)[0] for entry in self.entries)

    @cached_property
    def tails(self) -> tuple[str, ...]:
        """Each entry after its hole; empty if it has none."""
        return tuple(_HOLE.split(entry)[-1] if self.hole else "" for entry in self.entries)

    @cached_property
    def logs(self) -> tuple[float, ...]:
        """Natural log of each probability, -inf for 0."""
        return tuple(math.log(p) if p > 0 else -math.inf for p in self.probabilities)

    @cached_property
    def index(self) -> PhraseIndex:
        """Index of the heads of the entries that can be drawn, without the empty one (see
        `empty`)."""
        live = [bool(e) and p > 0 for e, p in zip(self.entries, self.probabilities, strict=True)]
        return PhraseIndex((i, head) for i, head in enumerate(self.heads) if live[i])

    @cached_property
    def empty(self) -> int | None:
        """Number of the empty entry; None if it cannot be drawn."""
        number = self.entries.index("") if "" in self.entries else None
        return number if number is not None and self.probabilities[number] > 0 else None

    @cached_property
    def _steps(self) -> list[float]:
        steps = list(accumulate(self.probabilities))
        last = max(i for i, p in enumerate(self.probabilities) if p > 0)
        # Rounding may leave the sum below 1; a draw above it must still hit an entry.
        return steps[:last] + [1.0] * (len(steps) - last)

    def pick(self, u: float) -> int:
        """Return the entry number at `u`, uniform in [0, 1)."""
        return bisect_right(self._steps, u)

    def sharpened(self, beta: float) -> "Slot":
        """Return the slot with its probabilities sharpened (see `sharpen`)."""
        return Slot(self.name, self.entries, sharpen(self.probabilities, beta))


@dataclass(frozen=True)
class SlotGrammar:
    """Independent slots in reading order, sentences joined by `joiner` (see the module)."""

    slots: tuple[Slot, ...]
    joiner: str = " "

    def __post_init__(self) -> None:
        filled = [frame.hole for frame, _ in self._sentences if frame.hole]
        if filled != [filler.name for _, filler in self._sentences if filler]:
            raise ValueError("the slot after a frame must bear the name of the frame's hole")

    @cached_property
    def _sentences(self) -> tuple[tuple[Slot, Slot | None], ...]:
        """Slots by sentence: (frame, its filler), or (plain slot, None)."""
        sentences: list[tuple[Slot, Slot | None]] = []
        slots = iter(self.slots)
        for slot in slots:
            filler = next(slots, None) if slot.hole else None
            if filler is not None and (filler.hole or "" in filler.entries):
                raise ValueError(f"slot {filler.name}: a filler must not be empty or have a hole")
            sentences.append((slot, filler))
        return tuple(sentences)

    def truncated(self, **filters: Any) -> "SlotGrammar":
        """Return the grammar with the choices of each slot truncated (see `truncate`)."""
        slots = (
            Slot(slot.name, slot.entries, truncate(slot.probabilities, **filters))
            for slot in self.slots
        )
        return SlotGrammar(tuple(slots), self.joiner)

    def render(self, derivation: Sequence[int]) -> str:
        """Return the text of a derivation: one entry number for each slot."""
        numbers = iter(derivation)
        parts = []
        for frame, filler in self._sentences:
            number = next(numbers)
            part = frame.heads[number]
            if filler is not None:
                part += filler.entries[next(numbers)] + frame.tails[number]
            if part:
                parts.append(part)
        return self.joiner.join(parts)

    def sample(self, rng: "np.random.Generator") -> str:
        """Draw one text. Takes one uniform number from `rng` for each slot."""
        draws: list[float] = rng.random(len(self.slots)).tolist()
        return self.render([slot.pick(u) for slot, u in zip(self.slots, draws, strict=True)])

    def _readings(
        self, frame: Slot, filler: Slot | None, text: str, start: int
    ) -> Iterator[tuple[tuple[int, ...], float, int]]:
        """Yield the ways to read the next sentence from `start`: (entry numbers, log-prob, end)."""
        if frame.empty is not None and filler is None:
            yield (frame.empty,), frame.logs[frame.empty], start
        if start > 0:  # not the first sentence, so a joiner must come first
            if not text.startswith(self.joiner, start):
                return
            start += len(self.joiner)
        for number, inner in frame.index.at(text, start):
            if filler is None:
                yield (number,), frame.logs[number], inner
                continue
            tail = frame.tails[number]
            for fill, end in filler.index.at(text, inner):
                if text.startswith(tail, end):
                    log = frame.logs[number] + filler.logs[fill]
                    yield (number, fill), log, end + len(tail)

    def log_prob(self, text: str) -> float:
        """Return the natural log of the probability of `text`; -inf if it has no derivation.

        A forward pass over a trellis: the total of all ways to read sentences 1..i up to each
        position of the text.
        """
        ahead = {0: 0.0}
        for frame, filler in self._sentences:
            here, ahead = ahead, {}
            for start, before in here.items():
                for _, log, end in self._readings(frame, filler, text, start):
                    ahead[end] = log_sum(ahead.get(end, -math.inf), before + log)
        return ahead.get(len(text), -math.inf)

    def derivations(self, text: str) -> list[tuple[int, ...]]:
        """Return every derivation of `text` with a positive probability; usually one or none."""
        partial: list[tuple[tuple[int, ...], int]] = [((), 0)]
        for frame, filler in self._sentences:
            partial = [
                (numbers + more, end)
                for numbers, start in partial
                for more, _, end in self._readings(frame, filler, text, start)
            ]
        return [numbers for numbers, end in partial if end == len(text)]


def log_sum(a: float, b: float) -> float:
    """Return log(e^a + e^b) without overflow."""
    high, low = max(a, b), min(a, b)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
