"""calibration.json as a page of Markdown, from reports/calibration.md.j2."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from sfr_eval.calibration.attacks import attacks_on
from sfr_eval.calibration.design import TOLERANCE
from sfr_eval.calibration.specificity import LIMIT, LOSSES, SEEN
from sfr_eval.report.numbers import number
from sfr_eval.util.assets import report_file


def page(calibration: Mapping[str, Any]) -> str:
    """Render the whole page; equal calibrations give equal pages."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=False,  # Markdown, and nothing in it was written by a model
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": number, "percent": partial(number, spec=".1%")}
    template = environment.from_string(report_file("calibration.md.j2").read_text(encoding="utf-8"))
    metrics = calibration["metrics"]
    parts = {
        metric: {(cell["queries"], cell["k"]): cell["part"] for cell in metrics[metric]["power"]}
        for metric in calibration["headline"]
    }
    return template.render(
        **calibration,
        tolerance=TOLERANCE,
        unmoved=[metric for metric, row in metrics.items() if _unmoved(row["lengths"])],
        limit=LIMIT,
        seen=SEEN,
        attacks=_attacks(metrics) if calibration["format"] > 1 else [],
        best_at=_best_at,
        noise_shares=(0.0, *calibration["design"].get("noise", ())),
        parts=parts,
        sizes=sorted({size for cells in parts.values() for size in cells}),
    )


def _attacks(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each attack and dial, of headlines and of what claims no dial: the metrics
    that look better although the replies are not, those that fall although nothing that they claim
    is lost, those that miss a loss that they claim, and those that see it."""
    attacks = attacks_on({})
    changes = {
        name: (attack.title, "nothing" if attack.harmless else ", ".join(attack.spoils))
        for name, attack in attacks.items()
    }
    changes |= {
        dial: (f"The dial {dial} at 1", ", ".join(LOSSES[dial])) for dial in ("cross", "within")
    }
    rows = []
    for name, (title, loss) in changes.items():
        moves = {
            metric: row["specificity"][name]
            for metric, row in metrics.items()
            if (row["role"] or not row["claims"]) and name in row["specificity"]
        }
        by_reading = {
            reading: [metric for metric, move in moves.items() if move["reading"] == reading]
            for reading in ("better", "worse", "blind", "right")
        }
        seen = [metric for metric in by_reading["right"] if moves[metric]["moved"] <= -LIMIT]
        blind = [metric for metric in by_reading["blind"] if metrics[metric]["claims"]]
        row = {"title": title, "loss": loss, "seen": seen}
        rows.append({**row, **by_reading, "blind": blind})
    return rows


def _best_at(row: Mapping[str, Any]) -> float:
    """Return the share of noise at which a metric that is defined without noise looks best."""
    sign = -1.0 if row["direction"] == "lower" else 1.0
    curve = zip(row["noise"]["mean"], row["noise"]["settings"], strict=True)
    _, share = max((sign * mean, -share) for mean, share in curve if mean is not None)
    return -float(share)


def _unmoved(lengths: Mapping[str, Any]) -> bool:
    """Whether a metric is defined at every length and hardly moves with it."""
    moved = lengths["moved"]
    return None not in lengths["mean"].values() and moved is not None and moved <= TOLERANCE
