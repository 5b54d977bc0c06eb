"""Who answers: a checkpoint, the engine that serves it, and all that is fixed before the plan."""

import hashlib
import importlib.util
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfr_eval.config import RunConfig
from sfr_eval.errors import UserError
from sfr_eval.models.checkpoint import Checkpoint, resolve
from sfr_eval.models.fingerprint import read_json_object
from sfr_eval.suites.suite import Suite
from sfr_eval.thinking import ThinkTags, declared, ends_inside, of_template
from sfr_eval.types import Request, Sampler

if TYPE_CHECKING:
    from sfr_eval.models.prompting import Prompter
    from sfr_eval.plan import Plan

ENGINES = {
    "vllm": "vLLM in process (CUDA or CPU): the default for checkpoints",
    "transformers": "transformers' generate loop: for models that vLLM cannot load",
    "openai": "any OpenAI-compatible server: --base-url http://host:port/v1, repeatable",
    "ray": "copies of vLLM on a Ray cluster: --replicas N [--ray-address auto]",
    "world": "simulator with known truth: --model world:cross=0.3,within=0.5,solve=0.4",
}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A checkpoint and how it is served. `identity` goes into every sample_id. `engine` is what
    draws, also where copies of it do so on Ray: they draw the same."""

    checkpoint: Checkpoint
    engine: str
    identity: Mapping[str, Any]
    config: RunConfig

    @cached_property
    def generation_config(self) -> dict[str, Any]:
        """The checkpoint's own sampling settings; empty if it has none."""
        folder = (self.checkpoint.base or self.checkpoint).folder
        file = folder / "generation_config.json" if folder else None
        if file is None or not file.is_file():
            if self.config.sampling == "model":
                raise UserError(
                    f"--sampling model: {self.checkpoint.name} has no generation_config.json; "
                    "use --sampling neutral"
                )
            return {}
        return read_json_object(file)

    @property
    def determinism(self) -> str:
        """`bitwise`: equal runs give equal bytes; `statistical`: equal distributions."""
        if self.engine == "world":
            return "bitwise"
        from sfr_eval.samplers.vllm import runs_on_cpu

        exact = (
            self.engine == "vllm"
            and runs_on_cpu()
            and self.identity["dtype"] == "float32"
            and self.config.tensor_parallel == 1
        )
        return "bitwise" if exact else "statistical"

    @cached_property
    def prompter(self) -> "Prompter":
        """The chat template at work; built on first use, since it imports transformers."""
        return _prompter(self.checkpoint, self.config)

    def think_tags(self, plan: "Plan") -> ThinkTags | None:
        """Which tags set thinking apart from the answer: those that were declared, else those that
        the chat template names. A server's template is not seen: there they must be declared."""
        asked = self.config.think_tags
        tags = None if asked == "auto" else declared(asked)
        if asked == "none" or self.engine in ("world", "openai"):
            return tags
        tokenizer = self.prompter.tokenizer
        if tags is None:
            tags = of_template(str(tokenizer.chat_template))
        if tags is None:
            return None
        lost = {tags.open, tags.close} & set(tokenizer.all_special_tokens)
        if lost:
            raise UserError(
                f"--model {self.checkpoint.name}: its think-tag {sorted(lost)[0]} is a special "
                "token, which is left out of texts, so that thinking and answer could not be told "
                "apart; serve it with a reasoning parser and use --base-url, or --think-tags none"
            )
        prompt = next(prompt for part in plan.suites for prompt in part.prompts)
        text = tokenizer.decode(self.prompter.token_ids(prompt.messages))
        return replace(tags, opened=tags.opened or ends_inside(text, tags))

    def check_prompts(self, plan: "Plan") -> None:
        """Put one prompt of every persona through the template; UserError if it refuses."""
        if self.engine in ("world", "openai"):  # a server applies its own template
            return
        for part in plan.suites:
            seen = {prompt.persona: prompt for prompt in part.prompts}
            for prompt in seen.values():
                self.prompter.token_ids(prompt.messages)

    def build_sampler(self, suites: Sequence[Suite], requests: Sequence[Request]) -> Sampler:
        """Start the engine for these requests."""
        if self.engine == "openai":
            return self._served()
        if self.engine == "transformers":
            from sfr_eval.samplers.transformers import TransformersSampler

            return TransformersSampler(
                self.checkpoint,
                prompter=self.prompter,
                dtype=self.config.dtype,
                max_model_len=self.config.max_model_len,
                trust_remote_code=self.config.trust_remote_code,
            )
        build: Callable[[], Sampler]
        if self.engine == "world":
            build = WorldBuilder(suites=tuple(suites), dials=self.checkpoint.dials)
        else:
            longest = max(
                len(self.prompter.token_ids(r.prompt.messages)) + r.sampling.max_tokens
                for r in requests
            )
            build = VllmBuilder(
                config=_with_absolute_paths(self.config),
                fingerprint=self.checkpoint.fingerprint,
                longest=longest,
            )
        if self.config.engine != "ray":
            return build.of(self) if isinstance(build, VllmBuilder) else build()
        from sfr_eval.samplers.ray import RaySampler
        from sfr_eval.samplers.vllm import runs_on_cpu

        on_gpus = self.engine == "vllm" and not runs_on_cpu()
        return RaySampler(
            build,
            replicas=self.config.replicas,
            gpus_per_replica=self.config.tensor_parallel if on_gpus else 0,
            address=self.config.ray_address,
            timeout_seconds=self.config.timeout,
        )

    def _served(self) -> Sampler:
        from sfr_eval.endpoints.address import subject_address, subject_key
        from sfr_eval.endpoints.limits import Prices
        from sfr_eval.samplers.openai import OpenAISampler

        config = self.config
        prices = config.prices and Prices(prompt=config.prices[0], completion=config.prices[1])
        return OpenAISampler(
            subject_address(config.model, config.base_url),
            key=subject_key(),
            concurrency=config.concurrency,
            timeout_seconds=config.timeout,
            prices=prices,
            max_cost=config.max_cost,
            system_role=config.system_role,
        )


