"""pytest tests/comparison/test_against.py"""

from collections.abc import Sequence

import pytest

from sfr_eval.comparison.against import Sides, Values, against_references
from sfr_eval.store.against import Against
from sfr_eval.store.primary import PrimaryFamily

N = 12


def values(numbers: Sequence[float]) -> Values:
    return {(f"q{place}", ""): number for place, number in enumerate(numbers)}


def noisy(mean: float, *, step: float = 0.01) -> Values:
    return values([mean + step * (place % 3 - 1) for place in range(N)])


def against(
    model: dict[str, dict[float, Values]],
    references: dict[str, Values],
    *,
    declared: PrimaryFamily | None = None,
) -> Against:
    sides = Sides(suite="toy", model=model, references=references, replies=4)
    return against_references(sides, model="mine", references="people", declared=declared)


def test_less_varied_by_hand() -> None:
    """12 differences of -.2, -.21 and -.19 in turn: mean -.2, and all signs agree: p = 2^-11."""
    model = values([0.4, 0.39, 0.41] * 4)
    result = against({"embed_distance": {1.0: model}}, {"embed_distance": values([0.6] * N)})
    (row,) = result.rows
    assert row.first == pytest.approx(0.6)
    assert row.second == pytest.approx(0.4)
    assert row.delta == pytest.approx(-0.2)
    assert row.p_adjusted == pytest.approx(2**-11)
    assert row.role == "variety"
    assert result.headline == "mine against people: less varied (quality not checked)"
    assert result.tone == "bad"
    assert result.sentences[0].startswith("embed_distance T = 1: 0.4 against 0.6, -0.2 [-0.2")
    assert result.sentences[0].endswith("]: less varied.")


def test_equal_values_are_no_difference_that_matters() -> None:
    result = against({"embed_distance": {1.0: noisy(0.5)}}, {"embed_distance": noisy(0.5)})
    assert result.headline == "No difference that matters between people and mine"


def test_only_the_temperature_nearest_to_1_is_decided_about() -> None:
    model = {"embed_distance": {0.2: noisy(0.1), 0.9: noisy(0.6), 1.6: noisy(0.9)}}
    result = against(model, {"embed_distance": noisy(0.6)})
    assert result.temperature == 0.9
    assert {row.temperature: row.words for row in result.rows} == {
        0.2: "",
        0.9: "no difference beyond 0.024",
        1.6: "",
    }


def test_few_questions_are_inconclusive() -> None:
    result = against(
        {"embed_distance": {1.0: values([0.1, 0.2, 0.3])}},
        {"embed_distance": values([0.6, 0.7, 0.9])},
    )
    assert result.headline.startswith("Inconclusive (needs about 6 questions, has 3)")


def test_only_questions_of_both_sides_count() -> None:
    model = {"embed_distance": {1.0: values([0.4] * N)}}
    result = against(model, {"embed_distance": values([0.6] * 8)})
    assert result.rows[0].n == 8


def test_longer_references_may_be_why() -> None:
    """Shorter replies read as more varied: the gain is qualified where beginnings are alike."""
    model = {
        "embed_distance": {1.0: noisy(0.6)},
        "length": {1.0: noisy(20)},
        "embed_distance_first_8": {1.0: noisy(0.5)},
    }
    references = {
        "embed_distance": noisy(0.4, step=0.02),
        "length": noisy(80),
        "embed_distance_first_8": noisy(0.5),
    }
    result = against(model, references)
    assert result.headline.endswith("with shorter replies, which may be why")
    assert result.tone == "unsure"


def test_the_suite_s_own_choice_is_kept() -> None:
    model = {metric: {1.0: noisy(0.4)} for metric in ("embed_distance", "distinct_k")}
    references = {metric: noisy(0.6) for metric in model}
    declared = PrimaryFamily(variety="distinct_k")
    result = against(model, references, declared=declared)
    assert [row.metric for row in result.rows if row.role] == ["distinct_k"]


def test_nothing_in_common_is_said() -> None:
    result = against({"length": {1.0: noisy(5)}}, {"embed_distance": noisy(0.5)})
    assert result.headline.startswith("Nothing to compare")
    assert result.rows == ()
