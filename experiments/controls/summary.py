"""Finished cells -> means of the arms, contrasts, and the verdicts of the protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controls.analysis import (
    MEASURES,
    PRIMARY_MEASURES,
    Contrast,
    Interval,
    Row,
    contrast,
    interval,
    value,
    with_holm,
)
from controls.arms import ARMS, BEST_GENERIC, FILTERS, PRIMARY, SECONDARY
from controls.cells import Cell, read
from controls.columns import MAIN, SETTINGS
from controls.plan import at_rules, best_generic, strength, sweep
from controls.training import RULES
from controls.worlds import REPLICATES

LEVEL = 0.4  # of validity, in the table of arms
Arms = dict[str, dict[int, Row]]  # arm -> world -> measures at one stopping rule


@dataclass(frozen=True)
class Summary:
    """means: (setting, rule, arm, measure) -> interval; references: setting -> measure -> interval;
    primary and secondary contrasts; verdicts in sentences; sweeps: (setting, arm, strength, loss,
    whether chosen, whether interior); generic: (setting, rule) -> arm."""

    means: dict[tuple[str, str, str, str], Interval]
    references: dict[str, dict[str, Interval]]
    primary: list[Contrast]
    secondary: list[Contrast]
    verdicts: list[str]
    sweeps: list[dict[str, Any]]
    generic: dict[tuple[str, str], str]


def summarize(results: Path) -> Summary:
    """Read all finished cells."""
    means: dict[tuple[str, str, str, str], Interval] = {}
    references: dict[str, dict[str, Interval]] = {}
    primary: list[Contrast] = []
    secondary: list[Contrast] = []
    generic: dict[tuple[str, str], str] = {}
    for setting in SETTINGS:
        content = _finished(results, setting)
        family: list[Contrast] = []
        for rule in RULES:
            arms = _at_rule(content, rule)
            best = best_generic(results, setting)
            if best is not None:
                generic[setting, rule] = best[rule]
                arms[BEST_GENERIC] = arms.get(best[rule], {})
            for arm, worlds in arms.items():
                for measure in MEASURES:
                    numbers = [value(row, measure, level=LEVEL) for row in worlds.values()]
                    mean = interval([n for n in numbers if n is not None])
                    if mean is not None:
                        means[setting, rule, arm, measure] = mean
            family += _contrasts(arms, PRIMARY, PRIMARY_MEASURES, setting=setting, rule=rule)
            others = tuple(name for name in MEASURES if name not in PRIMARY_MEASURES)
            secondary += _contrasts(arms, PRIMARY, others, setting=setting, rule=rule)
            secondary += _contrasts(arms, SECONDARY, tuple(MEASURES), setting=setting, rule=rule)
        if setting in MAIN:
            primary += with_holm(family)
        else:
            secondary += family
        references[setting] = _reference(content)
    return Summary(
        means=means,
        references=references,
        primary=primary,
        secondary=[c for c in secondary if c.difference is not None],
        verdicts=verdicts(primary),
        sweeps=_sweeps(results),
        generic=generic,
    )


def verdicts(primary: list[Contrast]) -> list[str]:
    """The protocol's two questions, at each stopping rule; undecided before all worlds are run."""
    claims = {
        "SFR is semantic": ("sfr", "sfr_shuffled"),
        "SFR pays": ("sfr", BEST_GENERIC),
        "CKA is semantic": ("cka", "cka_shuffled"),
    }
    lines = []
    for claim, pair in claims.items():
        for rule in RULES:
            rows = [c for c in primary if (c.first, c.second) == pair and c.rule == rule]
            worlds = [
                c.difference.worlds if c.difference else 0
                for c in rows
                if c.measure == "forward_kl"  # the other may be undefined in a world
            ]
            if min(worlds, default=0) < REPLICATES:
                lines.append(f"{claim} ({rule}): not decided before {REPLICATES} worlds are run")
                continue
            by = {m: [c.better for c in rows if c.measure == m] for m in PRIMARY_MEASURES}
            yes = [m for m, better in by.items() if better == [True] * len(MAIN)]
            opposite = [m for m, better in by.items() if better == [False] * len(MAIN)]
            if yes and not any(False in better for better in by.values()):
                text = f"yes, by {' and '.join(yes)}"
            else:
                text = "no, the opposite" if opposite and not yes else "not shown"
            lines.append(f"{claim} ({rule}): {text}")
    return lines


def _finished(results: Path, setting: str) -> dict[str, dict[int, Row]]:
    """Cells by arm and world, at the chosen strengths."""
    content: dict[str, dict[int, Row]] = {}
    for arm in ARMS:
        chosen = strength(results, setting, arm)
        for world in range(REPLICATES if chosen is not None else 0):
            assert chosen is not None
            cell = Cell(SETTINGS[setting], arm, chosen, world)
            if cell.is_done(results):
                content.setdefault(arm, {})[world] = read(cell, results)
    return content


def _at_rule(content: Mapping[str, Mapping[int, Row]], rule: str) -> Arms:
    """The measures at one rule, with filters of plain CE as arms of their own."""
    arms: Arms = {}
    for arm, worlds in content.items():
        for world, cell in worlds.items():
            row = {**cell[rule], "validation": at_rules(cell["validation"])[rule]}
            arms.setdefault(arm, {})[world] = row
            for name in FILTERS if arm == "ce" else ():
                arms.setdefault(name, {})[world] = {"sampled": row[name]}
    return arms


def _contrasts(
    arms: Arms,
    pairs: tuple[tuple[str, str], ...],
    measures: tuple[str, ...],
    *,
    setting: str,
    rule: str,
) -> list[Contrast]:
    return [
        contrast(
            arms.get(first, {}),
            arms.get(second, {}),
            setting=setting,
            rule=rule,
            first=first,
            second=second,
            measure=measure,
        )
        for first, second in pairs
        for measure in measures
    ]


def _reference(content: Mapping[str, Mapping[int, Row]]) -> dict[str, Interval]:
    rows = [cell["reference"]["trained"] for cell in content.get("ce", {}).values()]
    names = ("valid", "distinct_valid", "style_strength", "cs_self_bleu_2")
    means = {name: interval([r[name] for r in rows if r[name] is not None]) for name in names}
    return {name: mean for name, mean in means.items() if mean is not None}


def _sweeps(results: Path) -> list[dict[str, Any]]:
    rows = []
    for setting in MAIN:
        for arm in (name for name, arm in ARMS.items() if arm.of is None):
            state = sweep(results, setting, arm)
            for number, loss in sorted(state.losses.items()):
                chosen = number == state.chosen
                rows.append(
                    {
                        "setting": setting,
                        "arm": arm,
                        "strength": number,
                        "validation": round(loss, 5),
                        "chosen": chosen,
                        "interior": state.interior if chosen else None,
                    }
                )
    return rows
