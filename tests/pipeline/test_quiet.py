"""pytest tests/pipeline/test_quiet.py: what a run with a real engine leaves on the terminal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_a_run_with_vllm_prints_only_our_lines(tiny_checkpoint: Path, tmp_path: Path) -> None:
    line = f"run --model {tiny_checkpoint} --suite persona --limit 2 --samples 2 --metrics text"
    line += " --temperatures 1.0 --max-tokens 8 --output out"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "NO_COLOR": "1"}
    environment.pop("VLLM_LOGGING_LEVEL", None)
    ended = subprocess.run(
        [sys.executable, "-m", "sfr_eval", *line.split()],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    ours = (f"{tiny_checkpoint}: ", "sampling: ", "encoding: ", "warning: ")
    assert [x for x in ended.stderr.splitlines() if not x.startswith(ours)] == []
    foreign = ("Warning", "Triton", "NUMA", "safetensors", "INFO", "resource_tracker")
    assert not any(word in ended.stdout for word in foreign)
