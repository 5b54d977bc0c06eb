"""pytest tests/metrics/test_gates.py"""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.judges.votes import Judged, Judgement
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.gates import Gate, gate_of
from sfr_eval.metrics.reward import rewards_of
from sfr_eval.models.reward_model import RewardModel
from sfr_eval.store.manifest import JudgingRecord
from sfr_eval.suites.suite import load_suite
from tests.metrics.conftest import make_sample
from tests.support.reward_models import pair_reward_model


@pytest.fixture(scope="module")
def world(encoder: Encoder) -> Context:
    """One true reply to each of six questions, the last one answered with a reply to the first."""
    suite = load_suite("persona", personas=("pirate",))
    suite = replace(suite, queries=dict(list(suite.queries.items())[:48:8]))
    assert suite.world is not None
    rng = np.random.default_rng(1)
    queries = list(suite.queries)
    answered = [*queries[:-1], queries[0]]
    samples = [
        make_sample(query, "pirate", 0, suite.world.sample("pirate", other, rng), suite=suite.id)
        for query, other in zip(queries, answered, strict=True)
    ]
    return Context(samples=samples, suite=suite, encoder=encoder)


def judged(context: Context, scores: dict[str, list[float | None]]) -> Judged:
    """The votes of one judge on each axis, in the order of the replies."""
    votes = [
        Judgement(
            judgement_id=f"{axis}{n}", sample_id=reply.sample_id, other_id="", axis=axis,
            rubric="r", judge="j", vote=0, status="unparsed" if score is None else "ok",
            score=score, prompt_tokens=1, completion_tokens=1,
        )
        for axis, column in scores.items()
        for n, (reply, score) in enumerate(zip(context.replies, column, strict=True))
    ]  # fmt: skip
    record = JudgingRecord(judges=("j",), rubrics={axis: f"{axis}-1" for axis in scores}, votes=1)
    return Judged(judgements=votes, record=record)


def gate(context: Context) -> Gate:
    found = gate_of(context)
    assert isinstance(found, Gate)
    return found


def accepted(context: Context) -> list[bool | None]:
    found = gate(context)
    return [found.accepts(reply) for reply in context.replies]


class Verdicts:
    """Stands for the grading of a code suite: every program has run, two verdicts are known."""

    mode = "plain"
    problems = SimpleNamespace(prompt_form="instruct")

    def __init__(self, known: dict[str, bool]) -> None:
        self.known = known
        self.graded = 0

    def grade(self, samples: list[Any]) -> None:
        self.graded += len(samples)

    def verdict(self, sample: Any) -> Any:
        passed = self.known.get(sample.query)
        return None if passed is None else SimpleNamespace(passed=passed)


def test_relevance_is_the_gate_of_last_resort(world: Context) -> None:
    found = gate(world)
    assert (found.name, found.trust) == ("relevant", "relevance")
    assert accepted(world) == [True] * 5 + [False]
    assert found.signature["candidates"] == 6


def test_a_suite_without_enough_questions_has_no_gate(world: Context) -> None:
    four = replace(world, samples=world.samples[:4])
    assert gate_of(four) == "fewer than 5 different questions were asked"


def test_a_judge_comes_before_relevance(world: Context) -> None:
    votes = judged(world, {"rel": [5, 4, 3, 1, None, 4], "style": [1] * 6})
    made = replace(world, judged=votes)
    found = gate(made)
    assert (found.name, found.trust) == ("judge_rel", "judge")
    assert accepted(made) == [True, True, False, False, None, True]
    assert found.scores[made.replies[2].sample_id] == 0.5  # 3 of 1 to 5
    assert found.signature["rubrics"] == ["rel-1"]


def test_a_good_reply_is_good_on_every_judged_axis(world: Context) -> None:
    votes = judged(
        world,
        {"ctx": [5, 5, 1, 4, 5, 4], "rel": [5, 1, 5, 4, 5, 4], "flu": [5, 5, 5, 2, None, 4]},
    )
    made = replace(world, judged=votes)
    assert gate(made).name == "judge_ctx_rel_flu"
    assert accepted(made) == [True, False, False, False, None, True]


def test_a_judge_of_style_alone_is_no_gate(world: Context) -> None:
    made = replace(world, judged=judged(world, {"style": [5] * 6}))
    assert gate(made).name == "relevant"


def test_verdicts_come_before_judges(world: Context) -> None:
    queries = [reply.query for reply in world.replies]
    verdicts = Verdicts({queries[0]: True, queries[1]: False})
    votes = judged(world, {"rel": [1] * 6})
    made = replace(world, grading=verdicts, judged=votes)  # type: ignore[arg-type]
    found = gate(made)
    assert (found.name, found.trust) == ("pass_at_1", "verifier")
    assert [found.accepts(reply) for reply in made.replies] == [True, False, *[None] * 4]
    assert verdicts.graded == 6


def test_the_grammar_comes_first(world: Context) -> None:
    verdicts = Verdicts({})
    made = replace(world, grading=verdicts, speaks_world=True)  # type: ignore[arg-type]
    found = gate(made)
    assert (found.name, found.trust) == ("oracle_valid", "oracle")
    assert accepted(made) == [True] * 5 + [False]
    assert verdicts.graded == 0


def test_a_reward_model_with_a_threshold_comes_before_relevance(
    world: Context, tmp_path: Path
) -> None:
    folder = pair_reward_model(tmp_path / "model", {0: "reward"}, window=400)
    model = RewardModel(str(folder), tmp_path)
    assert gate(replace(world, reward=model)).name == "relevant"  # one logit, no threshold
    rewards = list(rewards_of(replace(world, reward=model)).values())
    known = [reward for reward in rewards if reward is not None]
    assert len(known) == 6
    threshold = sorted(known)[3]
    made = replace(world, reward=RewardModel(str(folder), tmp_path, threshold=threshold))
    found = gate(made)
    assert (found.name, found.trust) == ("reward", "reward")
    assert accepted(made) == [reward >= threshold for reward in known]
    assert found.signature["from"] == threshold
    votes = judged(world, {"rel": [5] * 6})
    assert gate(replace(made, judged=votes)).name == "judge_rel"
