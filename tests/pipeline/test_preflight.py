"""pytest tests/pipeline/test_preflight.py: what is refused before anything is drawn."""

import errno
import os
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.pipeline.run import execute
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.run_folder import RunFolder
from tests.support.small_runs import PROMPTS, config, manifest, rows

pytestmark = pytest.mark.usefixtures("no_scoring")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"model": "world:cross=0.4"}, "model: world:cross=0.3"),
        # Equal in six digits is not equal.
        ({"model": "world:cross=0.30000001"}, "model: world:cross=0.3"),
        ({"seed": 1}, "seed: 0 there, 1 here"),
        ({"max_tokens": 7}, "sampling.persona.max_tokens: 96 there, 7 here"),
    ],
)
def test_a_folder_of_another_plan_is_refused_by_its_difference(
    tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    execute(config(tmp_path / "run"))
    before = {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()}
    with pytest.raises(UserError, match="holds a run of another plan") as caught:
        execute(config(tmp_path / "run", **changes))
    assert named in str(caught.value)
    after = {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()}
    assert after == before


def test_other_data_in_the_suite_is_another_plan(tmp_path: Path, copied_assets: Any) -> None:
    suite = copied_assets()
    execute(config(tmp_path / "run"))
    cards = suite / "personas.yaml"
    cards.write_text(cards.read_text().replace("pirate", "pirate", 1) + "\n# touched\n")
    with pytest.raises(UserError, match=r"another plan \(suites.persona: 1\+"):
        execute(config(tmp_path / "run"))


def test_samples_without_a_manifest_are_not_touched(tmp_path: Path) -> None:
    execute(config(tmp_path / "run"))
    (tmp_path / "run" / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"holds samples but no manifest\.json"):
        execute(config(tmp_path / "run"))
    assert rows(tmp_path / "run") == 2 * PROMPTS


Usage = namedtuple("Usage", "total used free")


def test_a_full_disk_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 1_000))
    with pytest.raises(UserError, match=r"--output .*: the disk is full: 0\.0 MB free"):
        execute(config(tmp_path / "deep" / "run"))
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    for place in (file, file / "run", tmp_path / ("n" * 300)):
        with pytest.raises(UserError, match=r"--output .*: cannot be written") as caught:
            execute(config(place))
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="--output /proc/nowhere"):
        execute(config(Path("/proc/nowhere/run")))
    assert file.read_text() == "in the way"
    assert list(tmp_path.iterdir()) == [file]


def test_a_place_that_may_not_even_be_looked_at_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path.stat

    def stat(self: Path, **options: Any) -> os.stat_result:
        if self.is_relative_to(tmp_path / "locked" / "x"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))
        return whole(self, **options)

    monkeypatch.setattr(Path, "stat", stat)  # root, who runs CI, may look everywhere
    with pytest.raises(UserError, match="cannot be written"):
        execute(config(tmp_path / "locked" / "x" / "run"))


def test_two_runs_that_start_together_do_not_delete_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other makes and locks the folder after this one saw that it was not there."""
    other = RunFolder(tmp_path / "run")

    def start_other(*_: object) -> None:
        other.__enter__()
        other.write_manifest(Manifest(status="running"))

    monkeypatch.setattr("sfr_eval.pipeline.preflight.check_space", start_other)
    with pytest.raises(UserError, match="another sfr-eval is writing here"):
        execute(config(tmp_path / "run"))
    assert manifest(tmp_path / "run") == {"format": 1, "status": "running"}
    other.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"suite": ("persona", "persona")}, "the same suite is named twice"),
        ({"metrics": ("txet",)}, "did you mean `text`"),
        ({"personas": ("pirat",)}, "did you mean `pirate`"),
        ({"engine": "vllm"}, "belong together"),
        ({"sampling": "model"}, r"has no generation_config\.json"),
        ({"temperatures": (0.0, 1.0)}, "greedy decoding gives 2 copies"),
    ],
)
def test_what_is_wrong_is_found_before_a_folder_is_made(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        execute(config(tmp_path / "run", **changes))
    assert list(tmp_path.iterdir()) == []
