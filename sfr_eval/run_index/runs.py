"""Reads every run of a folder tree as rows of an index.

Only manifest.json and the headline estimates of results.json are read, and files are counted where
a run is still going. Whatever is wrong with one run is said in its row and stops no other.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from sfr_eval.comparison.mismatch import compared_parts
from sfr_eval.errors import UserError
from sfr_eval.report.scoreboard import scoreboard
from sfr_eval.run_index.headlines import Headlines, read_headlines
from sfr_eval.run_index.pages import comparison_pages
from sfr_eval.run_index.progress import replies_on_disk
from sfr_eval.run_index.row import RANKED, IndexRow, RunStatus
from sfr_eval.run_index.steps import Step, StepRules
from sfr_eval.run_index.tree import Tree, find_tree
from sfr_eval.store.manifest import Manifest, PlannedSuite
from sfr_eval.store.results import FILE as RESULTS
from sfr_eval.store.results import SuiteResults
from sfr_eval.temperature import OWN_TEMPERATURE, nearest
from sfr_eval.types import Estimate
from sfr_eval.util.lock import owner_is_gone

REPORT = "report.html"


@dataclass
class RunCache:
    """What was read of each run folder, for as long as its files stay as they were."""

    _rows: dict[Path, tuple[object, tuple[IndexRow, ...]]] = field(default_factory=dict)

    def rows(self, folder: Path, tree: Tree, rules: StepRules) -> tuple[IndexRow, ...]:
        """Return the rows of a folder, read again if a file has changed."""
        stamp = (_stamp(folder), tree.common)
        known = self._rows.get(folder)
        if known is not None and known[0] == stamp and known[1][0].status != "running":
            return known[1]
        rows = tuple(_read_run(folder, tree, rules))
        self._rows[folder] = (stamp, rows)
        return rows


def read_runs(
    paths: Sequence[Path],
    *,
    rules: StepRules | None = None,
    temperature: float = OWN_TEMPERATURE,
) -> list[IndexRow]:
    """Return a row for each suite of each run below the paths, in order of their folders.

    Headline values are those at the temperature nearest to `temperature`. Raises UserError if a
    path is not a folder.
    """
    return rows_of(find_tree(paths), rules=rules, temperature=temperature)


def rows_of(
    tree: Tree,
    *,
    rules: StepRules | None = None,
    temperature: float = OWN_TEMPERATURE,
    cache: RunCache | None = None,
) -> list[IndexRow]:
    """Return the rows of a tree that has been looked through."""
    cache = cache or RunCache()
    rules = rules or StepRules()
    pages = comparison_pages(tree)
    return [
        replace(_at(row, temperature), comparisons=pages.get(os.path.abspath(row.folder), ()))
        for folder in tree.runs
        for row in cache.rows(folder, tree, rules)
    ]


def _read_run(folder: Path, tree: Tree, rules: StepRules) -> Iterator[IndexRow]:
    place = tree.place(folder)
    try:
        manifest = Manifest.load(folder)
    except UserError as error:
        yield IndexRow(folder=folder, place=place, name=place, problem=str(error))
        return
    headlines: Headlines | None = None
    problem = ""
    try:
        headlines = read_headlines(folder / RESULTS)
    except FileNotFoundError:
        pass
    except UserError as error:
        problem = str(error)
    date, recorded = _date(folder, manifest)
    status, done = _progress(folder, manifest, scored=headlines is not None)
    shared = IndexRow(
        folder=folder,
        place=place,
        name=manifest.name or place,
        model=manifest.config.model or manifest.model.name or manifest.name,
        date=date,
        date_recorded=recorded,
        engine=str(manifest.identity.engine or ""),
        decoder=manifest.identity.decoder_name or "",
        status="damaged" if problem else status,
        problem=problem,
        done=done,
        planned=sum(part.requests for part in manifest.plan),
        report=folder / REPORT if (folder / REPORT).is_file() else None,
    )
    step = rules.step_of(place, manifest)
    if step is not None:
        shared = replace(shared, step=step.number, series=_series(step, tree))
    if not manifest.plan:
        yield shared
    for part in manifest.plan:
        yield _suite_row(shared, manifest, part, headlines)


def _suite_row(
    shared: IndexRow, manifest: Manifest, part: PlannedSuite, headlines: Headlines | None
) -> IndexRow:
    row = replace(
        shared,
        suite=part.suite,
        title=part.title or part.suite,
        queries=part.queries,
        samples=part.samples,
        settings=_settings(manifest, part),
    )
    estimates = headlines.of(part.suite) if headlines else ()
    if not estimates:
        return row
    curves: dict[str, dict[float, Estimate]] = {}
    for estimate in sorted(estimates, key=lambda row: row.temperature):
        curves.setdefault(estimate.metric, {})[estimate.temperature] = estimate
    return replace(row, curves=curves)


def _at(row: IndexRow, temperature: float) -> IndexRow:
    """Return the row with its scoreboard at the temperature nearest to `temperature`."""
    if not row.curves:
        return row
    estimates = {(m, t, ""): e for m, curve in row.curves.items() for t, e in curve.items()}
    temperatures = tuple(sorted({t for _, t, _ in estimates}))
    suite = SuiteResults(
        id=row.suite,
        title=row.title,
        personas={},
        temperatures=temperatures,
        samples=row.samples,
        estimates=estimates,
        truth={},
        notes={},
        similarity={},
    )
    board = scoreboard(suite, temperature=nearest(temperatures, temperature))
    settings = {**row.settings, "temperature": f"{board.temperature:g}"}
    for card in board.cards:
        if card.role in RANKED:
            parts = compared_parts(card.metric, card.estimate.signature)
            settings[f"{card.role} metric"] = card.metric
            settings |= {f"{card.role} {name}": value for name, value in parts.items()}
    return replace(row, board=board, settings=settings)


def _settings(manifest: Manifest, part: PlannedSuite) -> dict[str, str]:
    """Return what has to be equal of the settings of a suite, by name."""
    identity = manifest.identity
    values = {
        "suite": part.suite,
        "version": part.version,
        "queries": part.queries,
        "prompts": part.prompts,
        "k": part.samples,
        "personas": ",".join(persona.id for persona in part.personas),
        "system role": identity.system_role,
        "problems": part.about,
        **identity.sampling_of(part.suite),
    }
    return {name: str(value) for name, value in values.items() if value not in (None, "")}


def _progress(folder: Path, manifest: Manifest, *, scored: bool) -> tuple[RunStatus, int]:
    """Return the status, and how many replies are on disk."""
    gone = owner_is_gone(folder / ".lock")
    if manifest.status == "running":
        return "partial" if gone else "running", replies_on_disk(folder)
    if gone is False and not scored:
        return "running", replies_on_disk(folder)
    planned = sum(part.requests for part in manifest.plan)
    done = planned if manifest.samples is None else manifest.samples
    if not scored:
        return "not scored", done
    return manifest.status or "complete", done


def _date(folder: Path, manifest: Manifest) -> tuple[str, bool]:
    """Return when the last session began, and whether the run says so itself; older runs do not,
    and their files tell when the first or the last reply was written."""
    recorded = manifest.last_session.date if manifest.last_session else ""
    if recorded:
        return recorded.removesuffix("Z").replace("T", " "), True
    for file in (folder / "samples", folder / "samples.parquet"):
        with suppress(OSError):
            written = datetime.fromtimestamp(file.stat().st_mtime, tz=UTC)
            return f"{written:%Y-%m-%d %H:%M}", False
    return "", False


def _series(step: Step, tree: Tree) -> str:
    return step.series or tree.common.name


def _stamp(folder: Path) -> object:
    """Return what changes whenever a file of a run does that an index reads."""
    stamps: list[tuple[int, int, int] | None] = []
    for name in ("manifest.json", RESULTS, REPORT, "samples"):
        try:
            found = (folder / name).stat()
            stamps.append((found.st_size, found.st_mtime_ns, found.st_ino))
        except OSError:
            stamps.append(None)
    return tuple(stamps)
