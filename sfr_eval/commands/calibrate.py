"""The command `calibrate`: writes JSON, plots and a page into a folder."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sfr_eval.calibration.design import DEFAULT, QUICK
from sfr_eval.calibration.page import page
from sfr_eval.calibration.panels import panels
from sfr_eval.calibration.run import calibrate
from sfr_eval.report.figures import files
from sfr_eval.suites.suite import load_suite
from sfr_eval.util.assets import cache_folder
from sfr_eval.util.files import write_atomic, writing_to
from sfr_eval.util.progress import ScoringProgress


def execute(
    output: Path,
    *,
    suite: str,
    quick: bool,
    families: Sequence[str] | None,
    encoder: str | None,
    seed: int,
) -> dict[str, Any]:
    """Run the calibration and write calibration.json, calibration.md and plots/."""
    with writing_to(output):
        (output / "plots").mkdir(parents=True, exist_ok=True)
    calibration = calibrate(
        load_suite(suite),
        size=QUICK if quick else DEFAULT,
        name="quick" if quick else "default",
        cache=cache_folder(),
        encoder=encoder,
        families=families,
        seed=seed,
        on_progress=ScoringProgress(),
    )
    write(calibration, output)
    return calibration


def write(calibration: dict[str, Any], output: Path) -> None:
    """Write the files of a calibration; the folder and its plots/ must exist."""
    with writing_to(output):
        text = json.dumps(calibration, indent=1, allow_nan=False)
        write_atomic(output / "calibration.json", text + "\n")
        write_atomic(output / "calibration.md", page(calibration))
        for name, figures in panels(calibration):
            for suffix, content in files(figures):
                write_atomic(output / "plots" / f"{name}.{suffix}", content)
