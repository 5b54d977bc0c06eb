"""An index on the terminal: how many runs, and the headlines of trainings over their steps."""

from collections.abc import Iterator, Mapping, Sequence

from sfr_eval.metrics.table import label
from sfr_eval.report.metric_names import metric_name
from sfr_eval.report.numbers import Interval
from sfr_eval.run_index.history import History, Training
from sfr_eval.run_index.index import Index
from sfr_eval.temperature import OWN_TEMPERATURE
from sfr_eval.types import Estimate

MOST_TRAININGS = 8
_BARS = "▁▂▃▄▅▆▇█"
_NAME = 28


def index_lines(index: Index) -> Iterator[str]:
    """Yield what `sfr-eval index` prints before the path of its page."""
    status = {row.place: row.status for row in index.rows}
    counts = [f"{list(status.values()).count(s):,} {s}" for s in dict.fromkeys(status.values())]
    runs = "1 run" if len(status) == 1 else f"{len(status):,} runs"
    yield runs + (f": {', '.join(counts)}" if counts else "")
    for row in index.rows:
        if row.status == "damaged":
            yield f"  {row.problem}"
    for folder in index.unreadable:
        yield f"  warning: {folder}: cannot be read; runs in it are missing here"
    for history in index.histories:
        yield from _history_lines(history)


def _history_lines(history: History) -> Iterator[str]:
    first = history.trainings[0].rows[0]
    t = OWN_TEMPERATURE if first.temperature is None else first.temperature
    for metric in history.metrics:
        values = {training.name: dict(training.values(metric, t)) for training in history.trainings}
        spans = [e.value for steps in values.values() for e in steps.values()]
        ends = [value for value in spans if value is not None]
        if not ends:
            continue
        yield f"{history.suite}: {label(metric)} {metric_name(metric).arrow} over steps, T = {t:g}"
        shown = history.trainings[:MOST_TRAININGS]
        width = min(_NAME, max(len(training.name) for training in shown))
        for training in shown:
            steps = values[training.name]
            if steps:
                yield _line(training, steps, width=width, low=min(ends), high=max(ends))
        if len(history.trainings) > MOST_TRAININGS:
            yield f"  and {len(history.trainings) - MOST_TRAININGS} more; the page has all"


def _line(
    training: Training, steps: Mapping[int, Estimate], *, width: int, low: float, high: float
) -> str:
    """Return `  sft  ▂▄▆█  100: 0.41 ± 0.02 -> 600: 0.22 ± 0.02`."""
    numbers = [estimate.value for estimate in steps.values()]
    (first, start), (last, end) = next(iter(steps.items())), list(steps.items())[-1]
    ends = f"{first:,}: {Interval.of(start).rounded(without='')}"
    if last != first:
        ends += f" -> {last:,}: {Interval.of(end).rounded(without='')}"
    name = training.name if len(training.name) <= _NAME else "..." + training.name[3 - _NAME :]
    return f"  {name:<{width}} {sparkline(numbers, low=low, high=high)}  {ends}"


def sparkline(values: Sequence[float | None], *, low: float, high: float) -> str:
    """Return a bar for each value between `low` and `high`, a blank for an undefined one."""
    width = high - low
    return "".join(
        " "
        if value is None
        else _BARS[round((len(_BARS) - 1) * (value - low) / width) if width else 3]
        for value in values
    )
