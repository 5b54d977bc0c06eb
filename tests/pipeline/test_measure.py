"""pytest tests/pipeline/test_measure.py"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sfr_eval.errors import UserError
from sfr_eval.pipeline import measure as module
from sfr_eval.pipeline.preflight import check_style_data
from sfr_eval.plan import make_plan
from sfr_eval.samplers.world import WorldSampler
from sfr_eval.settings import ScoreSettings
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.suite import Suite, load_suite
from sfr_eval.types import Sample

LIGHT = ("lexical", "text", "quality")


@pytest.fixture(scope="module")
def suite() -> Suite:
    whole = load_suite("persona", personas=("pirate", "sergeant", "butler"))
    return replace(whole, queries=dict(list(whole.queries.items())[:8]))


def draw(suite: Suite, *, k: int = 2, limit: int = 5, **dials: float) -> list[Sample]:
    plan = make_plan(
        [suite],
        subject={},
        samples=k,
        temperatures=(0.7, 1.0),
        max_tokens=None,
        limit=limit,
        seed=0,
    )
    return list(WorldSampler([suite], dials=dials).sample(plan.requests()))


def run(
    folder: Path,
    samples: list[Sample],
    suite: Suite,
    *,
    families: tuple[str, ...] | None = LIGHT,
    world: str | None = "persona",
) -> dict[str, Any]:
    with RunFolder(folder / "run") as opened:
        return module.measure(
            samples,
            [suite],
            folder=opened,
            manifest=Manifest(world=world),
            settings=ScoreSettings(metrics=families),
            cache=folder / "cache",
        ).stored()


def overall(estimates: list[dict[str, Any]], metric: str) -> float:
    (found,) = (
        e["value"]
        for e in estimates
        if (e["metric"], e["persona"], e["temperature"]) == (metric, "", 1.0)
    )
    assert isinstance(found, float)
    return found


def test_results_hold_every_number_and_no_nan(tmp_path: Path, suite: Suite) -> None:
    results = run(tmp_path, draw(suite), suite)
    json.dumps(results, allow_nan=False)
    estimate = next(e for e in results["estimates"] if e["metric"] == "self_bleu_4")
    assert (estimate["n"], estimate["k"], estimate["method"]) == (5, 2, "t")
    personas = {e["persona"] for e in results["estimates"] if e["metric"] == "self_bleu_4"}
    assert personas == {"", "pirate", "sergeant", "butler"}
    assert results["signatures"]["self_bleu_4"]["smoothing"] == "method1"
    assert results["counts"][0] == {
        "suite": "persona",
        "temperature": 0.7,
        "persona": "",
        "total": 30,
        "ok": 30,
        "truncated": 0,
        "refused": 0,
        "unsupported": 0,
        "error": 0,
        "empty": 0,
    }


def test_scores_are_kept_for_each_family(tmp_path: Path, suite: Suite) -> None:
    results = run(tmp_path, draw(suite), suite)
    files = sorted(path.name for path in (tmp_path / "run" / "scores").iterdir())
    assert files == ["lexical@3.parquet", "quality@1.parquet", "text@4.parquet"]
    table = pq.read_table(tmp_path / "run" / "scores" / "quality@1.parquet").to_pandas()
    valid = table[(table.metric == "oracle_valid") & (table.temperature == 1.0)]
    assert len(valid) == 30
    assert valid.value.mean() == pytest.approx(overall(results["estimates"], "oracle_valid"))
    assert valid.sample_id.is_unique


def test_error_rows_are_counted_and_leave_nulls(tmp_path: Path, suite: Suite) -> None:
    samples = draw(suite)
    first = samples[0]
    samples = [
        replace(s, status="error", text="", error="lost")
        if (s.query, s.persona, s.temperature) == (first.query, first.persona, first.temperature)
        else s
        for s in samples
    ]
    results = run(tmp_path, samples, suite)
    assert results["counts"][0]["error"] == 2
    table = pq.read_table(tmp_path / "run" / "scores" / "lexical@3.parquet").to_pylist()
    (row,) = (r for r in table if r["metric"] == "self_bleu_1" and r["value"] is None)
    assert row["reason"] == "fewer than 2 replies with text"
    estimate = next(e for e in results["estimates"] if e["metric"] == "self_bleu_1")
    assert (estimate["undefined"], estimate["n"]) == (1, 5)


def test_truth_is_beyond_the_collapsed_run(tmp_path: Path, suite: Suite) -> None:
    results = run(tmp_path, draw(suite, k=4, cross=1.0, within=0.6), suite)
    truth = results["truth"]["persona"]
    assert overall(truth, "cs_self_bleu_4") < overall(results["estimates"], "cs_self_bleu_4")
    assert overall(truth, "distinct_2") > overall(results["estimates"], "distinct_2")
    assert overall(truth, "oracle_valid") == 1.0
    assert {e["temperature"] for e in truth} == {1.0}


def test_truth_is_drawn_once(tmp_path: Path, suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = draw(suite)
    first = run(tmp_path, samples, suite)
    monkeypatch.delattr(
        "sfr_eval.pipeline.reference.WorldSampler"
    )  # a second drawing would be an error
    assert run(tmp_path, samples, suite) == first
    for other in (draw(suite, limit=4), draw(suite, k=3)):  # other prompts or k: another truth
        with pytest.raises(NameError):
            run(tmp_path, other, suite)


def test_model_of_another_world_has_neither_oracle_nor_truth(tmp_path: Path, suite: Suite) -> None:
    results = run(tmp_path, draw(suite), suite, world=None)
    assert "truth" not in results
    assert "oracle_valid" not in results["signatures"]


def test_families_of_the_suite_with_the_encoder(tmp_path: Path, suite: Suite) -> None:
    stages: set[str] = set()
    with RunFolder(tmp_path / "run") as opened:
        results = module.measure(
            draw(suite, limit=2),
            [suite],
            folder=opened,
            manifest=Manifest(world="persona"),
            settings=ScoreSettings(metrics=None),
            cache=tmp_path / "cache",
            on_progress=lambda what, done, total: stages.add(what),
        ).stored()
    json.dumps(results, allow_nan=False)
    assert {"embed_distance", "style_strength", "length"} <= set(results["signatures"])
    similarity = results["similarity"]["persona"]
    assert set(similarity) == {"0.7", "1"}
    assert len(similarity["1"]["matrix"]) == 3
    assert results["notes"]["style_accuracy"]["persona"]["held_out_accuracy"] > 0.5
    assert {"encode", "score persona semantic"} <= stages


def test_no_sample_at_all(tmp_path: Path, suite: Suite) -> None:
    results = run(tmp_path, [], suite)
    assert (results["estimates"], results["counts"]) == ([], [])


def test_unknown_family_is_a_user_error(tmp_path: Path, suite: Suite) -> None:
    with pytest.raises(UserError, match="did you mean `style`"):
        run(tmp_path, draw(suite), suite, families=("styles",))
    named = replace(suite, spec=suite.spec.model_copy(update={"metrics": ("txt",)}))
    with pytest.raises(UserError, match=r"suite\.yaml: metrics: txt: .* did you mean `text`"):
        run(tmp_path, draw(suite), named, families=None)


def test_the_tokenizer_is_in_every_signature_and_in_the_truth(tmp_path: Path, suite: Suite) -> None:
    with RunFolder(tmp_path / "run") as opened:
        results = module.measure(
            draw(suite),
            [suite],
            folder=opened,
            manifest=Manifest(world="persona"),
            settings=ScoreSettings(
                metrics=("lexical",), tokenizer="characters-v1", token_window=20
            ),
            cache=tmp_path / "cache",
        ).stored()
    wanted = (
        "distinct_2|version:3|tokenizer:characters-v1|token_window:20|text:nfc-visible-plain-v1|n:2"
    )
    for estimates in (results["estimates"], results["truth"]["persona"]):
        found = {e["signature"] for e in estimates if e["metric"] == "distinct_2"}
        assert found == {wanted}


def test_personas_without_labelled_replies_are_said_before_sampling(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text('{"persona": "pirate", "text": "Arr."}\n')
    suite = load_suite("persona", personas=("pirate", "butler"))
    check_style_data(ScoreSettings(style_data=file, metrics=("style",)), [suite])
    assert "holds no replies of butler: style is not measured of them" in capsys.readouterr().err
