"""Maps of the hidden states of replies: PCA, LDA and t-SNE, coloured by persona.

One run is drawn here, two on the same axes in `hidden_two_runs.py`.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sfr_eval.report.figures import SQUARE, Figure
from sfr_eval.store.results import SuiteResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]

# (colour, marker): readable on white and on black, and none of the colours that the page swaps for
# its own. Each has its own marker, since not everybody can tell ten colours apart.
STYLES = (
    ("#4477aa", "o"),
    ("#ee6677", "s"),
    ("#228833", "^"),
    ("#b39b00", "D"),
    ("#33aadd", "v"),
    ("#aa3377", "P"),
    ("#888888", "X"),
    ("#e07b00", "<"),
    ("#009988", ">"),
    ("#9a6b4f", "*"),
)
ELLIPSE = 0.5  # share of a normal distribution inside
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

    def draw(ax: "Axes") -> None:
        _draw_personas(ax, persona, names, np.array(points["x"]), np.array(points["y"]))
        ax.set_title(title)
        ax.set_xlabel(_axis_name(kind, points, 0))
        ax.set_ylabel(_axis_name(kind, points, 1))
        if kind == "tsne":
            ax.tick_params(labelbottom=False, labelleft=False, length=0)
        if limits is not None:
            ax.set(xlim=limits[0], ylim=limits[1])
        spacing = {"handletextpad": 0.2, "columnspacing": 0.8}
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=3, fontsize=7, **spacing)

    rows = [
        {"suite": suite_id, "title": title, "map": kind, "persona": id, "x": x, "y": y}
        for id, x, y in zip(persona, points["x"], points["y"], strict=True)
    ]
    return Figure(
        title=title,
        description=_map_description(kind, projections),
        rows=rows,
        draw=draw,
        size=(SQUARE[0], SQUARE[1] + 0.7),
    )


def _draw_personas(
    ax: "Axes", persona: Sequence[str], names: Mapping[str, str], x: Floats, y: Floats
) -> None:
    """Draw the points of each persona, and above all points the ellipses."""
    parts = [
        (name, colour, marker, x[own], y[own])
        for (id, name), (colour, marker) in zip(names.items(), cycle(STYLES), strict=False)
        if (own := np.array(persona) == id).any()
    ]
    faint: dict[str, Any] = {
        "markersize": 3.2,
        "markeredgewidth": 0,
        "alpha": 0.55,
        "linestyle": "none",
    }
    for _, colour, marker, xs, ys in parts:
        ax.plot(xs, ys, marker, color=colour, **faint)
    for name, colour, marker, xs, ys in parts:
        ax.plot(*ellipse(xs, ys), color=colour, linewidth=1.5, zorder=3)
        ax.plot([], [], marker, color=colour, markersize=5, linestyle="none", label=name)


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
    angle = np.linspace(0, 2 * np.pi, 73)
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
