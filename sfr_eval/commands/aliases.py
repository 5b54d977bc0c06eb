"""Names that other tools use for our settings, in one table each."""

from collections.abc import Mapping, Sequence
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.util.progress import log

SAME = {
    "tasks": "suite",
    "task": "suite",
    "num-samples": "samples",
    "n-samples": "samples",
    "num-return-sequences": "samples",
    "epochs": "samples",
    "temperature": "temperatures",
    "max-new-tokens": "max-tokens",
    "max-gen-toks": "max-tokens",
    "output-path": "output",
    "output-dir": "output",
    "model-name": "model",
    "model-path": "model",
    "model-name-or-path": "model",
    "model-base-url": "base-url",
    "api-base": "base-url",
    "tensor-parallel-size": "tensor-parallel",
    "tp": "tensor-parallel",
    "tp-size": "tensor-parallel",
    "data-parallel-size": "replicas",
    "dp": "replicas",
    "dp-size": "replicas",
    "num-concurrent": "concurrency",
    "max-connections": "concurrency",
    "max-concurrency": "concurrency",
    "output-folder": "output",
    "benchmark": "suite",
    "eval": "suite",
    "prompt-file": "prompts",
    "backend": "engine",
    "torch-dtype": "dtype",
    "max-length": "max-model-len",
    "context-length": "max-model-len",
    "random-seed": "seed",
    "num-prompts": "limit",
    "max-samples": "limit",
}
"""Another name -> our option, with the same values."""

NOTED = {
    "log-samples": "samples are always kept",
    "apply-chat-template": "the chat template is always applied, unless a run is asked for without",
    "batch-size": "the engine batches by itself; --engine-args max_num_seqs=N bounds it",
    "max-batch-size": "the engine batches by itself; --engine-args max_num_seqs=N bounds it",
    "device": "the engine takes the GPUs that CUDA_VISIBLE_DEVICES shows",
    "quiet": "only results go to stdout; 2>/dev/null hides the rest",
    "silent": "only results go to stdout; 2>/dev/null hides the rest",
    "verbosity": "--verbose shows what engines and libraries print",
    "write-out": "samples are always kept",
    "use-cache": "a run resumes by itself, and embeddings are always cached",
    "resume": "the same command always resumes",
}
"""Accepted, with a word on why it does nothing."""
_FLAGS = {
    "log-samples",
    "apply-chat-template",
    "quiet",
    "silent",
    "write-out",
    "use-cache",
    "resume",
}
"""Of these, those that may stand without a value."""

REFUSED = {
    "device-map": "--tensor-parallel spreads a model over GPUs",
    "hf-token": "set HF_TOKEN in the environment; keys are never options, which are recorded",
    "token": "set HF_TOKEN in the environment; keys are never options, which are recorded",
    "api-key": "set OPENAI_API_KEY in the environment; keys are never options, which are recorded",
    "model-args": "give --model, --dtype and --max-model-len; --engine-args takes all others",
    "peft": "name the adapter's folder as --model",
    "lora": "name the adapter's folder as --model",
    "lora-path": "name the adapter's folder as --model",
    "num-fewshot": "the messages of a suite's queries hold its examples",
    "system-instruction": "a suite of your own holds the system message",
    "greedy": "give --temperatures 0 --samples 1",
    "do-sample": "give --temperatures 0 --samples 1 for greedy decoding",
}
"""Refused, with what to do instead."""

GENERATION = {
    "temperature": "temperatures",
    "max_gen_toks": "max_tokens",
    "max_new_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "until": "stop",
    "stop_sequences": "stop",
    "n": "samples",
    "num_return_sequences": "samples",
}
"""Field of --gen-kwargs -> our setting; all others keep their names."""


def expanded(arguments: Sequence[str], options: set[str]) -> tuple[list[str], dict[str, str]]:
    """Return a command line in our own names, and the values of `gen-kwargs` and `revision`, which
    have no option. `options` are those of the command, which are left alone. Raises UserError for a
    name that is known and refused."""
    rest: list[str] = []
    special: dict[str, str] = {}
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            return [*rest, word, *waiting], special
        typed, separator, value = word.partition("=")
        name = typed.removeprefix("--").replace("_", "-").lower()
        if not typed.startswith("--") or name in options:
            rest.append(word)
        elif name == "num-fewshot" and (value or "".join(waiting[:1])) == "0":
            waiting = waiting if separator else waiting[1:]  # as it always is
        elif name in REFUSED:
            raise UserError(f"{typed}: {REFUSED[name]}")
        elif name in SAME:
            rest.append(f"--{SAME[name]}{separator}{value}")
        elif name in NOTED:
            log(f"{typed}: {NOTED[name]}")
            bare = name in _FLAGS and (not waiting or waiting[0].startswith("-"))
            if not separator and not bare and waiting:
                waiting.pop(0)
        elif name in ("gen-kwargs", "revision"):
            if not separator and not waiting:
                raise UserError(f"{typed}: needs a value")
            value = value if separator else waiting.pop(0)
            special[name] = f"{special[name]},{value}" if name in special else value
        else:
            rest.append(word)
    return rest, special


def generation_settings(text: str) -> dict[str, Any]:
    """Return the settings that --gen-kwargs states, as `name=value,...` or JSON."""
    from sfr_eval.util.assignments import read_assignments

    try:
        fields = read_assignments(text)
    except ValueError as error:
        raise UserError(f"--gen-kwargs: {error}") from None
    sampled = fields.pop("do_sample", None)
    if not isinstance(sampled, bool | None):
        raise UserError(f"--gen-kwargs do_sample={sampled}: write true or false")
    if sampled is False:
        fields["temperature"] = 0
    settings: dict[str, Any] = {}
    for field, value in fields.items():
        name = GENERATION.get(field, field)
        if name in settings:
            raise UserError(f"--gen-kwargs: {name} is given twice")
        settings[name] = str(value) if name == "temperatures" else value
    return settings


def with_revision(model: Any, revision: str) -> str:
    """Return `model@revision`. Raises UserError without a model, or if it has another revision."""
    if not model:
        raise UserError("--revision: needs --model")
    name, separator, stated = str(model).partition("@")
    if separator and stated != revision:
        raise UserError(f"--revision {revision}: --model {model} names another")
    return f"{name}@{revision}"


def understood(options: Mapping[str, Any] | set[str]) -> str:
    """Return a line for the help of a command with these options."""
    pairs = [f"--{name} (--{ours})" for name, ours in SAME.items() if ours in options]
    return f"Names of other tools are understood: {', '.join(pairs)}, --gen-kwargs, --revision."
