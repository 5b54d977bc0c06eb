"""pytest tests/pipeline/test_code_vllm.py: real vLLM, the grader and the report."""

from pathlib import Path

import pytest

from sfr_eval.config import RunConfig
from sfr_eval.pipeline.run import execute
from sfr_eval.store.run_folder import RunFolder

pytestmark = pytest.mark.slow


def test_a_model_that_solves_nothing_gets_a_nonzero_interval(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    pytest.importorskip("vllm")
    config = RunConfig(
        model=str(tiny_checkpoint),
        suite=("mbpp",),
        engine="vllm",
        data="small",
        samples=2,
        temperatures=(0.8,),
        max_tokens=24,
        output=tmp_path / "run",
    )
    assert execute(config).exit_code == 0
    results = RunFolder(tmp_path / "run").read_results().stored()
    found = {row["metric"]: row for row in results["estimates"]}
    for metric in ("pass_at_1", "pass_at_2"):
        assert (found[metric]["value"], found[metric]["low"]) == (0.0, 0.0)
        assert found[metric]["high"] == pytest.approx(1 - 0.025 ** (1 / 25))
        assert found[metric]["n"] == 25
    notes = results["notes"]["pass_at_1"]["mbpp"]
    assert (notes["programs"], notes["not_scored"]) == (50, 0)
    assert ">pass@k</h3>" in (tmp_path / "run" / "report.html").read_text()
