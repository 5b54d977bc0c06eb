"""pytest tests/metrics/test_reward.py"""

from dataclasses import replace
from pathlib import Path

import pytest

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.errors import UserError
from sfr_eval.metrics import reward
from sfr_eval.metrics.context import Context
from sfr_eval.models.reward_model import RewardModel
from sfr_eval.types import Message
from tests.metrics.conftest import make_sample, make_suite
from tests.support.reward_models import pair_reward_model

PROMPT = (Message("system", "You are baker."), Message("user", "Where do I begin?"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pair_reward_model(tmp_path_factory.mktemp("reward") / "model", {0: "reward"})


def context(folder: Path, cache: Path, **settings: float) -> Context:
    """Two replies and an empty one to a known prompt, a failed one, one to an unknown prompt."""
    suite = replace(make_suite(["baker"]), queries={"q": "Where do I begin?"})
    texts = ("Feed the starter.", "You are a day.", "")
    samples = [make_sample("q", "baker", index, text) for index, text in enumerate(texts)]
    samples.append(make_sample("q", "baker", 3, "", status="error"))
    samples.append(make_sample("other", "baker", 0, "Feed the starter."))
    model = RewardModel(str(folder), cache, **settings)
    return Context(samples=samples, suite=suite, encoder=Encoder(None, cache), reward=model)


def test_each_reply_gets_the_reward_of_its_prompt(folder: Path, tmp_path: Path) -> None:
    made = context(folder, tmp_path)
    results = {result.metric: result for result in reward.compute(made)}
    texts = ("Feed the starter.", "You are a day.", "")
    expected = RewardModel(str(folder), tmp_path / "own").rewards([(PROMPT, t) for t in texts])
    values = [value.value for value in results["reward"].values]
    assert values == [*expected, None]
    assert len(set(expected)) == 3
    assert results["reward"].values[-1].reason == "the text of the prompt is not known"
    assert results["reward"].signature["reward"] == "logit"


def test_a_single_logit_has_no_threshold_of_its_own(folder: Path, tmp_path: Path) -> None:
    good = {r.metric: r for r in reward.compute(context(folder, tmp_path))}["reward_good"]
    assert {value.value for value in good.values} == {None}
    assert good.values[0].reason.endswith("give --reward-threshold")


def test_good_replies_reach_the_threshold(folder: Path, tmp_path: Path) -> None:
    rewards = [row for row in reward.rewards_of(context(folder, tmp_path)).values() if row]
    middle = sorted(rewards)[1]
    made = context(folder, tmp_path, threshold=middle)
    good = {result.metric: result for result in reward.compute(made)}["reward_good"]
    values = [value.value for value in good.values]
    assert values == [*(float(number >= middle) for number in rewards), None]
    assert sorted(values[:3], key=float) == [0.0, 1.0, 1.0]  # type: ignore[arg-type]
    assert good.signature["from"] == middle


def test_a_reply_beyond_the_window_says_so(folder: Path, tmp_path: Path) -> None:
    made = context(folder, tmp_path)
    long = replace(made.samples[0], text="day " * 60)
    made = replace(made, samples=[long])
    (value,) = reward.compute(made)[0].values
    assert (value.value, value.reason) == (None, reward.TOO_LONG)


def test_without_a_reward_model_there_is_one_line(tmp_path: Path) -> None:
    made = Context(samples=[], suite=make_suite([""]), encoder=Encoder(None, tmp_path))
    with pytest.raises(UserError, match="--metrics reward: needs a reward model"):
        reward.compute(made)
