"""Why vLLM cannot serve a model, in one line.

Its engine is a process of its own, which writes traces, progress and warnings to our terminal, and
whose death reaches us as "see the stack trace above". So its output goes to a file, and the reason
is read there.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from sfr_eval.errors import UserError
from sfr_eval.models.architecture import loads_in_transformers
from sfr_eval.models.checkpoint import Checkpoint

_NOISY_LEVELS = frozenset({"DEBUG", "INFO"})
_ERROR = re.compile(r"\b((?:\w+\.)*\w*(?:Error|Exception)): (.+)")
_EMPTY_WORDS = ("EngineDeadError", "core initialization failed", "core encountered an issue")
_SHOWN = 300
_TAIL = 1 << 20  # bytes of the output that are searched


class EngineOutput:
    """What the engine and its processes print. It is shown only to those who set
    VLLM_LOGGING_LEVEL to INFO or DEBUG."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (lives with the engine)
        self._shown = os.environ.get("VLLM_LOGGING_LEVEL", "").upper() in _NOISY_LEVELS

    @contextmanager
    def captured(self) -> Iterator[None]:
        """Keep what is printed meanwhile; processes started meanwhile keep printing there."""
        if self._shown:
            yield
            return
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        saved = [os.dup(1), os.dup(2)]
        try:
            for number in (1, 2):
                os.dup2(self._file.fileno(), number)
            yield
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            for number, kept in enumerate(saved, start=1):
                os.dup2(kept, number)
                os.close(kept)

    def reason(self) -> str | None:
        """Return the last error in the output that says more than that there was one."""
        size = self._file.seek(0, os.SEEK_END)
        self._file.seek(max(0, size - _TAIL))
        return last_error(self._file.read().decode(errors="replace"))

    def close(self) -> None:
        """Drop what was printed."""
        self._file.close()


def last_error(output: str) -> str | None:
    """Return the message of the last error in an engine's output that says something."""
    reasons = [
        found
        for line in output.splitlines()
        if (found := _ERROR.search(line)) and not any(words in line for words in _EMPTY_WORDS)
    ]
    return _short(reasons[-1][2]) if reasons else None


def message(error: BaseException) -> str:
    """Return what an exception says, in one line. Pydantic's lists each problem between a headline
    and a footer that names a page."""
    problems = getattr(error, "errors", None)
    if callable(problems) and (listed := problems()):
        text = str(listed[0].get("msg", error))
        return _short(re.sub(r"^(Value error|Assertion failed), ", "", text))
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return _short(lines[-1]) if lines else type(error).__name__


def cannot_serve(checkpoint: Checkpoint, why: str, *, trust_remote_code: bool) -> str:
    """Return the line about a model that vLLM cannot serve, and what to do instead."""
    remedy = "no engine here serves it"
    if "max_model_len" in why:
        remedy = "lower --max-model-len, or leave it out"
    elif "memory" in why.lower():
        remedy = "free some, or lower --max-model-len"
    elif loads_in_transformers(checkpoint, trust_remote_code=trust_remote_code):
        remedy = "use --engine transformers"
    return f"--model {checkpoint.name}: vLLM cannot load it ({why}); {remedy}"


def check_servable(
    checkpoint: Checkpoint,
    arguments: Mapping[str, Any],
    *,
    on_cpu: bool,
    trust_remote_code: bool,
) -> None:
    """Raise UserError if vLLM's own settings refuse the model, or if its CPU build lacks what the
    model needs, which would end in a dead engine. Starts no engine."""
    output = EngineOutput()
    try:
        with output.captured():
            why = _refusal(dict(arguments), on_cpu=on_cpu)
    finally:
        output.close()
    if why is not None:
        raise UserError(cannot_serve(checkpoint, why, trust_remote_code=trust_remote_code))


def _refusal(arguments: Mapping[str, Any], *, on_cpu: bool) -> str | None:
    from vllm import EngineArgs

    try:
        engine = EngineArgs(**arguments)
        model = engine.create_model_config()
        if on_cpu:
            if model.is_attention_free or model.is_hybrid:
                return "its CPU build has no kernels for state-space models"
            from vllm.v1.attention.backends.cpu_attn import CPUAttentionBackend

            sizes = CPUAttentionBackend.get_supported_head_sizes()
            if not model.use_mla and model.get_head_size() not in sizes:
                shown = ", ".join(map(str, sizes))
                return f"head size {model.get_head_size()}; its CPU build has {shown}"
        engine.create_engine_config()
    except (ValueError, AssertionError, ImportError, OSError, KeyError) as error:
        return message(error)
    return None


def _short(text: str) -> str:
    text = re.split(r" Supported architectures:", " ".join(text.split()))[0].rstrip(".,; ")
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
