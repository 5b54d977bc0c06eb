"""The quality of the replies to each prompt, by which the reply browser sorts: the suite's primary
measure of quality, as scoring stored it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sfr_eval.metrics.table import direction, inside_sentence, primary_metrics
from sfr_eval.store.scores import read_scores, score_files
from sfr_eval.types import Cell


@dataclass(frozen=True, kw_only=True)
class Quality:
    """A measure of quality, prompt by prompt, in one run or in several."""

    metric: str
    values: tuple[Mapping[Cell, float], ...]  # one for each run; a prompt without one is undefined

    @property
    def label(self) -> str:
        """The measure in plain words."""
        return inside_sentence(self.metric)

    @property
    def higher_is_better(self) -> bool:
        """Which way is better."""
        return direction(self.metric).startswith("higher")

    def of(self, cell: Cell) -> float | None:
        """Return the mean over the runs, None without a value."""
        values = [run[cell] for run in self.values if cell in run]
        return sum(values) / len(values) if values else None

    def badness(self, cell: Cell) -> float | None:
        """Return a number that is larger where quality is lower; None without a value."""
        value = self.of(cell)
        return None if value is None else -value if self.higher_is_better else value


def reply_quality(folders: Sequence[Path], suite: str, *, metrics: Iterable[str]) -> Quality | None:
    """Return the first primary measure of quality among `metrics` that has a value for each prompt
    or for each reply, whose mean is then taken; None if there is none."""
    for metric in primary_metrics("quality", list(metrics)):
        values = tuple(_prompt_values(folder, suite, metric) for folder in folders)
        if any(values):
            return Quality(metric=metric, values=values)
    return None


def _prompt_values(folder: Path, suite: str, metric: str) -> dict[Cell, float]:
    values: dict[Cell, list[float]] = {}
    columns = ("temperature", "query", "persona", "value")
    for file in score_files(folder):
        table = read_scores(file, columns=columns, metric=metric, suite=suite)
        for temperature, query, persona, value in zip(
            *(column.to_pylist() for column in table.columns), strict=True
        ):
            if value is not None:
                values.setdefault((temperature, query, persona), []).append(value)
    return {cell: sum(own) / len(own) for cell, own in values.items()}
