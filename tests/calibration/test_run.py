"""pytest tests/calibration/test_run.py"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.calibration.design import QUICK
from sfr_eval.calibration.draws import Bench
from sfr_eval.calibration.page import page
from sfr_eval.calibration.run import calibrate
from sfr_eval.commands.calibrate import execute, write
from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.errors import UserError
from sfr_eval.suites.suite import load_suite

SMALL = replace(QUICK, light_queries=4, wide_queries=6, wide_personas=1, wide_sets=2, null_runs=12)


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return calibrate(
        load_suite("persona"),
        size=SMALL,
        name="quick",
        cache=tmp_path_factory.mktemp("calibrate"),
        families=("text", "lexical"),
    )


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


def test_page_and_plots_are_written(calibration: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "plots").mkdir()
    write(calibration, tmp_path)
    text = (tmp_path / "calibration.md").read_text()
    assert text == page(calibration)
    assert "Its verdicts are noise" in text
    assert "148 prompts x 8 samples see a drop of" in text
    assert "| `length` | claims to see no collapse" in text
    names = {file.name for file in (tmp_path / "plots").iterdir()}
    assert {f"{name}.svg" for name in ("dose", "counts", "lengths", "null", "power")} <= names
    assert json.loads((tmp_path / "calibration.json").read_text()) == calibration


def test_page_of_the_documentation_is_what_the_template_gives() -> None:
    folder = Path(__file__).parents[2] / "docs" / "calibration"
    stored = json.loads((folder / "calibration.json").read_text())
    assert page(stored) == (folder / "index.md").read_text()


def test_page_without_headlines_ends_with_the_power_table(
    calibration: dict[str, Any],
) -> None:
    bare = {**calibration, "headline": []}
    assert "\nNone.\n" in page(bare)
    assert "by queries x samples" not in page(bare)
    assert page(bare).endswith(" |\n")


def test_draws_repeat_and_parts_are_independent(tmp_path: Path) -> None:
    suite = load_suite("persona")
    bench = Bench(suite=suite, encoder=Encoder(None, tmp_path), families=("text",), seed=0)
    first = bench.draw(4, part="a", queries=3, personas=2)
    assert first == bench.draw(4, part="a", queries=3, personas=2)
    assert [s.text for s in first] != [
        s.text for s in bench.draw(4, part="b", queries=3, personas=2)
    ]
    assert len(first) == 3 * 2 * 4
    intents = {sample.query.split(".")[1] for sample in bench.draw(1, part="a", queries=16)}
    assert len(intents) == 4
    sets = bench.measure(first, k=2)["length"]
    assert set(sets) == {0, 1}
    assert len(sets[0]) == 3


def test_bad_families_are_refused_in_one_line(tmp_path: Path) -> None:
    for families, message in ((("across",), "is not calibrated"), (("lex",), "unknown metric")):
        with pytest.raises(UserError, match=message):
            execute(
                tmp_path,
                suite="persona",
                quick=True,
                families=families,
                encoder=None,
                seed=0,
            )


@pytest.mark.slow
def test_quick_calibration_of_every_metric(tmp_path: Path) -> None:
    calibration = execute(
        tmp_path, suite="persona", quick=True, families=None, encoder=None, seed=0
    )
    json.dumps(calibration, allow_nan=False)
    assert calibration["metrics"]["embed_distance"]["verdicts"]["dose within"]["passed"]
    assert calibration["metrics"]["style_strength"]["verdicts"]["dose cross"]["passed"]
    assert calibration["metrics"]["coverage"]["verdicts"]["dose both"]["passed"]
