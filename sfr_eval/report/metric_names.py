"""A metric's name as a page writes it: in plain words, with its direction and its definition."""

from dataclasses import dataclass

from sfr_eval.metrics.table import direction, label, metric_info

ARROWS = {"higher is better": "↑", "lower is better": "↓", "neither way is better": "↕"}
"""Direction in words -> its sign."""


@dataclass(frozen=True, kw_only=True)
class MetricName:
    """What the macro `metric` of parts/tables.html.j2 writes."""

    id: str
    label: str
    direction: str  # in words
    description: str  # "" where a metric has no entry

    @property
    def arrow(self) -> str:
        """The direction as a sign."""
        return ARROWS[self.direction]

    @property
    def anchor(self) -> str:
        """The id of its definition in the page."""
        return f"metric-{self.id}"


def metric_name(metric: str) -> MetricName:
    """Return the name of a metric."""
    info = metric_info(metric)
    return MetricName(
        id=metric,
        label=label(metric),
        direction=direction(metric) or "neither way is better",
        description=info.description if info else "",
    )
