"""What judges think of each reply: Ctx, Rel, Flu and other axes on a scale of 1 to 5.

The judging itself is done before (`judge_run`); here stored votes become values. A reply without a
score of every judge is undefined with the reason, never 0 and never left out of the count.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sfr_eval.judges.error_rates import GOOD_SUFFIX
from sfr_eval.judges.rubric import GOOD
from sfr_eval.judges.votes import Judged, Judgement
from sfr_eval.metrics.context import Context
from sfr_eval.stats.agreement import krippendorff_alpha
from sfr_eval.stats.slope import slope_within
from sfr_eval.types import MetricResult, Sample, Value

VERSION = "1"
WORDS = 10
"""The length slope is for so many words."""

Votes = Mapping[str, list[Judgement]]
"""judge -> its votes on one reply, by number"""


def compute(context: Context) -> list[MetricResult]:
    """judge_<axis> (1 to 5) and judge_<axis>_good (0 or 1) for each reply; nothing unjudged."""
    judged = context.judged
    if judged is None:
        return []
    return [result for axis in judged.rubrics for result in _axis(context, judged, axis)]


def score_of(votes: Votes, judges: Sequence[str]) -> tuple[float | None, str]:
    """(mean over judges of the mean over votes, reason): each judge weighs the same, however many
    of its votes could be read. None if one of the judges gave no score at all."""
    means = []
    for judge in judges:
        scores = [vote.score for vote in votes.get(judge, ()) if vote.score is not None]
        if not scores:
            statuses = sorted({vote.status for vote in votes.get(judge, ())})
            return None, f"judge: {', '.join(statuses) or 'not asked'}"
        means.append(sum(scores) / len(scores))
    return sum(means) / len(means), ""


def _axis(context: Context, judged: Judged, axis: str) -> list[MetricResult]:
    by_reply: dict[str, dict[str, list[Judgement]]] = {}
    for judgement in sorted(judged.judgements, key=lambda row: row.vote):
        if judgement.axis == axis:
            votes = by_reply.setdefault(judgement.sample_id, {})
            votes.setdefault(judgement.judge, []).append(judgement)
    found = [
        (reply, *score_of(by_reply.get(reply.sample_id, {}), judged.judges))
        for reply in context.replies
    ]
    signature = {
        "judges": list(judged.judges),
        "rubric": judged.rubrics[axis],
        "votes": judged.votes,
        "scale": "1 to 5",
    }
    of_replies = [by_reply.get(reply.sample_id, {}) for reply in context.replies]
    notes = {
        **_counts(of_replies, judged),
        **_agreement(of_replies, judged),
        "length_slope": _length_slope([(r, score) for r, score, _ in found if score is not None]),
    }

    def result(
        metric: str, values: Sequence[Value], more: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> MetricResult:
        return MetricResult(
            metric=metric,
            version=VERSION,
            unit="sample",
            higher_is_better=True,
            signature={**signature, **more},
            values=values,
            notes=facts,
        )

    scores = [_value(context, *row) for row in found]
    good = [
        _value(context, reply, None if score is None else float(score >= GOOD), reason)
        for reply, score, reason in found
    ]
    name = f"judge_{axis}"
    return [result(name, scores, {}, notes), result(name + GOOD_SUFFIX, good, {"from": GOOD}, {})]


def _value(context: Context, reply: Sample, number: float | None, reason: str) -> Value:
    return Value(
        suite=context.suite.id,
        temperature=reply.temperature,
        query=reply.query,
        persona=reply.persona,
        sample_id=reply.sample_id,
        value=number,
        reason=reason,
    )


def _counts(of_replies: Sequence[Votes], judged: Judged) -> dict[str, Any]:
    """Votes of each status, those missing included, and the mean of each judge."""
    votes = [vote for of_reply in of_replies for rows in of_reply.values() for vote in rows]
    statuses = Counter(vote.status for vote in votes)
    asked = len(of_replies) * len(judged.judges) * judged.votes
    means = {}
    for judge in judged.judges:
        scores = [v.score for v in votes if v.judge == judge and v.score is not None]
        means[judge] = sum(scores) / len(scores) if scores else None
    return {
        "votes_asked": asked,
        "votes_missing": asked - len(votes),
        "statuses": dict(sorted(statuses.items())),
        "mean_of_judge": means,
    }


def _agreement(of_replies: Sequence[Votes], judged: Judged) -> dict[str, Any]:
    """Krippendorff's alpha over the votes of each judge (ordinal), and over judges (interval, of
    their mean votes); None with one vote or one judge."""
    of_judge = {
        judge: krippendorff_alpha(
            [[vote.score for vote in votes.get(judge, ())] for votes in of_replies], level="ordinal"
        )
        for judge in judged.judges
    }
    of_judges = krippendorff_alpha(
        [[score_of(votes, [judge])[0] for judge in judged.judges] for votes in of_replies]
    )
    return {"alpha_of_votes": of_judge, "alpha_of_judges": of_judges}


def _length_slope(scored: Sequence[tuple[Sample, float]]) -> dict[str, Any] | None:
    """Points for ten words more, among replies to one prompt. Where it is not 0, either longer
    replies are better or the judge likes length; `sfr-eval calibrate --judge` tells which."""
    slope = slope_within(
        [len(reply.text.split()) / WORDS for reply, _ in scored],
        [score for _, score in scored],
        groups=[reply.cell for reply, _ in scored],
        clusters=[reply.query for reply, _ in scored],
    )
    if slope is None:
        return None
    return {"value": slope.value, "low": slope.low, "high": slope.high, "queries": slope.clusters}
