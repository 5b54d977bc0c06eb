"""Replies with a known fault: what a judge should notice, and only that.

A fault is put into a good reply of the persona world so that the oracle's other verdicts stay as
they were. Truth on each axis: ctx, the reply is about the topic; rel, it is about the topic and
answers what was asked; flu, it is well formed; style, it is most probable under the asked persona.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
"""Fault -> axes on which it makes a reply bad."""
DOSES = (0.25, 0.5, 0.75, 1.0)
AXES = ("ctx", "rel", "flu", "style")
_DRAWS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """A reply to `query` in the voice of `persona`, or what should be one. `truth` maps an axis to
    good or bad; an axis without a known truth is absent."""

    id: str
    query: str
    persona: str
    text: str
    truth: Mapping[str, bool]
    fault: str  # group: a fault, or "" for the group without any
    dose: float  # share of the group that has the fault


def specimens(world: "PersonaWorld", *, items: int, seed: int) -> Iterator[Specimen]:
    """`items` good replies, then `items` for each fault and dose, of which exactly the dose (to
    the nearest reply) has the fault. The same seed gives the same replies."""
    import numpy as np

    rng = np.random.default_rng(seed)
    for number in range(items):
        yield _make(world, rng, fault="", group="", dose=0.0, number=number)
    for fault in FAULTS:
        for dose in DOSES:
            for number in range(items):
                faulty = number < round(dose * items)
                yield _make(
                    world, rng, fault=fault if faulty else "", group=fault, dose=dose, number=number
                )


def lengthened(world: "PersonaWorld", specimen: Specimen, rng: "np.random.Generator") -> Specimen:
    """A good reply made about twice as long, and no worse: a second good one is set behind it."""
    more = _good(world, rng, specimen.persona, specimen.query)
    while more == specimen.text:
        more = _good(world, rng, specimen.persona, specimen.query)
    return Specimen(
        id=f"{specimen.id}-long",
        query=specimen.query,
        persona=specimen.persona,
        text=f"{specimen.text} {more}",
        truth=specimen.truth,
        fault="",
        dose=0.0,
    )


def with_fault(
    world: "PersonaWorld", specimen: Specimen, fault: str, rng: "np.random.Generator"
) -> Specimen:
    """Another reply to the same query and persona, with the fault."""
    text, source = _text(world, rng, specimen.persona, specimen.query, fault)
    return Specimen(
        id=f"{specimen.id}-{fault}",
        query=specimen.query,
        persona=specimen.persona,
        text=text,
        truth=_truth(world, text, specimen.query, specimen.persona, source),
        fault=fault,
        dose=1.0,
    )


def _make(
    world: "PersonaWorld",
    rng: "np.random.Generator",
    *,
    fault: str,
    group: str,
    dose: float,
    number: int,
) -> Specimen:
    query = world.queries[int(rng.integers(len(world.queries)))].id
    cast = [card.id for card in world.personas if not card.held_out]
    persona = cast[int(rng.integers(len(cast)))]
    text, source = _text(world, rng, persona, query, fault)
    return Specimen(
        id=f"{group or 'good'}-{dose:g}-{number}",
        query=query,
        persona=persona,
        text=text,
        truth=_truth(world, text, query, persona, source),
        fault=group,
        dose=dose,
    )


def _text(
    world: "PersonaWorld", rng: "np.random.Generator", persona: str, query: str, fault: str
) -> tuple[str, str]:
    """(reply, the query that it was drawn for)."""
    asked = next(q for q in world.queries if q.id == query)
    if fault == "topic":
        others = [q for q in world.queries if q.intent == asked.intent and q.topic != asked.topic]
    elif fault == "intent":
        others = [q for q in world.queries if q.topic == asked.topic and q.intent != asked.intent]
    else:
        others = [asked]
    source = others[int(rng.integers(len(others)))].id
    if fault == "persona":
        cast = [c.id for c in world.personas if not c.held_out and c.id != persona]
        persona = cast[int(rng.integers(len(cast)))]
    text = _good(world, rng, persona, source)
    return (broken(text, world.clauses(source)) if fault == "grammar" else text), source


def _good(world: "PersonaWorld", rng: "np.random.Generator", persona: str, query: str) -> str:
    """A reply that shows its persona; all-generic ones belong to nobody and are drawn again."""
    for _ in range(_DRAWS):
        text = world.sample(persona, query, rng)
        if world.styled(text, persona, query):
            return text
    raise ValueError(f"{persona} has no reply to {query} that shows the persona")


def broken(text: str, clauses: tuple[tuple[str, ...], tuple[str, ...]]) -> str:
    """The text with its words in reverse order, apart from the clauses, which say what it is about:
    a reply that nobody would call well formed, on the same topic and to the same intent."""
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
    verdict = world.judge(text, query)
    truth = {
        "ctx": verdict.topic,
        "rel": verdict.topic and verdict.intent,
        "flu": verdict.well_formed,
    }
    if verdict.well_formed:  # the oracle knows no voice in broken text
        truth["style"] = world.styled(text, persona, source)
    return truth
