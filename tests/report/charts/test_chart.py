from sfr_eval.report.charts.chart import Axis, Frame, HeatMap, Point, Series, XYChart, payload


def test_the_json_leaves_out_what_is_empty() -> None:
    chart = XYChart(
        title="Length",
        x=Axis(label="temperature"),
        y=Axis(label="characters", possible=(0, None)),
        series=(Series(name="sft", number=0, points=(Point(x=0.0, y=12.5, y_low=11.0),)),),
    )
    assert payload(chart) == {
        "title": "Length",
        "x": {"label": "temperature", "possible": [None, None]},
        "y": {"label": "characters", "possible": [0, None]},
        "series": [
            {
                "name": "sft",
                "number": 0,
                "points": [{"x": 0.0, "y": 12.5, "y_low": 11.0}],
                "line": "solid",
                "marker": "run",
                "band_along": "x",
            }
        ],
        "kind": "xy",
    }


def test_an_undefined_cell_stays_null_and_a_zero_stays() -> None:
    frame = Frame(label="T = 1", cells=((None, 0.0), (0.5, 1.0)))
    chart = HeatMap(title="t", rows=("a", "b"), columns=("a", "b"), frames=(frame,), shown=0)
    assert payload(chart)["frames"][0]["cells"] == [[None, 0.0], [0.5, 1.0]]
    assert payload(chart)["shown"] == 0
