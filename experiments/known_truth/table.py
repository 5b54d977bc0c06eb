"""Means over seeds with intervals, and differences from cross-entropy seed by seed."""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from scipy.stats import t as student

from known_truth import setting

Read = Callable[[Mapping[str, Any]], float | None]
Rows = Mapping[int, Mapping[str, Any]]  # by seed
AT_T = ("valid", "distinct_valid", "coverage", "style_strength", "cs_self_bleu_2")
WHOLE = ("cross_entropy", "forward_kl", "best_forward_kl")


def interval(values: Sequence[float]) -> dict[str, float | None]:
    """Mean and half width of the 95% t interval, which is None with a single value."""
    half = None
    if len(values) > 1:
        spread = statistics.stdev(values) / math.sqrt(len(values))
        half = float(student.ppf(0.975, len(values) - 1)) * spread
    return {"mean": statistics.mean(values), "half": half}


def summarize(
    cells: Iterable[Mapping[str, Any]], chosen: Mapping[str, Mapping[str, float]]
) -> list[dict[str, Any]]:
    """One entry for each (objective, checkpoint, group). chosen: for each checkpoint the weights of
    the objectives in the sweep."""
    by: dict[str, dict[int, list[Mapping[str, Any]]]] = {}
    for cell in cells:
        by.setdefault(cell["objective"], {}).setdefault(cell["seed"], []).append(cell)
    entries = []
    for objective, seeds in by.items():
        for which, weights in chosen.items():
            by_seed = {
                seed: cell
                for seed, several in seeds.items()
                for cell in several
                if weights.get(objective, cell["weight"]) == cell["weight"]
            }
            for group in ("trained", "left_out") if by_seed else ():
                rivals = {
                    name: {
                        seed: by["ce"][seed][0][at][group]
                        for seed in by_seed
                        if seed in by.get("ce", {})
                    }
                    for name, at in (("minus_ce", which), ("minus_best_ce", "best"))
                }
                entries.append(
                    {
                        "objective": objective,
                        "which": which,
                        "group": group,
                        "seeds": len(by_seed),
                        "weight": next(iter(by_seed.values()))["weight"],
                        "best_epoch": [cell["best_epoch"] for cell in by_seed.values()],
                        **_values({s: cell[which][group] for s, cell in by_seed.items()}, rivals),
                    }
                )
    return entries


def _values(rows: Rows, rivals: Mapping[str, Rows]) -> dict[str, Any]:
    values: dict[str, Any] = {name: _both(rows, rivals, _reader(name)) for name in WHOLE}
    values["peak"] = {name: _both(rows, rivals, _at_peak(name)) for name in AT_T}
    places = range(len(next(iter(rows.values()))["sampled"]))
    values["sampled"] = [
        {
            "temperature": next(iter(rows.values()))["sampled"][place]["temperature"],
            **{name: _both(rows, rivals, _reader(name, place)) for name in AT_T},
        }
        for place in places
    ]
    return values


def _reader(name: str, place: int | None = None) -> Read:
    if place is None:
        return lambda row: row[name]
    return lambda row: row["sampled"][place][name]


def _at_peak(name: str) -> Read:
    """Reads where distinct valid replies are most: the outermost point of a frontier."""
    return lambda row: max(row["sampled"], key=lambda at: at["distinct_valid"])[name]


def _both(rows: Rows, rivals: Mapping[str, Rows], read: Read) -> dict[str, Any]:
    """The value, and its differences from cross-entropy with the same seed."""
    values = [value for row in rows.values() if (value := read(row)) is not None]
    result: dict[str, Any] = interval(values) if values else {"mean": None, "half": None}
    for name, others in rivals.items():
        pairs = [(read(rows[seed]), read(others[seed])) for seed in rows if seed in others]
        differences = [a - b for a, b in pairs if a is not None and b is not None]
        result[name] = interval(differences) if differences else None
    return result


def markdown(summary: Sequence[Mapping[str, Any]], reference: Mapping[str, Any]) -> str:
    """A table for each group of personas and each checkpoint, ordered by distinct valid replies."""
    parts = []
    for group, title in _GROUPS.items():
        for which, checkpoint in setting.CHECKPOINTS.items():
            rows = [e for e in summary if (e["group"], e["which"]) == (group, which)]
            if rows:
                parts += [f"### {title}, {checkpoint}", _table(rows, reference[group], which)]
    return "\n\n".join(parts) + "\n"


_GROUPS = {"trained": "Personas of the training", "left_out": "The persona left out"}


def _table(rows: Sequence[Mapping[str, Any]], reference: Mapping[str, Any], which: str) -> str:
    early = which == "last"
    names = [
        *("objective", "weight", "seeds", *(["best epochs"] * (not early))),
        *("forward KL at its best T", "minus `ce`", "most distinct valid", "minus `ce`"),
        *(["minus `ce` at its best epoch"] * early),
        *("valid there", "style strength there", "cs self-BLEU 2 there"),
    ]
    ends = " | ".join(
        _plain(reference[name]) for name in ("valid", "style_strength", "cs_self_bleu_2")
    )
    distinct = _plain(reference["distinct_valid"])
    lines = [
        f"| {' | '.join(names)} |",
        f"|{'---|' * len(names)}",
        f"| truth, T = 1 | | |{' |' * (not early)} 0 | | {distinct} |{' |' * (1 + early)} {ends} |",
    ]
    for entry in sorted(rows, key=lambda entry: -entry["peak"]["distinct_valid"]["mean"]):
        peak, distance = entry["peak"], entry["best_forward_kl"]
        plain = entry["objective"] == "ce"
        cells = [
            f"`{entry['objective']}`",
            f"{entry['weight']:g}" if entry["weight"] else "",
            str(entry["seeds"]),
            *([", ".join(map(str, entry["best_epoch"]))] * (not early)),
            written(distance),
            "" if plain else written(distance["minus_ce"], sign=True),
            written(peak["distinct_valid"]),
            "" if plain else written(peak["distinct_valid"]["minus_ce"], sign=True),
            *([written(peak["distinct_valid"]["minus_best_ce"], sign=True)] * early),
            *(written(peak[name]) for name in ("valid", "style_strength", "cs_self_bleu_2")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def written(value: Mapping[str, Any] | None, *, sign: bool = False) -> str:
    """`mean ± half`, or the mean alone."""
    if value is None or value["mean"] is None:
        return "-"
    mean = f"{value['mean']:+.2f}" if sign else f"{value['mean']:.2f}"
    return mean if value["half"] is None else f"{mean} ± {value['half']:.2f}"