@dataclass(frozen=True, kw_only=True)
class WorldBuilder:
    """Makes the simulator, here or in another process."""

    suites: tuple[Suite, ...]
    dials: Mapping[str, float]

    def __call__(self) -> Sampler:
        """Build it."""
        from sfr_eval.samplers.world import WorldSampler

        return WorldSampler(self.suites, dials=self.dials)


@dataclass(frozen=True, kw_only=True)
class VllmBuilder:
    """Makes a vLLM engine, on this machine or on another one that has the same checkpoint."""

    config: RunConfig  # its paths are absolute
    fingerprint: str
    longest: int  # tokens of the longest request with its answer

    def __call__(self) -> Sampler:
        """Find the checkpoint here, make sure that it is the same one, and build the engine."""
        checkpoint = resolve(self.config.model)
        if checkpoint.fingerprint != self.fingerprint:
            raise UserError(
                f"--model {self.config.model}: {socket.gethostname()} has another checkpoint "
                "under this name; copy it again, or use a shared folder"
            )
        return self._build(checkpoint, _prompter(checkpoint, self.config))

    def of(self, subject: Subject) -> Sampler:
        """Build the engine of a checkpoint that was found already."""
        return self._build(subject.checkpoint, subject.prompter)

    def _build(self, checkpoint: Checkpoint, prompter: "Prompter") -> Sampler:
        from sfr_eval.samplers.vllm import VllmSampler

        return VllmSampler(
            checkpoint,
            prompter=prompter,
            longest_request=self.longest,
            dtype=self.config.dtype,
            max_model_len=self.config.max_model_len,
            gpu_memory_utilization=self.config.gpu_memory_utilization,
            tensor_parallel=self.config.tensor_parallel,
            trust_remote_code=self.config.trust_remote_code,
        )


