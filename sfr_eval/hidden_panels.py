"""Panels of what a checkpoint makes of its replies: layer profiles, maps, curves along the reply.

Maps of one run, or of two beside each other on the same axes (`beside.py`).
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sfr_eval.panels import MODEL, direction, label
from sfr_eval.plots import SQUARE, Panel
from sfr_eval.results import SuiteResults

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
LOW, HIGH = "#009e73", "#cc79a7"  # lines of the lowest and the highest temperature
QUIET = "#888888"

PROFILES = (
    "reread_persona_share",
    "reread_persona_cosine",
    "hidden_persona_share",
    "hidden_persona_cosine",
    "prompt_persona_cosine",
    "hidden_participation_ratio",
    "hidden_effective_rank",
    "prompt_effective_rank",
    "hidden_base_cka",
    "prompt_base_cka",
)
MAPS = {"pca": "PCA", "lda": "LDA, held-out", "tsne": "t-SNE"}
READ = {"hidden_persona_share": "replies", "reread_persona_share": "text"}
"""Metric whose notes have the maps -> what they are of."""
CURVE_METRIC = "token_entropy"


def profiles(suite: SuiteResults) -> list[Panel]:
    """Each measure over the layers, at the lowest, the middle and the highest temperature."""
    return [
        profile_panel(metric, lines, suite_id=suite.id)
        for metric in PROFILES
        if (lines := _profile_lines(suite, metric))
    ]


def maps(suite: SuiteResults) -> list[Panel]:
    """PCA, LDA and t-SNE of one run: with the persona's card in sight, and of the text alone."""
    panels = []
    for metric, read in READ.items():
        found = suite.notes.get(metric, {}).get("map") or {}
        names = persona_names(suite.personas, found.get("persona", ()))
        panels += [
            map_panel(kind, found, names, suite_id=suite.id, title=f"{MAPS[kind]}: {read}")
            for kind in MAPS
            if kind in found
        ]
    return panels


def curves(suite: SuiteResults) -> list[Panel]:
    """Entropy and agreement over the position in the reply."""
    notes = suite.notes.get(CURVE_METRIC, {}).get("curve", {})
    curve = {float(t): rows for t, rows in notes.items() if rows}
    if not curve:
        return []
    shown = _some(tuple(sorted(curve)), suite.middle_temperature)
    return [_entropy_curve(suite, curve, shown), _agreement_curve(suite, curve, shown)]


Line = tuple[str, str, Sequence[Mapping[str, Any]]]
"""(name, colour, rows of the profile); the first has its interval and null drawn"""


def profile_panel(metric: str, lines: Sequence[Line], *, suite_id: str) -> Panel:
    """One measure over layers; bands are intervals, the grey band is what chance gives."""

    def draw(ax: "Axes") -> None:
        for number, (name, colour, rows) in enumerate(lines):
            defined = [row for row in rows if row["value"] is not None]
            layers = [row["layer"] for row in defined]
            bounded = [row for row in defined if row["low"] is not None]
            ax.fill_between(
                [row["layer"] for row in bounded],
                [row["low"] for row in bounded],
                [row["high"] for row in bounded],
                color=colour,
                alpha=0.2,
                linewidth=0,
            )
            chance = [row for row in defined if "p" in row] if number == 0 else []
            if chance:
                ax.fill_between(
                    [row["layer"] for row in chance],
                    [row["null_low"] for row in chance],
                    [row["null_high"] for row in chance],
                    color=QUIET,
                    alpha=0.35,
                    linewidth=0,
                    label=f"personas permuted, {name}",
                )
            ax.plot(layers, [row["value"] for row in defined], "-o", color=colour, label=name)
        ax.set_title(label(metric))
        ax.set_xlabel("layer (0: embedding)")
        ax.set_ylabel(direction(metric) or "neither way is better")
        ax.set_xticks(sorted({row["layer"] for _, _, rows in lines for row in rows}))
        ax.legend(loc="best")

    rows = [
        {
            "suite": suite_id,
            "metric": metric,
            "line": name,
            **{key: row.get(key) for key in _PROFILE_KEYS},
        }
        for name, _, of_line in lines
        for row in of_line
    ]
    values = [
        f"{name} {row['value']:.3g} at layer {row['layer']}"
        + (f" (p = {row['p']:.3g} against permuted personas)" if "p" in row else "")
        for name, _, of_line in lines
        for row in of_line[-1:]
        if row["value"] is not None
    ]
    return Panel(
        title=label(metric),
        description=f"{label(metric)}: {'; '.join(values)}.",
        rows=rows,
        draw=draw,
    )


