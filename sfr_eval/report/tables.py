"""The tables of a report: by persona, of all metrics, and of the judges."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Literal

from sfr_eval.metrics.table import headlines, label, metric_info
from sfr_eval.report.cells import Cell, cells, in_column
from sfr_eval.report.metric_names import MetricName, metric_name
from sfr_eval.report.numbers import Interval
from sfr_eval.report.replies import replies_address
from sfr_eval.store.results import Notes, SuiteResults
from sfr_eval.types import Estimate, Sample

FOLDED = 8
"""Rows of a group beyond which it is folded at first."""

STATUSES = ("ok", "truncated", "refused", "no_content", "unsupported", "error")


def persona_metrics(suite: SuiteResults) -> list[str]:
    """Return the headline metrics that have values for single personas, or for all together where
    the suite has none. Of a checkpoint's hidden states only the figures are shown."""
    personas = list(suite.personas) or [""]
    return [
        metric
        for metric in headlines("failures", "quality", "style", "variety", "facts")
        if any(suite.at(metric, t, persona) for t in suite.temperatures for persona in personas)
    ]


def statuses(samples: Sequence[Sample]) -> list[str]:
    """Return ok, and every other status that some sample has."""
    present = {sample.status for sample in samples}
    return [status for status in STATUSES if status == "ok" or status in present]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a table of numbers."""

    name: str
    cells: tuple[Cell, ...]
    kind: Literal["all", "reference", ""] = ""
    counts: tuple[int, ...] | None = None  # of each status; None where they are not known
    metric: MetricName | None = None  # of a row that is a metric
    further: tuple[str, ...] = ()  # texts that follow the numbers


@dataclass(frozen=True, kw_only=True)
class Group:
    """Rows that fold together; "" for rows without a heading."""

    title: str
    rows: tuple[Row, ...]
    folded: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of numbers; `temperature` is None where its rows are temperatures."""

    temperature: float | None
    groups: tuple[Group, ...]


def columns(suite: SuiteResults) -> list[MetricName]:
    """Return the heads of the columns of `by_persona`."""
    return [metric_name(metric) for metric in persona_metrics(suite)]


def by_persona(suite: SuiteResults, samples: Sequence[Sample], *, box: str) -> list[Table]:
    """Return for each temperature a table with a row for all personas, for the reference and for
    each persona, and the groups of the queries below. Without personas and groups it is one table
    with a row for each temperature. `box` is the id of the reply browser that cells lead to."""
    counts: Counter[tuple[float, str, str]] = Counter()
    for sample in samples:
        for persona in {"", sample.persona}:
            counts[sample.temperature, persona, sample.status] += 1
    states = statuses(samples)

    def line(name: str, t: float, persona: str = "", kind: Literal["all", ""] = "") -> _Line:
        said = {"persona": persona} if persona else {}
        return _Line(
            name=name,
            kind=kind,
            estimates=[suite.estimates.get((m, t, persona)) for m in persona_metrics(suite)],
            counts=tuple(counts[t, persona, status] for status in states),
            replies=replies_address(box, **said, temperature=f"{t:g}"),
        )

    reference = _reference(suite)
    if not suite.personas and not suite.slices:
        lines = [line(f"T\u00a0=\u00a0{t:g}", t) for t in suite.temperatures] + reference
        return [Table(temperature=None, groups=_grouped({"": lines}))]
    tables = []
    for t in suite.temperatures:
        personas = [line(name, t, persona) for persona, name in suite.personas.items()]
        first = [line("All", t, kind="all"), *reference, *personas]
        tables.append(Table(temperature=t, groups=_grouped({"": first, **_slices(suite, t)})))
    return tables


@dataclass(frozen=True, kw_only=True)
class _Line:
    """A row before its numbers are aligned with those of the others."""

    name: str
    estimates: Sequence[Estimate | None]
    kind: Literal["all", "reference", ""] = ""
    counts: tuple[int, ...] | None = None
    replies: str = ""


def _grouped(groups: Mapping[str, Sequence[_Line]]) -> tuple[Group, ...]:
    """Return the groups with the numbers of each column aligned over all of them."""
    lines = [line for group in groups.values() for line in group]
    addresses = [line.replies for line in lines]
    aligned_columns = [
        cells(column, replies=addresses)
        for column in zip(*(line.estimates for line in lines), strict=True)
    ]
    rows = iter(
        Row(name=line.name, cells=row, kind=line.kind, counts=line.counts)
        for line, row in zip(
            lines,
            zip(*aligned_columns, strict=True) if aligned_columns else repeat(()),
            strict=False,
        )
    )
    return tuple(
        Group(title=title, rows=tuple(next(rows) for _ in group), folded=len(group) > FOLDED)
        for title, group in groups.items()
    )


