"""pytest tests/metrics/test_judged.py"""

from typing import Any

import pytest

from sfr_eval.judges.error_rates import JudgeErrors, corrected_estimates
from sfr_eval.judges.votes import Judged, Judgement
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.judged import compute, score_of
from sfr_eval.stats.correction import corrected_share
from sfr_eval.stats.estimate import all_estimates
from sfr_eval.store.manifest import JudgingRecord
from sfr_eval.suites.suite import load_suite
from sfr_eval.types import MetricResult, Sample


def reply(number: int, *, query: str = "sourdough.start", words: int = 5) -> Sample:
    return Sample(
        sample_id=f"s{number}",
        suite="persona",
        query=query,
        persona="pirate",
        temperature=1.0,
        index=number,
        seed=number,
        status="ok",
        text="word " * words,
        prompt_tokens=1,
        completion_tokens=words,
    )


def vote(
    number: int, score: float | None, *, judge: str = "a", vote: int = 0, **fields: Any
) -> Judgement:
    return Judgement(
        **{
            "judgement_id": f"{judge}-{number}-{vote}",
            "sample_id": f"s{number}",
            "other_id": "",
            "axis": "ctx",
            "rubric": "r",
            "judge": judge,
            "vote": vote,
            "status": "ok" if score is not None else "unparsed",
            "score": score,
            "prompt_tokens": 1,
            "completion_tokens": 1,
            **fields,
        }
    )


def results(
    samples: list[Sample],
    judgements: list[Judgement],
    *,
    judges: tuple[str, ...] = ("a",),
    votes: int = 1,
    errors: dict[str, JudgeErrors] | None = None,
) -> dict[str, MetricResult]:
    record = JudgingRecord(judges=judges, rubrics={"ctx": "r"}, votes=votes)
    judged = Judged(judgements=judgements, record=record, errors=errors or {})
    suite = load_suite("persona")
    context = Context(samples=samples, suite=suite, encoder=None, judged=judged)  # type: ignore[arg-type]
    return {result.metric: result for result in compute(context)}


def test_a_value_averages_over_votes_then_over_judges() -> None:
    judgements = [
        *(vote(0, 5, vote=v) for v in range(3)),
        vote(0, 2, judge="b"),
        vote(0, None, judge="b", vote=1),
        vote(0, 4, judge="b", vote=2),
    ]
    # Judge a: 5; judge b: (2 + 4) / 2 = 3; together 4, although a was read three times and b twice.
    found = results([reply(0)], judgements, judges=("a", "b"), votes=3)
    assert [value.value for value in found["judge_ctx"].values] == [4.0]
    assert [value.value for value in found["judge_ctx_good"].values] == [1.0]


@pytest.mark.parametrize(
    ("votes", "reason"),
    [
        ([], "judge: not asked"),
        ([vote(0, None)], "judge: unparsed"),
        ([vote(0, None, status="refused")], "judge: refused"),
        ([vote(0, 5), vote(0, None, judge="b", status="error")], "judge: error"),
    ],
)
def test_a_reply_without_a_score_of_every_judge_is_undefined(
    votes: list[Judgement], reason: str
) -> None:
    judges = ("a", "b") if any(row.judge == "b" for row in votes) else ("a",)
    found = results([reply(0)], votes, judges=judges)
    for result in found.values():
        assert [(value.value, value.reason) for value in result.values] == [(None, reason)]


def test_every_vote_is_accounted_for() -> None:
    votes = [vote(0, 5), vote(1, None), vote(2, None, status="refused")]
    notes = results([reply(n) for n in range(4)], votes)["judge_ctx"].notes
    assert notes["votes_asked"] == 4
    assert notes["votes_missing"] == 1
    assert notes["statuses"] == {"ok": 1, "refused": 1, "unparsed": 1}
    assert notes["mean_of_judge"] == {"a": 5}


def test_refused_and_failed_samples_are_not_judged() -> None:
    from dataclasses import replace

    failed = replace(reply(1), status="error", text="")
    found = results([reply(0), failed], [vote(0, 5)])
    assert [value.sample_id for value in found["judge_ctx"].values] == ["s0"]


