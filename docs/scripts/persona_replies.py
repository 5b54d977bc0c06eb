"""Writes docs/suites/persona_replies.md: ten replies of each persona of the synthetic benchmark.

Run it after a change of tasks/persona; a test keeps the page equal to its output.
"""

from pathlib import Path

import numpy as np

from sfr_eval.plan import sample_seed
from sfr_eval.suites.world.persona import PersonaCard, PersonaWorld, Query
from sfr_eval.util.assets import find_suite

PAGE = Path(__file__).parents[1] / "suites" / "persona_replies.md"
SEED = 2026
REPLIES = 10

_HEAD = """\
# A hundred replies

Ten replies of each of the ten personas to the same ten questions, drawn from the reference
distribution of the persona benchmark (both dials at 0, temperature 1, seed {seed}). Written by
`docs/scripts/persona_replies.py`; nothing was selected by hand.

The last column is the exact probability that a reply came from its persona, given the question and
nine equally likely personas. No two personas share a phrase of their own, so one such phrase gives
100 %; a reply made only of phrases that all share gives one ninth. The held-out persona is not one
of the nine.
"""


def page() -> str:
    """Return the page as Markdown."""
    world = PersonaWorld.load(find_suite("persona"))
    step = len(world.queries) // REPLIES
    queries = world.queries[:: step + 1][:REPLIES]
    parts = [_HEAD.format(seed=SEED)]
    for card in world.personas:
        held_out = " (held out)" if card.held_out else ""
        parts.append(f"## {card.name}{held_out}\n\n`{card.id}`: {card.voice}\n")
        rows = [_row(world, card, query) for query in queries]
        parts.append("| question | reply | own |\n|---|---|---:|\n" + "".join(rows))
    return "\n".join(parts)


def _row(world: PersonaWorld, card: PersonaCard, query: Query) -> str:
    seed = sample_seed(SEED, suite="docs", prompt=f"{query.id}/{card.id}", temperature=1.0, index=0)
    reply = world.sample(card.id, query.id, np.random.default_rng(seed))
    chances = world.posterior(reply, query.id)
    own = "-" if card.held_out or chances is None else f"{100 * chances[card.id]:.0f} %"
    return f"| {_cell(query.text)} | {_cell(reply)} | {own} |\n"


def _cell(text: str) -> str:
    return "".join("\\" + c if c in "\\|*_`<[" else c for c in text)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
