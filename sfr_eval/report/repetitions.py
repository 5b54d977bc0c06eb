"""The most repeated replies and openings of a suite, by temperature: what a collapse falls back to.

Counts of stored samples; nothing is estimated.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sfr_eval.types import Cell, Sample

SHOWN = 8
"""Clusters of each kind and temperature that are shown."""
OPENING = 5
"""Words of an opening."""
MAX_TEXT = 400
CUT = " [cut here]"
SEARCHED = 160
"""Characters of a text by which its replies are found."""

Kind = Literal["reply", "opening"]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Replies that are one text, or that begin with the same words, at one temperature."""

    kind: Kind
    temperature: float
    text: str  # cut at MAX_TEXT
    count: int  # replies
    share: float  # of the replies with text at this temperature
    queries: int
    personas: int
    cell: Cell  # the prompt with most of them
    sample_id: str  # the first of its replies to that prompt

    @property
    def search(self) -> str:
        """What finds its replies in the reply browser, which takes all white space for equal."""
        return " ".join(self.text.removesuffix(CUT).split())[:SEARCHED]


@dataclass(frozen=True, kw_only=True)
class Repetition:
    """The repeated texts and openings of one temperature."""

    temperature: float
    replies: int  # with text
    copies: float  # share whose text another reply to the same query has too, in any persona
    clusters: tuple[Cluster, ...]  # largest first, whole replies before openings


def repetitions(samples: Iterable[Sample]) -> list[Repetition]:
    """Return the largest clusters of each temperature; one reply alone is not a cluster. Texts are
    compared without the white space around them."""
    by_temperature: dict[float, list[Sample]] = {}
    for sample in samples:
        if sample.has_text and sample.text.strip():
            by_temperature.setdefault(sample.temperature, []).append(sample)
    return [
        Repetition(
            temperature=t,
            replies=len(here),
            copies=_copies(here),
            clusters=(*_clusters("reply", here), *_clusters("opening", here)),
        )
        for t, here in sorted(by_temperature.items())
    ]


def _copies(samples: Sequence[Sample]) -> float:
    counts = Counter((sample.query, sample.text.strip()) for sample in samples)
    return sum(count for count in counts.values() if count > 1) / len(samples)


def _clusters(kind: Kind, samples: Sequence[Sample]) -> list[Cluster]:
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        text = sample.text.strip()
        if kind == "opening":
            text = " ".join(text[:MAX_TEXT].split()[:OPENING])
        groups.setdefault(text, []).append(sample)
    if kind == "opening":  # of replies that are one text, which is shown as such
        groups = {
            text: own for text, own in groups.items() if len({s.text.strip() for s in own}) > 1
        }
    largest = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return [
        _cluster(kind, text, group, of=len(samples))
        for text, group in largest[:SHOWN]
        if len(group) > 1
    ]


def _cluster(kind: Kind, text: str, group: Sequence[Sample], *, of: int) -> Cluster:
    cell = Counter(sample.cell for sample in group).most_common(1)[0][0]
    return Cluster(
        kind=kind,
        temperature=cell[0],
        text=text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}{CUT}",
        count=len(group),
        share=len(group) / of,
        queries=len({sample.query for sample in group}),
        personas=len({sample.persona for sample in group}),
        cell=cell,
        sample_id=next(sample.sample_id for sample in group if sample.cell == cell),
    )


def wanted(repeated: Iterable[Repetition]) -> dict[str, Cell]:
    """Return the id of one reply of each cluster -> its prompt, for the reply browser."""
    return {
        cluster.sample_id: cluster.cell
        for repetition in repeated
        for cluster in repetition.clusters
    }


_FIELDS = ("temperature", "kind", "count", "share", "queries", "personas", "text")


def rows(suite: str, repeated: Sequence[Repetition]) -> list[dict[str, Any]]:
    """Return a row for each cluster, as plots/<suite>-clusters.csv holds them."""
    return [
        {"suite": suite} | {key: getattr(cluster, key) for key in _FIELDS}
        for repetition in repeated
        for cluster in repetition.clusters
    ]
