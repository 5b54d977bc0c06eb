"""The README's figure, drawn from the numbers of the objectives experiment.

python docs/scripts/readme_figure.py

`tests/test_docs.py` compares what the README's caption quotes with what is drawn here.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "experiments" / "objectives-results" / "frontiers.csv"
FIGURE = ROOT / "docs" / "images" / "five-trainings.png"

CHECKPOINTS = {"best": "Stopped at the best epoch", "last": "Trained to the end"}
# Okabe and Ito's colours; cross-entropy is black.
OBJECTIVES = {
    "ce": ("cross-entropy (SFT)", "#222222", "X"),
    "sfr": ("SFR", "#d55e00", "s"),
    "mtp": ("MTP", "#0072b2", "o"),
    "cka": ("CKA", "#009e73", "^"),
}


def rows(table: Path = TABLE) -> list[Mapping[str, str]]:
    """The means over five trainings and half of their 95 % intervals, for each temperature."""
    with table.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def curve(
    table: Sequence[Mapping[str, str]], *, checkpoint: str, objective: str
) -> Iterator[tuple[float, float, float, float]]:
    """Yield (valid, its half, distinct valid, its half), from cold to hot."""
    chosen = [r for r in table if (r["checkpoint"], r["objective"]) == (checkpoint, objective)]
    for row in sorted(chosen, key=lambda row: float(row["temperature"])):
        yield (
            float(row["valid_mean"]),
            float(row["valid_half"]),
            float(row["distinct_valid_mean"]),
            float(row["distinct_valid_half"]),
        )


def main() -> None:
    """Write the figure."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    plt.style.use(ROOT / "reports" / "plots.mplstyle")
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), sharex=True, sharey=True)
    table = rows()
    for panel, (checkpoint, title) in zip(panels, CHECKPOINTS.items(), strict=True):
        for objective, (label, colour, marker) in OBJECTIVES.items():
            points = list(curve(table, checkpoint=checkpoint, objective=objective))
            valid, valid_half, distinct, distinct_half = zip(*points, strict=True)
            panel.errorbar(
                distinct,
                valid,
                xerr=distinct_half,
                yerr=valid_half,
                label=label,
                color=colour,
                marker=marker,
                linewidth=1.5,
                elinewidth=0.7,
            )
        panel.set_title(title)
        panel.set_xlabel("distinct valid replies in 8")
    panels[0].set_ylabel("share of valid replies")
    panels[0].legend(loc="lower right")
    figure.savefig(FIGURE, dpi=110, bbox_inches="tight", pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main()
