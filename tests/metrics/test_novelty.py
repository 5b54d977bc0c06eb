"""pytest tests/metrics/test_novelty.py: by hand, and by the published rule"""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.metrics import novelty
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.meanings import load_equivalence
from sfr_eval.metrics.novelty import first_member_classes, score_of_reward, utility_in_order
from sfr_eval.models.reward_model import RewardModel
from sfr_eval.store.given import Given
from sfr_eval.types import Value
from tests.embeddings.test_pair_classifier import WORDS, tiny_classifier
from tests.metrics.conftest import make_sample, make_suite
from tests.support.reward_models import pair_reward_model

Groups = Sequence[int | None]
Scores = Sequence[float | None]


def given_context(prompts: dict[str, tuple[Groups, Scores]]) -> Context:
    """Replies whose classes and scores a file gave."""
    samples, given = [], {}
    for query, (groups, scores) in prompts.items():
        for index, (group, score) in enumerate(zip(groups, scores, strict=True)):
            sample = make_sample(query, "", index, f"reply {index}")
            samples.append(sample)
            given[sample.sample_id] = Given(sample_id=sample.sample_id, group=group, score=score)
    encoder = Encoder(None, Path("none"))
    return Context(samples=samples, suite=make_suite([]), encoder=encoder, given=given)


def values(context: Context, metric: str) -> list[Value]:
    (result,) = [result for result in novelty.compute(context) if result.metric == metric]
    return list(result.values)


def test_one_prompt_by_hand() -> None:
    """Classes a b a c ...: replies 0, 1 and 3 open one, with scores 5, 10 and 2."""
    groups = [0, 1, 0, 2, 0, 0, 0, 0, 0, 0]
    context = given_context({"q": (groups, [5, 10, 0, 2, 0, 0, 0, 0, 0, 0])})
    assert [value.value for value in values(context, "distinct_10")] == [3.0]
    whole = sum(0.8**i for i in range(10))
    expected = (5 + 0.8 * 10 + 0.8**3 * 2) / whole
    assert values(context, "utility_10")[0].value == pytest.approx(expected, abs=1e-12)


def test_scores_of_replies_that_open_no_class_do_not_count() -> None:
    assert utility_in_order([0, 0, 0], [6, 9, 9]) == pytest.approx(6 / (1 + 0.8 + 0.64))
    assert utility_in_order([0, 0, 0], [6, None, None]) is not None
    assert utility_in_order([0, 1, 0], [6, None, 3]) is None


def test_classes_need_not_be_numbered_from_zero() -> None:
    context = given_context({"q": ([7, 7, 4, 4, 9, 9, 9, 7, 7, 7], [1.0] * 10)})
    assert values(context, "distinct_10")[0].value == 3


def test_only_the_first_ten_replies_are_read() -> None:
    context = given_context({"q": ([0] * 10 + [1, 2], [3.0] * 12)})
    assert values(context, "distinct_10")[0].value == 1


@pytest.mark.parametrize(
    ("groups", "scores", "distinct", "utility"),
    [
        ([0] * 9, [1.0] * 9, novelty.TOO_FEW, novelty.TOO_FEW),
        ([0] * 9 + [None], [1.0] * 10, novelty.NO_CLASSES, novelty.NO_CLASSES),
        ([0, 1] * 5, [None] * 10, "", novelty.NO_SCORES),
    ],
)
def test_what_is_missing_is_said(
    groups: Groups, scores: Scores, distinct: str, utility: str
) -> None:
    context = given_context({"q": (groups, scores)})
    assert values(context, "distinct_10")[0].reason == distinct
    assert values(context, "utility_10")[0].reason == utility


def test_without_classes_all_is_undefined_and_says_how() -> None:
    context = replace(given_context({"q": ([0] * 10, [1.0] * 10)}), given={})
    for metric in novelty.METRICS:
        (value,) = values(context, metric)
        assert value.value is None
        assert "--equivalence yimingzhang/deberta-v3-large-generation-similarity" in value.reason


def in_order(texts: Sequence[str], same: dict[tuple[str, str], bool]) -> list[int]:
    """The published loop, one prompt and one pair at a time."""
    classes: list[list[str]] = []
    numbers = [-1] * len(texts)
    for i, text in enumerate(texts):
        if numbers[i] >= 0:
            continue
        numbers[i] = len(classes)
        classes.append([text])
        for j in range(i + 1, len(texts)):
            if numbers[j] == -1 and same[text, texts[j]]:
                numbers[j] = numbers[i]
                classes[-1].append(texts[j])
    return numbers


def test_all_prompts_at_once_are_as_one_by_one() -> None:
    dice = random.Random(3)
    prompts = [[f"{p} {i}" for i in range(dice.choice((0, 1, 4, 10)))] for p in range(40)]
    # Neither symmetric nor transitive, as the classifier's answers.
    same = {(a, b): dice.random() < 0.4 for texts in prompts for a in texts for b in texts}
    made = first_member_classes(prompts, lambda pairs: [same[pair] for pair in pairs])
    assert made == [in_order(texts, same) for texts in prompts]


def test_rewards_become_scores_at_the_published_thresholds() -> None:
    assert [score_of_reward(r) for r in (-8, -7.71875, -7.7, -5.0, -4.99, -2.046875, 0)] == [
        *(1, 1, 2, 6, 7, 9, 10)
    ]


def test_a_named_classifier_makes_the_classes(tmp_path: Path) -> None:
    dice = random.Random(1)
    texts = [" ".join([word] * 8) for word in dice.sample(WORDS, 10)]
    samples = [make_sample("q", "", index, text) for index, text in enumerate(texts)]
    equivalence = load_equivalence(str(tiny_classifier(tmp_path / "pairs")), tmp_path)
    given = {s.sample_id: Given(sample_id=s.sample_id, group=0, score=9.0) for s in samples}
    context = Context(
        samples=samples,
        suite=make_suite([]),
        encoder=Encoder(None, tmp_path),
        equivalence=equivalence,
        given=given,
    )
    classifier = equivalence.classifier  # type: ignore[attr-defined]
    pairs = [(a, b) for a in texts for b in texts]
    same = dict(zip(pairs, classifier.same_in_order(pairs), strict=True))
    expected = len(set(in_order(texts, same)))
    (distinct,), (utility,) = values(context, "distinct_10"), values(context, "utility_10")
    assert distinct.value == expected > 1
    assert utility.reason == novelty.NO_SCORES  # the file's belong to its own classes


def test_only_the_published_reward_model_has_the_scale(tmp_path: Path) -> None:
    suite = replace(make_suite([]), queries={"q": "Where do I begin?"})
    made = given_context({"q": ([0, 1] * 5, [None] * 10)})
    for name, defined in {"other": False, novelty.REWARD_MODEL: True}.items():
        folder = pair_reward_model(tmp_path / name, {0: "reward"})
        context = replace(made, suite=suite, reward=RewardModel(str(folder), tmp_path / "cache"))
        (value,) = values(context, "utility_10")
        assert (value.value is not None) is defined
        assert defined or "is that of Skywork-Reward" in value.reason
