import pytest

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.metrics import quality, style
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.teacher import compute, per_reply_and_token
from sfr_eval.suites.teacher.reference import TeacherReference
from sfr_eval.types import MetricResult
from tests.metrics.conftest import make_suite
from tests.support.teacher_data import PERSONAS, reply, teacher

LOGS = {"Arr!": (-1.0, -3.0), "Hm.": (-2.0, -2.0)}
STUDENT = {"Arr!": -4.0, "Hm.": -1.0}
OWN = [reply("Arr!"), reply("Arr!", "hale")]


def context(one: TeacherReference | None, *texts: str) -> Context:
    samples = [reply(text, "rook", index=i) for i, text in enumerate(texts)]
    return Context(
        samples=samples, suite=make_suite(PERSONAS), encoder=Encoder(None, None), teacher=one
    )


def values(results: list[MetricResult]) -> dict[str, list[float | None]]:
    return {result.metric: [value.value for value in result.values] for result in results}


def test_divergences_by_hand() -> None:
    """Forward: the teacher's Arr! has -1, the student gives it -4. Reverse: the student's Hm. has
    -1 and the teacher's -2, its Arr! has -4 against -1. Two tokens each."""
    one = teacher(LOGS, own=OWN, student=STUDENT)
    found = values(compute(context(one, "Hm.", "Arr!")))
    assert found["forward_kl"] == [3.0]
    assert found["forward_kl_token"] == [1.5]
    assert found["reverse_kl"] == [pytest.approx((1.0 - 3.0) / 2)]
    assert found["reverse_kl_token"] == [pytest.approx(-2.0 / 4)]
    assert found["teacher_surprise"] == [pytest.approx(3.0 / 4)]
    assert found["teacher_entropy"] == [1.0]
    assert found["teacher_entropy_token"] == [0.5]


def test_a_server_has_no_divergence_and_the_reason() -> None:
    results = compute(context(teacher(LOGS, own=OWN), "Hm."))
    found = {result.metric: result.values[0] for result in results}
    for metric in ("forward_kl", "forward_kl_token", "reverse_kl", "reverse_kl_token"):
        assert (found[metric].value, found[metric].reason) == (None, "a server")
    assert found["teacher_surprise"].value == 1.0


def test_nothing_without_a_teacher_or_a_token() -> None:
    assert compute(context(None, "Hm.")) == []
    assert per_reply_and_token([]) is None
    assert per_reply_and_token([(0.0, 0)]) is None


def test_equal_models_have_no_divergence() -> None:
    equal = {text: logs[0] for text, logs in LOGS.items()}
    found = values(compute(context(teacher(LOGS, own=OWN, student=equal), "Hm.", "Arr!")))
    assert found["forward_kl"] == found["reverse_kl"] == [0.0]


def test_style_is_the_posterior_and_quality_the_teachers() -> None:
    one = teacher(LOGS, own=[*OWN, reply("Hm.")], student=STUDENT)
    found = values(style.compute(context(one, "Arr!", "Hm.")))
    assert found["style_strength"] == [pytest.approx((0.8807970780 + 0.5) / 2)]
    oracle = values(quality.compute(context(one, "Arr!", "Hm.")))
    assert oracle["oracle_valid"] == [1.0, 1.0]
    assert oracle["oracle_styled"] == [1.0, 0.0]
    assert oracle["distinct_valid"] == [2.0]
    assert "oracle_topic" not in oracle
