"""Judges the replies of a run: which cases it has, which votes are stored, which are missing.

    judgements/*.jsonl   append-only, one file for each session, one line for each vote

Votes are keyed by a hash of judge, rubric, question, reply and vote, so that repeating the command
asks only for what is missing. A vote that failed in transport is asked again; one that could not be
read is not.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sfr_eval.endpoints.address import judge_address, judge_key
from sfr_eval.endpoints.limits import Prices
from sfr_eval.errors import RunError, UserError
from sfr_eval.judges.error_rates import matched
from sfr_eval.judges.judge import CUT, Case, Judge, votes
from sfr_eval.judges.rubric import JudgeSpec, Material, load_judge
from sfr_eval.judges.votes import Judged, Judgement
from sfr_eval.settings import JudgeSettings, RequestSettings
from sfr_eval.store.manifest import JudgingRecord, Manifest
from sfr_eval.store.rows import SampleWriter, intact_rows
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.suite import Suite
from sfr_eval.thinking import answers
from sfr_eval.types import Sample
from sfr_eval.util.files import writing_to
from sfr_eval.util.progress import Bar


@dataclass(kw_only=True)
class JudgePanel:
    """Judges that respond, with the axes on which they judge. Close it."""

    judges: list[Judge]
    specs: tuple[JudgeSpec, ...]
    settings: JudgeSettings
    max_cost: float | None = None
    facts: list[Mapping[str, Any]] = field(default_factory=list)

    def close(self) -> None:
        """Close all connections."""
        for judge in self.judges:
            judge.close()

    @property
    def record(self) -> JudgingRecord:
        """What the manifest records: which judgements count when the run is scored again."""
        calibration = self.settings.judge_calibration
        return JudgingRecord(
            judges=tuple(judge.name for judge in self.judges),
            rubrics={spec.id: spec.rubric for spec in self.specs},
            votes=self.settings.judge_votes,
            calibration=str(calibration.resolve()) if calibration else None,
            sessions=tuple(dict(facts) for facts in self.facts),
        )


def open_panel(
    settings: JudgeSettings, suites: Sequence[Suite], *, requests: RequestSettings
) -> JudgePanel:
    """Check judge files, settings and servers. Raises UserError for anything that is wrong."""
    if requests.max_cost is not None and settings.judge_prices is None:
        raise UserError("--max-cost: needs --judge-prices PROMPT,COMPLETION per million")
    specs = tuple(
        adjusted(load_judge(axis), settings) for axis in dict.fromkeys(settings.judge_axes)
    )
    for spec in specs:
        if spec.kind != "rating":
            raise UserError(f"--judge-axes {spec.id}: compares two replies; name judges that rate")
        if settings.judge_votes > 1 and spec.temperature == 0:
            raise UserError(
                f"--judge-votes {settings.judge_votes}: judge {spec.id} has temperature 0, so all "
                "votes would be one; give --judge-temperature or take one vote"
            )
        for suite in suites:
            if spec.needs_persona and not suite.personas:
                raise UserError(f"--judge-axes {spec.id}: suite {suite.id} has no personas")
    if len({spec.id for spec in specs}) < len(specs):
        raise UserError("--judge-axes: two judge files have the same id")
    prices = settings.judge_prices
    judges = [
        Judge(
            address,
            key=judge_key(address),
            concurrency=requests.concurrency,
            timeout_seconds=requests.timeout,
            prices=prices and Prices(prompt=prices[0], completion=prices[1]),
            fixed_limit=settings.judge_max_tokens is not None,
        )
        for address in map(judge_address, dict.fromkeys(settings.judge or ()))
    ]
    panel = JudgePanel(judges=judges, specs=specs, settings=settings, max_cost=requests.max_cost)
    try:
        if len({judge.name for judge in judges}) < len(judges):
            raise UserError("--judge: the same judge is named twice")
        if settings.judge_calibration is not None:
            matched(settings.judge_calibration, panel.record)
    except UserError:
        panel.close()
        raise
    return panel


def adjusted(spec: JudgeSpec, settings: JudgeSettings) -> JudgeSpec:
    """Return the judge file with the temperature and limit of the settings. They are part of the
    rubric's hash, so that votes under two settings never mix."""
    given = {"temperature": settings.judge_temperature, "max_tokens": settings.judge_max_tokens}
    return spec.model_copy(update={name: v for name, v in given.items() if v is not None})


@contextmanager
def open_judging(
    settings: JudgeSettings, suites: Sequence[Suite], *, requests: RequestSettings
) -> Iterator[JudgePanel | None]:
    """Open a panel for the block; None without --judge."""
    if settings.judge is None:
        yield None
        return
    with closing(open_panel(settings, suites, requests=requests)) as panel:
        yield panel


