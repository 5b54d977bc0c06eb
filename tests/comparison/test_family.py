"""pytest tests/comparison/test_family.py"""

import pytest

from sfr_eval.comparison.family import family, margin_of
from sfr_eval.errors import UserError
from sfr_eval.metrics.table import metric_info
from sfr_eval.store.primary import PrimaryFamily

MEASURED = ["embed_distance", "self_bleu_4_fixed", "style_accuracy", "style_strength"]


def test_the_most_trusted_quality_is_taken() -> None:
    chosen = family(
        {t: [*MEASURED, "judge_rel", "oracle_valid", "valid_embed_distance"] for t in (0.6, 1.0)}
    )
    assert chosen.measures == {
        "variety": "valid_embed_distance",
        "style": "style_strength",
        "quality": "oracle_valid",
    }
    assert chosen.matched == ("oracle_valid", "embed_distance")
    assert family({1.0: [*MEASURED, "oracle_valid"]}).matched is None  # one temperature


def test_without_quality_nothing_is_matched() -> None:
    chosen = family({1.0: MEASURED})
    assert chosen.measures == {"variety": "embed_distance", "style": "style_strength"}
    assert chosen.matched is None
    assert family({}).measures == {}


def test_programs_are_measured_at_pass_at_1_and_the_largest_k() -> None:
    points = [f"pass_at_{k}" for k in (1, 2, 5)] + [f"distinct_correct_at_{k}" for k in (1, 2, 5)]
    chosen = family({0.8: points})
    assert chosen.measures == {"variety": "distinct_correct_at_5", "quality": "pass_at_1"}
    assert chosen.temperature == 0.8


def test_the_temperature_is_the_shared_one_nearest_to_1() -> None:
    assert family({0.2: MEASURED, 0.8: MEASURED, 1.4: MEASURED}).temperature == 0.8
    declared = PrimaryFamily(temperature=1.5)
    assert family({0.2: MEASURED, 1.4: MEASURED}, declared=declared).temperature == 1.4


def test_what_a_suite_declares_yields_to_the_user() -> None:
    declared = PrimaryFamily(style="style_accuracy", quality="judge_rel")
    chosen = family({1.0: MEASURED}, declared=declared)
    assert chosen.measures["style"] == "style_accuracy"
    assert chosen.missing == ("quality by judge_rel",)
    wanted = PrimaryFamily.parse("style=none,variety=self_bleu_4_fixed")
    chosen = family({1.0: MEASURED}, declared=declared, wanted=wanted)
    assert chosen.measures == {"variety": "self_bleu_4_fixed"}
    with pytest.raises(UserError, match="--primary variety=embed: not in both runs"):
        family({1.0: MEASURED}, wanted=PrimaryFamily(variety="embed"))


def test_margins_are_parts_of_the_span() -> None:
    """What full collapse does to a metric is in its entry; a share has a span of 1."""
    info = metric_info("embed_distance")
    assert info is not None
    assert info.span is not None
    assert margin_of("embed_distance") == pytest.approx(0.05 * info.span)
    assert margin_of("oracle_valid", part=0.1) == pytest.approx(0.1)
    assert margin_of("length") is None