def _reference(suite: SuiteResults) -> list[_Line]:
    if not any(suite.truth_of(metric) for metric in persona_metrics(suite)):
        return []
    whose = f": {suite.reference_of}" if suite.reference_of else ""
    estimates = [suite.truth.get((metric, "")) for metric in persona_metrics(suite)]
    return [_Line(name=f"Reference{whose}", kind="reference", estimates=estimates)]


def _slices(suite: SuiteResults, temperature: float) -> dict[str, list[_Line]]:
    """Return what the queries are grouped by -> a line for each group with a value of the metrics
    of `persona_metrics`."""
    metrics = persona_metrics(suite)
    groups: dict[tuple[str, str], dict[str, Estimate]] = {}
    for row in suite.slices:
        if row.temperature == temperature and row.metric in metrics and not row.persona:
            groups.setdefault((row.by, row.group), {})[row.metric] = row
    lines: dict[str, list[_Line]] = {}
    for (by, group), estimates in groups.items():
        name = f"{group} ({max(estimate.n for estimate in estimates.values())})"
        line = _Line(name=name, estimates=[estimates.get(metric) for metric in metrics])
        lines.setdefault(f"By {by}", []).append(line)
    return lines


def all_metrics(suite: SuiteResults, *, box: str) -> tuple[Group, ...]:
    """Return the headline metrics, then the others family by family: a row for each, all personas
    together at each temperature, and the reference distribution."""
    first = [metric for metric in headlines() if metric in set(suite.metrics)]
    groups: dict[str, list[str]] = {"Headline metrics": first} if first else {}
    for metric in suite.metrics:
        if metric not in first:
            info = metric_info(metric)
            family = info.family if info and info.family else "other"
            groups.setdefault(family.capitalize(), []).append(metric)
    addresses = [replies_address(box, temperature=f"{t:g}") for t in suite.temperatures]
    if suite.truth:
        addresses.append("")
    rows = {metric: _metric_cells(suite, metric, addresses) for metric in suite.metrics}
    columns = (in_column(column) for column in zip(*rows.values(), strict=True))
    lines = dict(zip(rows, zip(*columns, strict=True), strict=True))
    return tuple(
        Group(
            title=title,
            rows=tuple(
                Row(name=metric, metric=metric_name(metric), cells=lines[metric])
                for metric in metrics
            ),
            folded=title != next(iter(groups)),
        )
        for title, metrics in groups.items()
    )


def _metric_cells(suite: SuiteResults, metric: str, addresses: Sequence[str]) -> list[Cell]:
    """Return the cells of one metric, which have one number of decimals."""
    row = [suite.estimates.get((metric, t, "")) for t in suite.temperatures]
    return cells(
        [*row, *([suite.truth.get((metric, ""))] if suite.truth else [])], replies=addresses
    )


def facts(notes: Notes) -> list[tuple[str, str]]:
    """Return the notes beside a metric: (name, text)."""
    return [
        (key.replace("_", " "), _fact(value))
        for key, value in notes.stored().items()
        if key != "confusion" and value not in (None, [])
    ]


def _fact(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def judges(suite: SuiteResults) -> list[dict[str, str]]:
    """Return for each axis how many votes were read, how far they agree, whether length pays."""
    return [
        _judge(metric, notes)
        for metric, notes in suite.notes.items()
        if notes.votes_asked is not None
    ]


def _judge(metric: str, notes: Notes) -> dict[str, str]:
    count = notes.statuses.get("ok", 0)
    other = {k: v for k, v in notes.statuses.items() if k != "ok"}
    other |= {"not asked": notes.votes_missing} if notes.votes_missing else {}
    alphas = [*notes.alpha_of_votes.items(), ("judges", notes.alpha_of_judges)]
    return {
        "axis": label(metric),
        "read": f"{count:,} of {notes.votes_asked:,}",
        "other": ", ".join(f"{v:,} {k}" for k, v in other.items()) or "none",
        "alpha": ", ".join(f"{who}: {a:.2f}" for who, a in alphas if a is not None) or "-",
        "slope": Interval.of(notes.length_slope).text("+.2f", ends="+.2f"),
    }
