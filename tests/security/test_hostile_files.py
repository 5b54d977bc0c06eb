"""pytest tests/security/test_hostile_files.py: names that lead elsewhere, places open to others."""

import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from sfr_eval.errors import UserError
from sfr_eval.judges.rubric import load_judge
from sfr_eval.metrics.families import load_family
from sfr_eval.models.checkpoint import resolve
from sfr_eval.suites.spec import SuiteSpec
from sfr_eval.suites.suite import load_suite
from sfr_eval.util.assets import cache_open_to_others, find_suite
from sfr_eval.util.files import atomic_path, scratch_folder, write_atomic
from sfr_eval.util.reading import read_yaml_mapping
from tests.support.hostile_suite import make_suite

# Names that lead elsewhere

ELSEWHERE = [
    "../x",
    "/etc",
    "..",
    ".",
    "a/b",
    "a\\b",
    "a\0b",
    "A",
    "a b",
    "a\n",
    "-a",
    "",
    "a" * 101,
]


@pytest.mark.parametrize("name", ELSEWHERE, ids=repr)
def test_an_id_of_a_suite_is_no_path(name: str, tmp_path: Path) -> None:
    folder = make_suite(tmp_path / "own")
    fields = read_yaml_mapping(folder / "suite.yaml")
    (folder / "suite.yaml").write_text(json.dumps({**fields, "id": name}))
    with pytest.raises(UserError, match="id: "):
        load_suite(str(folder))


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "a\0b", "A", "a b", "a\n", "", "a" * 101])
def test_an_id_of_a_persona_is_no_path(name: str, tmp_path: Path) -> None:
    folder = make_suite(tmp_path / "own")
    card = {"id": name, "name": "A", "system": "Be A."}
    (folder / "c.yaml").write_text(json.dumps({"personas": [card]}))
    with pytest.raises(UserError, match="id: "):
        load_suite(str(folder))


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "a\0b", "a b", "a\n", "", "a" * 201])
def test_an_id_of_a_query_is_no_path(name: str, tmp_path: Path) -> None:
    folder = make_suite(tmp_path / "own")
    (folder / "q.jsonl").write_text(json.dumps({"id": name, "text": "What?"}))
    with pytest.raises(UserError, match=r"q.jsonl:1: id: "):
        load_suite(str(folder))


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "link.jsonl", "up/secret"])
@pytest.mark.parametrize("field", ["queries", "cards"])
def test_data_of_a_suite_lie_inside_of_it(field: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('{"id": "a", "text": "secret"}')
    folder = make_suite(tmp_path / "own", **{field: name})  # type: ignore[arg-type]
    (folder / "link.jsonl").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to(tmp_path)
    with pytest.raises(UserError, match="lies outside the suite's folder"):
        load_suite(str(folder))


def test_a_link_that_a_suite_does_not_name_is_refused_too(tmp_path: Path) -> None:
    folder = make_suite(tmp_path / "own")
    load_suite(str(folder))
    (tmp_path / "secret").write_text("secret")
    (folder / "more.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match=r"more.txt: lies outside"):
        load_suite(str(folder))


@pytest.mark.parametrize("name", ["../persona", "persona/../persona", "../../etc", "\0", "~", ""])
def test_names_of_assets_are_looked_up_and_never_joined(name: str) -> None:
    with pytest.raises(UserError):
        find_suite(name)
    with pytest.raises(UserError):
        load_judge(name)
    with pytest.raises(UserError):
        load_family(name)


def test_a_family_of_metrics_is_no_module_to_import() -> None:
    with pytest.raises(UserError, match="unknown"):
        load_family("os:system")
    assert SuiteSpec.model_fields["metrics"]


@pytest.mark.parametrize("model", ["..", "../..", "/", "a/../../b", "x" * 300, "a\nb", "world:"])
def test_the_name_of_a_run_folder_is_one_plain_part_of_a_path(model: str) -> None:
    from sfr_eval.models.checkpoint import Checkpoint

    name = Checkpoint(name=model, kind="served", fingerprint="x").short_name
    assert Path(name).parts == (name,)
    assert name not in ("", ".", "..")
    assert "\n" not in name


@pytest.mark.parametrize("shard", ["../other.safetensors", "/tmp/x.safetensors", 3])
def test_an_index_names_no_weights_outside_of_the_fingerprint(
    shard: object, checkpoint: Path
) -> None:
    shutil.copy(checkpoint / "model.safetensors", checkpoint.parent / "other.safetensors")
    index = {"weight_map": {"a": shard, "b": "model.safetensors"}}
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match=r"index\.json"):
        resolve(str(checkpoint))


def test_an_adapter_that_names_itself_as_base_ends(tmp_path: Path) -> None:
    config = {"base_model_name_or_path": str(tmp_path)}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="is itself an adapter"):
        resolve(str(tmp_path))
    config["base_model_name_or_path"] = "world:cross=0.3"
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="has no weights"):
        resolve(str(tmp_path))


# Places that others can write to


def test_a_cache_that_others_can_write_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFR_EVAL_CACHE", str(tmp_path / "cache"))
    assert cache_open_to_others() is None  # not there yet
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o755)
    assert cache_open_to_others() is None
    (tmp_path / "cache").chmod(0o777)
    said = cache_open_to_others()
    assert said is not None
    assert "every user of this machine can write to it" in said
    (tmp_path / "cache").chmod(0o1777)  # the sticky bit keeps files, but new ones can be planted
    assert cache_open_to_others() is not None


def test_temporary_names_are_random_and_modes_follow_the_umask(tmp_path: Path) -> None:
    names = set()
    before = os.umask(0o077)
    try:
        for _ in range(3):
            with atomic_path(tmp_path / "x.json") as temporary:
                names.add(temporary.name)
                assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "x.json").stat().st_mode) == 0o600
        folders = {scratch_folder(tmp_path / "hidden") for _ in range(3)}
        assert all(stat.S_IMODE(folder.stat().st_mode) == 0o700 for folder in folders)
        os.umask(0o022)
        write_atomic(tmp_path / "y.json", "{}")
        assert stat.S_IMODE((tmp_path / "y.json").stat().st_mode) == 0o644
    finally:
        os.umask(before)
    assert len(names) == len(folders) == 3


def test_writing_replaces_a_link_and_never_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("kept")
    (tmp_path / "x.json").symlink_to(tmp_path / "victim")
    write_atomic(tmp_path / "x.json", "new")
    assert (tmp_path / "victim").read_text() == "kept"
    assert not (tmp_path / "x.json").is_symlink()
