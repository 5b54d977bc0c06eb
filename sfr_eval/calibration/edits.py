"""Edits of replies: what the attacks are made of.

Each takes samples that all have a text, and a generator, and returns as many in the same order.
Only texts change: id, persona, temperature and index stay as they are.
"""

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from sfr_eval.types import Cell, Sample

Edit = Callable[[Sequence[Sample], np.random.Generator], list[Sample]]

_Key = TypeVar("_Key", bound=Hashable)
_SENTENCE_END = re.compile(r"(?<=[.!?。])\s+")
_SWAPS = 8  # attempts to exchange two texts for each text that is dealt


def sentences(text: str) -> list[str]:
    """Split a text after full stops, exclamation and question marks."""
    return _SENTENCE_END.split(text.strip())


def replaced_texts(samples: Sequence[Sample], texts: Sequence[str]) -> list[Sample]:
    """Return the samples with other texts, and their numbers of words as numbers of tokens."""
    return [
        replace(sample, text=text, completion_tokens=len(text.split()))
        for sample, text in zip(samples, texts, strict=True)
    ]


def each(function: Callable[[str, np.random.Generator], str]) -> Edit:
    """Return the edit that changes every text on its own."""

    def edit(samples: Sequence[Sample], generator: np.random.Generator) -> list[Sample]:
        return replaced_texts(samples, [function(s.text, generator) for s in samples])

    return edit


def copies(function: Callable[[str, int, np.random.Generator], str]) -> Edit:
    """Return the edit that replaces all replies to a prompt by variants of the first of them; the
    function gets that text and the number of the variant."""

    def edit(samples: Sequence[Sample], generator: np.random.Generator) -> list[Sample]:
        texts = [""] * len(samples)
        for places in cells(samples).values():
            first = samples[places[0]].text
            for number, place in enumerate(places):
                texts[place] = function(first, number, generator)
        return replaced_texts(samples, texts)

    return edit


def instead(texts: Sequence[str]) -> Edit:
    """Return the edit that puts the given texts in the place of the replies to a prompt, one after
    the other and round again, from another one on for each prompt."""

    def edit(samples: Sequence[Sample], generator: np.random.Generator) -> list[Sample]:
        chosen = [""] * len(samples)
        for places in cells(samples).values():
            start = int(generator.integers(len(texts)))
            for number, place in enumerate(places):
                chosen[place] = texts[(start + number) % len(texts)]
        return replaced_texts(samples, chosen)

    return edit


