"""The model under test: a checkpoint, the engine that serves it, what identifies its answers."""

import importlib.util
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfr_eval.config import RunConfig
from sfr_eval.errors import UserError
from sfr_eval.models.architecture import check_continues_text, loads_in_transformers
from sfr_eval.models.checkpoint import Checkpoint, resolve
from sfr_eval.models.fingerprint import read_json_object
from sfr_eval.models.loading import load_prompter, prompt_identity
from sfr_eval.models.prompting import Prompter
from sfr_eval.models.shapes import check_shapes
from sfr_eval.samplers.engine_args import check_engine_args, identifying
from sfr_eval.samplers.local import LocalSampler
from sfr_eval.samplers.transformers import TransformersSampler
from sfr_eval.samplers.vllm import VllmSampler, check_engine, runs_on_cpu
from sfr_eval.samplers.world import WorldSampler, refuse_unsimulated
from sfr_eval.settings import TEMPLATE_DATE
from sfr_eval.suites.suite import Suite
from sfr_eval.thinking import ThinkTags, ends_inside, parse_think_tags, template_tags
from sfr_eval.types import Request, Sampler

if TYPE_CHECKING:
    from sfr_eval.plan import Plan


@dataclass(frozen=True)
class Engine:
    """The properties by which an engine is chosen."""

    description: str
    package: str = ""  # that must be installed
    extra: str = ""  # of sfr-eval, which installs it
    has_weights: bool = False  # a checkpoint with a tokenizer and a dtype is loaded here


