"""pytest tests/calibration/test_page.py"""

import json
from pathlib import Path
from typing import Any

from sfr_eval.calibration.page import page
from sfr_eval.commands.calibrate import write


def test_page_and_plots_are_written(calibration: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "plots").mkdir()
    write(calibration, tmp_path)
    text = (tmp_path / "calibration.md").read_text()
    assert text == page(calibration)
    assert "Its verdicts are noise" in text
    assert "148 prompts x 8 samples see a drop of" in text
    assert "| `length` | claims to see no collapse" in text
    assert "| Words in a random order | quality | `self_bleu_4_fixed`" in text
    assert "| Each reply in a layout of its own | nothing |" in text
    assert "random ones out of 338 words, English" in text
    names = {file.name for file in (tmp_path / "plots").iterdir()}
    assert {
        f"{name}.svg" for name in ("dose", "counts", "lengths", "null", "noise", "power")
    } <= names
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
