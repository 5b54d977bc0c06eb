"""Why vLLM cannot serve a model, in one line.

Its engine is a process of its own, which writes traces, progress and warnings to our terminal, and
whose death reaches us as "see the stack trace above". So its output goes to a file, and the reason
is read there.
"""

import re
from collections.abc import Mapping
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.models.architecture import loads_in_transformers
from sfr_eval.models.checkpoint import Checkpoint
from sfr_eval.util.output import PrintedMeanwhile
from sfr_eval.util.reading import mistake

_ERROR = re.compile(r"\b((?:\w+\.)*\w*(?:Error|Exception)): (.+)")
_WORKER = re.compile(r"Worker failed with error '(.+)', please check the stack trace")
_EMPTY_WORDS = ("EngineDeadError", "core initialization failed", "core encountered an issue")
_SHOWN = 300


class EngineOutput(PrintedMeanwhile):
    """What the engine and its processes print. It is shown only to those who ask for it (--verbose,
    or VLLM_LOGGING_LEVEL set to INFO or DEBUG)."""

    def reason(self) -> str | None:
        """Return the last error in the output that says more than that there was one, and the file
        that holds all of it."""
        reason = last_error(self.text())
        return reason if reason is None or self.file is None else f"{reason}; see {self.file}"


def last_error(output: str) -> str | None:
    """Return the message of the last error in an engine's output that says something."""
    reasons = [
        found
        for line in output.splitlines()
        if (found := _ERROR.search(line)) and not any(words in line for words in _EMPTY_WORDS)
    ]
    if not reasons:
        return None
    inner = _WORKER.search(reasons[-1][2])
    return _short(inner[1] if inner else reasons[-1][2])


def message(error: BaseException) -> str:
    """Return what an exception says, in one line. Pydantic's lists each problem between a headline
    and a footer that names a page."""
    problems = getattr(error, "errors", None)
    if callable(problems) and (listed := problems()) and "type" in listed[0]:
        where = ".".join(map(str, listed[0].get("loc", ())))
        return _short(f"{where}: {mistake(listed[0])}" if where else mistake(listed[0]))
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