_PROFILE_KEYS = ("layer", "value", "low", "high", "n", "null_low", "null_high", "p")


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


def _profile_lines(suite: SuiteResults, metric: str) -> list[Line]:
    profile = suite.notes.get(metric, {}).get("profile", {})
    known = {
        float(t): rows
        for t, rows in profile.items()
        if any(row["value"] is not None for row in rows)
    }
    if not known:
        return []
    shown = _some(tuple(sorted(known)), suite.middle_temperature)
    if metric.startswith("prompt_"):  # the prompt is the same at every temperature
        return [("all temperatures", MODEL, known[shown[0][0]])]
    return [(f"T = {t:g}", colour, known[t]) for t, colour in shown]


def _some(temperatures: tuple[float, ...], middle: float) -> list[tuple[float, str]]:
    """The middle, the lowest and the highest temperature, each once, with colours."""
    first = middle if middle in temperatures else temperatures[len(temperatures) // 2]
    wanted = {first: MODEL}
    wanted.setdefault(temperatures[0], LOW)
    wanted.setdefault(temperatures[-1], HIGH)
    return list(wanted.items())


Curve = Mapping[float, Sequence[Mapping[str, Any]]]


def _entropy_curve(suite: SuiteResults, curve: Curve, shown: Sequence[tuple[float, str]]) -> Panel:
    base = [row for row in curve[shown[0][0]] if row.get("base_entropy")]

    def draw(ax: "Axes") -> None:
        for t, colour in shown:
            _band(ax, curve[t], "entropy", colour, f"T = {t:g}", band=t == shown[0][0])
        if base:
            _band(ax, base, "base_entropy", QUIET, f"base, T = {shown[0][0]:g}", band=True)
        _positions(ax, "Entropy along the reply", "nats")

    return Panel(
        title="Entropy along the reply",
        description=_from_to(curve[shown[0][0]], "entropy", "Entropy of the next token"),
        rows=_curve_rows(suite, curve),
        draw=draw,
    )


def _agreement_curve(
    suite: SuiteResults, curve: Curve, shown: Sequence[tuple[float, str]]
) -> Panel:
    def draw(ax: "Axes") -> None:
        for t, colour in shown:
            _band(ax, curve[t], "same", colour, f"T = {t:g}", band=t == shown[0][0])
        ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
        _positions(ax, "Replies still the same", "chance for two of one prompt")

    return Panel(
        title="Replies still the same",
        description=_from_to(
            curve[shown[0][0]], "same", "Chance that two replies to one prompt are the same"
        ),
        rows=_curve_rows(suite, curve),
        draw=draw,
    )


def _band(
    ax: "Axes",
    rows: Sequence[Mapping[str, Any]],
    key: str,
    colour: str,
    name: str,
    *,
    band: bool,
) -> None:
    defined = [row for row in rows if row[key] is not None]
    most = max((row[key]["n"] for row in defined), default=0)
    defined = [row for row in defined if row[key]["n"] >= most / 4]  # a few queries say nothing
    places = [(row["start"] + row["end"] - 1) / 2 + 1 for row in defined]
    if band:
        ax.fill_between(
            places,
            [row[key]["low"] for row in defined],
            [row[key]["high"] for row in defined],
            color=colour,
            alpha=0.2,
            linewidth=0,
        )
    ax.plot(places, [row[key]["value"] for row in defined], "-", color=colour, label=name)


def _positions(ax: "Axes", title: str, unit: str) -> None:
    ax.set_title(title)
    ax.set_xlabel("token of the reply")
    ax.set_ylabel(unit)
    ax.legend(loc="best")


def _from_to(rows: Sequence[Mapping[str, Any]], key: str, what: str) -> str:
    defined = [row for row in rows if row[key] is not None]
    if not defined:
        return f"{what}: undefined."
    first, last = defined[0], defined[-1]
    return (
        f"{what} goes from {first[key]['value']:.3g} at token {first['start'] + 1} to "
        f"{last[key]['value']:.3g} at token {last['start'] + 1}, where {last['replies']} replies "
        "are left."
    )


def _curve_rows(suite: SuiteResults, curve: Curve) -> list[dict[str, Any]]:
    return [
        {
            "suite": suite.id,
            "temperature": t,
            "first_token": row["start"] + 1,
            "last_token": row["end"],
            "replies": row["replies"],
        }
        | {
            f"{key}_{part}": (row.get(key) or {}).get(part)
            for key in ("entropy", "base_entropy", "same")
            for part in ("value", "low", "high", "n")
        }
        for t, rows in curve.items()
        for row in rows
    ]
