"""calibration.json as plots, one file per check."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sfr_eval.calibration.design import NOMINAL
from sfr_eval.report.figures import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDE = (6.4, 4.6)


def panels(calibration: Mapping[str, Any]) -> Iterator[tuple[str, list[Figure]]]:
    """Yield (file name without suffix, its figures); a check without numbers has no file."""
    metrics = calibration["metrics"]
    headlines = calibration["headline"] or [id for id, row in metrics.items() if row["claims"]]
    counts = _lines(
        "Number of replies",
        "k",
        "moved, in parts of full collapse",
        _moved(metrics, "counts", max),
        logarithmic=True,
    )
    lengths = _lines(
        "Length",
        "first words",
        "from whole replies, in parts of full collapse",
        _moved(metrics, "lengths", min),  # 0: whole replies
    )
    for name, figures in (
        ("dose", [_dose(metrics, dial) for dial in ("within", "cross", "both")]),
        ("counts", [counts]),
        ("lengths", [lengths]),
        ("null", [_null(metrics)]),
        ("noise", [_noise(metrics)]),
        ("power", [_power(metrics, headlines, calibration["design"]["k"])]),
    ):
        drawn = [figure for figure in figures if figure.rows]
        if drawn:
            yield name, drawn


def _lines(
    title: str,
    x: str,
    y: str,
    lines: Mapping[str, Sequence[tuple[float, float]]],
    *,
    logarithmic: bool = False,
) -> Figure:
    def draw(ax: "Axes") -> None:
        from matplotlib.ticker import ScalarFormatter

        for name, points in lines.items():
            ax.plot(*zip(*points, strict=True), "-o", markersize=3, linewidth=1, label=name)
        if logarithmic:
            ax.set_xscale("log", base=2)
            ax.xaxis.set_major_formatter(ScalarFormatter())  # 8, instead of a power of two
        ax.set_title(title)
        ax.set_xlabel(x)
        ax.set_ylabel(y)
        ax.legend(fontsize=5, ncols=1 + len(lines) // 16, loc="best")

    rows = [{"metric": name, "x": a, "y": b} for name, points in lines.items() for a, b in points]
    return Figure(title=title, description=f"{y} against {x}.", rows=rows, draw=draw, size=_WIDE)


def _dose(metrics: Mapping[str, Any], dial: str) -> Figure:
    lines = {}
    for metric, row in metrics.items():
        means = row["dose"][dial]["mean"]
        if dial not in row["claims"] or None in means or means[-1] == means[0]:
            continue
        scaled = [(mean - means[0]) / (means[-1] - means[0]) for mean in means]
        lines[metric] = list(zip(row["dose"][dial]["settings"], scaled, strict=True))
    return _lines(f"{dial} collapse", f"dial {dial}", "part of the way to full collapse", lines)


def _noise(metrics: Mapping[str, Any]) -> Figure:
    lines = {}
    for metric, row in metrics.items():
        curve = row.get("noise")
        if curve and row["role"] and row["claims"] and row["span"] and None not in curve["mean"]:
            sign = -1 if row["direction"] == "lower" else 1
            moved = [sign * (mean - curve["mean"][0]) / row["span"] for mean in curve["mean"]]
            lines[metric] = list(zip(curve["settings"], moved, strict=True))
    return _lines("Noise", "share of words replaced", "better by, in parts of full collapse", lines)


def _moved(
    metrics: Mapping[str, Any], check: str, reference: Callable[[Collection[int]], int]
) -> Mapping[str, Sequence[tuple[float, float]]]:
    """Return how far means lie from the one at the `reference` number, in parts of collapse."""
    lines = {}
    for metric, row in metrics.items():
        means = {int(x): mean for x, mean in row[check]["mean"].items()}
        if row["span"] and row["claims"] and None not in means.values():
            base = means[reference(means)]
            points = sorted(means.items())
            lines[metric] = [(x, (mean - base) / row["span"]) for x, mean in points if x]
    return lines


def _power(metrics: Mapping[str, Any], headlines: Sequence[str], k: int) -> Figure:
    lines = {
        metric: [
            (cell["queries"], cell["part"])
            for cell in metrics[metric]["power"]
            if cell["k"] == k and cell["part"] is not None
        ]
        for metric in headlines
    }
    lines = {metric: points for metric, points in lines.items() if points}
    return _lines(f"Power, k = {k}", "queries", "part of full collapse seen with 80% power", lines)


def _null(metrics: Mapping[str, Any]) -> Figure:
    rows = [
        {"metric": metric, "source": where, "cover": share}
        for metric, row in metrics.items()
        for where, share in row["null"]["cover"].items()
        if share is not None
    ]

    def draw(ax: "Axes") -> None:
        names = list(dict.fromkeys(row["metric"] for row in rows))
        ax.axvspan(*NOMINAL, color="0.9")
        for where, mark in (("truth", "o"), ("collapsed", "x")):
            points = [
                (row["cover"], names.index(row["metric"])) for row in rows if row["source"] == where
            ]
            if points:
                ax.plot(*zip(*points, strict=True), mark, markersize=3, label=where)
        ax.set_yticks(range(len(names)), names, fontsize=4)
        ax.set_title("Same source, two seeds")
        ax.set_xlabel("share of 95% intervals that cover zero")
        ax.legend(loc="best", fontsize=6)

    return Figure(
        title="Same source, two seeds",
        description="Share of 95% intervals of the difference that cover zero, by metric.",
        rows=rows,
        draw=draw,
        size=_WIDE,
    )
