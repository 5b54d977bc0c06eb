"""A comparison as HTML for notebooks: what is said of each pair, and its primary family. All text
is escaped."""

from typing import TYPE_CHECKING

from sfr_eval.metrics.table import label
from sfr_eval.report.notebook import ARROWS, html_table
from sfr_eval.report.numbers import Interval, number

if TYPE_CHECKING:
    from markupsafe import Markup

    from sfr_eval.comparison.differences import DifferenceRow
    from sfr_eval.comparison.result import Comparison, Pair, SuiteComparison


def comparison_html(comparison: "Comparison") -> str:
    """Return, for each suite of each pair, the verdict and a table of the primary family."""
    from markupsafe import Markup

    return Markup("").join(_part(pair, suite) for pair in comparison.pairs for suite in pair.suites)


def _part(pair: "Pair", suite: "SuiteComparison") -> "Markup":
    from markupsafe import Markup

    summary = suite.summary
    counts = f" ({summary.counts})" if summary.counts else ""
    text = Markup("<p><strong>{}</strong>{}</p>").format(summary.headline, counts)
    heads = (suite.title, "", pair.first, pair.second, "difference (95 %)", "call")
    return text + html_table(heads, [_cells(row) for row in suite.rows if row.role is not None])


def _cells(row: "DifferenceRow") -> tuple[str, ...]:
    t = row.temperature
    return (
        f"{label(row.metric)} {ARROWS[row.higher_is_better]}",
        f"at matched {label(row.matched)}" if t is None else f"T = {t:g}",
        number(row.first),
        number(row.second),
        Interval(row.delta, row.low, row.high).text("+.3g"),
        row.words if row.delta is not None else f"not compared: {row.reason}",
    )
