"""A measured run on the terminal: verdict, warnings, and a table that fits 80 columns.

The words and numbers are those of the page (`report.py`); the page has all of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sfr_eval.metrics.metric import PrimaryRole
from sfr_eval.metrics.table import metric_info, primary_metrics, shown_metrics
from sfr_eval.report.metric_names import metric_name
from sfr_eval.report.numbers import Interval, number
from sfr_eval.report.repetitions import repetitions
from sfr_eval.report.scoreboard import Difference, differences
from sfr_eval.report.verdict import Finding, finding
from sfr_eval.report.warnings import warnings
from sfr_eval.report.without_replies import without_replies
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import SuiteResults, middle_temperature, read_suites
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.thinking import answers
from sfr_eval.types import Estimate
from sfr_eval.util import output
from sfr_eval.util.progress import log, waiting
from sfr_eval.util.terminal import Column, fitting_table, print_rich, sentence_lines
from sfr_eval.util.untrusted import clean_line

if TYPE_CHECKING:
    from rich.text import Text

PIPED = 80
"""Columns of the table in a pipe or a file."""
_DECIMALS = 4  # of a value without its interval
GROUPS = ("variety", "style", "quality", "judges", "inside", "facts")
"""Kinds of metrics, in their order in the table."""
_STYLES = {"good": "green", "bad": "red", "unsure": "yellow", "none": ""}
_EXTREMES: dict[PrimaryRole, tuple[str, str]] = {
    "style": ("strongest", "weakest"),
    "variety": ("most varied", "least varied"),
    "quality": ("best", "worst"),
}


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One suite of a run, and what is said of it."""

    manifest: Manifest
    suite: SuiteResults
    said: Finding
    warnings: Sequence[str]

    @property
    def temperature(self) -> float:
        """Where the verdict was read."""
        return self.said.temperature


def show_run(folder: Path, *, named: bool = False) -> None:
    """Print what a measured run comes to. `named`: with the model's name, since others are shown,
    too."""
    with waiting("reading the results"):
        parts = list(_parts(folder))
    for part in parts:
        name = f"{part.manifest.name} on {part.suite.id}" if named else part.suite.id
        width = output.width(output.stdout(), piped=PIPED)
        tables = [list(_columns(part)), list(_groups(part))]
        about = [f"{part.suite.id}: {part.suite.about}"] if part.suite.about else []
        lines = (*_judges(part), *_personas(part), *about)
        print_rich(
            [
                *_verdict(part, name),
                _text(f"{name}{_conditions(part)}"),
                *(fitting_table(columns, width=width) for columns in tables if columns),
                *map(_text, lines),
            ],
            piped=PIPED,
        )


def log_verdict(folder: Path) -> None:
    """Say the verdict and the warnings on stderr, for a command whose stdout is for a program."""
    for part in _parts(folder):
        log(f"{part.suite.id}: {part.said.headline}.")
        for line in part.warnings:
            log(f"  warning: {line}")


def _parts(folder: Path) -> Iterator[_Part]:
    manifest, run = Manifest.load(folder), RunFolder(folder)
    drawn = run.sealed_samples()
    imported = manifest.imported.warnings if manifest.imported else ()  # said by the import
    for suite in read_suites(manifest, run.read_results()):
        samples = [row for row in drawn if row.suite == suite.id]
        yield _Part(
            manifest=manifest,
            suite=suite,
            said=without_replies(suite, samples)
            or finding(suite, repetitions(answers(samples, manifest.thinking))),
            warnings=[x for x in warnings(suite, samples, manifest) if x not in imported],
        )


def _verdict(part: _Part, name: str) -> Iterator["Text"]:
    """Yield the headline, its sentences and the warnings."""
    yield _text(f"{name}: {part.said.headline}.", f"bold {_STYLES[part.said.tone]}".strip())
    for sentence in part.said.sentences:
        yield _text(f"  {sentence}")
    for warning in part.warnings:
        yield _text(f"  warning: {warning}", "yellow")


def _text(line: str, style: str = "") -> "Text":
    from rich.text import Text

    return Text("\n".join(sentence_lines(clean_line(line))), style)


def _conditions(part: _Part) -> str:
    """Return what the numbers of the table are."""
    identity, suite = part.manifest.identity, part.suite
    personas = f" x {len(suite.personas)} personas" if suite.personas else ""
    decoder = f", decoder {identity.decoder}" if identity.decoder else ""
    queries = part.manifest.part(suite.id).queries
    asked = f"{queries:,} queries"
    missing = part.manifest.imported.missing if part.manifest.imported is not None else 0
    if missing and part.manifest.status == "partial":
        asked = f"{queries:,} of {queries + missing:,} queries with replies"
    compared = _compared(part)
    beside = f"; difference to {compared}" if compared else ""
    return f"{decoder}: {asked}{personas} x {suite.samples} samples, 95% intervals{beside}"


def _rows(part: _Part) -> Iterator[tuple[str, str]]:
    """Yield (group, metric) of the table."""
    suite = part.suite
    ids = {metric for metric in suite.metrics if suite.sweep(metric)}
    judged = [metric for metric in ids if _family(metric) == "judge"]
    shown = dict.fromkeys([*shown_metrics(ids), *primary_metrics("quality", judged)])
    by_group: dict[str, list[str]] = {}
    for metric in shown:
        by_group.setdefault(_group(metric), []).append(metric)
    for group in GROUPS:
        yield from ((group, metric) for metric in by_group.get(group, ()))


