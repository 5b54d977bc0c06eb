"""Tests whether a model's sampling is what it seems, by 16 draws on one open prompt, made twice.

One distinct text means an engine that silently decodes greedily, seeds that are ignored, or a
gateway that answers from a cache; a server gets some more requests to tell which.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sfr_eval.types import Request, Sampler

DRAWS = 16

State = Literal["ok", "note", "missing"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's table. `missing` ends a run that needs it; `note` does not."""

    what: str
    state: State
    found: str
    remedy: str = ""


Draw = Callable[[Sequence[Request]], list[str]]
"""Draws the texts of these requests, in their order."""


class _NoText(Exception):
    """A draw returned no text; the message says why."""


def check_draws(
    sampler: Sampler, requests: Sequence[Request], others: Sequence[Request], *, served: bool
) -> Iterator[Finding]:
    """Compare draws of one prompt; `others` have other seeds than `requests`. If they are `served`,
    there may be a cache on the way."""

    def draw(batch: Sequence[Request]) -> list[str]:
        rows = {sample.sample_id: sample for sample in sampler.sample(batch)}
        for row in rows.values():
            if not row.has_text:
                raise _NoText(f"{row.status}: {row.error}" if row.error else row.status)
        return [rows[request.sample_id].text for request in batch]

    try:
        first = draw(requests)
        yield _variety(draw, requests, first, served=served)
        if len(set(first)) > 1:
            if served:
                yield other_seeds(first, draw(others))
            yield _repeats(draw, requests, first, served=served)
    except _NoText as error:
        remedy = "repair the model or the server, then try again"
        yield Finding("draws", "missing", f"a draw failed ({error})", remedy)


def _variety(
    draw: Draw, requests: Sequence[Request], first: Sequence[str], *, served: bool
) -> Finding:
    distinct = len(set(first))
    summary = f"{distinct} distinct of {len(first)} at T = 1"
    if distinct > 1:
        return Finding("draws", "ok", summary)
    if not first[0]:
        remedy = "every draw is empty: does thinking use up all tokens?"
    elif served and _differ(draw([_capped(r, -i) for i, r in enumerate(requests)])):
        # Each had a limit of its own, so that a cache had no answer to it.
        remedy = "a gateway answers from a cache that ignores the seed: switch it off"
    else:
        remedy = "every draw is the same text: greedy engine or ignored seeds"
    return Finding("draws", "missing", summary, remedy)


def other_seeds(first: Sequence[str], others: Sequence[str]) -> Finding:
    """Say what it means that texts drawn with other seeds were, or were not, among the first."""
    repeats = sum(text in set(first) for text in others)
    summary = f"{repeats} of {len(others)} draws with other seeds repeat earlier texts"
    if list(first) == list(others):
        remedy = "other seeds return the old texts in the old order: a cache; switch it off"
        return Finding("other seeds", "missing", summary, remedy)
    if repeats == len(others):
        remedy = "the model has few answers to this prompt, or a cache picks among old ones"
        return Finding("other seeds", "note", summary, remedy)
    return Finding("other seeds", "ok", summary)


def _repeats(
    draw: Draw, requests: Sequence[Request], first: Sequence[str], *, served: bool
) -> Finding:
    equal = sum(one == other for one, other in zip(first, draw(requests), strict=True))
    remedy = "" if equal == len(first) else "results are equal in distribution only"
    if served and equal == len(first):
        # One more token changes no answer to a seed, but is a different question to a cache.
        same_seed = _alike(first, draw([_capped(request, 1) for request in requests]))
        if same_seed < len(first):
            remedy = (
                f"from a cache: with another max_tokens only {same_seed} do. A new model under the "
                "old name would replay old answers: switch the cache off"
            )
    summary = f"{equal} of {len(first)} draws repeat with the same seed"
    return Finding("repeatability", "note" if remedy else "ok", summary, remedy)


def _capped(request: Request, more: int) -> Request:
    tokens = request.sampling.max_tokens + more
    return replace(request, sampling=replace(request.sampling, max_tokens=tokens))


def _differ(texts: Sequence[str]) -> bool:
    """Return whether the texts differ before the shortest of them ends."""
    shortest = min(map(len, texts))
    return len({text[:shortest] for text in texts}) > 1


def _alike(texts: Sequence[str], others: Sequence[str]) -> int:
    """Count the pairs in which one text is the beginning of the other."""
    return sum(
        one.startswith(other) or other.startswith(one)
        for one, other in zip(texts, others, strict=True)
        if bool(one) == bool(other)
    )
