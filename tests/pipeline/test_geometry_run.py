"""Geometry and tokens end to end: replies of the world, a tiny checkpoint, report and plots.
pytest tests/pipeline/test_geometry_run.py"""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from sfr_eval.cli import main
from sfr_eval.errors import UserError
from sfr_eval.pipeline.score import score_paths
from sfr_eval.report.figures import COLOURS
from sfr_eval.report.hidden_maps import COLOURS as PERSONA_COLOURS
from sfr_eval.report.hidden_maps import ellipse
from sfr_eval.report.hidden_two_runs import write_beside
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.util.assets import find_suite

PERSONAS = ("pirate", "sergeant", "butler")
FAMILIES = ("geometry", "tokens")


def generations(file: Path, *, cross: float) -> Path:
    world = PersonaWorld.load(find_suite("persona"))
    dialed, rng = world.dialed(cross=cross), np.random.default_rng(0)
    rows = [
        {"query": query.id, "persona": persona, "text": dialed.sample(persona, query.id, rng)}
        for query in world.queries[:6]
        for persona in PERSONAS
        for _ in range(4)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> list[RunFolder]:
    """The truth, and all personas in one voice; both read by the same checkpoint."""
    folder = tmp_path_factory.mktemp("geometry")
    found = []
    for name, cross in (("varied", 0.0), ("collapsed", 1.0)):
        scored = score_paths(
            [generations(folder / f"{name}.jsonl", cross=cross)],
            {
                "metrics": FAMILIES,
                "model": str(tiny_checkpoint),
                "base_model": str(tiny_checkpoint),
            },
            suite="persona",
            output=folder / name,
        )
        found.append(RunFolder(scored.folder))
    return found


def estimate(run: RunFolder, metric: str) -> float:
    (found,) = (
        e["value"]
        for e in run.read_results().stored()["estimates"]
        if (e["metric"], e["persona"]) == (metric, "")
    )
    assert isinstance(found, float)
    return found


def test_text_of_one_voice_has_no_persona_share(runs: list[RunFolder]) -> None:
    """The world dial: what the replies say. What the model sees of the card stays."""
    varied, collapsed = runs
    assert estimate(varied, "reread_persona_share") > 0.1
    assert abs(estimate(collapsed, "reread_persona_share")) < 0.08
    assert estimate(collapsed, "hidden_persona_share") > 0.1
    profile = [
        run.read_results().stored()["notes"]["reread_persona_share"]["persona"]["profile"]["1"][-1]
        for run in runs
    ]
    assert profile[0]["p"] == 1 / 200
    assert profile[1]["p"] > 0.02


def test_base_that_is_the_model_is_the_same(runs: list[RunFolder]) -> None:
    assert estimate(runs[0], "hidden_base_cka") == pytest.approx(1, abs=1e-6)


def test_report_has_the_plots_and_their_numbers(runs: list[RunFolder]) -> None:
    page = (runs[0].path / "report.html").read_text()
    for heading in ("Hidden states over the layers", "Hidden states by persona", "Along the reply"):
        assert heading in page
    plots = runs[0].path / "plots"
    for kind in ("layer_profiles", "hidden_maps", "token_curves"):
        assert (plots / f"persona-{kind}.csv").stat().st_size > 100
    rows = list(csv.DictReader((plots / "persona-hidden_maps.csv").open()))
    assert {row["map"] for row in rows} == {"pca", "lda", "tsne"}
    assert {row["persona"] for row in rows} == set(PERSONAS)


def test_results_hold_no_nan_and_scores_every_value(runs: list[RunFolder]) -> None:
    json.dumps(runs[0].read_results().stored(), allow_nan=False)
    names = sorted(path.name for path in (runs[0].path / "scores").iterdir())
    assert names == ["geometry@1.parquet", "tokens@2.parquet"]


def test_two_runs_share_their_axes(runs: list[RunFolder]) -> None:
    files = write_beside(*runs)
    assert [file.name for file in files] == [
        "persona-beside_maps.png",
        "persona-beside_profiles.png",
    ]
    rows = list(csv.DictReader(files[0].with_suffix(".csv").open()))
    titles = {row["title"] for row in rows}
    assert {"PCA, text: varied.jsonl", "PCA, text: collapsed.jsonl"} <= titles

    def spread_of_personas(name: str) -> float:
        own = [row for row in rows if row["title"] == f"PCA, text: {name}.jsonl"]
        means = [
            np.mean([[float(r["x"]), float(r["y"])] for r in own if r["persona"] == p], axis=0)
            for p in PERSONAS
        ]
        return float(np.var(means, axis=0).sum())

    assert spread_of_personas("varied") > 3 * spread_of_personas("collapsed")


def test_beside_a_run_without_states_says_what_to_do(runs: list[RunFolder], tmp_path: Path) -> None:
    bare = Path(shutil.copytree(runs[1].path, tmp_path / "bare"))
    shutil.rmtree(bare / "hidden")
    with pytest.raises(UserError, match="--metrics geometry` first"):
        write_beside(runs[0], RunFolder(bare))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--model", "world", "--suite", "persona"], "has no hidden states"),
        (["score", "FILE", "--suite", "persona"], "give it with --model"),
        (["score", "FILE", "--suite", "persona", "--model", "world"], "has no hidden states"),
        (["score", "FILE", "--suite", "persona", "--layers", "a"], "not a list of numbers"),
    ],
)
def test_no_checkpoint_is_one_line_and_exit_2(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = str(generations(tmp_path / "rows.jsonl", cross=0.0))
    output = ["--output", str(tmp_path / "run"), "--metrics", "geometry"]
    line = [file if word == "FILE" else word for word in arguments]
    monkeypatch.setattr("sys.argv", ["sfr-eval", *line, *output])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_ellipse_holds_half_of_a_normal_distribution() -> None:
    points = np.random.default_rng(0).standard_normal((4000, 2)) @ [[2.0, 1.0], [0.0, 0.5]] + 3
    outline = np.array(ellipse(points[:, 0], points[:, 1]))
    centre, inverse = points.mean(axis=0), np.linalg.inv(np.cov(points.T))

    def distance(rows: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> list[float]:
        return [float((row - centre) @ inverse @ (row - centre)) for row in rows]

    edge = distance(outline.T)
    assert edge == pytest.approx([edge[0]] * len(edge))
    assert np.mean(np.array(distance(points)) < edge[0]) == pytest.approx(0.5, abs=0.02)


def test_colours_are_not_those_that_the_page_swaps() -> None:
    assert not {*COLOURS, "#222222", "#dcdcdc", "#ffffff"} & set(PERSONA_COLOURS)
    assert len(set(PERSONA_COLOURS)) == 10
