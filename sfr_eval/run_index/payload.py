"""What the scripts of index.html draw from: curves over temperature, settings and trainings, as
JSON. Numbers have seven significant digits, which is more than any drawing shows."""

import json
import shlex
from collections.abc import Sequence
from typing import Any

from sfr_eval.metrics.table import direction, label, metric_info
from sfr_eval.report.scoreboard import CUT
from sfr_eval.run_index.history import History
from sfr_eval.run_index.leaderboard import ROLES
from sfr_eval.run_index.row import Curve, IndexRow

DIGITS = 7


def payload(rows: Sequence[IndexRow], histories: Sequence[History]) -> dict[str, Any]:
    """Return everything that a chart or a side-by-side table of the index may need."""
    place = {id(row): number for number, row in enumerate(rows)}
    settings: dict[str, int] = {}
    runs = []
    for row in rows:
        key = json.dumps(row.settings)
        runs.append(
            {
                "name": row.name,
                "place": row.place,
                "folder": shlex.quote(str(row.folder)),
                "suite": row.suite,
                "step": row.step,
                "temperature": row.temperature,
                "settings": settings.setdefault(key, len(settings)),
                "curves": {metric: _curve(curve) for metric, curve in row.curves.items()},
            }
        )
    return {
        "metrics": _metrics(rows),
        "settings": [json.loads(key) for key in settings],
        "runs": runs,
        "histories": [
            {
                "suite": history.suite,
                "title": history.title,
                "metrics": history.metrics,
                "trainings": [
                    {"name": training.name, "runs": [place[id(row)] for row in training.rows]}
                    for training in history.trainings
                ],
            }
            for history in histories
        ],
    }


def _curve(curve: Curve) -> list[list[float | None]]:
    return [
        [t, *(_short(end) for end in (estimate.value, estimate.low, estimate.high))]
        for t, estimate in curve.items()
    ]


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")


def _metrics(rows: Sequence[IndexRow]) -> dict[str, dict[str, Any]]:
    """Return the metrics of all rows: those of a card first, in the order of the cards."""
    of_cards = [score.metric for role in ROLES for row in rows if (score := row.score(role))]
    rest = [metric for row in rows for metric in row.curves if metric != CUT]
    found = {}
    for metric in dict.fromkeys((*of_cards, *rest, CUT)):
        info = metric_info(metric)
        found[metric] = {
            "label": label(metric),
            "role": info.primary[0] if info and info.primary else "length",
            "direction": direction(metric).partition(" ")[0],
            "possible": list(info.range) if info and info.range else [None, None],
        }
    return found
