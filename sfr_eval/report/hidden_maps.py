"""Maps of the hidden states of replies: PCA, LDA and t-SNE, coloured by persona.

Of one run, or of two beside each other on the same axes (`beside.py`).
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sfr_eval.report.figures import SQUARE, Panel
from sfr_eval.store.results import SuiteResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# None of the colours that the page swaps for its own; readable on white and on black, and with a
# mark of its own for each, since ten colours are too many to be told apart by all.
COLOURS = (
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


def maps(suite: SuiteResults) -> list[Panel]:
    """PCA, LDA and t-SNE of one run: with the persona's card in sight, and of the text alone."""
    panels = []
    for metric, read in READ.items():
        found = suite.notes_of(metric).map or {}
        names = persona_names(suite.personas, found.get("persona", ()))
        panels += [
            map_panel(kind, found, names, suite_id=suite.id, title=f"{MAPS[kind]}: {read}")
            for kind in MAPS
            if kind in found
        ]
    return panels


def map_panel(
    kind: str,
    found: Mapping[str, Any],
    names: Mapping[str, str],
    *,
    suite_id: str,
    title: str,
    limits: tuple[tuple[float, float], tuple[float, float]] | None = None,
) -> Panel:
    """One map, coloured by persona, with an ellipse around the middle half of each."""
    points = found[kind]
    persona = [found["persona"][row] for row in points["rows"]]
    x, y = np.array(points["x"]), np.array(points["y"])

    def draw(ax: "Axes") -> None:
        for (colour, mark), id in zip(_styles(len(names)), names, strict=True):
            own = np.array([each == id for each in persona])
            if own.any():
                ax.plot(
                    x[own],
                    y[own],
                    mark,
                    color=colour,
                    markersize=3.2,
                    markeredgewidth=0,
                    alpha=0.55,
                    linestyle="none",
                )
        for (colour, mark), (id, name) in zip(_styles(len(names)), names.items(), strict=True):
            own = np.array([each == id for each in persona])
            if own.any():
                outline = ellipse(x[own], y[own])
                ax.plot(*outline, color=colour, linewidth=1.5, zorder=3)
                ax.plot([], [], mark, color=colour, markersize=5, linestyle="none", label=name)
        ax.set_title(title)
        ax.set_xlabel(_axis_name(kind, points, 0))
        ax.set_ylabel(_axis_name(kind, points, 1))
        if kind == "tsne":
            ax.tick_params(labelbottom=False, labelleft=False, length=0)
        if limits is not None:
            ax.set_xlim(limits[0])
            ax.set_ylim(limits[1])
        ax.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.17),
            ncols=3,
            fontsize=7,
            handletextpad=0.2,
            columnspacing=0.8,
        )

    rows = [
        {"suite": suite_id, "title": title, "map": kind, "persona": id, "x": a, "y": b}
        for id, a, b in zip(persona, points["x"], points["y"], strict=True)
    ]
    return Panel(
        title=title,
        description=_map_description(kind, found),
        rows=rows,
        draw=draw,
        size=(SQUARE[0], SQUARE[1] + 0.7),
    )


def ellipse(x: "np.ndarray[Any, Any]", y: "np.ndarray[Any, Any]") -> tuple[Any, Any]:
    """Outline (x, y) of the ellipse that holds `ELLIPSE` of a normal distribution with the mean
    and covariance of the points; of fewer than three points only their mean."""
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


def _styles(count: int) -> list[tuple[str, str]]:
    return [COLOURS[number % len(COLOURS)] for number in range(count)]


def persona_names(personas: Mapping[str, str], used: Sequence[str]) -> dict[str, str]:
    """id -> name of the personas in use, in the order of the suite."""
    known = {id: name for id, name in personas.items() if id in set(used)}
    return known or {id: id or "all replies" for id in dict.fromkeys(used)}


def _axis_name(kind: str, points: Mapping[str, Any], axis: int) -> str:
    if kind == "pca":
        return f"component {axis + 1} ({points['explained'][axis]:.0%} of variance)"
    return f"discriminant {axis + 1}" if kind == "lda" else ""


def _map_description(kind: str, found: Mapping[str, Any]) -> str:
    points = found[kind]
    count = f"Layer {found['layer']}, T = {found['temperature']:g}: {len(points['x'])}"
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
