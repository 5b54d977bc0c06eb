"""Curves along the reply: how free the next token is, and how long two replies stay the same."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sfr_eval.report.figures import Figure
from sfr_eval.report.layer_profiles import QUIET, some_temperatures
from sfr_eval.store.results import SuiteResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVE_METRIC = "token_entropy"


def curves(suite: SuiteResults) -> list[Figure]:
    """Return entropy and agreement over the position in the reply."""
    notes = suite.notes_of(CURVE_METRIC).curve
    curve = {float(t): rows for t, rows in notes.items() if rows}
    if not curve:
        return []
    shown = some_temperatures(tuple(sorted(curve)), suite.middle_temperature)
    return [_entropy_curve(suite, curve, shown), _agreement_curve(suite, curve, shown)]


Curve = Mapping[float, Sequence[Mapping[str, Any]]]


def _entropy_curve(suite: SuiteResults, curve: Curve, shown: Sequence[tuple[float, str]]) -> Figure:
    base = [row for row in curve[shown[0][0]] if row.get("base_entropy")]

    def draw(ax: "Axes") -> None:
        for t, colour in shown:
            _band(ax, curve[t], "entropy", colour, f"T = {t:g}", band=t == shown[0][0])
        if base:
            _band(ax, base, "base_entropy", QUIET, f"base, T = {shown[0][0]:g}", band=True)
        _positions(ax, "Entropy along the reply", "nats")

    return Figure(
        title="Entropy along the reply",
        description=_from_to(curve[shown[0][0]], "entropy", "Entropy of the next token"),
        rows=_curve_rows(suite, curve),
        draw=draw,
    )


def _agreement_curve(
    suite: SuiteResults, curve: Curve, shown: Sequence[tuple[float, str]]
) -> Figure:
    def draw(ax: "Axes") -> None:
        for t, colour in shown:
            _band(ax, curve[t], "same", colour, f"T = {t:g}", band=t == shown[0][0])
        ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
        _positions(ax, "Replies still the same", "chance for two of one prompt")

    return Figure(
        title="Replies still the same",
        description=_from_to(
            curve[shown[0][0]], "same", "Chance that two replies to one prompt are the same"
        ),
        rows=_curve_rows(suite, curve),
        draw=draw,
    )


def _band(
    ax: "Axes",
    rows: Sequence[Mapping[str, Any]],
    key: str,
    colour: str,
    name: str,
    *,
    band: bool,
) -> None:
    defined = [row for row in rows if row[key] is not None]
    most = max((row[key]["n"] for row in defined), default=0)
    defined = [row for row in defined if row[key]["n"] >= most / 4]  # else too few queries
    places = [(row["start"] + row["end"] - 1) / 2 + 1 for row in defined]
    if band:
        ax.fill_between(
            places,
            [row[key]["low"] for row in defined],
            [row[key]["high"] for row in defined],
            color=colour,
            alpha=0.2,
            linewidth=0,
        )
    ax.plot(places, [row[key]["value"] for row in defined], "-", color=colour, label=name)


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
