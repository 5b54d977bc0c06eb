"""Layer profiles of a checkpoint: each measure of its hidden states over the layers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sfr_eval.metrics.table import direction, label
from sfr_eval.report.figures import COLOURS, MODEL, Figure, columns_of
from sfr_eval.store.results import SuiteResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOW, HIGH = COLOURS[2:4]  # lines of the lowest and the highest temperature
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


def profiles(suite: SuiteResults) -> list[Figure]:
    """Return each measure over the layers, at the lowest, middle and highest temperature."""
    return [
        profile_figure(metric, lines, suite_id=suite.id)
        for metric in PROFILES
        if (lines := _profile_lines(suite, metric))
    ]


Line = tuple[str, str, Sequence[Mapping[str, Any]]]
"""(name, colour, rows of the profile); the first has its interval and null drawn"""


def profile_figure(metric: str, lines: Sequence[Line], *, suite_id: str) -> Figure:
    """Return one measure over the layers; bands are intervals, the grey one is chance."""

    def draw(ax: "Axes") -> None:
        for number, (name, colour, rows) in enumerate(lines):
            defined = [row for row in rows if row["value"] is not None]
            bounded = [row for row in defined if row["low"] is not None]
            layers, low, high = columns_of(bounded, "layer", "low", "high")
            ax.fill_between(layers, low, high, color=colour, alpha=0.2, linewidth=0)
            chance = [row for row in defined if "p" in row] if number == 0 else []
            if chance:
                layers, low, high = columns_of(chance, "layer", "null_low", "null_high")
                null = f"personas permuted, {name}"
                ax.fill_between(layers, low, high, color=QUIET, alpha=0.35, linewidth=0, label=null)
            ax.plot(*columns_of(defined, "layer", "value"), "-o", color=colour, label=name)
        ax.set_title(label(metric))
        ax.set_xlabel("layer (0: embedding)")
        ax.set_ylabel(direction(metric) or "neither way is better")
        ax.set_xticks(sorted({row["layer"] for _, _, rows in lines for row in rows}))
        ax.legend(loc="best")

    rows = [
        {"suite": suite_id, "metric": metric, "line": name}
        | {key: row.get(key) for key in _PROFILE_KEYS}
        for name, _, layers in lines
        for row in layers
    ]
    values = [
        f"{name} {row['value']:.3g} at layer {row['layer']}"
        + (f" (p = {row['p']:.3g} against permuted personas)" if "p" in row else "")
        for name, _, layers in lines
        for row in layers[-1:]
        if row["value"] is not None
    ]
    return Figure(
        title=label(metric),
        description=f"{label(metric)}: {'; '.join(values)}.",
        rows=rows,
        draw=draw,
    )


_PROFILE_KEYS = ("layer", "value", "low", "high", "n", "null_low", "null_high", "p")


def _profile_lines(suite: SuiteResults, metric: str) -> list[Line]:
    curves = {
        float(t): rows
        for t, rows in suite.notes_of(metric).profile.items()
        if any(row["value"] is not None for row in rows)
    }
    if not curves:
        return []
    shown = some_temperatures(tuple(sorted(curves)), suite.middle_temperature)
    if metric.startswith("prompt_"):  # the prompt is the same at every temperature
        return [("all temperatures", MODEL, curves[shown[0][0]])]
    return [(f"T = {t:g}", colour, curves[t]) for t, colour in shown]


def some_temperatures(temperatures: tuple[float, ...], middle: float) -> list[tuple[float, str]]:
    """Return the middle, the lowest and the highest temperature, each once, with its colour."""
    first = middle if middle in temperatures else temperatures[len(temperatures) // 2]
    colours = {first: MODEL}
    colours.setdefault(temperatures[0], LOW)
    colours.setdefault(temperatures[-1], HIGH)
    return list(colours.items())
