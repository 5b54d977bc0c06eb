"""The tables of the experiment as Markdown."""

from collections.abc import Sequence

from controls.analysis import MEASURES, PRIMARY_MEASURES, Contrast, Interval
from controls.arms import ARMS, BEST_GENERIC, FILTERS
from controls.columns import SETTINGS
from controls.summary import LEVEL, Summary
from controls.training import RULES

RULE_NAMES = {"best": "best validation", "early": "a quarter of the budget", "last": "whole budget"}
_COLUMNS = (
    *("forward_kl", "distinct_valid", "reverse_kl", "share", "style_strength", "cs_self_bleu_2"),
    *("validation", "left_out_distinct", "unseen_distinct"),
)
_ORDER = (
    *("sfr", "sfr_shuffled", "cka", "cka_shuffled", BEST_GENERIC, "ce"),
    *(name for name in (*ARMS, *FILTERS)),
)


def markdown(summary: Summary) -> str:
    """All tables: arms with their shuffled controls first, primary contrasts, verdicts, secondary
    contrasts, the sweep."""
    parts = []
    for setting in SETTINGS:
        for rule in RULES:
            table = _arms(summary, setting, rule)
            if table:
                parts += [f"### `{setting}`, {RULE_NAMES[rule]}", table]
    if not parts:
        strengths = f"### Strengths\n\n{_sweep(summary)}\n"
        return strengths if summary.sweeps else "No cell is finished yet.\n"
    parts += ["### Primary contrasts", _contrasts(summary.primary)]
    parts += ["### Verdicts", "\n".join(f"- {line}" for line in summary.verdicts)]
    parts += ["### Secondary contrasts", _contrasts(summary.secondary)]
    parts += ["### Strengths", _sweep(summary)]
    return "\n\n".join(parts) + "\n"


def _arms(summary: Summary, setting: str, rule: str) -> str:
    rows = []
    for arm in dict.fromkeys(_ORDER):
        means = {m: summary.means.get((setting, rule, arm, m)) for m in _COLUMNS}
        if all(mean is None for mean in means.values()):
            continue
        worlds = max(mean.worlds for mean in means.values() if mean)
        name = f"`{arm}`"
        if arm == BEST_GENERIC:
            name = f"best generic: `{summary.generic[setting, rule]}`"
        rows.append([name, str(worlds), *(written(means[m], worlds=worlds) for m in _COLUMNS)])
    if not rows:
        return ""
    reference = summary.references.get(setting, {})
    known = ("style_strength", "cs_self_bleu_2", "distinct_valid")
    truth = [written(reference.get(m)) if m in known else "" for m in _COLUMNS]
    heads = [MEASURES[m].label for m in _COLUMNS]
    heads[_COLUMNS.index("distinct_valid")] = f"distinct valid at validity {LEVEL:g}"
    return _table(["arm", "worlds", *heads], [["reference", "", *truth], *rows])


def _contrasts(contrasts: Sequence[Contrast]) -> str:
    shown = [c for c in contrasts if c.p_holm is not None or c.measure in PRIMARY_MEASURES]
    rows = [
        [
            f"`{c.setting}`",
            RULE_NAMES[c.rule],
            f"`{c.first}` - `{c.second}`",
            MEASURES[c.measure].label,
            written(c.difference, sign=True),
            str(c.difference.worlds) if c.difference else "0",
            _p(c.difference.p if c.difference else None),
            _p(c.p_holm),
            {True: "better", False: "worse", None: ""}[c.better],
        ]
        for c in shown
    ]
    heads = [
        "setting",
        "stopped at",
        "contrast",
        "measure",
        "difference",
        "worlds",
        "p",
        "Holm",
        "",
    ]
    return _table(heads, rows)


def _sweep(summary: Summary) -> str:
    rows = [
        [
            f"`{row['setting']}`",
            f"`{row['arm']}`",
            f"{row['strength']:g}",
            f"{row['validation']:.4f}",
            ("chosen" if row["interior"] else "chosen, at the edge") if row["chosen"] else "",
        ]
        for row in summary.sweeps
    ]
    return _table(["setting", "arm", "strength", "validation", ""], rows)


def written(value: Interval | None, *, sign: bool = False, worlds: int | None = None) -> str:
    """`mean ± half`; with the number of worlds in brackets where it is below `worlds`."""
    if value is None:
        return "-"
    text = f"{value.mean:+.2f}" if sign else f"{value.mean:.2f}"
    text += "" if value.half is None else f" ± {value.half:.2f}"
    return text if worlds in (None, value.worlds) else f"{text} ({value.worlds})"


def _p(p: float | None) -> str:
    return "" if p is None else "< .001" if p < 0.001 else f"{p:.3f}".lstrip("0")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
