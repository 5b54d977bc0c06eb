"""pytest tests/samplers/test_vllm_failures.py"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError, model_validator

from sfr_eval.errors import UserError
from sfr_eval.models.checkpoint import Checkpoint, resolve
from sfr_eval.samplers.vllm_failures import (
    EngineOutput,
    cannot_serve,
    last_error,
    message,
)
from tests.support.tiny_models import tiny_model

DEATH = """\
(EngineCore pid=1) INFO 11-30 14:49:12 [core.py:1] loading
(Worker pid=2) ERROR 11-30 14:49:12 [worker.py:5] RuntimeError: Unsupported head_dim=8
(EngineCore pid=1) ERROR 11-30 14:49:12 [core.py:9] Traceback (most recent call last):
(EngineCore pid=1) ERROR 11-30 14:49:12 [core.py:9] vllm.exceptions.EngineDeadError: see above
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""


def test_the_last_error_that_says_something_is_the_reason() -> None:
    assert last_error(DEATH) == "Unsupported head_dim=8"
    assert last_error("torch.OutOfMemoryError: CUDA out of memory. Tried 2 GiB") == (
        "CUDA out of memory. Tried 2 GiB"
    )
    assert last_error("nothing\nto see") is None
    assert last_error("ValueError: " + "x" * 1000) == "x" * 297 + "..."


class Model(BaseModel):
    """Refuses as vLLM's settings do."""

    name: str

    @model_validator(mode="after")
    def check(self) -> "Model":
        raise ValueError(f"{self.name} is not supported. Supported architectures: A, B")


def test_pydantic_s_footer_is_no_reason() -> None:
    with pytest.raises(ValidationError) as caught:
        Model(name="GPTNeo")
    assert message(caught.value) == "GPTNeo is not supported"
    assert message(ValueError("first\n  last \n")) == "last"
    assert message(RuntimeError()) == "RuntimeError"


def test_what_the_engine_prints_is_kept_from_the_terminal(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VLLM_LOGGING_LEVEL", raising=False)
    output = EngineOutput()
    child = [sys.executable, "-c", "print('ValueError: of the child', flush=True)"]
    with output.captured():
        os.write(1, b"ours\n")
        os.write(2, b"and theirs\n")
        subprocess.run(child, check=True)
    os.write(1, b"after\n")
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("after\n", "")
    assert output.reason() == "of the child"
    output.close()


def test_whoever_asks_for_logs_sees_them(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_LOGGING_LEVEL", "info")
    with EngineOutput().captured():
        os.write(1, b"loading\n")
    assert capfd.readouterr().out == "loading\n"


def test_the_remedy_is_one_that_helps(tmp_path: Path) -> None:
    odd = Checkpoint(name="m", kind="folder", fingerprint="sha256:0", folder=tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "of-next-year"}')
    known = Checkpoint(name="m", kind="folder", fingerprint="sha256:0", folder=tmp_path / "gpt")
    (tmp_path / "gpt").mkdir()
    (tmp_path / "gpt" / "config.json").write_text('{"model_type": "gpt_neo"}')
    for checkpoint, why, remedy in [
        (known, "not supported", "use --engine transformers"),
        (odd, "not supported", "no engine here serves it"),
        (known, "max_model_len (9) is greater than 8", "lower --max-model-len, or leave it out"),
        (known, "No available memory for the cache", "free some, or lower --max-model-len"),
    ]:
        line = cannot_serve(checkpoint, why, trust_remote_code=False)
        assert line == f"--model m: vLLM cannot load it ({why}); {remedy}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("llama", None),
        ("gpt_neo", r"\['GPTNeoForCausalLM'\] are not supported for now\); use --engine transf"),
        ("mamba", r"its CPU build has no kernels for state-space models\); use --engine"),
        ("small_heads", r"head size 8; its CPU build has 32, 64"),
    ],
)
def test_real_models_are_refused_before_the_engine_starts(
    kind: str, says: str | None, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    from sfr_eval.samplers.vllm import check_engine, runs_on_cpu
    from sfr_eval.settings import EngineSettings

    pytest.importorskip("vllm")
    if kind in ("mamba", "small_heads") and not runs_on_cpu():
        pytest.skip("a matter of the CPU build")
    found = resolve(str(tiny_model(kind, tmp_path / kind, tokenizer=tiny_checkpoint)))
    if says is None:
        check_engine(found, EngineSettings(), longest_request=2000)  # beyond its window of 512
        with pytest.raises(UserError, match="lower --max-model-len"):
            check_engine(found, EngineSettings(max_model_len=2000), longest_request=100)
        return
    with pytest.raises(UserError, match=says) as caught:
        check_engine(found, EngineSettings(), longest_request=100)
    assert "\n" not in str(caught.value)
