"""What a reader is warned of."""

import pytest

from sfr_eval.cautions import cautions
from sfr_eval.results import read_suites
from sfr_eval.store import RunFolder
from tests.report_data import write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return write_run(tmp_path_factory.mktemp("cautions") / "run")


@pytest.mark.parametrize(("read", "warned"), [(3, True), (5, False), (None, False)])
def test_queries_beyond_what_a_demo_model_has_read_are_named(
    run: RunFolder, read: int | None, warned: bool
) -> None:
    manifest = {**(run.read_manifest() or {}), "world_queries": read}
    [suite] = read_suites(manifest, run.read_results())
    lines = [line for line in cautions(suite, run.sealed_samples(), manifest) if "--limit" in line]
    assert bool(lines) == warned
    assert not warned or ("first 3 queries" in lines[0] and "5 were asked" in lines[0])
