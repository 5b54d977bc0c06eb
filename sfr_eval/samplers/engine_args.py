"""`--engine-args`: arguments of vLLM's EngineArgs that have no setting of their own.

They are checked by name without importing vLLM, which takes long. Those that can change answers
belong to the run's identity, and that is every one that is not known to be harmless.
"""

import ast
import importlib.util
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError, did_you_mean

_SETTINGS = {
    "model": "--model",
    "tokenizer": "--model",
    "revision": "--model ID@REVISION",
    "tokenizer_revision": "--model ID@REVISION",
    "code_revision": "--model ID@REVISION",
    "dtype": "--dtype",
    "max_model_len": "--max-model-len",
    "tensor_parallel_size": "--tensor-parallel",
    "data_parallel_size": "--replicas",
    "gpu_memory_utilization": "--gpu-memory-utilization",
    "trust_remote_code": "--trust-remote-code",
    "seed": "--seed",
    "model_weights": "--model",
    "hf_config_path": "--model",
    "hf_token": "the environment variable HF_TOKEN",
}
"""What has a setting."""

_OURS = {
    "generation_config": "no default of the checkpoint may fill a sampling field",
    "override_generation_config": "no default of the checkpoint may fill a sampling field",
    "logits_processors": "draws would no longer be those of the model",
    "skip_tokenizer_init": "replies would have no text",
    "runner": "only generation is measured",
    "convert": "only generation is measured",
    "enable_lora": "name the adapter's folder as --model",
    "max_lora_rank": "name the adapter's folder as --model",
    "disable_log_stats": "nothing reads them",
    "served_model_name": "nobody asks for it",
}
"""What may not be given, and why."""

_PREFIXES = {"data_parallel": "use --replicas", "lora": "name the adapter's folder as --model"}

_HARMLESS = frozenset(
    {
        *("max_num_seqs", "max_num_batched_tokens", "max_num_partial_prefills"),
        *("max_long_partial_prefills", "long_prefill_token_threshold", "enable_prefix_caching"),
        *("prefix_caching_hash_algo", "enable_chunked_prefill", "enforce_eager", "block_size"),
        *("pipeline_parallel_size", "distributed_executor_backend", "disable_custom_all_reduce"),
        *("max_parallel_loading_workers", "download_dir", "use_tqdm_on_load", "cpu_offload_gb"),
        *("swap_space", "num_gpu_blocks_override", "kv_cache_memory_bytes", "num_lookahead_slots"),
        *("compilation_config", "cudagraph_capture_sizes", "max_cudagraph_capture_size"),
        *("scheduling_policy", "async_scheduling", "disable_cascade_attn", "enable_sleep_mode"),
        *("ray_workers_use_nsight", "worker_cls", "optimization_level", "performance_mode"),
        *("enable_log_requests", "log_stats", "collect_detailed_traces", "otlp_traces_endpoint"),
    }
)
"""How the work is arranged, which changes answers no more than another batch size."""


def check_engine_args(arguments: Mapping[str, Any]) -> None:
    """Raise UserError for an argument that vLLM does not have, or that is ours to set."""
    known = _names()
    for name in arguments:
        if name in _SETTINGS:
            raise UserError(f"--engine-args {name}: use {_SETTINGS[name]}")
        if name in _OURS:
            raise UserError(f"--engine-args {name}: may not be given: {_OURS[name]}")
        for prefix, remedy in _PREFIXES.items():
            if name.startswith(prefix):
                raise UserError(f"--engine-args {name}: may not be given: {remedy}")
        if known and name not in known:
            near = did_you_mean(name, known - set(_SETTINGS) - set(_OURS))
            if near.startswith("known"):  # some 200 names
                near = "see the fields of vLLM's EngineArgs"
            raise UserError(f"--engine-args: vLLM has no argument `{name}`; {near}")


def identifying(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that can change answers."""
    return {name: value for name, value in arguments.items() if name not in _HARMLESS}


@cache
def _names() -> frozenset[str]:
    """The fields of the installed vLLM's EngineArgs; empty if its source cannot be read, and vLLM
    then refuses a wrong name itself."""
    spec = importlib.util.find_spec("vllm")
    folders = (spec.submodule_search_locations if spec else None) or ()
    for folder in folders:
        try:
            tree = ast.parse((Path(folder) / "engine" / "arg_utils.py").read_text("utf-8"))
        except (OSError, SyntaxError, ValueError):
            continue
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name == "EngineArgs":
                fields = [part.target for part in node.body if isinstance(part, ast.AnnAssign)]
                return frozenset(field.id for field in fields if isinstance(field, ast.Name))
    return frozenset()
