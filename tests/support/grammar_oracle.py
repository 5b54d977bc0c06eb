"""What small grammars say, by going through every derivation."""

import math
from collections.abc import Iterator
from itertools import product

from sfr_eval.suites.world.grammar import SlotGrammar


def derived_texts(grammar: SlotGrammar) -> Iterator[tuple[str, float]]:
    """Yield (text, probability) of every derivation."""
    live = [[i for i, p in enumerate(slot.probabilities) if p > 0] for slot in grammar.slots]
    for numbers in product(*live):
        chances = (slot.probabilities[i] for slot, i in zip(grammar.slots, numbers, strict=True))
        yield grammar.render(numbers), math.prod(chances)


def entropy(grammar: SlotGrammar) -> float:
    """Return the entropy of a derivation, in nats: that of the text if no text has two."""
    chances = (p for slot in grammar.slots for p in slot.probabilities if p > 0)
    return -math.fsum(p * math.log(p) for p in chances)