def half(edit: Edit) -> Edit:
    """Return the edit that changes a random half of the replies to each prompt, rounded up."""

    def edited_half(samples: Sequence[Sample], generator: np.random.Generator) -> list[Sample]:
        changed = edit(samples, generator)
        result = list(samples)
        for places in cells(samples).values():
            for i in generator.permutation(len(places))[: (len(places) + 1) // 2]:
                result[places[i]] = changed[places[i]]
        return result

    return edited_half


def dealt_to_other_questions(
    samples: Sequence[Sample], generator: np.random.Generator
) -> list[Sample]:
    """Deal each persona's replies at random to other questions; none stays at its own. Raises
    ValueError if one question has more than half of them."""
    return _dealt(samples, generator, within=lambda s: (s.temperature, s.persona), by="query")


def dealt_to_other_personas(
    samples: Sequence[Sample], generator: np.random.Generator
) -> list[Sample]:
    """Deal the replies to each question at random to other personas; none stays with its own.
    Raises ValueError if one persona has more than half of them."""
    return _dealt(samples, generator, within=lambda s: (s.temperature, s.query), by="persona")


def _dealt(
    samples: Sequence[Sample],
    generator: np.random.Generator,
    *,
    within: Callable[[Sample], Hashable],
    by: str,
) -> list[Sample]:
    texts = [""] * len(samples)
    for places in _grouped(samples, within).values():
        sources = derangement([getattr(samples[place], by) for place in places], generator)
        for place, source in zip(places, sources, strict=True):
            texts[place] = samples[places[source]].text
    return replaced_texts(samples, texts)


def derangement(labels: Sequence[str], generator: np.random.Generator) -> list[int]:
    """Return a random permutation that leads no place to one with the same label. Raises ValueError
    if there is none: one label at more than half of the places."""
    counts = Counter(labels)
    largest = max(counts.values())
    if 2 * largest > len(labels):
        raise ValueError("more than half of the replies belong together: cannot be dealt to others")
    rank = {label: i for i, label in enumerate(generator.permutation(list(counts)).tolist())}
    order = sorted(generator.permutation(len(labels)).tolist(), key=lambda i: rank[labels[i]])
    # In blocks of equal labels, a shift by the largest block leaves every block.
    sources = [0] * len(labels)
    for place, source in zip(order, order[largest:] + order[:largest], strict=True):
        sources[place] = source
    for i, j in generator.integers(len(labels), size=(_SWAPS * len(labels), 2)).tolist():
        if labels[sources[i]] != labels[j] and labels[sources[j]] != labels[i]:
            sources[i], sources[j] = sources[j], sources[i]
    return sources


def permuted_questions(samples: Sequence[Sample], generator: np.random.Generator) -> list[Sample]:
    """Give all replies to a question to another one, in one random cycle through the questions.
    Raises ValueError if there is only one question."""
    queries = sorted({sample.query for sample in samples})
    if len(queries) < 2:
        raise ValueError("replies to one question cannot be given to another")
    order = generator.permutation(queries).tolist()
    by_cell = cells(samples)
    texts = [""] * len(samples)
    for (temperature, query, persona), places in by_cell.items():
        start = order.index(query) + 1
        sources = next(  # of the next question that this persona answered, at worst its own
            by_cell[temperature, other, persona]
            for other in order[start:] + order[:start]
            if (temperature, other, persona) in by_cell
        )
        for number, place in enumerate(places):
            texts[place] = samples[sources[number % len(sources)]].text
    return replaced_texts(samples, texts)


def one_voice(samples: Sequence[Sample], generator: np.random.Generator) -> list[Sample]:
    """Let all personas answer in the first one's voice: its replies to the same question, in a
    random order."""
    voice = samples[0].persona
    by_cell = cells(samples)
    texts = [sample.text for sample in samples]
    for (temperature, query, _), places in by_cell.items():
        sources = by_cell.get((temperature, query, voice), places)
        order = generator.permutation(len(sources)).tolist()
        for number, place in enumerate(places):
            texts[place] = samples[sources[order[number % len(order)]]].text
    return replaced_texts(samples, texts)


def phrases_alone(samples: Sequence[Sample], generator: np.random.Generator) -> list[Sample]:
    """Keep only sentences that a persona says to several questions: greetings, catchphrases and
    farewells without advice. A reply without any gets one of its persona's."""
    asked: dict[tuple[str, str], set[str]] = {}
    for sample in samples:
        for sentence in sentences(sample.text):
            asked.setdefault((sample.persona, sentence), set()).add(sample.query)
    stock: dict[str, list[str]] = {}
    for (persona, sentence), queries in asked.items():
        if len(queries) > 1:
            stock.setdefault(persona, []).append(sentence)
    texts = []
    for sample in samples:
        own = stock.get(sample.persona, [])
        said = [sentence for sentence in sentences(sample.text) if sentence in own]
        if not said and own:
            said = [own[int(generator.integers(len(own)))]]
        texts.append(" ".join(said or sentences(sample.text)[:1]))
    return replaced_texts(samples, texts)


def glued(samples: Sequence[Sample], generator: np.random.Generator) -> list[Sample]:
    """Glue another reply to the same prompt to each reply, so that it is about twice as long and
    as varied as before."""
    texts = [sample.text for sample in samples]
    for places in cells(samples).values():
        order = generator.permutation(places).tolist()
        for place, other in zip(order, order[1:] + order[:1], strict=True):
            texts[place] = f"{samples[place].text} {samples[other].text}"
    return replaced_texts(samples, texts)


def after_another_answer(samples: Sequence[Sample], generator: np.random.Generator) -> list[Sample]:
    """Put a reply to another question before each reply."""
    others = dealt_to_other_questions(samples, generator)
    pairs = zip(others, samples, strict=True)
    return replaced_texts(samples, [f"{other.text} {own.text}" for other, own in pairs])


def prompt_repeated(queries: Mapping[str, str]) -> Edit:
    """Return the edit that replaces each reply by its question and the last sentence of the reply.
    `queries` maps id to text."""

    def edit(samples: Sequence[Sample], generator: np.random.Generator) -> list[Sample]:
        del generator  # nothing is left to chance
        return replaced_texts(
            samples, [f"{queries[s.query]} {sentences(s.text)[-1]}" for s in samples]
        )

    return edit


def noise(share: float, *, vocabulary: Sequence[str] | None = None) -> Edit:
    """Return the edit that replaces each word by a random one with chance `share`, 0 to 1. None
    takes the different words of all samples as the vocabulary."""

    def edit(samples: Sequence[Sample], generator: np.random.Generator) -> list[Sample]:
        words = vocabulary or words_of(samples)

        def noisy(text: str) -> Iterator[str]:
            for word in text.split():
                changes = generator.random() < share
                yield words[int(generator.integers(len(words)))] if changes else word

        return replaced_texts(samples, [" ".join(noisy(sample.text)) for sample in samples])

    return edit


def words_of(samples: Sequence[Sample]) -> list[str]:
    """Return the different words of all samples, sorted."""
    return sorted({word for sample in samples for word in sample.text.split()})


def cells(samples: Sequence[Sample]) -> dict[Cell, list[int]]:
    """Return the places of the replies to each prompt at each temperature."""
    return _grouped(samples, lambda sample: sample.cell)


def _grouped(samples: Sequence[Sample], key: Callable[[Sample], _Key]) -> dict[_Key, list[int]]:
    places: dict[_Key, list[int]] = {}
    for place, sample in enumerate(samples):
        places.setdefault(key(sample), []).append(place)
    return places
