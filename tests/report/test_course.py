"""pytest tests/report/test_course.py"""

from dataclasses import replace

import pytest

from sfr_eval.report.course import beyond_the_encoder, course, turning_point
from sfr_eval.store.results import SuiteResults
from sfr_eval.types import Estimate
from tests.support.report_data import estimate

# SmolLM2-135M-Instruct, 12 questions, 8 replies: value and half of the interval.
DISTANCES = {0.4: (0.427, 0.086), 0.8: (0.625, 0.057), 1.2: (0.796, 0.026), 2.0: (0.631, 0.023)}
OVERLAPS = {0.4: 0.305, 0.8: 0.066, 1.2: 0.013, 2.0: 0.004}


def sweep(values: dict[float, tuple[float, float]], metric: str = "x") -> dict[float, Estimate]:
    return {
        t: replace(estimate(metric, value, half, temperature=t), n=12)
        for t, (value, half) in values.items()
    }


def test_the_peak_of_a_real_model_is_named() -> None:
    assert course(sweep(DISTANCES)) == (
        "rises from 0.43 ± 0.09 at T = 0.4 to 0.80 ± 0.03 at T = 1.2 and falls to 0.63 ± 0.02 at "
        "T = 2"
    )


def test_a_trough_is_named_likewise() -> None:
    turned = {t: (1 - value, half) for t, (value, half) in DISTANCES.items()}
    assert course(sweep(turned)).startswith("falls from 0.57 ± 0.09 at T = 0.4 to 0.20 ± 0.03 ")


@pytest.mark.parametrize(
    "last",
    [(0.80, 0.02), (0.77, 0.02), (0.70, 0.1)],  # higher; lower, but not shown; too uncertain
)
def test_a_fall_that_is_not_shown_is_not_named(last: tuple[float, float]) -> None:
    values = {**DISTANCES, 2.0: last}
    assert course(sweep(values)).startswith("goes from 0.43 ± 0.09 at T = 0.4 to 0.")
    assert turning_point(sweep(values)) is None


def test_a_curve_that_only_falls_has_no_way_up() -> None:
    values = {t: DISTANCES[t] for t in (1.2, 2.0)}
    assert course(sweep(values)) == "goes from 0.80 ± 0.03 at T = 1.2 to 0.63 ± 0.02 at T = 2"
    assert turning_point(sweep(values)) == 1.2


def test_curves_of_one_point_or_without_intervals() -> None:
    assert course(sweep({1.0: (0.5, 0.02)})) == "is 0.50 ± 0.02 at T = 1"
    bare = {t: estimate("x", value, None, temperature=t) for t, (value, _) in DISTANCES.items()}
    assert turning_point(bare) is None
    assert course(bare) == "goes from 0.43 (no interval) at T = 0.4 to 0.63 (no interval) at T = 2"


def results(overlaps: dict[float, float]) -> SuiteResults:
    rows = [*sweep(DISTANCES, "embed_distance").values()]
    rows += [estimate("self_bleu_4_fixed", v, temperature=t) for t, v in overlaps.items()]
    return SuiteResults(
        id="stories",
        title="Stories",
        personas={},
        temperatures=tuple(DISTANCES),
        samples=8,
        estimates={(e.metric, e.temperature, ""): e for e in rows},
        truth={},
        notes={},
        similarity={},
    )


def test_heat_that_the_encoder_cannot_follow_is_warned_of() -> None:
    (line,) = beyond_the_encoder(results(OVERLAPS))
    assert line.startswith("From T = 1.2 to 2 the distance in meaning falls from 0.80 ± 0.03 to ")
    assert "(self_bleu_4_fixed 0.013 to 0.004)" in line
    assert line.endswith("Read no variety above T = 1.2.")


def test_replies_that_share_more_words_are_no_heat() -> None:
    assert not list(beyond_the_encoder(results({**OVERLAPS, 2.0: 0.2})))
    assert not list(beyond_the_encoder(results({})))