def _prompter(checkpoint: Checkpoint, config: RunConfig) -> "Prompter":
    from sfr_eval.models.loading import load_tokenizer
    from sfr_eval.models.prompting import Prompter

    return Prompter(
        load_tokenizer(checkpoint, trust_remote_code=config.trust_remote_code),
        name=checkpoint.name,
        system_role=config.system_role,
        chat_template=config.chat_template,
    )


def _with_absolute_paths(config: RunConfig) -> RunConfig:
    """For a process that works in another folder."""
    template = config.chat_template
    model = os.path.expanduser(config.model)
    return config.model_copy(
        update={
            "model": os.path.abspath(model) if os.path.exists(model) else config.model,
            "chat_template": template.absolute() if template is not None else None,
        }
    )


def _served_checkpoint(config: RunConfig) -> Checkpoint:
    """A model behind a server. Its weights cannot be seen, so its name and that of the first
    server must do for a fingerprint; further servers are replicas."""
    from sfr_eval.endpoints.address import subject_address

    if config.chat_template is not None:
        raise UserError(
            "--chat-template: a server applies its own; give it there (vllm serve --chat-template)"
        )
    address = subject_address(config.model, config.base_url)
    fingerprint = f"served:{config.model}@{address.urls[0]}"
    return Checkpoint(name=config.model, kind="served", fingerprint=fingerprint)


def resolve_subject(config: RunConfig, suites: Sequence[Suite]) -> Subject:
    """Find the checkpoint, choose the engine, and check both against the suites."""
    is_world = config.model == "world" or config.model.startswith("world:")
    engine: str = config.engine
    if engine in ("auto", "ray"):
        if engine == "ray":
            _check_installed("ray")
        served = "openai" if config.base_url and engine == "auto" else "vllm"
        engine = "world" if is_world else served
    if config.base_url and engine != "openai":
        raise UserError(f"--base-url: belongs to --engine openai, not to {engine}")
    if (engine == "world") != is_world:
        raise UserError(
            f"--engine {engine}: does not serve --model {config.model}; "
            "the world engine and world:... models belong together"
        )
    _check_installed(engine)
    if is_world and any(suite.world is None and suite.code is None for suite in suites):
        raise UserError(
            "--model world: only suites with a world (persona) or reference solutions (code) can "
            "be simulated"
        )
    checkpoint = _served_checkpoint(config) if engine == "openai" else resolve(config.model)
    identity: dict[str, Any] = {
        "model": checkpoint.fingerprint,
        "engine": engine,
        "dtype": _dtype(engine, config.dtype),
        "system_role": config.system_role,
        "chat_template": "tokenizer",
    }
    if config.chat_template is not None:
        from sfr_eval.models.prompting import read_template

        template = read_template(config.chat_template)
        identity["chat_template"] = hashlib.sha256(template.encode()).hexdigest()[:16]
    return Subject(checkpoint=checkpoint, engine=engine, identity=identity, config=config)


_PACKAGES = {
    "vllm": ("vllm", "vllm"),
    "transformers": ("transformers", "hf"),
    "ray": ("ray", "ray"),
}


def _check_installed(engine: str) -> None:
    package, extra = _PACKAGES.get(engine, (None, ""))
    if package and importlib.util.find_spec(package) is None:
        raise UserError(
            f"--engine {engine}: the package {package} is not installed; "
            f"pip install sfr-eval[{extra}]"
        )


def _dtype(engine: str, dtype: str) -> str:
    if engine in ("world", "openai"):
        return "none"
    if dtype != "auto":
        return dtype
    if engine == "transformers":
        return "auto" if Path("/dev/nvidiactl").exists() else "float32"
    from sfr_eval.samplers.vllm import runs_on_cpu

    return "float32" if runs_on_cpu() else "auto"
