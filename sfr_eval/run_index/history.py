"""Headline values over the steps of trainings."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sfr_eval.run_index.leaderboard import ROLES, differing_settings
from sfr_eval.run_index.row import IndexRow
from sfr_eval.temperature import nearest
from sfr_eval.types import Estimate

_NOT_SETTINGS = ("temperature",)


@dataclass(frozen=True, kw_only=True)
class Training:
    """The measured checkpoints of one training with one set of settings, in order of their
    steps."""

    name: str
    rows: tuple[IndexRow, ...]

    def values(self, metric: str, temperature: float) -> Iterator[tuple[int, Estimate]]:
        """Yield (step, estimate) at the temperature nearest to the one that is asked for."""
        for row in self.rows:
            curve = row.curves.get(metric)
            if curve and row.step is not None:
                yield row.step, curve[nearest(tuple(curve), temperature)]


@dataclass(frozen=True, kw_only=True)
class History:
    """The trainings of one suite."""

    suite: str
    title: str
    metrics: tuple[str, ...]  # those that are a headline of some checkpoint, by role
    temperatures: tuple[float, ...]
    trainings: tuple[Training, ...]


def histories(rows: Iterable[IndexRow]) -> list[History]:
    """Return the history of each suite in which some training has two or more measured steps."""
    by_suite: dict[str, list[IndexRow]] = {}
    for row in rows:
        if row.step is not None and row.scores:
            by_suite.setdefault(row.suite, []).append(row)
    return [found for group in by_suite.values() if (found := _history(group)) is not None]


def _history(rows: Sequence[IndexRow]) -> History | None:
    groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[IndexRow]] = {}
    for row in rows:
        same = tuple(item for item in row.settings.items() if item[0] not in _NOT_SETTINGS)
        groups.setdefault((row.series, same), []).append(row)
    if all(len({row.step for row in group}) < 2 for group in groups.values()):
        return None
    firsts = [group[0] for group in groups.values()]
    trainings = [
        Training(
            name=_name(series, group[0], firsts),
            rows=tuple(sorted(group, key=lambda row: (row.step or 0, row.date))),
        )
        for (series, _), group in groups.items()
    ]
    metrics = [
        score.metric for role in ROLES for row in rows if (score := row.score(role)) is not None
    ]
    return History(
        suite=rows[0].suite,
        title=rows[0].title,
        metrics=tuple(dict.fromkeys(metrics)),
        temperatures=tuple(sorted({t for row in rows for c in row.curves.values() for t in c})),
        trainings=tuple(sorted(trainings, key=lambda training: training.name)),
    )


def _name(series: str, row: IndexRow, others: Sequence[IndexRow]) -> str:
    """Return the name of a training, with the settings in which it differs from the others."""
    differing = differing_settings(row, others)
    parts = [f"{name} {value}" for name, value in differing.items() if name not in _NOT_SETTINGS]
    return f"{series} ({', '.join(parts)})" if parts else series
