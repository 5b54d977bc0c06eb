"""Draws docs/metrics/curves, the response of each metric to known collapse, from calibration.json.

Run it after a new `docs/calibration`; a test keeps the files equal to its output.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfr_eval.report.figures import Figure, figure_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOCS = Path(__file__).parents[1]
CALIBRATION = DOCS / "calibration" / "calibration.json"
CURVES = DOCS / "metrics" / "curves"

PAGES = {
    "text": r"duplicate_rate|modal_share|unique_share",
    "distinct_n": r"distinct_\d",
    "self_bleu": r"self_bleu_\d",
    "cs_self_bleu": r"cs_self_bleu_\d",
    "lexical_sets": (
        r"distinct_2_rarefied|ead_2|self_bleu_4_fixed|style_bleu_gap_4|rouge_l_homogenization"
        r"|compression_ratio(_fixed)?|self_repetition(_rate)?"
    ),
    "embed_distance": r"embed_distance",
    "semantic_sets": (r"vendi_q[12]|mean_squared_kernel|dpp_logdet|distinct_k|cross_style_energy"),
    "style_probe": r"style_(information|strength|accuracy)",
    "population": r"coverage|uniformity|complexity",
    "oracle_quality": r"oracle_styled|distinct_valid",
    "gated_across": r"valid_(self_bleu_4|embed_distance|vendi_q2|distinct_k)",
}
"""Page of docs/metrics -> its metrics that claim to detect a dial."""

# Okabe and Ito's colours, each with a mark of its own.
STYLES = (
    *(("#0072b2", "o"), ("#d55e00", "s"), ("#009e73", "^"), ("#cc79a7", "D"), ("#e69f00", "v")),
    *(("#56b4e9", "P"), ("#222222", "X"), ("#999933", "<"), ("#882255", ">")),
)
DIALS = {"within": "-", "cross": "--", "both": ":"}


def curves() -> Iterator[tuple[str, str]]:
    """Yield (file name, SVG) for every page that has a measured metric."""
    measured = json.loads(CALIBRATION.read_text(encoding="utf-8"))["metrics"]
    for page, pattern in PAGES.items():
        metrics = {
            name: row
            for name, row in measured.items()
            if re.fullmatch(pattern, name) and row["claims"]
        }
        for kind, figure in (("dose", _dose(metrics)), ("count", _counts(metrics))):
            if figure is not None:
                yield f"{page}-{kind}.svg", figure_svg(figure)


def _dose(metrics: Mapping[str, Mapping[str, Any]]) -> Figure | None:
    lines = []
    for number, (name, row) in enumerate(metrics.items()):
        for dial in row["claims"]:
            curve = row["dose"][dial]
            scale = _scale(curve["mean"])
            if scale:
                start = curve["mean"][0]
                parts = [[(v - start) / scale for v in curve[k]] for k in ("mean", "low", "high")]
                lines.append((name, STYLES[number], dial, curve["settings"], parts))
    if not lines:
        return None
    several = len({dial for _, _, dial, _, _ in lines}) > 1

    def draw(ax: "Axes") -> None:
        for name, (colour, mark), dial, settings, (mean, low, high) in lines:
            ax.fill_between(settings, low, high, color=colour, alpha=0.18, linewidth=0)
            label = f"{name}, {dial}" if several else name
            ax.plot(settings, mean, f"{DIALS[dial]}{mark}", color=colour, label=label)
        dials = dict.fromkeys(dial for _, _, dial, _, _ in lines)
        ax.set_xlabel(f"{' or '.join(dials)} (0: no collapse, 1: full collapse)")
        ax.set_ylabel("share of full collapse")
        ax.legend(loc="upper left", fontsize=6.5)

    return Figure(title="Dose and response", description="", rows=[], draw=draw)


def _counts(metrics: Mapping[str, Mapping[str, Any]]) -> Figure | None:
    lines = []
    for number, (name, row) in enumerate(metrics.items()):
        scale = _scale(row["dose"][row["claims"][0]]["mean"])
        means = {int(k): v for k, v in row["counts"]["mean"].items() if v is not None}
        if scale and means:
            first = means[min(means)]
            moved = [(v - first) / scale for v in means.values()]
            lines.append((name, STYLES[number], list(means), moved))
    if not lines:
        return None

    def draw(ax: "Axes") -> None:
        ax.axhspan(-0.05, 0.05, color="#888888", alpha=0.25, linewidth=0, label="5 %: stable")
        for name, (colour, mark), ks, moved in lines:
            ax.plot(ks, moved, f"-{mark}", color=colour, label=name)
        ax.set_xscale("log", base=2)
        ax.set_xticks(lines[0][2], [str(k) for k in lines[0][2]])
        ax.set_xlabel("replies per prompt")
        ax.set_ylabel("change, share of full collapse")
        low, high = ax.get_ylim()
        ax.set_ylim(min(low, -0.2), max(high, 0.2))
        ax.legend(loc="best", fontsize=6.5)

    return Figure(title="Number of replies", description="", rows=[], draw=draw)


def _scale(means: Sequence[float | None]) -> float | None:
    """Return the change under full collapse, with its sign; None if it is zero or unknown."""
    first, last = means[0], means[-1]
    return (last - first) or None if first is not None and last is not None else None


def main() -> None:
    """Write the files and remove all others."""
    CURVES.mkdir(exist_ok=True)
    svgs = dict(curves())
    for file in CURVES.glob("*.svg"):
        if file.name not in svgs:
            file.unlink()
    for name, svg in svgs.items():
        (CURVES / name).write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
