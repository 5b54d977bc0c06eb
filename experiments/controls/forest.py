"""A forest plot of the primary contrasts: difference and 95% interval, by setting and measure."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from controls.analysis import MEASURES, PRIMARY_MEASURES, Contrast
from controls.arms import BEST_GENERIC, PRIMARY
from controls.columns import MAIN
from controls.tables import RULE_NAMES
from controls.training import RULES
from sfr_eval.report.figures import Figure, files

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMES = {
    ("sfr", "sfr_shuffled"): "SFR: true - shuffled",
    ("cka", "cka_shuffled"): "CKA: true - shuffled",
    ("sfr", BEST_GENERIC): "SFR - best generic",
}
_COLOURS = {"best": "#0072b2", "early": "#009e73", "last": "#d55e00"}
_MARKS = {"best": "o", "early": "^", "last": "s"}


def forest(primary: Sequence[Contrast]) -> dict[str, bytes]:
    """The figure as SVG, and its numbers as CSV; empty before any contrast has an interval."""
    shown = [c for c in primary if c.difference is not None]
    return dict(files(list(_figures(shown)), columns=2)) if shown else {}


def _figures(primary: Sequence[Contrast]) -> Iterator[Figure]:
    for setting in MAIN:
        for measure in PRIMARY_MEASURES:
            own = [c for c in primary if (c.setting, c.measure) == (setting, measure)]
            title = f"{setting}: {MEASURES[measure].label}"
            yield Figure(
                title=title,
                description="",
                rows=[contrast.row() for contrast in own],
                draw=_drawing(own, title=title, lower_is_better=MEASURES[measure].sign < 0),
                size=(4.6, 3.2),
            )


def _drawing(contrasts: Sequence[Contrast], *, title: str, lower_is_better: bool) -> Any:
    def draw(ax: "Axes") -> None:
        ax.axvline(0, color="#888888", linewidth=0.8)
        for number, rule in enumerate(RULES):
            own = {(c.first, c.second): c.difference for c in contrasts if c.rule == rule}
            places = [(i + 0.22 * (number - 1), own.get(pair)) for i, pair in enumerate(PRIMARY)]
            drawn = [(y, d) for y, d in places if d is not None]
            ax.errorbar(
                [d.mean for _, d in drawn],
                [y for y, _ in drawn],
                xerr=[d.half or 0.0 for _, d in drawn],
                fmt=_MARKS[rule],
                color=_COLOURS[rule],
                label=RULE_NAMES[rule],
                capsize=2,
                markersize=4,
            )
        ax.set_yticks(range(len(PRIMARY)), [_NAMES[pair] for pair in PRIMARY])
        ax.set_ylim(len(PRIMARY) - 0.5, -0.5)
        ax.set_xlabel("difference; " + ("left" if lower_is_better else "right") + " is better")
        ax.set_title(title)
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2), "ncols": len(RULES)}
        ax.legend(fontsize=7, frameon=False, **below)

    return draw
