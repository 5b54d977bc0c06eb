"""One figure of a run for a notebook or a paper, drawn with pyplot as those of the report."""

from typing import TYPE_CHECKING

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.report.charts.fonts import families
from sfr_eval.report.charts.static import draw, texts
from sfr_eval.report.figures import Figure, write_labels
from sfr_eval.report.over_temperature import over_temperature
from sfr_eval.report.trade_off import default_pairs, pair_figure
from sfr_eval.store.results import SuiteResults
from sfr_eval.util.assets import report_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def chosen_figure(
    suite: SuiteResults, *, name: str, metric: str | None = None, against: str | None = None
) -> Figure:
    """Return a metric over temperature, or against another metric; without a name the first
    trade-off of the report. `name` is that of the run. Raises UserError for a metric that has no
    value in this run."""
    measured = [each for each in suite.metrics if suite.sweep(each)]
    for each in (metric, against):
        if each is not None and each not in measured:
            raise UserError(f"plot: {each} has no value here; {did_you_mean(each, measured)}")
    if metric is None:
        if against is not None:
            raise UserError(f"plot: name the metric that stands against {against}, too")
        pairs = default_pairs(suite)
        if not pairs:
            raise UserError(f"plot: no trade-off was measured; name a metric: {measured[:3]}")
        against, metric = pairs[0]
    if against is not None:
        return pair_figure(suite, against, metric)
    return over_temperature({name: suite}, [metric])[0]


def drawn(figure: Figure) -> "Axes":
    """Return the axes of a new pyplot figure with this chart in it."""
    import matplotlib as mpl
    from matplotlib import pyplot

    assert figure.chart is not None
    with mpl.rc_context():
        mpl.rc_file(report_file("plots.mplstyle"), use_default_template=False)
        mpl.rcParams["font.family"] = families(texts(figure.chart))
        mpl.rcParams["text.parse_math"] = False
        sheet = pyplot.figure(figsize=figure.size, layout="constrained")
        ax: Axes = sheet.add_subplot()
        draw(figure.chart, ax)
        write_labels(sheet, [figure], [ax])
    return ax