ENGINES = {
    "vllm": Engine(
        "vLLM in process (CUDA or CPU): the default for checkpoints", "vllm", "vllm", True
    ),
    "transformers": Engine(
        "transformers' generate loop: for models that vLLM cannot load", "transformers", "hf", True
    ),
    "openai": Engine("any OpenAI-compatible server: --base-url http://host:port/v1, repeatable"),
    "ray": Engine(
        "copies of vLLM on a Ray cluster: --replicas N [--ray-address auto]", "ray", "ray"
    ),
    "world": Engine(
        "simulator whose distribution is known: --model world:cross=0.3,within=0.5,solve=0.4"
    ),
}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A checkpoint and how it is served. `identity` goes into every sample_id. `engine` is what
    draws, even where Ray runs copies of it, since those draw the same."""

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
        exact = (
            self.engine == "vllm"
            and runs_on_cpu()
            and self.identity["dtype"] == "float32"
            and self.config.serving.tensor_parallel == 1
            and not self.config.serving.engine_args
        )
        return "bitwise" if exact else "statistical"

    @cached_property
    def prompter(self) -> Prompter:
        """The chat template at work; built on first use, since it imports transformers."""
        return load_prompter(self.checkpoint, self.config.serving)

    @cached_property
    def said(self) -> set[str]:
        """The warnings that the user has been given."""
        return set()

    def think_tags(self, plan: "Plan") -> ThinkTags | None:
        """Return the tags around thinking: those that were declared, otherwise those that the chat
        template names. A server does not show its template, so there they must be declared."""
        setting = self.config.score.think_tags
        tags = None if setting == "auto" else parse_think_tags(setting)
        if setting == "none" or not ENGINES[self.engine].has_weights:
            return tags
        tokenizer = self.prompter.tokenizer
        if tags is None:
            tags = template_tags(self.prompter.template)
        if tags is None:
            return None
        special = {tags.open, tags.close} & set(tokenizer.all_special_tokens)
        if special:
            raise UserError(
                f"--model {self.checkpoint.name}: its think-tag {sorted(special)[0]} is a special "
                "token, which is left out of texts, so that thinking and answer could not be told "
                "apart; serve it with a reasoning parser and use --base-url, or --think-tags none"
            )
        prompt = next(prompt for part in plan.suites for prompt in part.prompts)
        text = tokenizer.decode(self.prompter.token_ids(prompt.messages))
        return replace(tags, opened=tags.opened or ends_inside(text, tags))

    def check_prompts(self, plan: "Plan") -> None:
        """Put every prompt through the template. Raises UserError if it refuses."""
        if ENGINES[self.engine].has_weights:  # a server applies its own template
            self.prompter.prepare(
                prompt.messages for part in plan.suites for prompt in part.prompts
            )

    def check_sampling(self, plan: "Plan") -> None:
        """Raise UserError for a sampling field that the engine cannot serve."""
        if self.engine == "world":
            for part in plan.suites:
                refuse_unsimulated(part.sampling, code=part.suite.code is not None)

    def rendered(
        self, plan: "Plan", before: Mapping[str, Mapping[str, str]]
    ) -> dict[str, dict[str, str]]:
        """Return suite -> id of a prompt -> hash of its tokens, for the first prompt of each suite
        or the one of `before`, an earlier session's. Raises UserError if that one was another."""
        hashes: dict[str, dict[str, str]] = {}
        for part in plan.suites if ENGINES[self.engine].has_weights else ():
            asked, old = part.prompts[0], before.get(part.suite.id, {})
            asked = next((prompt for prompt in part.prompts if prompt.id in old), asked)
            now = self.prompter.prompt_hash(asked.messages)
            if old.get(asked.id, now) != now:
                raise UserError(
                    f"--model {self.checkpoint.name}: prompt {asked.id} is not what it was in the "
                    "earlier session of this run: its template reads a clock, or another version "
                    "of transformers renders it otherwise; choose another --output"
                )
            hashes[part.suite.id] = {asked.id: now}
        return hashes

    def check_engine(self, plan: "Plan", *, weights: bool = True) -> None:
        """Raise UserError if the engine cannot serve the checkpoint; it is not started."""
        serving = self.config.serving
        if weights and ENGINES[self.engine].has_weights:
            check_shapes(self.checkpoint, trust_remote_code=serving.trust_remote_code)
        if self.engine == "vllm" and serving.engine != "ray":  # whose nodes may be other machines
            longest = max(
                len(self.prompter.token_ids(prompt.messages)) + part.sampling.max_tokens
                for part in plan.suites
                for prompt in part.prompts
            )
            check_engine(self.checkpoint, serving, longest_request=longest)
        elif self.engine == "transformers" and not loads_in_transformers(
            self.checkpoint, trust_remote_code=serving.trust_remote_code
        ):
            raise UserError(
                f"--model {self.checkpoint.name}: this version of transformers has no such model; "
                "upgrade it, or give --trust-remote-code if the model brings its own code"
            )

    def build_sampler(self, suites: Sequence[Suite], requests: Sequence[Request]) -> Sampler:
        """Start the engine for these requests."""
        serving = self.config.serving
        if self.engine == "openai":
            return self._served()
        if self.engine == "transformers":
            return TransformersSampler(self.checkpoint, prompter=self.prompter, serving=serving)
        build: Callable[[], Sampler]
        elsewhere = serving.engine == "ray" or (serving.replicas or 1) > 1
        if self.engine == "world":
            build = partial(WorldSampler, tuple(suites), dials=self.checkpoint.dials)
            if not elsewhere:
                return build()
        else:
            longest = max(
                len(self.prompter.token_ids(r.prompt.messages)) + r.sampling.max_tokens
                for r in requests
            )
            if not elsewhere:
                return VllmSampler(
                    self.checkpoint,
                    prompter=self.prompter,
                    longest_request=longest,
                    serving=serving,
                )
            build = partial(
                _vllm_on_node,
                _with_absolute_paths(self.config),
                fingerprint=self.checkpoint.fingerprint,
                longest=longest,
            )
        on_gpus = self.engine == "vllm" and not runs_on_cpu()
        stages = int((serving.engine_args or {}).get("pipeline_parallel_size", 1))
        gpus = serving.tensor_parallel * stages if on_gpus else 0
        if serving.engine != "ray":
            return LocalSampler(
                build,
                replicas=serving.replicas or 1,
                gpus_per_replica=gpus,
                timeout_seconds=self.config.requests.timeout,
            )
        from sfr_eval.samplers.ray import RaySampler

        return RaySampler(
            build,
            replicas=serving.replicas,
            gpus_per_replica=gpus,
            address=serving.ray_address,
            timeout_seconds=self.config.requests.timeout,
        )

    def _served(self) -> Sampler:
        from sfr_eval.endpoints.address import subject_address, subject_key
        from sfr_eval.endpoints.limits import Prices
        from sfr_eval.samplers.openai import OpenAISampler

        serving, requests = self.config.serving, self.config.requests
        prices = serving.prices
        return OpenAISampler(
            subject_address(self.config.model, serving.base_url),
            key=subject_key(),
            concurrency=requests.concurrency,
            timeout_seconds=requests.timeout,
            prices=prices and Prices(prompt=prices[0], completion=prices[1]),
            max_cost=requests.max_cost,
            system_role=serving.system_role,
            seed_bits=serving.seed_bits,
            template_variables=serving.chat_template_kwargs,
        )


def _vllm_on_node(config: RunConfig, *, fingerprint: str, longest: int) -> Sampler:
    """Build the engine in a replica, perhaps on another machine, which must have the same
    checkpoint. The paths of `config` are absolute."""
    checkpoint = resolve(config.model)
    if checkpoint.fingerprint != fingerprint:
        raise UserError(
            f"--model {config.model}: {socket.gethostname()} has another checkpoint "
            "under this name; copy it again, or use a shared folder"
        )
    prompter = load_prompter(checkpoint, config.serving)
    return VllmSampler(
        checkpoint, prompter=prompter, longest_request=longest, serving=config.serving
    )