def judge_and_record(
    folder: RunFolder,
    samples: Sequence[Sample],
    suites: Sequence[Suite],
    panel: JudgePanel,
    *,
    manifest: Manifest,
    spent: float = 0.0,
) -> tuple[Manifest, list[str]]:
    """Judge, and record in the manifest which votes count. Return it, and what went wrong."""
    replies = answers(samples, manifest.thinking)
    try:
        trouble = _judge(folder, replies, suites, panel, spent=spent)
    except RunError as error:
        trouble = [str(error)]
    manifest = manifest.model_copy(update={"judging": panel.record})
    folder.write_manifest(manifest)
    judged = judged_of(folder, manifest)
    return manifest, [*trouble, *mostly_unread(judged.judgements if judged else ())]


def mostly_unread(judgements: Iterable[Judgement]) -> list[str]:
    """Return a line for each judge of whose answers more than half have no score."""
    by_judge: dict[str, list[Judgement]] = {}
    for row in judgements:
        if row.status in ("ok", "unparsed", "refused"):
            by_judge.setdefault(row.judge, []).append(row)
    lines = []
    for judge, rows in by_judge.items():
        unread = [row for row in rows if row.status != "ok"]
        if 2 * len(unread) > len(rows):
            why = unread[0].error or unread[0].status
            cut = sum(row.error.startswith(CUT) for row in unread)
            hint = "; raise --judge-max-tokens" if 2 * cut > len(unread) else ""
            lines.append(
                f"{judge}: {len(unread):,} of {len(rows):,} answers give no score ({why}){hint}"
            )
    return lines


def _judge(
    folder: RunFolder,
    samples: Sequence[Sample],
    suites: Sequence[Suite],
    panel: JudgePanel,
    *,
    spent: float = 0.0,
) -> list[str]:
    """Ask for every vote that is not stored. Return lines for the user. Raises RunError if servers
    fail or the budget is spent; answers are stored in any case."""
    replies = [sample for sample in samples if sample.has_text]
    stored = {row.judgement_id for row in stored_judgements(folder) if row.status != "error"}
    total = len(replies) * len(panel.specs) * panel.settings.judge_votes
    failed, first = 0, ""
    judgements = folder.path / "judgements"
    with writing_to(folder.path):
        judgements.mkdir(parents=True, exist_ok=True)
    with closing(SampleWriter.next_in(judgements)) as writer:
        for judge in panel.judges:
            if panel.max_cost is not None:
                judge.allow(max(0.0, panel.max_cost - spent))
            done = 0
            try:
                with Bar(f"judging by {judge.name}", total, unit="votes") as bar:
                    cases = _cases(replies, suites, panel)
                    for judgement in judge.judge(cases, is_stored=stored.__contains__):
                        writer.append((judgement,))
                        done += 1
                        if judgement.status in ("error", "unsupported"):
                            failed, first = failed + 1, first or judgement.error
                        bar.update(done)
            finally:
                spent += judge.spent
                if done:
                    panel.facts.append({**judge.facts(), "votes": done})
    if failed:
        return [f"{failed:,} of {total * len(panel.judges):,} judgements failed ({first})"]
    return []


def _cases(replies: Sequence[Sample], suites: Sequence[Suite], panel: JudgePanel) -> Iterator[Case]:
    """Yield all cases of a run, axis by axis, so that a server computes each rubric once."""
    by_id = {suite.id: suite for suite in suites}
    for spec in panel.specs:
        for reply in replies:
            suite = by_id[reply.suite]
            material = Material(
                question=suite.queries[reply.query],
                persona=suite.personas[reply.persona].system if spec.needs_persona else "",
                replies=(reply.text,),
            )
            case = Case(sample_id=reply.sample_id, spec=spec, material=material)
            yield from votes(case, panel.settings.judge_votes)


def stored_judgements(folder: RunFolder) -> Iterator[Judgement]:
    """Yield every stored vote in the order of writing; damaged rows are skipped."""
    for file in sorted((folder.path / "judgements").glob("*.jsonl")):
        yield from intact_rows(file, Judgement)


def refuse_judged_otherwise(folder: RunFolder) -> None:
    """Raise UserError if replies of this folder have been judged, since votes on texts with and
    without thinking would be mixed."""
    if any((folder.path / "judgements").glob("*.jsonl")):
        raise UserError(
            f"--think-tags: replies in {folder.path} were judged under another setting; remove "
            f"{folder.path / 'judgements'} to have them judged again"
        )


def judged_of(folder: RunFolder, manifest: Manifest) -> Judged | None:
    """Return the stored votes that count by the manifest's record; None if nothing was judged."""
    record = manifest.judging
    if record is None:
        return None
    rows: dict[str, Judgement] = {}
    for row in stored_judgements(folder):
        counts = (
            row.judge in record.judges
            and record.rubrics.get(row.axis) == row.rubric
            and row.vote < record.votes
        )
        if counts and (row.judgement_id not in rows or rows[row.judgement_id].status == "error"):
            rows[row.judgement_id] = row
    errors = matched(Path(record.calibration), record) if record.calibration else {}
    return Judged(judgements=tuple(rows.values()), record=record, errors=errors)
