"""Replies with a known fault, which a judge should notice without noticing anything else.

A fault is put into a good reply of the persona benchmark such that the parser's other results do
not change. What makes a reply good on each axis: ctx, it is about the topic; rel, it is about the
topic and answers the question; flu, it is well formed; style, it is most probable under its
persona.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from sfr_eval.suites.world.persona import PersonaWorld

FAULTS = {
    "topic": ("ctx", "rel"),
    "intent": ("rel",),
    "grammar": ("flu",),
    "persona": ("style",),
}
"""Fault -> the axes on which it makes a reply bad."""
DOSES = (0.25, 0.5, 0.75, 1.0)
_DRAWS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """A reply to `query` in the voice of `persona`, or what should be one. `truth` maps an axis to
    whether the reply is good; an axis on which this is unknown is absent."""

    id: str
    query: str
    persona: str
    text: str
    truth: Mapping[str, bool]
    fault: str  # of the group; "" for the group without faults
    dose: float  # share of the group that has the fault


def specimens(world: "PersonaWorld", *, items: int, seed: int) -> Iterator[Specimen]:
    """Yield `items` good replies, then `items` for each fault and dose. The dose is the share of
    them that has the fault, to the nearest reply. The same seed gives the same replies."""
    import numpy as np

    rng = np.random.default_rng(seed)
    for group, dose in [("", 0.0), *product(FAULTS, DOSES)]:
        for number in range(items):
            fault = group if number < round(dose * items) else ""
            query = world.queries[int(rng.integers(len(world.queries)))].id
            cast = [card.id for card in world.personas if not card.held_out]
            persona = cast[int(rng.integers(len(cast)))]
            text, source = _text(world, rng, persona, query, fault)
            yield Specimen(
                id=f"{group or 'good'}-{dose:g}-{number}",
                query=query,
                persona=persona,
                text=text,
                truth=_truth(world, text, query, persona, source),
                fault=group,
                dose=dose,
            )


def lengthened(world: "PersonaWorld", specimen: Specimen, rng: "np.random.Generator") -> Specimen:
    """Make a good reply about twice as long and no worse, by appending a second good one."""
    more = _good(world, rng, specimen.persona, specimen.query)
    while more == specimen.text:
        more = _good(world, rng, specimen.persona, specimen.query)
    text = f"{specimen.text} {more}"
    return replace(specimen, id=f"{specimen.id}-long", text=text, fault="", dose=0.0)


def with_fault(
    world: "PersonaWorld", specimen: Specimen, fault: str, rng: "np.random.Generator"
) -> Specimen:
    """Draw another reply to the same query and persona, with the fault."""
    text, source = _text(world, rng, specimen.persona, specimen.query, fault)
    truth = _truth(world, text, specimen.query, specimen.persona, source)
    return replace(
        specimen, id=f"{specimen.id}-{fault}", text=text, truth=truth, fault=fault, dose=1.0
    )


def _text(
    world: "PersonaWorld", rng: "np.random.Generator", persona: str, query: str, fault: str
) -> tuple[str, str]:
    """Return (reply, the query that it was drawn for)."""
    target = next(q for q in world.queries if q.id == query)
    if fault == "topic":
        others = [q for q in world.queries if q.intent == target.intent and q.topic != target.topic]
    elif fault == "intent":
        others = [q for q in world.queries if q.topic == target.topic and q.intent != target.intent]
    else:
        others = [target]
    source = others[int(rng.integers(len(others)))].id
    if fault == "persona":
        cast = [c.id for c in world.personas if not c.held_out and c.id != persona]
        persona = cast[int(rng.integers(len(cast)))]
    text = _good(world, rng, persona, source)
    return (broken(text, world.clauses(source)) if fault == "grammar" else text), source


def _good(world: "PersonaWorld", rng: "np.random.Generator", persona: str, query: str) -> str:
    """Draw a reply that shows its persona; all-generic ones show none and are drawn again."""
    for _ in range(_DRAWS):
        text = world.sample(persona, query, rng)
        if world.styled(text, persona, query):
            return text
    raise ValueError(f"{persona} has no reply to {query} that shows the persona")


def broken(text: str, clauses: tuple[tuple[str, ...], tuple[str, ...]]) -> str:
    """Reverse the words of a text, except within clauses, which say what it is about. Nobody would
    call the result well formed, but topic and intent are unchanged."""
    places = sorted(
        (text.find(clause), clause) for clause in (*clauses[0], *clauses[1]) if clause in text
    )
    parts = []
    end = 0
    for start, clause in places:
        parts += [*reversed(text[end:start].split()), clause]
        end = start + len(clause)
    parts += reversed(text[end:].split())
    return " ".join(parts)


def _truth(
    world: "PersonaWorld", text: str, query: str, persona: str, source: str
) -> dict[str, bool]:
    parse = world.parse_reply(text, query)
    relevant = parse.topic and parse.intent
    truth = {"ctx": parse.topic, "rel": relevant, "flu": parse.well_formed}
    if parse.well_formed:  # broken text has no derivation, hence no voice
        truth["style"] = world.styled(text, persona, source)
    return truth
