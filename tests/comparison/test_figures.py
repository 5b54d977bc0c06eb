"""pytest tests/comparison/test_figures.py"""

from sfr_eval.comparison.figures import pareto_optimal, trade_off
from sfr_eval.report.charts.chart import PlaneChart, PlaneSeries, XYChart
from tests.support.drawn import axes_of_one

X, Y = "embed_distance", "oracle_valid"


def run(number: int, *places: tuple[float, float], **look: object) -> PlaneSeries:
    return PlaneSeries(
        name=f"run-{number}",
        number=number,
        points=tuple({X: (x, x - 0.01, x + 0.01), Y: (y, y - 0.02, y + 0.02)} for x, y in places),
        labels=tuple(f"T={t + 1}" for t in range(len(places))),
        **look,  # type: ignore[arg-type]
    )


def test_a_dominated_point_is_not_pareto_optimal() -> None:
    """(.9, .2) and (.5, .5) against (.8, .6) and (.4, .4): (.8, .6) dominates the last of each."""
    runs = [run(0, (0.2, 0.9), (0.5, 0.5)), run(1, (0.6, 0.8), (0.4, 0.4))]
    assert pareto_optimal(runs, x=X, y=Y) == [[True, False], [True, False]]


def test_lower_is_better_counts_the_other_way() -> None:
    def turned(run: PlaneSeries) -> PlaneSeries:
        points = tuple(
            {"self_bleu_4_fixed": (1 - p[X][0], None, None), Y: p[Y]} for p in run.points
        )
        return PlaneSeries(name=run.name, number=run.number, points=points, labels=run.labels)

    runs = [turned(run(0, (0.2, 0.9), (0.5, 0.5))), turned(run(1, (0.6, 0.8), (0.4, 0.4)))]
    assert pareto_optimal(runs, x="self_bleu_4_fixed", y=Y) == [[True, False], [True, False]]


def test_a_training_does_not_beat_the_mean_of_its_group() -> None:
    runs = [run(0, (0.2, 0.9)), run(0, (0.9, 0.95), thin=True)]
    assert pareto_optimal(runs, x=X, y=Y) == [[True], [False]]


def test_the_plane_has_all_runs_and_the_files_have_the_pairs() -> None:
    runs = [run(n, (0.1 * n, 0.9), (0.1 * n + 0.1, 0.8)) for n in range(8)]
    (figure,) = trade_off(runs, "persona", metrics=[X, Y])
    assert isinstance(figure.chart, PlaneChart)
    assert [axis.metric for axis in figure.chart.axes] == [Y, X]
    assert len(figure.chart.series) == 8
    assert figure.chart.series[3].points[0][X] == runs[3].points[0][X]  # not rounded
    (pair,) = figure.in_files
    assert isinstance(pair.chart, XYChart)
    assert len(pair.rows) == 16
    assert {row["beaten"] for row in pair.rows} == {True, False}
    ax = axes_of_one(pair)
    (legend,) = ax.figure.legends
    assert len(legend.get_texts()) == 9  # and the common frontier


def test_a_band_surrounds_the_curve_of_its_run() -> None:
    runs = [run(n, (0.1 + 0.2 * n, 0.9), (0.2 + 0.2 * n, 0.5)) for n in range(3)]
    (figure,) = trade_off(runs, "persona", metrics=[X, Y])
    bands = axes_of_one(figure.in_files[0]).patches
    assert len(bands) == 3
    for one, band in zip(runs, bands, strict=True):
        (x0, y0), (x1, y1) = [(p[X][0], p[Y][0]) for p in one.points]
        middles = [(x0 + part * (x1 - x0), y0 + part * (y1 - y0)) for part in (0.0, 0.3, 0.7, 1.0)]
        assert band.get_path().contains_points(middles).all()


def test_metrics_that_make_no_pair_are_not_drawn() -> None:
    assert trade_off([run(0, (0.2, 0.9))], "persona", metrics=["length"]) == []
