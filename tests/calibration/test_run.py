"""pytest tests/calibration/test_run.py"""

import json
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.commands.calibrate import execute
from sfr_eval.errors import UserError
from sfr_eval.settings import ScoreSettings


def test_a_calibration_is_plain_json_without_nan(calibration: dict[str, Any]) -> None:
    assert json.loads(json.dumps(calibration, allow_nan=False)) == calibration
    assert calibration["conditions"]["encoder"] is None
    assert "embed_distance" not in calibration["metrics"]


def test_metrics_detect_the_dials_they_claim(calibration: dict[str, Any]) -> None:
    metrics = calibration["metrics"]
    for metric in ("self_bleu_4", "distinct_2", "duplicate_rate", "rouge_l_homogenization"):
        check = metrics[metric]["verdicts"]["dose within"]
        assert check["passed"], (metric, check)
    assert metrics["duplicate_rate"]["dose"]["within"]["mean"][-1] == 1  # one text is left
    assert metrics["length"]["headline"] is False


def test_raw_measures_move_with_k_but_rarefied_ones_do_not(calibration: dict[str, Any]) -> None:
    metrics = calibration["metrics"]
    assert metrics["self_bleu_4"]["verdicts"]["count"]["passed"] is False
    assert metrics["distinct_2"]["verdicts"]["count"]["passed"] is False
    assert metrics["distinct_2_rarefied"]["verdicts"]["count"]["passed"]
    assert metrics["self_bleu_4_fixed"]["counts"]["mean"].keys() == {"8", "16", "32"}


def test_length_is_measured_against_full_collapse(calibration: dict[str, Any]) -> None:
    lengths = calibration["metrics"]["self_bleu_4"]["lengths"]
    assert lengths["mean"].keys() == {"0", "10", "20", "30"}
    gaps = [abs(mean - lengths["mean"]["0"]) for mean in lengths["mean"].values()]
    assert lengths["moved"] == pytest.approx(
        max(gaps) / calibration["metrics"]["self_bleu_4"]["span"]
    )


def test_power_grows_with_queries_and_samples(calibration: dict[str, Any]) -> None:
    rows = calibration["metrics"]["self_bleu_4_fixed"]["power"]
    drops = {(row["queries"], row["k"]): row["drop"] for row in rows}
    assert drops[148, 8] < drops[37, 8] < drops[20, 8]


def test_bad_families_are_refused_in_one_line(tmp_path: Path) -> None:
    for families, message in ((("across",), "is not calibrated"), (("lex",), "unknown metric")):
        settings = ScoreSettings(metrics=families)
        with pytest.raises(UserError, match=message):
            execute(tmp_path, suite="persona", quick=True, settings=settings, seed=0)


@pytest.mark.slow
def test_quick_calibration_of_every_metric(tmp_path: Path) -> None:
    calibration = execute(tmp_path, suite="persona", quick=True, settings=ScoreSettings(), seed=0)
    json.dumps(calibration, allow_nan=False)
    assert calibration["metrics"]["embed_distance"]["verdicts"]["dose within"]["passed"]
    assert calibration["metrics"]["style_strength"]["verdicts"]["dose cross"]["passed"]
    assert calibration["metrics"]["coverage"]["verdicts"]["dose both"]["passed"]
