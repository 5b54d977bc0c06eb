"""Which cells there are, in which order, and which strength the sweep chose."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from controls.arms import ARMS, FIRST, GENERIC, strength_owner
from controls.cells import Cell, read
from controls.columns import AT_REPEAT, MAIN, SETTINGS
from controls.setting import EARLY
from controls.training import RULES
from controls.worlds import REPLICATES, TUNING

EXTENSIONS = 2  # further strengths at an end of the grid that has the lowest loss


@dataclass(frozen=True)
class Sweep:
    """The sweep of one arm in one setting. losses: validation by strength; open: strengths that are
    still to be run; chosen: the best one when none is; interior: whether it has a worse one on both
    sides."""

    losses: dict[float, float]
    open: tuple[float, ...]
    chosen: float | None
    interior: bool


def sweep(results: Path, setting: str, arm: str) -> Sweep:
    """The state of a sweep. An arm without a dial has one cell in it, of strength 0."""
    grid = list(ARMS[arm].grid) or [0.0]
    ends = [0, 0]
    while True:
        cells = {s: Cell(SETTINGS[setting], arm, s, TUNING) for s in grid}
        losses = {
            s: score(read(c, results)["validation"]) for s, c in cells.items() if c.is_done(results)
        }
        missing = tuple(s for s in grid if s not in losses)
        if missing:
            return Sweep(losses, missing, None, interior=False)
        best = min(grid, key=lambda s: losses[s])
        place = grid.index(best)
        if len(grid) == 1:
            return Sweep(losses, (), best, interior=True)
        if 0 < place < len(grid) - 1:
            return Sweep(losses, (), best, interior=True)
        upper = int(place > 0)
        if ends[upper] == EXTENSIONS:
            return Sweep(losses, (), best, interior=False)
        ends[upper] += 1
        if upper:
            grid.append(round(grid[-1] ** 2 / grid[-2], 6))
        else:
            grid.insert(0, round(grid[0] ** 2 / grid[1], 6))


def at_rules(validation: Sequence[float]) -> dict[str, float]:
    """Validation loss at each stopping rule."""
    return dict(zip(RULES, (min(validation), validation[EARLY - 1], validation[-1]), strict=True))


def score(validation: Sequence[float]) -> float:
    """What the sweep minimises: the mean validation loss over the three stopping rules."""
    return sum(at_rules(validation).values()) / len(RULES)


def strength(results: Path, setting: str, arm: str) -> float | None:
    """The strength of an arm in a setting; None while its sweep is not complete."""
    source = AT_REPEAT if setting not in MAIN else setting
    return sweep(results, source, strength_owner(arm)).chosen


def best_generic(results: Path, setting: str) -> dict[str, str] | None:
    """For each stopping rule the generic regulariser with the lowest validation loss on the tuning
    world, each at its chosen strength; None while a sweep is not complete."""
    source = AT_REPEAT if setting not in MAIN else setting
    losses = {}
    for arm in GENERIC:
        chosen = strength(results, source, arm)
        if chosen is None:
            return None
        cell = Cell(SETTINGS[source], arm, chosen, TUNING)
        losses[arm] = at_rules(read(cell, results)["validation"])
    return {rule: min(GENERIC, key=lambda arm: losses[arm][rule]) for rule in RULES}


def stages(results: Path) -> Iterator[Cell]:
    """All cells that are known now, done or not, in the order in which they are run: the sweeps of
    the primary contrasts, their arms world by world, then the same of the other arms, and last the
    two regimes with more chats. After every world the primary contrasts are complete for it."""
    others = [arm for arm in ARMS if arm not in FIRST]
    for setting in MAIN:
        yield from _swept(results, setting, ("ce", *GENERIC, *FIRST))
    for world in range(REPLICATES):
        for setting in MAIN:
            yield from _world(results, setting, first_arms(results, setting), world)
    for setting in MAIN:
        yield from _swept(results, setting, others)
    for setting in MAIN:
        for world in range(REPLICATES):
            yield from _world(results, setting, others, world)
    for setting in SETTINGS:
        for world in range(REPLICATES if setting not in MAIN else 0):
            yield from _world(results, setting, first_arms(results, setting), world)


def first_arms(results: Path, setting: str) -> tuple[str, ...]:
    """The arms of the primary contrasts; without the generic ones before their sweeps end."""
    best = best_generic(results, setting)
    return (*FIRST, *dict.fromkeys(best.values())) if best else FIRST


def remaining(results: Path) -> list[Cell]:
    """The known cells that are not done, in their order."""
    return [cell for cell in dict.fromkeys(stages(results)) if not cell.is_done(results)]


def _swept(results: Path, setting: str, arms: Sequence[str]) -> Iterator[Cell]:
    for arm in dict.fromkeys(strength_owner(name) for name in arms):
        state = sweep(results, setting, arm)
        for value in (*state.losses, *state.open):
            yield Cell(SETTINGS[setting], arm, value, TUNING)


def _world(results: Path, setting: str, arms: Sequence[str], world: int) -> Iterator[Cell]:
    for arm in arms:
        chosen = strength(results, setting, arm)
        if chosen is not None:
            yield Cell(SETTINGS[setting], arm, chosen, world)
