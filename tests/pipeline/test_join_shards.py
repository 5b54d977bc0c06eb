"""pytest tests/pipeline/test_join_shards.py: shards of a plan, put together, are the run."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.config import RunConfig, Shard
from sfr_eval.errors import UserError
from sfr_eval.pipeline import run as module
from sfr_eval.pipeline.join_shards import join_folders, read_shards
from sfr_eval.pipeline.preflight import preflight
from sfr_eval.pipeline.run import execute
from sfr_eval.plan import plan_of, planned_prompts
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.suite import Suite, load_suite

QUERIES = 5


@pytest.fixture(autouse=True)
def no_scoring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "measure_and_report", lambda *_, folder, **__: folder.path / "r")


def config(output: Path, **changes: Any) -> RunConfig:
    fields: dict[str, Any] = {
        "model": "world:cross=0.3",
        "suite": ("persona",),
        "personas": ("pirate", "butler"),
        "limit": QUERIES,
        "temperatures": (0.7, 1.0),
        "samples": 2,
        "output": output,
    }
    return RunConfig(**{**fields, **changes})


def draw_shards(output: Path, of: int, **changes: Any) -> list[Path]:
    return [
        execute(config(output, shard=f"{index}/{of}", **changes)).folder
        for index in range(1, of + 1)
    ]


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite("persona", personas=("pirate", "butler"))


@settings(deadline=None)
@given(limit=st.integers(1, 148), of=st.integers(1, 20))
def test_shards_of_whole_queries_partition_the_plan_evenly(
    suite: Suite, limit: int, of: int
) -> None:
    whole = planned_prompts(suite, limit=limit, shard=None)
    if of > limit:
        with pytest.raises(UserError, match="use at most as many shards"):
            planned_prompts(suite, limit=limit, shard=Shard(1, of))
        return
    parts = [planned_prompts(suite, limit=limit, shard=Shard(i + 1, of)) for i in range(of)]
    assert sorted(p.id for part in parts for p in part) == sorted(p.id for p in whole)
    queries = [{p.query for p in part} for part in parts]
    assert sum(map(len, queries)) == limit  # no query is in two shards
    assert max(map(len, queries)) - min(map(len, queries)) <= 1


def test_shards_have_the_ids_and_seeds_of_the_whole_plan(tmp_path: Path) -> None:
    whole = preflight(config(tmp_path)).plan
    parts = [preflight(config(tmp_path, shard=f"{i}/3")).plan for i in (1, 2, 3)]
    of_parts = {r.sample_id: r for part in parts for r in part.requests()}
    assert of_parts == {r.sample_id: r for r in whole.requests()}
    assert {part.digest for part in parts} == {whole.digest}


@pytest.mark.parametrize("of", [1, 2, 3, 5])
def test_shards_put_together_have_the_bytes_of_the_unsharded_run(tmp_path: Path, of: int) -> None:
    execute(config(tmp_path / "whole"))
    folders = draw_shards(tmp_path / "x", of)
    joined = join_folders(folders[::-1], tmp_path / "x")
    for name in ("samples.parquet",):
        assert (joined / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    manifest = json.loads((joined / "manifest.json").read_text())
    direct = json.loads((tmp_path / "whole" / "manifest.json").read_text())
    for name in ("identity", "plan", "model", "status", "samples", "sealed", "shard"):
        assert manifest[name] == direct[name], name
    assert [part["folder"] for part in manifest["shards"]] == [str(path) for path in folders]


def test_a_joined_folder_leaves_out_the_same_thinking(tmp_path: Path) -> None:
    tags = {"think_tags": "<think>,</think>"}
    execute(config(tmp_path / "whole", **tags))
    joined = Manifest.load(join_folders(draw_shards(tmp_path / "x", 2, **tags), tmp_path / "x"))
    whole = Manifest.load(tmp_path / "whole")
    assert whole.thinking is not None
    assert joined.thinking == whole.thinking
    assert joined.world_queries == whole.world_queries


def test_each_shard_has_its_folder_and_is_stamped_partial(tmp_path: Path) -> None:
    first, second = draw_shards(tmp_path / "x", 2, limit=None, samples=1, temperatures=(1.0,))
    assert first == tmp_path / "x-shard-1-of-2"
    assert second.name == "x-shard-2-of-2"
    manifest = json.loads((first / "manifest.json").read_text())
    assert (manifest["status"], manifest["shard"]) == ("partial", "1/2")
    joined = json.loads(
        (join_folders([first, second], tmp_path / "x") / "manifest.json").read_text()
    )
    assert joined["status"] == "complete"
    assert Shard(3, 16).suffix == "-shard-03-of-16"


def test_a_run_can_go_on_in_the_folder_of_the_whole(tmp_path: Path) -> None:
    execute(config(tmp_path / "whole", samples=4))
    joined = join_folders(draw_shards(tmp_path / "x", 2), tmp_path / "x")
    execute(config(joined, samples=4))
    assert (joined / "samples.parquet").read_bytes() == (
        tmp_path / "whole" / "samples.parquet"
    ).read_bytes()
    rows = sum(file.read_bytes().count(b"\n") for file in (joined / "samples").glob("*.jsonl"))
    assert rows == QUERIES * 2 * 2 * 4  # nothing twice


def test_putting_together_again_changes_nothing(tmp_path: Path) -> None:
    folders = draw_shards(tmp_path / "x", 2)
    joined = join_folders(folders, tmp_path / "x")
    before = (joined / "samples.parquet").read_bytes()
    shutil.rmtree(joined / "samples")
    (joined / "samples.parquet").unlink()  # as after a crash in the middle
    assert (join_folders(folders, joined) / "samples.parquet").read_bytes() == before
    join_folders(folders, joined)
    assert len(list((joined / "samples").glob("*.jsonl"))) == 1


def test_missing_doubled_and_foreign_folders_are_named(tmp_path: Path) -> None:
    one, two, three = draw_shards(tmp_path / "x", 3)
    with pytest.raises(UserError, match="of 3 shards these are missing: 2"):
        read_shards([three, one])
    copy = Path(shutil.copytree(two, tmp_path / "copy"))
    with pytest.raises(UserError, match=r"copy: shard 2/3 is in .*x-shard-2-of-3, too"):
        read_shards([one, two, copy, three])
    execute(config(tmp_path / "whole"))
    with pytest.raises(UserError, match="whole: is not a shard"):
        read_shards([one, tmp_path / "whole"])
    with pytest.raises(UserError, match="nowhere: no such folder"):
        read_shards([one, tmp_path / "nowhere"])
    with pytest.raises(UserError, match="name it with --output"):
        join_folders([one, two, three], None)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seed": 1}, "seed: 0 there, 1 here"),
        ({"model": "world:cross=0.4"}, "model: world:cross=0.3"),
        ({"samples": 3}, "plan.persona.samples: 2 there, 3 here"),
        ({"temperatures": (0.7,)}, "plan.persona.temperatures"),
        ({"limit": 4}, "limit: 5 there, 4 here"),
        ({"shard": "2/3"}, "shards: 2 there, 3 here"),
    ],
)
def test_a_shard_of_another_plan_is_refused_by_its_difference(
    tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    one = execute(config(tmp_path / "x", shard="1/2")).folder
    two = execute(config(tmp_path / "y", **{"shard": "2/2", **changes})).folder
    with pytest.raises(UserError, match="another plan") as caught:
        read_shards([one, two])
    assert named in str(caught.value)


def test_an_unfinished_shard_is_refused(tmp_path: Path) -> None:
    one, two = draw_shards(tmp_path / "x", 2)
    (two / "samples.parquet").unlink()
    with pytest.raises(UserError, match=r"x-shard-2-of-2: no samples\.parquet"):
        join_folders([one, two], tmp_path / "x")
    execute(config(tmp_path / "x", shard="2/2"))
    RunFolder(two).seal(RunFolder(two).sealed_samples()[:-3])
    manifest = json.loads((two / "manifest.json").read_text())
    del manifest["sealed"]
    (two / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match=r"x-shard-2-of-2 lack 3 of the 40 samples of their plan"):
        join_folders([one, two], tmp_path / "x")
    rows = RunFolder(two).sealed_samples()
    RunFolder(two).seal([replace(rows[0], sample_id="of another plan"), *rows[1:]])
    with pytest.raises(UserError, match=r"2-of-2: 1 of its 13 samples are not in the plan"):
        join_folders([one, two], tmp_path / "x")


def test_a_folder_of_one_shard_takes_no_other(tmp_path: Path) -> None:
    one = execute(config(tmp_path / "x", shard="1/2")).folder
    one.rename(tmp_path / "x-shard-2-of-2")
    with pytest.raises(UserError, match="shard: 1/2 there, 2/2 here"):
        execute(config(tmp_path / "x", shard="2/2"))


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "a/b", "1/0", "-1/2", "1/2/3", "\u0661/2"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write i/n|runs from 1"):
        Shard.parse(text)


def test_a_stored_plan_is_laid_out_again_without_its_model(tmp_path: Path, suite: Suite) -> None:
    folder = execute(config(tmp_path / "x")).folder
    manifest = Manifest.load(folder)
    plan = preflight(config(tmp_path / "x")).plan
    assert list(plan_of(manifest, [suite]).requests()) == list(plan.requests())
    assert [r.sample_id for r in plan_of(manifest, [suite]).requests()] == [
        row.sample_id for row in RunFolder(folder).sealed_samples()
    ]
