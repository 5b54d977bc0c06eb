"""The summary -> frontiers over temperature: validity against different valid replies."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sfr_eval.plots import SQUARE, Panel, files

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAMILIES = {
    "losses on the future": ("sfr", "mtp", "future_mse", "future_cosine", "cka"),
    "losses on the next token": (
        *("tofu", "gem_linear", "gem_logsigmoid", "focal", "label_smoothing", "dft", "neftune"),
    ),
}
CHECKPOINTS = {"best": "best epoch", "last": "last epoch"}
# Okabe and Ito's colours, each with a mark of its own; cross-entropy is black everywhere.
STYLES = (
    *(("#d55e00", "s"), ("#0072b2", "o"), ("#009e73", "^"), ("#cc79a7", "D")),
    *(("#e69f00", "v"), ("#56b4e9", "P"), ("#999933", "<")),
)


def frontiers(summary: Sequence[Mapping[str, Any]]) -> bytes:
    """One SVG: for both checkpoints and both families a panel, personas of the training."""
    drawn = dict(files(list(_panels(summary)), columns=2))
    return drawn["svg"]


def _panels(summary: Sequence[Mapping[str, Any]]) -> Iterator[Panel]:
    lines = {
        (entry["objective"], entry["which"]): [
            [at[name]["mean"] for at in entry["sampled"]] for name in ("valid", "distinct_valid")
        ]
        for entry in summary
        if entry["group"] == "trained"
    }
    highest = max(max(distinct) for _, distinct in lines.values())
    for which, checkpoint in CHECKPOINTS.items():
        for family, names in FAMILIES.items():
            styles = {"ce": ("#222222", "X"), **dict(zip(names, STYLES, strict=False))}
            own = {name: lines[name, which] for name in styles if (name, which) in lines}
            yield Panel(
                title=f"{checkpoint}: {family}",
                description="",
                rows=[
                    {"objective": name, "valid": x, "distinct_valid": y}
                    for name, line in own.items()
                    for x, y in zip(*line, strict=True)
                ],
                draw=_drawing(own, styles, highest=highest),
                size=SQUARE,
            )


def _drawing(
    lines: Mapping[str, Sequence[Sequence[float]]],
    styles: Mapping[str, tuple[str, str]],
    *,
    highest: float,
) -> Any:
    def draw(ax: "Axes") -> None:
        for name, (valid, distinct) in lines.items():
            colour, mark = styles[name]
            thick = 2.2 if name in ("ce", "sfr") else 1.2
            ax.plot(valid, distinct, f"-{mark}", color=colour, linewidth=thick, label=name)
        ax.set_xlim(0, None)
        ax.set_ylim(0, 1.05 * highest)
        ax.set_xlabel("valid replies (share)")
        ax.set_ylabel("different valid replies of 8")
        ax.legend(loc="upper left", fontsize=7)

    return draw
