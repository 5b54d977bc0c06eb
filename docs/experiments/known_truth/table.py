"""Cells -> means over seeds with intervals, and differences from cross-entropy seed by seed."""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from scipy.stats import t as student

Read = Callable[[Mapping[str, Any]], float | None]
AT_T = ("valid", "distinct_valid", "coverage", "style_strength", "cs_self_bleu_2")
WHOLE = ("cross_entropy", "forward_kl", "best_forward_kl")


def interval(values: Sequence[float]) -> dict[str, float | None]:
    """Mean and half the width of the 95% t interval; None with a single value."""
    half = None
    if len(values) > 1:
        spread = statistics.stdev(values) / math.sqrt(len(values))
        half = float(student.ppf(0.975, len(values) - 1)) * spread
    return {"mean": statistics.mean(values), "half": half}


def summarised(cells: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One entry for each (objective, checkpoint, group)."""
    by: dict[str, dict[int, Mapping[str, Any]]] = {}
    for cell in cells:
        by.setdefault(cell["objective"], {})[cell["seed"]] = cell
    found = []
    for objective, seeds in by.items():
        for which in ("best", "last"):
            own = {seed: cell for seed, cell in seeds.items() if which in cell}
            for group in ("trained", "left_out") if own else ():
                rivals = {
                    seed: by["ce"][seed]["best"][group] for seed in own if seed in by.get("ce", {})
                }
                found.append(
                    {
                        "objective": objective,
                        "which": which,
                        "group": group,
                        "seeds": len(own),
                        "weight": next(iter(own.values()))["weight"],
                        "best_epoch": [cell["best_epoch"] for cell in own.values()],
                        **_values({s: cell[which][group] for s, cell in own.items()}, rivals),
                    }
                )
    return found


def _values(
    own: Mapping[int, Mapping[str, Any]], rivals: Mapping[int, Mapping[str, Any]]
) -> dict[str, Any]:
    found: dict[str, Any] = {name: _both(own, rivals, _reader(name)) for name in WHOLE}
    found["peak_distinct_valid"] = _both(own, rivals, _peak)
    places = range(len(next(iter(own.values()))["sampled"]))
    found["sampled"] = [
        {
            "temperature": next(iter(own.values()))["sampled"][place]["temperature"],
            **{name: _both(own, rivals, _reader(name, place)) for name in AT_T},
        }
        for place in places
    ]
    return found


def _reader(name: str, place: int | None = None) -> Read:
    if place is None:
        return lambda row: row[name]
    return lambda row: row["sampled"][place][name]


def _peak(row: Mapping[str, Any]) -> float:
    """Most different valid replies at any temperature: where a frontier is furthest out."""
    return max(at["distinct_valid"] for at in row["sampled"])


def _both(
    own: Mapping[int, Mapping[str, Any]], rivals: Mapping[int, Mapping[str, Any]], read: Read
) -> dict[str, Any]:
    """The value, and its difference from cross-entropy with the same seed."""
    values = [value for row in own.values() if (value := read(row)) is not None]
    pairs = [(read(own[seed]), read(rivals[seed])) for seed in own if seed in rivals]
    apart = [a - b for a, b in pairs if a is not None and b is not None]
    return {
        **(interval(values) if values else {"mean": None, "half": None}),
        "minus_ce": interval(apart) if apart else None,
    }


def markdown(summary: Sequence[Mapping[str, Any]], truth: Mapping[str, Any]) -> str:
    """Two tables a group: the whole, and the frontier over temperature."""
    parts = []
    for group in ("trained", "left_out"):
        rows = [entry for entry in summary if entry["group"] == group]
        parts += [f"### {_GROUPS[group]}", _whole(rows), _frontier(rows, truth[group])]
    return "\n\n".join(parts) + "\n"


_GROUPS = {"trained": "Personas of the training", "left_out": "The persona left out"}


def _whole(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "| objective | weight | checkpoint | seeds | best epochs | cross-entropy a token "
        "| forward KL | at its best T | most distinct valid | minus `ce` |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    ordered = sorted(rows, key=lambda entry: -entry["peak_distinct_valid"]["mean"])
    for entry in ordered:
        peak = entry["peak_distinct_valid"]
        cells = [
            f"`{entry['objective']}`",
            f"{entry['weight']:g}",
            entry["which"],
            str(entry["seeds"]),
            ", ".join(map(str, entry["best_epoch"])) if entry["which"] == "best" else "-",
            *(written(entry[name]) for name in (*WHOLE, "peak_distinct_valid")),
            written(peak["minus_ce"], sign=True),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _frontier(rows: Sequence[Mapping[str, Any]], truth: Mapping[str, Any]) -> str:
    lines = [
        f"| objective | checkpoint | T | {' | '.join(name.replace('_', ' ') for name in AT_T)} |",
        f"|---|---|---|{'---|' * len(AT_T)}",
        f"| truth | | 1 | {' | '.join(f'{truth[name]:.3f}' for name in AT_T)} |",
    ]
    for entry in rows:
        for at in entry["sampled"]:
            values = " | ".join(written(at[name]) for name in AT_T)
            lines.append(
                f"| `{entry['objective']}` | {entry['which']} | {at['temperature']:g} | {values} |"
            )
    return "\n".join(lines)


def written(value: Mapping[str, Any] | None, *, sign: bool = False) -> str:
    """`mean ± half`, or the mean alone."""
    if value is None or value["mean"] is None:
        return "-"
    mean = f"{value['mean']:+.3f}" if sign else f"{value['mean']:.3f}"
    return mean if value["half"] is None else f"{mean} ± {value['half']:.3f}"
