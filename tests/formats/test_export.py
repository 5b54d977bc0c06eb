"""What is exported and imported again is what it was."""

from pathlib import Path

import pytest

from sfr_eval.formats.export import export
from sfr_eval.formats.read.folder import foreign_files, import_generations
from sfr_eval.pipeline.score import score_paths
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.run_folder import RunFolder


@pytest.mark.parametrize("kind", ["jsonl", "lm-eval", "inspect"])
def test_texts_statuses_temperatures_and_k_survive(run: Path, tmp_path: Path, kind: str) -> None:
    if kind == "inspect":
        pytest.importorskip("inspect_ai")
    export(run, format=kind, output=tmp_path / "out")
    files = foreign_files([tmp_path / "out"])
    assert len(files) == (1 if kind == "jsonl" else 2)
    folder, _ = import_generations(files, suite=None, output=tmp_path / "back")
    assert folder.sealed_samples() == RunFolder(run).sealed_samples()
    manifest, old = Manifest.load(folder.path), Manifest.load(run)
    # An import carries no version of what drew it, so a truth is never assumed.
    assert manifest.world is None
    assert manifest.plan == old.plan
    if kind != "jsonl":
        assert manifest.identity.sampling == old.identity.sampling
        assert manifest.identity.seed == old.identity.seed
        assert manifest.imported.origin["fingerprint"] == old.model.fingerprint
    (missing,) = manifest.imported.warnings  # the run was of a few queries, too
    assert missing.startswith("Only 4 of the 148 queries of suite persona have replies, ")


def test_scored_again_the_numbers_are_the_same(run: Path, tmp_path: Path) -> None:
    export(run, format="jsonl", output=tmp_path / "out")
    scored = score_paths(
        [tmp_path / "out" / "samples_persona.jsonl"],
        {"metrics": ("text", "lexical")},
        output=tmp_path / "back",
    )
    assert scored.trouble == []
    assert scored.report.exists()

    def estimates(path: Path) -> list[dict[str, object]]:
        rows = RunFolder(path).read_results().stored()["estimates"]
        return [row for row in rows if not row["metric"].startswith(("oracle", "distinct_valid"))]

    assert estimates(scored.folder) == estimates(run)