def _with_absolute_paths(config: RunConfig) -> RunConfig:
    """Return the config for a process that works in another folder."""
    template, model = config.serving.chat_template, os.path.expanduser(config.model)
    if template is not None and os.path.exists(os.path.expanduser(template)):
        path = os.path.abspath(os.path.expanduser(template))
        serving = config.serving.model_copy(update={"chat_template": path})
        config = config.model_copy(update={"serving": serving})
    path = os.path.abspath(model) if os.path.exists(model) else config.model
    return config.model_copy(update={"model": path})


def _served_checkpoint(config: RunConfig) -> Checkpoint:
    """Return a model behind a server. Its weights cannot be seen, so its name and that of the first
    server stand in for a fingerprint; further servers are replicas."""
    from sfr_eval.endpoints.address import subject_address

    if config.serving.chat_template is not None:
        raise UserError(
            "--chat-template: a server applies its own; give it there (vllm serve --chat-template)"
        )
    if config.serving.prompt_format == "completion":
        raise UserError(
            "--prompt-format completion: a server applies its chat template; give the checkpoint "
            "itself as --model, without --base-url"
        )
    if config.serving.template_date != TEMPLATE_DATE:
        raise UserError("--template-date: a server's template reads the server's clock; drop it")
    address = subject_address(config.model, config.serving.base_url)
    fingerprint = f"served:{config.model}@{address.urls[0]}"
    return Checkpoint(name=config.model, kind="served", fingerprint=fingerprint)


def with_prompt_format(config: RunConfig, suites: Sequence[Suite]) -> RunConfig:
    """Return the config with the prompt format that the suites ask for, unless it states one."""
    if config.serving.prompt_format is not None:
        return config
    formats = {suite.spec.prompt_format: suite.id for suite in suites}
    if len(formats) > 1:
        raise UserError(
            f"--suite: {formats['completion']} asks for --prompt-format completion and "
            f"{formats['chat']} for chat; run them apart, or give --prompt-format"
        )
    if "completion" not in formats:
        return config
    serving = config.serving.model_copy(update={"prompt_format": "completion"})
    return config.model_copy(update={"serving": serving})


def resolve_subject(config: RunConfig, suites: Sequence[Suite]) -> Subject:
    """Find the checkpoint, choose the engine, and check both against the suites."""
    serving = config.serving
    engine = _choose_engine(config, suites)
    checkpoint = _served_checkpoint(config) if engine == "openai" else resolve(config.model)
    if ENGINES[engine].has_weights:
        check_continues_text(checkpoint)
    identity: dict[str, Any] = {
        "model": checkpoint.fingerprint,
        "engine": engine,
        "dtype": _dtype(engine, serving.dtype),
        "system_role": serving.system_role,
        **prompt_identity(checkpoint, serving),
    }
    if serving.engine_args:
        if engine != "vllm":
            raise UserError(f"--engine-args: are those of vLLM; --engine {engine} has none")
        check_engine_args(serving.engine_args)
        if deciding := identifying(serving.engine_args):
            identity["engine_args"] = deciding
    if serving.seed_bits is not None:
        if engine != "openai":
            raise UserError(f"--seed-bits: belongs to servers (--base-url), not to {engine}")
        identity["seed_bits"] = serving.seed_bits
    return Subject(checkpoint=checkpoint, engine=engine, identity=identity, config=config)


def _choose_engine(config: RunConfig, suites: Sequence[Suite]) -> str:
    engine, base_url = config.serving.engine, config.serving.base_url
    simulated = config.model == "world" or config.model.startswith("world:")
    if engine == "ray":
        _check_installed("ray")
    if engine not in ("auto", "ray"):
        chosen: str = engine
    elif simulated:
        chosen = "world"
    else:
        chosen = "openai" if base_url and engine == "auto" else "vllm"
    if base_url and chosen != "openai":
        raise UserError(f"--base-url: belongs to --engine openai, not to {chosen}")
    if (chosen == "world") != simulated:
        raise UserError(
            f"--engine {chosen}: does not serve --model {config.model}; "
            "the world engine and world:... models belong together"
        )
    _check_installed(chosen)
    if simulated and any(
        not (suite.world or suite.code or suite.math or suite.has_answers) for suite in suites
    ):
        raise UserError(
            "--model world: only suites with a synthetic benchmark (persona), reference solutions "
            "(code, math) or known answers can be simulated"
        )
    return chosen


def _check_installed(name: str) -> None:
    engine = ENGINES[name]
    if engine.package and importlib.util.find_spec(engine.package) is None:
        raise UserError(
            f"--engine {name}: the package {engine.package} is not installed; "
            f"pip install 'sfr-eval[{engine.extra}]'"
        )


def _dtype(engine: str, dtype: str) -> str:
    if not ENGINES[engine].has_weights:
        return "none"
    if dtype != "auto":
        return dtype
    if engine == "transformers":
        return "auto" if Path("/dev/nvidiactl").exists() else "float32"
    return "float32" if runs_on_cpu() else "auto"
