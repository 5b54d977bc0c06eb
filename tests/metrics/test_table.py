"""pytest tests/metrics/test_table.py"""

import subprocess
import sys

from sfr_eval.metrics.table import metric_table


def test_table_is_light_to_import() -> None:
    code = "import sys, sfr_eval.metrics.table; print({'numpy', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_share_is_a_mean_of_outcomes() -> None:
    """So its interval stays within 0 and 1, and all alike is not certainty."""
    shares = [
        metric
        for metric in metric_table().values()
        if metric.description.startswith(
            ("Share of re", "Share of gr", "Share of pr", "Chance that")
        )
        or metric.id.endswith("_good")
    ]
    assert len(shares) > 15
    for metric in shares:
        known = metric.id in {"self_repetition_rate"}  # mean of a score, not of outcomes
        assert metric.range == (0, 1), metric.id
        assert metric.outcomes or known, metric.id
