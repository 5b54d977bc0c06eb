"""A map of replies: sentence embeddings in two dimensions, less the mean of their question.

Collapsed replies to a question lie on one another at the origin; personas that have a voice of
their own lie apart. Embeddings come from the encoder's cache; nothing is embedded here. The places
are written beside the plots, from where a report that is written elsewhere takes them.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sfr_eval.embeddings.cache import text_key
from sfr_eval.embeddings.encoder import stored_embeddings
from sfr_eval.metrics.classes import MAX_DISTANCE
from sfr_eval.metrics.plain_text import PLAIN_FORM
from sfr_eval.metrics.tokenizers import DEFAULT, TOKENIZERS, Tokenizer, load_tokenizer
from sfr_eval.report.charts.chart import Axis, Point, Series, XYChart
from sfr_eval.report.figures import SQUARE, Figure
from sfr_eval.stats.arrays import Floats, Integers
from sfr_eval.types import Cell, Sample
from sfr_eval.util.untrusted import plain_text

MAX_POINTS = 1_500
FEWEST = 3

METRIC = "embed_distance"
"""The metric whose signature says how replies were embedded."""


@dataclass(frozen=True, kw_only=True)
class MapPoint:
    """The place of a reply, and whether another reply on the map, of the same run and to the same
    prompt, is within the distance at which two replies mean the same."""

    x: float
    y: float
    echo: bool

    @property
    def payload(self) -> list[float]:
        """The point as the page holds it."""
        return [round(self.x, 3), round(self.y, 3), int(self.echo)]


@dataclass(frozen=True, kw_only=True)
class ReplyMap:
    """Places by id of the sample, and the parts of the variance that lie on both axes."""

    points: Mapping[str, MapPoint]
    shares: tuple[float, float]

    @property
    def payload(self) -> dict[str, Any]:
        """What the page says beside the points."""
        return {"shares": [round(share, 4) for share in self.shares], "within": MAX_DISTANCE}


def embedded_map(
    runs: Sequence[Sequence[Sample]], signature: Mapping[str, Any], cache: Path
) -> ReplyMap | None:
    """Return the map of the replies of some runs that were all embedded as `signature` says: of at
    most MAX_POINTS, spread evenly. None if the cache lacks them."""
    tokenizer = _tokenizer(signature)
    store = stored_embeddings(signature, cache) if tokenizer is not None else None
    if tokenizer is None or store is None:
        return None
    prompts: dict[tuple[int, Cell], list[tuple[Sample, bytes]]] = {}
    for run, samples in enumerate(runs):
        for sample in samples:
            if sample.has_text and (key := text_key(tokenizer.cut(sample.text))) in store:
                prompts.setdefault((run, sample.cell), []).append((sample, key))
    rows = [(prompt, *row) for prompt in _spread(prompts) for row in prompts[prompt]]
    if len(rows) < FEWEST:
        return None
    embeddings = store.rows([key for *_, key in rows]).astype(np.float64)
    queries = _numbers([sample.query for _, sample, _ in rows])
    places, shares = project(embeddings, queries)
    echoes = _echoes(embeddings, _numbers([prompt for prompt, *_ in rows]))
    return ReplyMap(
        points={
            sample.sample_id: MapPoint(x=float(x), y=float(y), echo=bool(echo))
            for (_, sample, _), (x, y), echo in zip(rows, places, echoes, strict=True)
        },
        shares=shares,
    )


def _spread(prompts: Mapping[tuple[int, Cell], Sequence[object]]) -> list[tuple[int, Cell]]:
    """Return prompts, spread evenly, with at most MAX_POINTS replies in all; all runs have the same
    cells."""
    cells = list(dict.fromkeys(cell for _, cell in prompts))
    total = sum(map(len, prompts.values()))
    taken = max(1, len(cells) * MAX_POINTS // total) if total > MAX_POINTS else len(cells)
    some = {cells[i * len(cells) // taken] for i in range(taken)} if cells else set()
    return [prompt for prompt in prompts if prompt[1] in some]


def project(embeddings: Floats, groups: Integers) -> tuple[Floats, tuple[float, float]]:
    """Return the first two principal components of the rows less the mean of their group, and the
    parts of the variance on them. Where no group has two rows, less the mean of all. The largest
    loading of a component is positive, so equal rows give equal places."""
    if len(np.unique(groups)) == len(groups):
        groups = np.zeros_like(groups)
    sums = np.zeros((int(groups.max()) + 1, embeddings.shape[1]))
    np.add.at(sums, groups, embeddings)
    centred = embeddings - (sums / np.bincount(groups)[:, None])[groups]
    values, vectors = np.linalg.eigh(centred.T @ centred)
    axes = vectors[:, ::-1][:, :2]
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]
    axes = axes * np.where(largest < 0, -1.0, 1.0)
    total = float(np.maximum(values, 0).sum())
    first, second = (float(value) / total if total > 1e-12 else 0.0 for value in values[::-1][:2])
    return centred @ axes, (first, second)


def _echoes(embeddings: Floats, prompts: Integers) -> list[bool]:
    echoes = [False] * len(prompts)
    order = np.argsort(prompts, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(prompts[order])) + 1):
        distances = 1 - embeddings[rows] @ embeddings[rows].T
        np.fill_diagonal(distances, np.inf)
        for row, nearest in zip(rows, distances.min(axis=1), strict=True):
            echoes[row] = bool(nearest <= MAX_DISTANCE)
    return echoes


def _numbers(keys: Sequence[Any]) -> Integers:
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys], dtype=np.int64)


def _tokenizer(signature: Mapping[str, Any]) -> Tokenizer | None:
    """Return what cuts replies as they were embedded; None if only a file can."""
    name, window = signature.get("tokenizer", DEFAULT), signature.get("token_window")
    if name not in TOKENIZERS:
        if window is not None:
            return None
        name = DEFAULT  # without a window a tokenizer cuts nothing
    return load_tokenizer(name, window=window, plain=signature.get("text") == PLAIN_FORM)


def figure(
    drawn: ReplyMap, runs: Mapping[str, Sequence[Sample]], *, personas: Mapping[str, str]
) -> Figure:
    """Return the map as a figure for plots/, coloured by run, else by persona."""
    rows: list[dict[str, Any]] = []
    groups: dict[str, list[Point]] = {}
    for run, samples in runs.items():
        for sample in samples:
            point = drawn.points.get(sample.sample_id)
            if point is None:
                continue
            rows.append(
                {
                    "sample_id": sample.sample_id,
                    "run": run,
                    "query": sample.query,
                    "persona": sample.persona,
                    "temperature": sample.temperature,
                    "status": sample.status,
                    "x": point.x,
                    "y": point.y,
                    "echo": point.echo,
                    "axis_1": drawn.shares[0],
                    "axis_2": drawn.shares[1],
                }
            )
            name = run if len(runs) > 1 else personas.get(sample.persona, sample.persona)
            groups.setdefault(name, []).append(Point(x=point.x, y=point.y))
    series = tuple(
        Series(name=name, number=number, points=tuple(points), line="none", small=True)
        for number, (name, points) in enumerate(groups.items())
    )
    labels = [f"component {i + 1} ({100 * share:.0f} %)" for i, share in enumerate(drawn.shares)]
    chart = XYChart(
        title="Map of replies", x=Axis(label=labels[0]), y=Axis(label=labels[1]), series=series
    )

    return Figure(
        title=chart.title,
        description="Embeddings of replies less the mean of their question, first two principal "
        "components.",
        rows=rows,
        chart=chart,
        size=SQUARE,
    )


def stored_map(file: Path) -> ReplyMap | None:
    """Return the map that an earlier report wrote; None if there is none that can be read."""
    try:
        rows = list(csv.DictReader(io.StringIO(plain_text(file))))
        points = {
            row["sample_id"]: MapPoint(
                x=float(row["x"]), y=float(row["y"]), echo=row["echo"] == "True"
            )
            for row in rows
        }
        shares = (float(rows[0]["axis_1"]), float(rows[0]["axis_2"]))
    except (OSError, ValueError, KeyError, IndexError, csv.Error):
        return None
    return ReplyMap(points=points, shares=shares)
