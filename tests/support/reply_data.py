"""Replies that a test makes up."""

import json
from collections.abc import Sequence
from typing import Any

from sfr_eval.report.replies import for_page
from sfr_eval.types import Sample


def reply(t: float, query: str, persona: str, index: int, **others: Any) -> Sample:
    """A reply whose text, unless given, no other has."""
    fields = {"status": "ok", "text": f"{t} {query} {persona} {index}", **others}
    return Sample(
        sample_id=f"{t}/{query}/{persona}/{index}",
        suite="s",
        query=query,
        persona=persona,
        temperature=t,
        index=index,
        seed=0,
        prompt_tokens=1,
        completion_tokens=1,
        **fields,
    )


def prompt(query: str, texts: Sequence[str], *, t: float = 1.0, persona: str = "a") -> list[Sample]:
    """The replies to one prompt."""
    return [reply(t, query, persona, i, text=text) for i, text in enumerate(texts)]


def page_data(*runs: Sequence[Sample], **options: Any) -> dict[str, Any]:
    """What the script of a page reads of these runs."""
    named = {f"run {number}": rows for number, rows in enumerate(runs)}
    found = for_page(named, **({"personas": {"a": "Anna"}, "queries": {}} | options))
    data: dict[str, Any] = json.loads(found["data"])
    assert found["shown"] == sum(len(row["replies"]) for row in data["prompts"])
    return data
