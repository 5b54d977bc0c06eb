"""A judge put to the test on replies whose true verdict is known; no human is needed.

The persona benchmark makes good replies and replies with one fault at set rates
(`suites/world/faults.py`). A judge that is fit for use tells them apart, sees each fault on its own
axis and not on the others, and cares neither for length nor for order. Its errors are written to a
calibration file, which corrects the shares of good replies of later runs. NAME.votes.jsonl beside
it keeps every vote as soon as it arrives, so that repeating the command asks only for the missing
ones.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.judges.error_rates import FORMAT
from sfr_eval.judges.judge import Case, Judge, votes
from sfr_eval.judges.panel import JudgePanel, adjusted, mostly_unread, open_panel
from sfr_eval.judges.rubric import GOOD, load_judge
from sfr_eval.judges.trial_items import (
    ItemKey,
    LabelRow,
    TrialItem,
    benchmark_items,
    labelled_items,
    longer_items,
    order_cases,
)
from sfr_eval.judges.trial_statistics import (
    Scores,
    accuracy,
    dose_response,
    length_gain,
    position_bias,
)
from sfr_eval.judges.votes import Judgement, JudgementKey
from sfr_eval.settings import JudgeSettings, RequestSettings
from sfr_eval.store.rows import appending, intact_rows
from sfr_eval.suites.suite import Suite, load_suite
from sfr_eval.util.files import write_atomic, writing_to
from sfr_eval.util.progress import Bar
from sfr_eval.util.reading import read_jsonl

_SUITE = "persona"


def calibrate_judge(
    settings: JudgeSettings,
    *,
    requests: RequestSettings,
    output: Path | None,
    labels: Path | None,
    items: int,
    seed: int,
) -> dict[str, Any]:
    """Run the trial of one judge and write its calibration file. Return the file's content, with
    `trouble`, lines about judgements that failed, and `output`, the path of the file."""
    if len(settings.judge or ()) != 1:
        raise UserError("calibrate: takes one --judge; each judge errs in its own way")
    suite = load_suite(_SUITE)
    assert suite.world is not None
    rows = read_jsonl(LabelRow, labels) if labels else None
    with closing(open_panel(settings, [suite], requests=requests)) as panel:
        judge, specs = panel.judges[0], panel.specs
        judge.allow(requests.max_cost)
        name = re.sub(r"[^\w.-]", "-", judge.name)[:80]
        file = output or Path(f"judge-{name}.json")
        asker = _Asker(judge, settings.judge_votes, file=file.with_suffix(".votes.jsonl"))
        if rows is None:
            rated = benchmark_items(suite, specs, items=items, seed=seed)
        else:
            rated = labelled_items(rows, specs, file=str(labels))
        scores = asker.rate(rated)
        axes = {
            spec.id: accuracy([item for item in rated if item.spec.id == spec.id], scores)
            for spec in specs
        }
        report = {
            "judge": judge.name,
            "items": items if rows is None else len(rows),
            "good_from": GOOD,
            "axes": axes,
            **(_biases(suite, panel, asker, rated, scores, seed=seed) if rows is None else {}),
            "statuses": dict(sorted(asker.statuses.items())),
            "session": dict(judge.facts()),
        }
    calibration = {
        "format": FORMAT,
        "judge": judge.name,
        "votes": settings.judge_votes,
        "labels": f"file {labels.name}" if labels else f"world {_SUITE} {suite.world.version}",
        "axes": {
            spec.id: {
                "rubric": spec.rubric,
                **{name: axes[spec.id][name] for name in ("positives", "negatives")},
            }
            for spec in specs
        },
        "report": report,
    }
    with writing_to(file.parent):
        write_atomic(file, json.dumps(calibration, indent=1, allow_nan=False))
    return {**calibration, "trouble": asker.trouble(), "output": str(file)}


class _Asker:
    """Asks the judge, keeps every vote in `file`, and counts how the votes ended."""

    def __init__(self, judge: Judge, vote_count: int, *, file: Path) -> None:
        self._judge, self._vote_count, self._file = judge, vote_count, file
        rows = intact_rows(file, Judgement)
        self._stored = {row.judgement_id: row for row in rows if row.status != "error"}
        self.statuses: Counter[str] = Counter()
        self._rows: list[Judgement] = []
        self._problem = ""

    def ask(self, cases: Sequence[Case]) -> dict[JudgementKey, Judgement]:
        """Return the judgements of all cases, stored and new ones."""
        judgements: dict[JudgementKey, Judgement] = {}

        def count(row: Judgement) -> None:
            judgements[row.key] = row
            self.statuses[row.status] += 1
            self._rows.append(row)
            if row.status in ("error", "unsupported"):
                self._problem = self._problem or row.error
            bar.advance()

        def is_stored(judgement_id: str) -> bool:
            row = self._stored.get(judgement_id)
            if row is not None:
                count(row)
            return row is not None

        with (
            Bar(f"judging by {self._judge.name}", len(cases), unit="votes") as bar,
            appending(self._file) as append,
        ):
            for row in self._judge.judge(cases, is_stored=is_stored):
                append(row)
                count(row)
        return judgements

    def rate(self, items: Sequence[TrialItem]) -> dict[ItemKey, float]:
        """Return the mean of the votes that could be read; items without any are absent."""
        cases = [Case(sample_id=i.id, spec=i.spec, material=i.material) for i in items]
        rows = self.ask([vote for case in cases for vote in votes(case, self._vote_count)])
        scores: dict[ItemKey, list[float]] = {}
        for key, row in rows.items():
            if row.score is not None:
                scores.setdefault(ItemKey(key.axis, key.sample_id), []).append(row.score)
        return {item: sum(numbers) / len(numbers) for item, numbers in scores.items()}

    def trouble(self) -> list[str]:
        """Return a line if judgements failed, and one if most have no score."""
        failed = self.statuses["error"] + self.statuses["unsupported"]
        lines = [f"{failed:,} judgements failed ({self._problem})"] if failed else []
        return [*lines, *mostly_unread(self._rows)]


def _biases(
    suite: Suite,
    panel: JudgePanel,
    asker: _Asker,
    rated: Sequence[TrialItem],
    scores: Scores,
    *,
    seed: int,
) -> dict[str, Any]:
    """Measure what only the synthetic benchmark can show: response to faults, length and order."""
    pairs, specs = longer_items(suite, rated, seed=seed), panel.specs
    longer_scores = asker.rate([longer for _, longer in pairs])
    pairwise = adjusted(load_judge("pairwise"), panel.settings)
    cases = order_cases(suite, rated, spec=pairwise, seed=seed)
    judgements = asker.ask([case for pair in cases for case in pair])
    return {
        "dose_response": dose_response(rated, scores, specs),
        "length": length_gain(pairs, {**scores, **longer_scores}, specs),
        "position": position_bias(cases, judgements),
    }
