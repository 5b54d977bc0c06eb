"""Ratings of each reply by judges: Ctx, Rel, Flu and other axes on a scale of 1 to 5.

Judging comes before (`judges.panel`); this turns stored votes into values. A reply without a score
of every judge is undefined with the reason, never 0 and never left out of the count.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sfr_eval.judges.error_rates import CORRECTED_SUFFIX, GOOD_SUFFIX
from sfr_eval.judges.rubric import GOOD
from sfr_eval.judges.votes import Judged, Judgement
from sfr_eval.metrics.context import Context, metric_result, sample_value
from sfr_eval.metrics.metric import Metric, Pairs, by_id
from sfr_eval.stats.agreement import krippendorff_alpha
from sfr_eval.stats.slope import slope_within
from sfr_eval.store.manifest import JudgingRecord
from sfr_eval.types import MetricResult, Sample

VERSION = "1"

SCALE = (1.0, 5.0)
_COMPARED = ("embed_distance", "rouge_l_homogenization", "self_bleu_4_fixed")
_AXES = (
    Metric("judge_ctx", "higher", "Does the reply stay with the subject of the conversation?",
           unit="sample", label="Judged Ctx", span=4.0, trust="judge",
           primary=("quality", 5), headline=("quality", 3),
           pairs=Pairs(place=4, compared=_COMPARED)),
    Metric("judge_rel", "higher", "Does the reply answer what was asked?",
           unit="sample", label="Judged Rel", span=4.0, trust="judge",
           primary=("quality", 4), headline=("quality", 4),
           pairs=Pairs(place=3, compared=_COMPARED)),
    Metric("judge_flu", "higher", "Is the reply well-formed language?",
           unit="sample", label="Judged Flu", span=4.0, trust="judge",
           primary=("quality", 6), headline=("quality", 5),
           pairs=Pairs(place=5, compared=_COMPARED)),
    Metric("judge_style", "higher", "Does the reply sound like the requested persona?",
           unit="sample", label="Judged style", headline=("style", 5), span=4.0,
           primary=("style", 3)),
)  # fmt: skip
_SHARES = {
    GOOD_SUFFIX: "Share of replies that judges give 4 or 5.",
    CORRECTED_SUFFIX: "That share, corrected for the judge's measured errors.",
}


def _entries(axis: Metric) -> Iterator[Metric]:
    score = f"{axis.description} Mean score of LLM judges, 1 to 5."
    yield replace(axis, description=score, range=SCALE, outcomes=True)
    for suffix, share in _SHARES.items():
        entry = axis.variant(axis.id + suffix, description=f"{axis.description} {share}")
        yield replace(entry, range=(0, 1), outcomes=True)


LOWEST = Metric(
    "judge_lowest",
    "higher",
    "Lowest score of a reply on the judged axes of quality (ctx, rel, flu), 1 to 5.",
    unit="sample",
    label="Judged, lowest axis",
    range=SCALE,
    outcomes=True,
    span=4.0,
    trust="judge",
    primary=("quality", 3),
)
METRICS = by_id(LOWEST, *(entry for axis in _AXES for entry in _entries(axis)))
JUDGED_AXES = ("ctx", "rel", "flu")
"""Axes of judgement that a good reply must pass, each that was judged; style is not among them."""

WORDS = 10
"""Number of words that the length slope refers to."""

Votes = Mapping[str, list[Judgement]]
"""judge -> its votes on one reply, in order"""


def compute(context: Context) -> list[MetricResult]:
    """Return judge_<axis> (1 to 5) and judge_<axis>_good (0 or 1) for each judged reply."""
    judged = context.judged
    if judged is None:
        return []
    results = [result for axis in judged.record.rubrics for result in _axis(context, judged, axis)]
    axes = [axis for axis in JUDGED_AXES if axis in judged.record.rubrics]
    return [*results, _lowest(context, judged, axes)] if len(axes) > 1 else results


def score_of(votes: Votes, judges: Sequence[str]) -> tuple[float | None, str]:
    """Return (mean over judges of the mean over votes, reason). Judges have equal weight, however
    many of their votes could be read. None if one of the judges gave no score at all."""
    means = []
    for judge in judges:
        scores = [vote.score for vote in votes.get(judge, ()) if vote.score is not None]
        if not scores:
            statuses = sorted({vote.status for vote in votes.get(judge, ())})
            return None, f"judge: {', '.join(statuses) or 'not asked'}"
        means.append(sum(scores) / len(scores))
    return sum(means) / len(means), ""


def votes_by_reply(judged: Judged, axis: str) -> dict[str, Votes]:
    """Return sample_id -> the votes on one axis."""
    by_reply: dict[str, dict[str, list[Judgement]]] = {}
    for judgement in sorted(judged.judgements, key=lambda row: row.vote):
        if judgement.axis == axis:
            votes = by_reply.setdefault(judgement.sample_id, {})
            votes.setdefault(judgement.judge, []).append(judgement)
    return dict(by_reply)


def _axis(context: Context, judged: Judged, axis: str) -> list[MetricResult]:
    record, by_reply = judged.record, votes_by_reply(judged, axis)
    votes_of_replies = [by_reply.get(reply.sample_id, {}) for reply in context.replies]
    scores = [score_of(votes, record.judges) for votes in votes_of_replies]
    scored = [(reply, *score) for reply, score in zip(context.replies, scores, strict=True)]
    signature = {
        "judges": list(record.judges),
        "rubric": record.rubrics[axis],
        "votes": record.votes,
        "scale": "1 to 5",
    }
    notes = {
        **_counts(votes_of_replies, record),
        **_agreement(votes_of_replies, record),
        "length_slope": _length_slope([(r, score) for r, score, _ in scored if score is not None]),
    }

    result = partial(
        MetricResult, version=VERSION, unit="sample", higher_is_better=True, outcomes=True
    )
    name = f"judge_{axis}"
    values = [sample_value(reply, score, reason=reason) for reply, score, reason in scored]
    good = [
        value if value.value is None else replace(value, value=float(value.value >= GOOD))
        for value in values
    ]
    return [
        result(metric=name, signature=signature, values=values, notes=notes, range=SCALE),
        result(
            metric=name + GOOD_SUFFIX,
            signature={**signature, "from": GOOD},
            values=good,
            range=(0, 1),
        ),
    ]


def _lowest(context: Context, judged: Judged, axes: Sequence[str]) -> MetricResult:
    """Return the lowest score of each reply; undefined unless every axis has a score."""
    record = judged.record
    by_axis = [votes_by_reply(judged, axis) for axis in axes]
    values = []
    for reply in context.replies:
        scored = [score_of(votes.get(reply.sample_id, {}), record.judges) for votes in by_axis]
        scores = [score for score, _ in scored if score is not None]
        reason = "; ".join(dict.fromkeys(why for score, why in scored if score is None))
        lowest = min(scores) if len(scores) == len(axes) else None
        values.append(sample_value(reply, lowest, reason=reason))
    return metric_result(
        LOWEST,
        version=VERSION,
        values=values,
        signature={
            "judges": list(record.judges),
            "rubrics": [record.rubrics[axis] for axis in axes],
            "votes": record.votes,
            "scale": "1 to 5",
        },
    )


def _counts(votes_of_replies: Sequence[Votes], record: JudgingRecord) -> dict[str, Any]:
    """Count the votes of each status and those missing, and average the scores of each judge."""
    votes = [vote for reply in votes_of_replies for rows in reply.values() for vote in rows]
    statuses = Counter(vote.status for vote in votes)
    expected = len(votes_of_replies) * len(record.judges) * record.votes
    means = {}
    for judge in record.judges:
        scores = [v.score for v in votes if v.judge == judge and v.score is not None]
        means[judge] = sum(scores) / len(scores) if scores else None
    return {
        "votes_asked": expected,
        "votes_missing": expected - len(votes),
        "statuses": dict(sorted(statuses.items())),
        "mean_of_judge": means,
    }


def _agreement(votes_of_replies: Sequence[Votes], record: JudgingRecord) -> dict[str, Any]:
    """Compute Krippendorff's alpha over the votes of each judge (ordinal) and over judges
    (interval, of their mean votes); None with one vote or one judge."""
    alphas = {}
    for judge in record.judges:
        scores = [[vote.score for vote in votes.get(judge, ())] for votes in votes_of_replies]
        alphas[judge] = krippendorff_alpha(scores, level="ordinal")
    means = [[score_of(votes, [judge])[0] for judge in record.judges] for votes in votes_of_replies]
    return {"alpha_of_votes": alphas, "alpha_of_judges": krippendorff_alpha(means)}


def _length_slope(scored: Sequence[tuple[Sample, float]]) -> dict[str, Any] | None:
    """Return the points for ten more words, among replies to one prompt. If it is not 0, longer
    replies are better or the judge prefers length; `sfr-eval calibrate --judge` tells which."""
    slope = slope_within(
        [len(reply.text.split()) / WORDS for reply, _ in scored],
        [score for _, score in scored],
        groups=[reply.cell for reply, _ in scored],
        clusters=[reply.query for reply, _ in scored],
    )
    if slope is None:
        return None
    return {"value": slope.value, "low": slope.low, "high": slope.high, "queries": slope.clusters}
