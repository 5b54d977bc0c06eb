"""Curves along the reply: how free the next token is, and how long two replies stay the same."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sfr_eval.report.figures import Figure, columns_of
from sfr_eval.report.layer_profiles import QUIET, some_temperatures
from sfr_eval.store.results import SuiteResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVE_METRIC = "token_entropy"

Curve = Mapping[float, Sequence[Mapping[str, Any]]]
"""temperature -> a row for each range of tokens"""


def curves(suite: SuiteResults) -> list[Figure]:
    """Return entropy and agreement over the position in the reply."""
    curve = {float(t): rows for t, rows in suite.notes_of(CURVE_METRIC).curve.items() if rows}
    if not curve:
        return []
    shown = some_temperatures(tuple(sorted(curve)), suite.middle_temperature)
    first = shown[0][0]
    base = [row for row in curve[first] if row.get("base_entropy")]

    def draw_entropy(ax: "Axes") -> None:
        _draw_lines(ax, curve, shown, key="entropy")
        if base:
            _draw_line(ax, base, "base_entropy", QUIET, f"base, T = {first:g}", band=True)
        _positions(ax, "Entropy along the reply", "nats")

    def draw_agreement(ax: "Axes") -> None:
        _draw_lines(ax, curve, shown, key="same")
        ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
        _positions(ax, "Replies still the same", "chance for two of one prompt")

    rows = _curve_rows(suite, curve)
    agreement = "Chance that two replies to one prompt are the same"
    return [
        Figure(
            title="Entropy along the reply",
            description=_from_to(curve[first], "entropy", "Entropy of the next token"),
            rows=rows,
            draw=draw_entropy,
        ),
        Figure(
            title="Replies still the same",
            description=_from_to(curve[first], "same", agreement),
            rows=rows,
            draw=draw_agreement,
        ),
    ]


def _draw_lines(ax: "Axes", curve: Curve, shown: Sequence[tuple[float, str]], *, key: str) -> None:
    for number, (t, colour) in enumerate(shown):
        _draw_line(ax, curve[t], key, colour, f"T = {t:g}", band=number == 0)


def _draw_line(
    ax: "Axes", rows: Sequence[Mapping[str, Any]], key: str, colour: str, name: str, *, band: bool
) -> None:
    defined = [row for row in rows if row[key] is not None]
    most = max((row[key]["n"] for row in defined), default=0)
    defined = [row for row in defined if row[key]["n"] >= most / 4]  # else too few queries
    places = [(row["start"] + row["end"] - 1) / 2 + 1 for row in defined]
    values, lows, highs = columns_of([row[key] for row in defined], "value", "low", "high")
    if band:
        ax.fill_between(places, lows, highs, color=colour, alpha=0.2, linewidth=0)
    ax.plot(places, values, "-", color=colour, label=name)


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
