"""pytest tests/store/test_manifest.py"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import sfr_eval as se
from sfr_eval.errors import UserError
from sfr_eval.formats.export import export
from sfr_eval.pipeline.score import score
from sfr_eval.report.report import write_report
from sfr_eval.store.manifest import Manifest, StoredConfig
from sfr_eval.store.results import Results
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.suite import load_suite

OLD = Path(__file__).parent / "run_of_0_1"
"""As 0.1.0 wrote it: `sfr-eval run --model world:cross=0.3 --suite persona --limit 2 --samples 2
--temperatures 0.7,1.0 --personas pirate,butler --metrics text,quality`, without its report."""
NOT_IN_EARLY_FOLDERS = ("world_queries", "shard", "thinking", "versions", "platform", "sealed")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return Path(shutil.copytree(OLD, tmp_path / "old"))


def edit(folder: Path, **changes: Any) -> None:
    file = folder / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_what_was_read_is_written_back_key_by_key(old: Path) -> None:
    files = [old / "manifest.json", old / "results.json"]
    before = [json.loads(file.read_text()) for file in files]
    Manifest.load(old).save(old)
    Results.load(old).save(old)
    assert [json.loads(file.read_text()) for file in files] == before


@pytest.mark.parametrize("missing", [(), NOT_IN_EARLY_FOLDERS])
def test_a_folder_of_0_1_opens_everywhere(old: Path, missing: tuple[str, ...]) -> None:
    kept = json.loads((old / "manifest.json").read_text())
    kept = {key: value for key, value in kept.items() if key not in missing}
    (old / "manifest.json").write_text(json.dumps(kept))
    manifest = Manifest.load(old)
    assert (manifest.model.kind, manifest.identity.seed, manifest.config.limit) == ("world", 0, 2)
    assert [part.requests for part in manifest.plan] == [16]
    results = Results.load(old)
    assert {row.metric for row in results.estimates} >= {"length", "oracle_valid"}
    assert set(results.reference) == {"persona"}
    assert "oracle_valid" in write_report(RunFolder(old)).read_text(encoding="utf-8")
    assert export(old, format="csv")
    assert not se.compare(old, old).pairs[0].mismatches
    assert se.load(old).manifest == kept


def test_a_folder_of_0_1_is_scored_again_with_equal_values(old: Path) -> None:
    """Versions and intervals are those of today."""

    def values(results: Results) -> set[tuple[object, ...]]:
        return {(row.metric, row.temperature, row.persona, row.value) for row in results.estimates}

    version = load_suite("persona").version  # that of 0.1 held the whole of suite.yaml
    plan = json.loads((old / "manifest.json").read_text())["plan"]
    identity = json.loads((old / "manifest.json").read_text())["identity"]
    suites = {"suites": {"persona": version}}
    edit(old, plan=[{**plan[0], "version": version}], identity={**identity, **suites})
    before = Results.load(old)
    score(RunFolder(old), {"metrics": ("text",)})
    after = Results.load(old)
    assert values(after) == values(before)
    assert after.counts == before.counts


def test_keys_of_a_newer_version_are_kept_and_written_back(old: Path) -> None:
    stored = json.loads((old / "manifest.json").read_text())
    edit(old, licence="MIT", config={**stored["config"], "new_setting": 3})
    manifest = Manifest.load(old)
    manifest.model_copy(update={"status": "complete"}).save(old)
    written = json.loads((old / "manifest.json").read_text())
    assert (written["licence"], written["config"]["new_setting"]) == ("MIT", 3)
    assert written["status"] == "complete"


def test_a_manifest_of_another_format_is_refused_in_one_line(old: Path) -> None:
    edit(old, format=2)
    with pytest.raises(UserError, match=r"manifest\.json: not a run of this version of sfr-eval"):
        Manifest.load(old)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"plan": [{"suite": "../evil"}]}, r"plan\.0\.suite: is not the id of a suite"),
        ({"status": "finished"}, r"status: .*'running', 'complete' or 'partial'.*finished"),
        ({"config": {"limit": "few"}}, r"config\.limit.*: needs a whole number"),
        ({"identity": ["seed"]}, r"identity: needs a mapping"),
        ({"name": "half \ud83d"}, "half of a surrogate pair"),
        ({"identity": {"max_tokens": float("inf")}}, "a number that is not finite"),
    ],
)
def test_a_wrong_field_is_named_in_one_line(old: Path, changes: dict[str, Any], says: str) -> None:
    edit(old, **changes)
    with pytest.raises(UserError, match=says) as caught:
        Manifest.load(old)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_manifest_is_not_a_run_folder(tmp_path: Path) -> None:
    assert Manifest.find(tmp_path) is None
    with pytest.raises(UserError, match=r"no manifest\.json; not a run folder"):
        Manifest.load(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file, not a run folder"):
        Manifest.load(tmp_path / "file")


def test_only_what_was_set_is_stored() -> None:
    manifest = Manifest(name="m", config=StoredConfig(limit=None))
    assert manifest.stored() == {"name": "m", "config": {"limit": None}}
    assert Manifest.model_validate({"name": "m"}) == Manifest(name="m")
    kept = Manifest(name="n").keeping(manifest, "name", "judging")
    assert kept.stored() == {"name": "m"}
