"""pytest tests/report/test_answer_figures.py"""

from dataclasses import replace

from sfr_eval.report.answer_figures import against_fair_draws
from sfr_eval.report.figures import figure_svg
from tests.report.test_known_answers import measured


def test_prompts_stand_beside_the_bands_of_fair_draws() -> None:
    entropy, distance = against_fair_draws(measured(k=30, limit=7, within=1.0))
    assert entropy.title == "Entropy, of fair draws', T = 1"
    assert entropy.description.endswith(
        "7 of 7 prompts lie outside the band of 95 % of fair models."
    )
    assert len(distance.rows) == 5  # two of the seven state no law
    row = distance.rows[0]
    assert row["value"] > row["fair_high"] > row["fair_low"]
    assert "odds-coin-70" in figure_svg(distance)


def test_nothing_is_drawn_without_known_answers() -> None:
    suite = measured(k=3, limit=2)
    assert against_fair_draws(replace(suite, notes={})) == []
