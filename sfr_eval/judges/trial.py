"""A judge put to the test on replies whose true verdict is known; no human is needed.

The persona world makes good replies and replies with one fault at set rates (`world/faults.py`). A
judge that is fit to use tells them apart, sees each fault on its own axis and not on the others,
and cares neither for length nor for order. What it gets wrong is written to a calibration file,
which corrects the shares of good replies of later runs. Beside it NAME.votes.jsonl has every vote
as soon as it is there, so that the same command asks only for those that are missing.
"""

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from sfr_eval.errors import UserError
from sfr_eval.judges.error_rates import FORMAT
from sfr_eval.judges.judge import Case, Judge, both_orders, preference, votes
from sfr_eval.judges.panel import JudgeSettings, Panel, open_panel
from sfr_eval.judges.rubric import GOOD, JudgeSpec, Material, load_judge
from sfr_eval.judges.votes import Judgement
from sfr_eval.stats.correction import wilson
from sfr_eval.stats.intervals import t_half_factor, t_interval
from sfr_eval.store.rows import appending, kept_rows
from sfr_eval.suites.suite import Suite, load_suite
from sfr_eval.suites.world.faults import FAULTS, Specimen, lengthened, specimens, with_fault
from sfr_eval.util.files import write_atomic, writing_to
from sfr_eval.util.progress import Bar
from sfr_eval.util.reading import read_jsonl

_SUITE = "persona"
_PAIR_FAULTS = ("topic", "intent", "grammar")


class LabelRow(BaseModel):
    """One reply that a person has judged on one axis."""

    model_config = ConfigDict(extra="ignore")

    question: str = Field(min_length=1)
    reply: str
    axis: str = Field(min_length=1)
    good: bool
    persona: str = Field("", description="text of the persona's card, for judges that see it")


@dataclass(frozen=True, kw_only=True)
class _Item:
    """A reply to be rated on one axis, and whether it is good there."""

    id: str
    spec: JudgeSpec
    material: Material
    good: bool | None
    specimen: Specimen | None = None


def calibrate_judge(
    settings: JudgeSettings,
    *,
    output: Path | None,
    labels: Path | None,
    items: int,
    seed: int,
) -> dict[str, Any]:
    """Run the trial of one judge and write its calibration file. Returns what the file holds, with
    `trouble`: lines about judgements that failed, and `output`: where the file is."""
    if len(settings.judges) != 1:
        raise UserError("calibrate: takes one --judge; each judge errs in its own way")
    suite = load_suite(_SUITE)
    assert suite.world is not None
    rows = read_jsonl(LabelRow, labels) if labels else None
    with closing(open_panel(settings, [suite])) as panel:
        judge = panel.judges[0]
        judge.allow(settings.max_cost)
        file = output or Path(f"judge-{_file_name(judge.name)}.json")
        asker = _Asker(judge, settings.votes, file=file.with_suffix(".votes.jsonl"))
        rated = _labelled(rows, panel.specs, labels) if rows else _rated(suite, panel, items, seed)
        scores = asker.rate(rated)
        report: dict[str, Any] = {
            "judge": judge.name,
            "items": items if rows is None else len(rows),
            "good_from": GOOD,
            "axes": {
                spec.id: _accuracy([i for i in rated if i.spec.id == spec.id], scores)
                for spec in panel.specs
            },
        }
        if rows is None:
            report["dose_response"] = _dose_response(rated, scores, panel.specs)
            report["length"] = _length(suite, panel.specs, asker, rated, scores, seed)
            report["position"] = _position(suite, asker, rated, seed)
        report["statuses"] = dict(sorted(asker.statuses.items()))
        facts = dict(judge.facts())
    calibration = {
        "format": FORMAT,
        "judge": report["judge"],
        "votes": settings.votes,
        "labels": f"file {labels.name}" if labels else f"world {_SUITE} {suite.world.version}",
        "axes": {
            spec.id: {
                "rubric": spec.rubric,
                "positives": report["axes"][spec.id]["positives"],
                "negatives": report["axes"][spec.id]["negatives"],
            }
            for spec in panel.specs
        },
        "report": {**report, "session": facts},
    }
    with writing_to(file.parent):
        write_atomic(file, json.dumps(calibration, indent=1, allow_nan=False))
    return {**calibration, "trouble": asker.trouble(), "output": str(file)}


