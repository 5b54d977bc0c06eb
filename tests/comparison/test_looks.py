"""pytest tests/comparison/test_looks.py"""

import numpy as np
import pytest

from sfr_eval.comparison.looks import alpha_after, looks
from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.stats.simultaneous import step_down
from sfr_eval.store.manifest import Manifest, PlannedSuite


def run(manifest: Manifest) -> ScoredRun:
    from pathlib import Path

    return ScoredRun(folder=Path("r"), label="r", manifest=manifest, suites={}, samples=())


def test_growing_a_run_is_recorded_once_for_each_size() -> None:
    manifest = Manifest(plan=(PlannedSuite(suite="s", samples=4),))
    for samples in (4, 4, 8, 8, 16):
        part = PlannedSuite(suite="s", samples=samples)
        manifest = manifest.model_copy(update={"plan": (part,)}).looked_at()
    assert manifest.looks == {"s": (4, 8, 16)}
    assert looks([run(Manifest()), run(manifest)]) == 3
    assert looks([run(Manifest())]) == 1


def test_later_looks_have_less_of_alpha() -> None:
    levels = [alpha_after(number, alpha=0.05) for number in (1, 2, 3, 4)]
    assert levels == pytest.approx([0.05, 0.05 / 3, 0.05 / 6, 0.05 / 10])


def test_four_looks_at_a_growing_run_err_in_5_percent() -> None:
    """Two runs of one model, tested at 4, 8, 16 and 32 replies to each of 16 prompts. At 5 % each,
    one of the four would be called in some 14 %."""
    random = np.random.default_rng(0)
    alarms = naive = 0
    for _ in range(400):
        means = np.cumsum(random.normal(size=(16, 32)), axis=1) / np.arange(1, 33)
        rows = [dict(enumerate(means[:, k - 1])) for k in (4, 8, 16, 32)]
        p_values = [step_down([row], alphas=[0.05], flips=999)[0].p_value for row in rows]
        alarms += any(p <= alpha_after(j, alpha=0.05) for j, p in enumerate(p_values, start=1))
        naive += any(p <= 0.05 for p in p_values)
    assert 0.03 <= alarms / 400 <= 0.07
    assert naive / 400 > 0.09
