"""A small suite of somebody else, for tests that make it hostile."""

from pathlib import Path

SUITE = """
id: {id}
version: "1"
title: t
queries: {queries}
persona_cards: {cards}
metrics: [text]
"""
CARDS = "personas: [{id: a, name: A, system: Be A.}]"


def make_suite(
    folder: Path, *, id: str = "own", queries: str = "q.jsonl", cards: str = "c.yaml"
) -> Path:
    folder.mkdir()
    (folder / "suite.yaml").write_text(SUITE.format(id=id, queries=queries, cards=cards))
    (folder / "q.jsonl").write_text('{"id": "one", "text": "What?"}\n')
    (folder / "c.yaml").write_text(CARDS)
    return folder