class _Asker:
    """Asks the judge, keeps every vote in `file`, and counts how its answers ended."""

    def __init__(self, judge: Judge, count: int, *, file: Path) -> None:
        self._judge, self._votes, self._file = judge, count, file
        rows = kept_rows(file, Judgement)
        self._known = {row.judgement_id: row for row in rows if row.status != "error"}
        self.statuses: dict[str, int] = {}
        self._problem = ""

    def all(self, cases: Sequence[Case]) -> dict[tuple[str, str, str, int], Judgement]:
        """(axis, sample, other sample, vote) -> judgement."""
        found: dict[tuple[str, str, str, int], Judgement] = {}

        def count(row: Judgement) -> None:
            found[row.axis, row.sample_id, row.other_id, row.vote] = row
            self.statuses[row.status] = self.statuses.get(row.status, 0) + 1
            if row.status in ("error", "unsupported"):
                self._problem = self._problem or row.error
            bar.advance()

        def known(judgement_id: str) -> bool:
            row = self._known.get(judgement_id)
            if row is not None:
                count(row)
            return row is not None

        with (
            Bar(f"judging by {self._judge.name}", len(cases), unit="votes") as bar,
            appending(self._file) as append,
        ):
            for row in self._judge.judge(cases, known=known):
                append(row)
                count(row)
        return found

    def rate(self, rated: Sequence[_Item]) -> dict[tuple[str, str], float]:
        """(axis, id) -> mean of the votes that could be read; absent without any."""
        cases = [
            vote
            for item in rated
            for vote in votes(
                Case(sample_id=item.id, spec=item.spec, material=item.material), self._votes
            )
        ]
        scores: dict[tuple[str, str], list[float]] = {}
        for (axis, id, _, _), row in self.all(cases).items():
            if row.score is not None:
                scores.setdefault((axis, id), []).append(row.score)
        return {key: sum(found) / len(found) for key, found in scores.items()}

    def trouble(self) -> list[str]:
        """A line if judgements failed."""
        failed = self.statuses.get("error", 0) + self.statuses.get("unsupported", 0)
        return [f"{failed:,} judgements failed ({self._problem})"] if failed else []


def _rated(suite: Suite, panel: Panel, items: int, seed: int) -> list[_Item]:
    assert suite.world is not None
    return [
        _item(suite, spec, specimen)
        for specimen in specimens(suite.world, items=items, seed=seed)
        for spec in panel.specs
    ]


def _item(suite: Suite, spec: JudgeSpec, specimen: Specimen) -> _Item:
    return _Item(
        id=specimen.id,
        spec=spec,
        material=Material(
            question=suite.queries[specimen.query],
            persona=suite.personas[specimen.persona].system if spec.needs_persona else "",
            replies=(specimen.text,),
        ),
        good=specimen.truth.get(spec.id),
        specimen=specimen,
    )


def _labelled(
    rows: Sequence[LabelRow], specs: Sequence[JudgeSpec], file: Path | None
) -> list[_Item]:
    by_id = {spec.id: spec for spec in specs}
    found = [
        _Item(
            id=f"{file}:{number}",
            spec=by_id[row.axis],
            material=Material(question=row.question, persona=row.persona, replies=(row.reply,)),
            good=row.good,
        )
        for number, row in enumerate(rows, start=1)
        if row.axis in by_id
    ]
    if not found:
        raise UserError(
            f"--labels {file}: no row is about {', '.join(by_id)}; see --set judge_axes"
        )
    return found


def _accuracy(rated: Sequence[_Item], scores: Mapping[tuple[str, str], float]) -> dict[str, Any]:
    """Right calls among good and bad replies, and the mean score of each."""
    known = [(item, scores.get((item.spec.id, item.id))) for item in rated if item.good is not None]
    read = [(item.good, score) for item, score in known if score is not None]
    good = [score for is_good, score in read if is_good]
    bad = [score for is_good, score in read if not is_good]
    positives = (sum(score >= GOOD for score in good), len(good))
    negatives = (sum(score < GOOD for score in bad), len(bad))
    sensitivity, specificity = (_share(*counts) for counts in (positives, negatives))
    both = (
        (sensitivity["value"] + specificity["value"]) / 2
        if sensitivity["value"] is not None and specificity["value"] is not None
        else None
    )
    return {
        "positives": positives,
        "negatives": negatives,
        "accuracy": _share(positives[0] + negatives[0], len(read)),
        "balanced_accuracy": both,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "mean_of_good": sum(good) / len(good) if good else None,
        "mean_of_bad": sum(bad) / len(bad) if bad else None,
        "unread": len(known) - len(read),
    }


def _share(right: int, total: int) -> dict[str, float | None]:
    """A share with its 95% interval; None for all three of nothing."""
    value, low, high = wilson(right, total) or (None, None, None)
    return {"value": value, "low": low, "high": high}


