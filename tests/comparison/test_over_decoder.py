"""pytest tests/comparison/test_over_decoder.py"""

import json
from pathlib import Path

import pytest

from sfr_eval.comparison.compare import compare_runs
from sfr_eval.comparison.files import write_comparison
from sfr_eval.comparison.over_decoder import axis_of, over_decoder
from sfr_eval.comparison.runs import open_runs
from tests.support.compare_data import write_world_run

pytestmark = pytest.mark.usefixtures("no_drawing")


def decoder(folder: Path, **sampling: float) -> Path:
    """A run that says it was drawn by this decoder."""
    write_world_run(folder, {}, queries=6, families=("lexical",), temperatures=(0.6, 1.0))
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["identity"]["sampling"]["persona"] |= sampling
    file.write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("decoders")
    return {
        "a": decoder(folder / "a", min_p=0.2),
        "b": decoder(folder / "b", min_p=0.0),
        "c": decoder(folder / "c", min_p=0.1),
        "d": decoder(folder / "d", min_p=0.1, top_p=0.9),
    }


def axis(*folders: Path) -> str | None:
    return axis_of(open_runs(folders), "persona")


def test_an_axis_is_the_only_filter_that_differs(runs: dict[str, Path]) -> None:
    a, b, c, d = runs.values()
    assert axis(a, b, c) == "min_p"
    assert axis(a, b) is None  # two points are no curve
    assert axis(a, b, d) is None  # two filters differ
    assert axis(a, b, c, c) is None  # one value twice


def test_runs_of_two_sweeps_are_named_after_their_sweep(tmp_path: Path) -> None:
    runs = [decoder(tmp_path / sweep / "min_p=0.1", min_p=0.1) for sweep in ("sft", "sfr")]
    assert [run.label for run in open_runs(runs)] == ["sft/min_p=0.1", "sfr/min_p=0.1"]


def test_each_metric_has_a_line_for_each_temperature(runs: dict[str, Path], tmp_path: Path) -> None:
    opened = open_runs([runs[name] for name in "abc"])
    (figure,) = over_decoder(opened, "persona", ["distinct_2_rarefied"])
    assert [(row["temperature"], row["at"]) for row in figure.rows] == [
        (t, value) for t in (0.6, 1.0) for value in (0.0, 0.1, 0.2)
    ]
    estimate = opened[0].suites["persona"].at("distinct_2_rarefied", 1.0)
    assert estimate is not None
    assert figure.rows[-1]["value"] == estimate.value
    assert "min_p=0.2" in figure.description
    page = write_comparison(compare_runs(*(runs[name] for name in "abc")), tmp_path / "out")
    assert "Metrics over the filter" in page.read_text()
    assert (tmp_path / "out" / "plots" / "persona-over_decoder.csv").is_file()
