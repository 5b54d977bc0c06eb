"""Maps of the hidden states of replies: PCA, LDA and t-SNE, coloured by persona.

One run is drawn here, two on the same axes in `hidden_two_runs.py`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sfr_eval.report.charts.chart import Axis, Point, Series, XYChart
from sfr_eval.report.figures import SQUARE, Figure
from sfr_eval.store.results import SuiteResults

Floats = npt.NDArray[np.float64]

# Readable on white and on black, and none of the colours that the page swaps for its own. Each
# persona has its own marker, too, since not everybody can tell ten colours apart.
COLOURS = (
    *("#4477aa", "#ee6677", "#228833", "#b39b00", "#33aadd"),
    *("#aa3377", "#888888", "#e07b00", "#009988", "#9a6b4f"),
)
ELLIPSE = 0.5  # share of a normal distribution inside
CORNERS = 37  # of its outline
MAPS = {"pca": "PCA", "lda": "LDA, held-out", "tsne": "t-SNE"}
READ = {"hidden_persona_share": "replies", "reread_persona_share": "text"}
"""Metric whose notes have the maps -> what they are of."""


def maps(suite: SuiteResults) -> list[Figure]:
    """Return PCA, LDA and t-SNE of the replies after their prompts, and of their text alone."""
    figures = []
    for metric, read in READ.items():
        projections = suite.notes_of(metric).map or {}
        names = persona_names(suite.personas, projections.get("persona", ()))
        for kind in [kind for kind in MAPS if kind in projections]:
            title = f"{MAPS[kind]}: {read}"
            figures.append(map_figure(kind, projections, names, suite_id=suite.id, title=title))
    return figures


def map_figure(
    kind: str,
    projections: Mapping[str, Any],
    names: Mapping[str, str],
    *,
    suite_id: str,
    title: str,
    limits: tuple[tuple[float, float], tuple[float, float]] | None = None,
) -> Figure:
    """Return one map, coloured by persona, with an ellipse around the middle half of each."""
    points = projections[kind]
    persona = [projections["persona"][row] for row in points["rows"]]
    x, y = limits or (None, None)
    chart = XYChart(
        title=title,
        x=Axis(label=_axis_name(kind, points, 0), bare=kind == "tsne", shown=x),
        y=Axis(label=_axis_name(kind, points, 1), bare=kind == "tsne", shown=y),
        series=tuple(_personas(persona, names, np.array(points["x"]), np.array(points["y"]))),
    )
    rows = [
        {"suite": suite_id, "title": title, "map": kind, "persona": id, "x": x, "y": y}
        for id, x, y in zip(persona, points["x"], points["y"], strict=True)
    ]
    return Figure(
        title=title,
        description=_map_description(kind, projections),
        rows=rows,
        chart=chart,
        size=(SQUARE[0], SQUARE[1] + 0.7),
    )


def _personas(
    persona: Sequence[str], names: Mapping[str, str], x: Floats, y: Floats
) -> Iterator[Series]:
    """Yield the points of each persona, and then the ellipses, which are drawn above all points."""
    parts = [
        (id, name, number, x[own], y[own])
        for number, (id, name) in enumerate(names.items())
        if (own := np.array(persona) == id).any()
    ]
    for id, name, number, xs, ys in parts:
        marks = zip(xs.tolist(), ys.tolist(), strict=True)
        yield Series(
            name=name,
            number=number,
            colour=COLOURS[number % len(COLOURS)],
            points=tuple(Point(x=a, y=b) for a, b in marks),
            line="none",
            small=True,
            group=id,
        )
    for id, _, number, xs, ys in parts:
        outline = zip(*(side.tolist() for side in ellipse(xs, ys)), strict=True)
        yield Series(
            name="",
            number=0,
            colour=COLOURS[number % len(COLOURS)],
            points=tuple(Point(x=a, y=b) for a, b in outline),
            marker="none",
            group=id,
        )


def ellipse(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the outline (x, y) of an ellipse around the share `ELLIPSE` of the points.

    It holds that share of a normal distribution with their mean and covariance. Fewer than three
    points give their mean alone.
    """
    points = np.stack([x, y])
    centre = points.mean(axis=1, keepdims=True)
    if points.shape[1] < 3:
        return centre[0], centre[1]
    values, vectors = np.linalg.eigh(np.cov(points))
    radius = math.sqrt(-2 * math.log(1 - ELLIPSE))
    angle = np.linspace(0, 2 * np.pi, CORNERS)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    outline = centre + vectors @ (radius * np.sqrt(values.clip(min=0))[:, None] * circle)
    return outline[0], outline[1]


def persona_names(personas: Mapping[str, str], used: Sequence[str]) -> dict[str, str]:
    """Return id -> name of the personas in use, in the order of the suite."""
    named = {id: name for id, name in personas.items() if id in set(used)}
    return named or {id: id or "all replies" for id in dict.fromkeys(used)}


def _axis_name(kind: str, points: Mapping[str, Any], axis: int) -> str:
    if kind == "pca":
        return f"component {axis + 1} ({points['explained'][axis]:.0%} of variance)"
    return f"discriminant {axis + 1}" if kind == "lda" else ""


def _map_description(kind: str, projections: Mapping[str, Any]) -> str:
    points = projections[kind]
    count = f"Layer {projections['layer']}, T = {projections['temperature']:g}: {len(points['x'])}"
    if kind == "pca":
        share = sum(points["explained"])
        return f"{count} replies; the two axes hold {share:.0%} of the variance within queries."
    if kind == "lda":
        return (
            f"{count} replies to queries that the axes were not fitted on; they tell personas "
            f"apart in {points['held_out_accuracy']:.0%} of them (chance "
            f"{points['chance_accuracy']:.0%})."
        )
    return f"{count} replies; neighbours are kept, distances between groups mean nothing."