def _dose_response(
    rated: Sequence[_Item], scores: Mapping[tuple[str, str], float], specs: Sequence[JudgeSpec]
) -> list[dict[str, Any]]:
    """For each fault and axis: mean score at each rate, and points lost from rate 0 to 1 by least
    squares over replies. A fault must be seen on its own axes (`own`) and on no other."""
    found = []
    for fault, own in FAULTS.items():
        for spec in specs:
            points = [
                (item.specimen.dose, scores[spec.id, item.id])
                for item in rated
                if item.spec.id == spec.id
                and item.specimen is not None
                and item.specimen.fault in ("", fault)
                and (spec.id, item.id) in scores
            ]
            means = []
            for dose in sorted({dose for dose, _ in points}):
                here = [score for d, score in points if d == dose]
                interval = t_interval(here) if len(here) > 1 else (here[0], None, None)
                means.append(
                    dict(
                        zip(
                            ("dose", "n", "value", "low", "high"),
                            (dose, len(here), *interval),
                            strict=True,
                        )
                    )
                )
            found.append(
                {
                    "fault": fault,
                    "axis": spec.id,
                    "own": spec.id in own,
                    "means": means,
                    "slope": _line(points),
                }
            )
    return found


def _line(points: Sequence[tuple[float, float]]) -> dict[str, float] | None:
    """Least-squares slope of independent points with a 95% interval. The variance is the
    sandwich estimate, since scores are a mixture whose spread changes with the dose."""
    n = len(points)
    if n < 3:
        return None
    mean_x = sum(x for x, _ in points) / n
    mean_y = sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if spread == 0:
        return None
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    residuals = ((x - mean_x, y - mean_y - slope * (x - mean_x)) for x, y in points)
    error = math.sqrt(sum((x * e) ** 2 for x, e in residuals) * n / (n - 2)) / spread
    half = t_half_factor(n - 1) * error
    return {"value": slope, "low": slope - half, "high": slope + half}


def _length(
    suite: Suite,
    specs: Sequence[JudgeSpec],
    asker: _Asker,
    rated: Sequence[_Item],
    scores: Mapping[tuple[str, str], float],
    seed: int,
) -> dict[str, Any]:
    """Points that a good reply gains by being twice as long and no better, by axis."""
    import numpy as np

    assert suite.world is not None
    rng = np.random.default_rng([seed, 1])
    plain = [item for item in rated if item.specimen is not None and item.specimen.fault == ""]
    longer: dict[str, Specimen] = {}
    for item in plain:
        assert item.specimen is not None
        if item.id not in longer:
            longer[item.id] = lengthened(suite.world, item.specimen, rng)
    pairs = [(item, _item(suite, item.spec, longer[item.id])) for item in plain]
    found = asker.rate([long for _, long in pairs])
    gains: dict[str, Any] = {}
    for spec in specs:
        differences = [
            found[spec.id, long.id] - scores[spec.id, short.id]
            for short, long in pairs
            if short.spec.id == spec.id
            and (spec.id, long.id) in found
            and (spec.id, short.id) in scores
        ]
        gains[spec.id] = _mean(differences)
    return gains


def _position(suite: Suite, asker: _Asker, rated: Sequence[_Item], seed: int) -> dict[str, Any]:
    """Pairs of a good and a faulty reply, shown in both orders."""
    import numpy as np

    assert suite.world is not None
    rng = np.random.default_rng([seed, 2])
    spec = load_judge("pairwise")
    good = {item.id: item.specimen for item in rated if item.specimen and not item.specimen.fault}
    cases = []
    for number, specimen in enumerate(good.values()):
        fault = _PAIR_FAULTS[number % len(_PAIR_FAULTS)]
        bad = with_fault(suite.world, specimen, fault, rng)
        material = Material(
            question=suite.queries[specimen.query], replies=(specimen.text, bad.text)
        )
        cases.append(
            both_orders(Case(sample_id=specimen.id, other_id=bad.id, spec=spec, material=material))
        )
    found = asker.all([case for pair in cases for case in pair])
    firsts, flips, right, read = [], 0, 0, 0
    for first, swapped in cases:
        one = found[spec.id, first.sample_id, first.other_id, 0]
        two = found[spec.id, swapped.sample_id, swapped.other_id, 0]
        outcome = preference(one, two)
        if outcome is None or one.score is None or two.score is None:
            continue
        read += 1
        flips += one.score != 1 - two.score
        right += outcome == 1
        firsts.append((one.score + two.score) / 2)
    return {
        "pairs": len(cases),
        "read": read,
        "first_chosen": _mean(firsts),  # 0.5 without bias
        "flips": _share(flips, read),
        "accuracy": _share(right, read),
    }


def _mean(numbers: Sequence[float]) -> dict[str, float | int | None]:
    if len(numbers) < 2:
        value = numbers[0] if numbers else None
        return {"value": value, "low": None, "high": None, "n": len(numbers)}
    mean, low, high = t_interval(numbers)
    return {"value": mean, "low": low, "high": high, "n": len(numbers)}


def _file_name(judge: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in judge)[:80]