def _group(metric: str) -> str:
    info = metric_info(metric)
    if _family(metric) == "judge":
        return "judges"
    if info is None:
        return "facts"
    role = info.headline[0] if info.headline else info.primary[0] if info.primary else "facts"
    return role if role in GROUPS else "facts"


def _family(metric: str) -> str:
    info = metric_info(metric)
    return info.family if info is not None else ""


def _columns(part: _Part) -> Iterator[Column]:
    """Yield the columns of the table: a heading for each group, and its metrics below."""
    suite, t = part.suite, part.temperature
    rows: list[str | None] = []  # a metric, or None for the heading before it
    names: list[str] = []
    headings: dict[int, str] = {}
    last = ""
    for group, metric in _rows(part):
        if group != last:
            headings[len(rows)] = "bold"
            rows.append(None)
            names.append(group)
        rows.append(metric)
        names.append(f"  {metric}")
        last = group

    def at(temperature: float) -> list[Estimate | None]:
        return [None if metric is None else suite.at(metric, temperature) for metric in rows]

    def values(temperature: float) -> list[str]:
        return [
            "" if row is None or row.value is None else number(round(row.value, _DECIMALS))
            for row in at(temperature)
        ]

    yield Column(title="metric", cells=names, styles=headings)
    yield Column(title="", cells=[metric_name(metric).arrow if metric else "" for metric in rows])
    first, end = suite.temperatures[0], suite.temperatures[-1]
    if first != t:
        yield Column(title=f"T={first:g}", cells=values(first), rank=2, right=True)
    cells = [
        "" if metric is None else "-" if row is None else Interval.of(row).rounded(without="")
        for metric, row in zip(rows, at(t), strict=True)
    ]
    yield Column(title=f"T={t:g}", cells=cells)
    if end != t:
        yield Column(title=f"T={end:g}", cells=values(end), rank=2, right=True)
    if compared := _compared(part):
        deltas = [
            _difference(suite, metric, t, compared) if metric is not None else None
            for metric in rows
        ]
        texts = ["" if delta is None else delta.text for delta in deltas]
        styles = {place: _STYLES[delta.tone] for place, delta in enumerate(deltas) if delta}
        yield Column(title="difference", cells=texts, rank=1, styles=styles)


def _difference(suite: SuiteResults, metric: str, t: float, name: str) -> Difference | None:
    estimate = suite.at(metric, t)
    if estimate is None:
        return None
    return next((one for one in differences(suite, estimate) if one.name == name), None)


def _compared(part: _Part) -> str:
    """Return with what the run is compared at most metrics; "" without anything."""
    counts: dict[str, int] = {}
    for _, metric in _rows(part):
        if estimate := part.suite.at(metric, part.temperature):
            for one in differences(part.suite, estimate):
                counts[one.name] = counts.get(one.name, 0) + 1
    return max(counts, key=lambda name: counts[name], default="")


def _groups(part: _Part) -> Iterator[Column]:
    """Yield the columns of the table of groups of queries, at the middle temperature."""
    rows = part.suite.slices
    if not rows:
        return
    t = middle_temperature({row.temperature for row in rows})
    cells = {(row.by, row.group, row.metric): row for row in rows if row.temperature == t}
    shown = [m for _, m in _rows(part) if any(metric == m for _, _, metric in cells)]
    groups = list(dict.fromkeys((by, group) for by, group, metric in cells if metric in shown))
    by = ", ".join(dict.fromkeys(by for by, _ in groups))
    sizes = [max(row.n for key, row in cells.items() if key[:2] == group) for group in groups]
    yield Column(title=f"by {by}, T={t:g}", cells=[group for _, group in groups])
    yield Column(title="queries", cells=[f"{size:,}" for size in sizes], right=True)
    for rank, metric in enumerate(shown):
        column = [_cell(cells.get((*group, metric))) for group in groups]
        yield Column(title=metric, cells=column, rank=rank)


def _cell(row: Estimate | None) -> str:
    return "-" if row is None or row.value is None else Interval.of(row).rounded(without="")


def _judges(part: _Part) -> Iterator[str]:
    """Yield how many votes the judges' scores rest on."""
    for _, metric in _rows(part):
        notes = part.suite.notes_of(metric)
        if _family(metric) == "judge" and notes.votes_asked:
            unread = notes.votes_asked - notes.statuses.get("ok", 0)
            without = f", {unread:,} without a score" if unread else ""
            yield f"{metric}: {notes.votes_asked:,} votes{without}"


def _personas(part: _Part) -> Iterator[str]:
    """Yield the personas at both ends of style, variety and quality."""
    suite, t = part.suite, part.temperature
    for role, (most, least) in _EXTREMES.items():
        ids = [metric for metric in suite.metrics if suite.at(metric, t)]
        for metric in primary_metrics(role, ids)[:1]:
            cells = {p: row for p in suite.personas if (row := suite.at(metric, t, p)) is not None}
            if len({row.value for row in cells.values()}) < 2:
                continue
            lower = (info := metric_info(metric)) is not None and info.higher_is_better is False
            ranked = sorted(cells, key=lambda p: cells[p].value or 0.0, reverse=not lower)
            ends = [
                f"{word} {suite.personas[p]} {_cell(cells[p])}"
                for word, p in ((most, ranked[0]), (least, ranked[-1]))
            ]
            yield f"persona by {metric}: {', '.join(ends)}"
