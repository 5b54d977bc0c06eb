"""pytest tests/comparison/test_measure_warnings.py"""

from pathlib import Path
from typing import Any

from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.comparison.warnings import warnings
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Notes, SuiteResults
from tests.support.report_data import estimate


def run(label: str, **notes: Any) -> ScoredRun:
    suite = SuiteResults(
        id="desk",
        title="Desk",
        personas={"a": "Anna", "b": "Bert"},
        temperatures=(1.0,),
        samples=4,
        estimates={("style_accuracy", 1.0, ""): estimate("style_accuracy", 0.7, 0.02)},
        truth={},
        notes={"style_accuracy": Notes.model_validate({"chance_accuracy": 0.5, **notes})},
        similarity={},
    )
    return ScoredRun(
        folder=Path(label),
        label=label,
        manifest=Manifest(status="complete"),
        suites={"desk": suite},
        samples=(),
    )


def lines(first: ScoredRun, second: ScoredRun) -> list[str]:
    return [line for line in warnings(first, second, {}) if "probe" in line]


def test_a_probe_of_both_runs_is_named_once() -> None:
    weak = {"held_out_accuracy": 0.6, "held_out_low": 0.4}
    (line,) = lines(run("base", **weak), run("tuned", **weak))
    assert line.startswith("base and tuned: The style probe is weak: 60% on held-out replies")


def test_what_holds_for_one_run_names_that_run() -> None:
    good: dict[str, Any] = {"held_out_accuracy": 0.9, "held_out_low": 0.8}
    (line,) = lines(run("base", **good), run("tuned", **good, replies_among_labelled_texts=0.4))
    assert line.startswith("tuned: 40% of the replies repeat a labelled text word for word")
    synthetic = run("base", **good, synthetic_labels=True)
    (line,) = lines(synthetic, run("tuned", **good))
    assert line.startswith("base: The style probe was fitted on synthetic replies")