def test_agreement_over_votes_and_over_judges() -> None:
    scores = [5, 1, 4, 2]
    votes = [vote(n, s, vote=v) for n, s in enumerate(scores) for v in (0, 1)]
    votes += [vote(n, 6 - s, judge="b", vote=v) for n, s in enumerate(scores) for v in (0, 1)]
    notes = results([reply(n) for n in range(4)], votes, judges=("a", "b"), votes=2)[
        "judge_ctx"
    ].notes
    assert notes["alpha_of_votes"] == {"a": pytest.approx(1), "b": pytest.approx(1)}
    assert notes["alpha_of_judges"] < 0  # each says the opposite of the other
    alone = results([reply(0)], [vote(0, 5)])["judge_ctx"].notes
    assert (alone["alpha_of_votes"], alone["alpha_of_judges"]) == ({"a": None}, None)


def test_the_length_slope_is_points_for_ten_words() -> None:
    # In both queries 10 words more are 2 points more, though the longer query is judged worse.
    samples = [
        reply(0, words=10),
        reply(1, words=20),
        reply(2, query="sourdough.fix", words=40),
        reply(3, query="sourdough.fix", words=50),
    ]
    votes = [vote(0, 3), vote(1, 5), vote(2, 1), vote(3, 3)]
    slope = results(samples, votes)["judge_ctx"].notes["length_slope"]
    assert (slope["value"], slope["queries"]) == (pytest.approx(2), 2)
    assert results(samples[:1], votes[:1])["judge_ctx"].notes["length_slope"] is None


def test_without_judges_there_are_no_values() -> None:
    suite = load_suite("persona")
    assert compute(Context(samples=[reply(0)], suite=suite, encoder=None)) == []  # type: ignore[arg-type]


def test_the_good_share_is_corrected_for_the_judges_errors() -> None:
    # 12 queries, half of the replies called good. Sensitivity 0.8, specificity 0.9:
    # (0.5 + 0.9 - 1) / 0.7 = 0.571.
    queries = list(load_suite("persona").queries)[:12]
    samples = [reply(2 * i + j, query=q) for i, q in enumerate(queries) for j in (0, 1)]
    votes = [vote(n, 5 if n % 4 in (0, 3) else 1) for n in range(24)]
    errors = {"ctx": JudgeErrors(rubric="r", positives=(80, 100), negatives=(90, 100))}
    good = results(samples, votes, errors=errors)["judge_ctx_good"]
    apparent = all_estimates(good, 2, ())
    (found,) = corrected_estimates(apparent, errors)
    assert apparent[0].value == 0.5
    assert found.metric == "judge_ctx_good_corrected"
    assert found.value == pytest.approx(0.4 / 0.7)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.5 < 0.7 < found.high
    useless = {"ctx": JudgeErrors(rubric="r", positives=(50, 100), negatives=(50, 100))}
    (undefined,) = corrected_estimates(apparent, useless)
    assert (undefined.value, undefined.low) == (None, None)
    assert "no better than chance" in undefined.reason


def test_the_correction_uses_the_standard_error() -> None:
    """60 queries with one reply, 3 of them good: as many independent replies as queries."""
    queries = list(load_suite("persona").queries)[:60]
    samples = [reply(i, query=query) for i, query in enumerate(queries)]
    votes = [vote(n, 5 if n < 3 else 1) for n in range(60)]
    errors = {"ctx": JudgeErrors(rubric="r", positives=(95, 100), negatives=(99, 100))}
    (apparent,) = all_estimates(results(samples, votes, errors=errors)["judge_ctx_good"], 1, ())
    (found,) = corrected_estimates([apparent], errors)
    expected = corrected_share(0.05, effective_n=60, positives=(95, 100), negatives=(99, 100))
    assert (found.value, found.low, found.high) == pytest.approx(expected)


def test_judges_have_equal_weight() -> None:
    assert score_of({"a": [vote(0, 1), vote(0, 5)]}, ("a",)) == (3.0, "")
