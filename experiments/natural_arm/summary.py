"""Finished cells -> the tables of the natural-language arm."""

import json
from dataclasses import dataclass

from controls.analysis import Interval, interval

from natural_arm.arms import ARMS, BASE, CONTRASTS, REPLICATES
from natural_arm.cells import MEASURES, Place, all_cells
from sfr_eval.stats.permutation import holm

PRIMARY = ("forward_kl", "distinct_valid")
LOWER_IS_BETTER = ("forward_kl", "reverse_kl")
Values = dict[str, dict[int, dict[str, float]]]  # arm -> replicate -> measure -> value


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """One arm minus another over the replicates that have both."""

    first: str
    second: str
    measure: str
    difference: Interval


def values(place: Place) -> Values:
    """The finished cells."""
    content: Values = {}
    for cell in all_cells():
        file = cell.file(place)
        if file.is_file():
            row = json.loads(file.read_text(encoding="utf-8"))["values"]
            content.setdefault(cell.arm, {})[cell.replicate] = row
    return content


def contrasts(content: Values) -> list[Contrast]:
    """All declared contrasts that have at least one replicate."""
    rows = []
    for first, second in CONTRASTS:
        one, other = content.get(first, {}), content.get(second, {})
        both = sorted(one.keys() & other.keys())
        for measure in MEASURES:
            difference = interval([one[r][measure] - other[r][measure] for r in both])
            if difference is not None:
                rows.append(
                    Contrast(first=first, second=second, measure=measure, difference=difference)
                )
    return rows


def verdict(rows: list[Contrast]) -> str:
    """Whether the loss is semantic by the protocol's rule; undecided before all replicates."""
    primary = [row for row in rows if row.measure in PRIMARY]
    whole = len(CONTRASTS) * len(PRIMARY)
    if len(primary) < whole or min(row.difference.worlds for row in primary) < REPLICATES:
        return f"Not decided before {REPLICATES} replicates are run."
    adjusted = holm([row.difference.p for row in primary])
    signs = []
    for row, p in zip(primary, adjusted, strict=True):
        if (row.first, row.second) == CONTRASTS[0] and p is not None and p < 0.05:
            signs.append((row.difference.mean < 0) == (row.measure in LOWER_IS_BETTER))
    if signs and all(signs):
        return "SFR is semantic here: true targets beat shuffled ones."
    return "No, the opposite." if signs and not any(signs) else "Not shown."


def markdown(place: Place) -> str:
    """Arms with the shuffled control beside the true one, contrasts, and the verdict."""
    content = values(place)
    if not content:
        return "No cell is finished yet.\n"
    arms = [name for name in (BASE, "sfr", "sfr_shuffled", *ARMS) if name in content]
    lines = [_line("arm", "replicates", *MEASURES), _line(*["---"] * (len(MEASURES) + 2))]
    for arm in dict.fromkeys(arms):
        rows = content[arm]
        means = (interval([row[name] for row in rows.values()]) for name in MEASURES)
        lines.append(_line(f"`{arm}`", str(len(rows)), *(written(mean) for mean in means)))
    rows = contrasts(content)
    if rows:
        lines += ["", _line("contrast", "replicates", "measure", "difference", "p")]
        lines.append(_line(*["---"] * 5))
    for row in rows:
        p = row.difference.p
        lines.append(
            _line(
                f"`{row.first}` - `{row.second}`",
                str(row.difference.worlds),
                f"**{row.measure}**" if row.measure in PRIMARY else row.measure,
                written(row.difference, sign=True),
                "" if p is None else f"{p:.3f}",
            )
        )
    return "\n".join([*lines, "", verdict(rows)]) + "\n"


def written(mean: Interval | None, *, sign: bool = False) -> str:
    """A mean with the half-width of its interval."""
    if mean is None:
        return ""
    number = f"{mean.mean:+.3g}" if sign else f"{mean.mean:.3g}"
    return number if mean.half is None else f"{number} ± {mean.half:.2g}"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
