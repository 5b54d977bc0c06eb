"""Frontiers over temperature from the summary: validity against distinct valid replies."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from known_truth import setting
from known_truth.table import AT_T
from sfr_eval.report.figures import SQUARE, Figure, files

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAMILIES = {
    "losses on the future": ("sfr", "mtp", "future_mse", "future_cosine", "cka", "sfr_head_first"),
    "losses on the next token": (
        *("tofu", "gem_linear", "gem_logsigmoid", "focal", "label_smoothing", "dft", "neftune"),
    ),
}
PARTS = ("mean", "half")  # of a 95% interval
# Okabe and Ito's colours, each with its own marker; cross-entropy is black everywhere.
STYLES = (
    *(("#d55e00", "s"), ("#0072b2", "o"), ("#009e73", "^"), ("#cc79a7", "D")),
    *(("#e69f00", "v"), ("#56b4e9", "P"), ("#999933", "<")),
)


def frontiers(summary: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    """The figure as SVG, and a CSV of everything measured over temperature, for personas of the
    training. Each checkpoint and family has a figure."""
    return dict(files(list(_figures(summary)), columns=2))


def _figures(summary: Sequence[Mapping[str, Any]]) -> Iterator[Figure]:
    entries = {(e["objective"], e["which"]): e for e in summary if e["group"] == "trained"}
    highest = max(
        at["distinct_valid"]["mean"] for entry in entries.values() for at in entry["sampled"]
    )
    for which, checkpoint in setting.CHECKPOINTS.items():
        for family, names in FAMILIES.items():
            styles = {"ce": ("#222222", "X"), **dict(zip(names, STYLES, strict=False))}
            own = {n: entries[n, which]["sampled"] for n in styles if (n, which) in entries}
            yield Figure(
                title=f"{checkpoint}: {family}",
                description="",
                rows=[
                    {"checkpoint": which, "objective": name, "temperature": at["temperature"]}
                    | {f"{metric}_{part}": at[metric][part] for metric in AT_T for part in PARTS}
                    for name, line in own.items()
                    for at in line
                ],
                draw=_drawing(own, styles, title=f"{checkpoint}: {family}", highest=highest),
                size=SQUARE,
            )


def _drawing(
    lines: Mapping[str, Sequence[Mapping[str, Any]]],
    styles: Mapping[str, tuple[str, str]],
    *,
    title: str,
    highest: float,
) -> Any:
    def draw(ax: "Axes") -> None:
        for name, line in lines.items():
            colour, mark = styles[name]
            valid, distinct = ([at[n]["mean"] for at in line] for n in ("valid", "distinct_valid"))
            thick = 2.2 if name in ("ce", "sfr") else 1.2
            ax.plot(valid, distinct, f"-{mark}", color=colour, linewidth=thick, label=name)
        ax.set_title(title)
        ax.set_xlim(0, None)
        ax.set_ylim(0, 1.05 * highest)
        ax.set_xlabel("valid replies (share)")
        ax.set_ylabel("different valid replies of 8")
        ax.legend(loc="upper left", fontsize=7)

    return draw
