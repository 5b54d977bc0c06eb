"""Finds the model that --model names, checks that it is complete and computes its fingerprint.

The fingerprint is the sha256 of the content of every weight file, with config, tokenizer, template
and generation_config. Names, sizes and headers are not enough: two trainings of one architecture
have the same, and rows of one would be reused for the other.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sfr_eval.errors import UserError
from sfr_eval.models.fingerprint import (
    check_shards,
    fingerprint,
    read_json_object,
    weight_files,
)
from sfr_eval.models.kernels import refuse_kernels
from sfr_eval.models.safetensors_file import read_header
from sfr_eval.util.assets import cache_folder

Kind = Literal["folder", "adapter", "world", "served"]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A complete model. `base` is set for a LoRA adapter, `dials` for the synthetic benchmark."""

    name: str  # as the user wrote it
    kind: Kind
    fingerprint: str  # "sha256:..." or "world:..."
    folder: Path | None = None
    base: "Checkpoint | None" = None
    world: str | None = None  # suite whose grammar it was trained on, its reference distribution
    world_queries: int | None = None  # it was trained on this many first queries; None: on all
    dials: Mapping[str, float] = field(default_factory=dict)

    @property
    def short_name(self) -> str:
        """A name for the run folder that is safe on any file system."""
        path = Path(self.name)
        last = path.name if os.path.exists(path) else self.name.replace("/", "--")
        safe = "".join(c if c.isalnum() or c in "-_.=" else "-" for c in last)
        return safe.strip("-.") or "model"


def resolve(model: str) -> Checkpoint:
    """Find the model, download it if it is a Hub id, check it and compute its fingerprint."""
    if model == "world" or model.startswith("world:"):
        return _world(model)
    return _local(model, find_folder(model))


def find_folder(model: str, *, only: Sequence[str] | None = None) -> Path:
    """Return the folder of a checkpoint; a Hub id is downloaded if needed, or `only` the files of
    these names."""
    if is_demo(model):
        link = demo_link(model)
        if not link.is_dir():
            raise UserError(
                f"--model {model}: not trained yet; `sfr-eval run --model {model}` does it"
            )
        return link.resolve()
    path = os.path.expanduser(model)
    if os.path.exists(path):  # unlike Path.exists, never raises, however odd the name
        return Path(path)
    if model.startswith((".", "/", "~")) or model.count("/") > 1 or model.endswith("/"):
        raise UserError(f"--model {model}: no such folder")
    return _hub_folder(model, only=only)


def is_demo(model: str) -> bool:
    """Return True for `demo` and `demo:NAME`, the checkpoints that are trained on demand."""
    return model == "demo" or model.startswith("demo:")


def demo_link(model: str) -> Path:
    """Return the link to the trained folder of `demo` or `demo:NAME`, created by sfr_eval.demo."""
    return cache_folder() / "demo" / (model.partition(":")[2] or "sft")


def _world(model: str) -> Checkpoint:
    dials = {"cross": 0.0, "within": 0.0}
    code_dials = ("solve", "spread")
    for assignment in filter(None, model.partition(":")[2].split(",")):
        name, _, text = assignment.partition("=")
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if name not in (*dials, *code_dials) or not 0 <= number <= 1:
            raise UserError(
                f"--model {model}: `{assignment}` is not a dial; write world:cross=0.3,within=0.5 "
                "with both between 0 and 1, or world:solve=0.4,spread=0.3 for code suites"
            )
        dials[name] = number
    fingerprint = "world:" + ",".join(f"{name}={value!r}" for name, value in dials.items())
    return Checkpoint(
        name=model, kind="world", fingerprint=fingerprint, world="persona", dials=dials
    )


def _hub_folder(model: str, *, only: Sequence[str] | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.constants import HF_HUB_OFFLINE
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    name, _, revision = model.partition("@")
    try:
        folder = snapshot_download(
            name,
            revision=revision or None,
            allow_patterns=None if only is None else list(only),
            ignore_patterns=["*.msgpack", "*.h5", "*.onnx", "original/*", "*.gguf"],
        )
    except HFValidationError:
        raise UserError(f"--model {model}: neither a folder nor a Hub id") from None
    except LocalEntryNotFoundError:
        why = "HF_HUB_OFFLINE is set" if HF_HUB_OFFLINE else "the Hub cannot be reached"
        raise UserError(
            f"--model {model}: no such folder, and not in the local Hub cache while {why}; "
            "give a folder or download it first"
        ) from None
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no answer"
        raise UserError(
            f"--model {model}: no such folder, and the Hub refused it (HTTP {status}); "
            "check the name, the revision and HF_TOKEN"
        ) from None
    return Path(folder)


def _local(name: str, folder: Path) -> Checkpoint:
    if not folder.is_dir():
        raise UserError(f"--model {name}: {folder} is a file; give the checkpoint's folder")
    adapter = folder / "adapter_config.json"
    base = None
    if adapter.is_file():
        base_name = read_json_object(adapter).get("base_model_name_or_path")
        if not base_name or not isinstance(base_name, str):
            raise UserError(f"{adapter}: base_model_name_or_path: missing; add the base model")
        base = _base(base_name, adapter=adapter)
    elif not (folder / "config.json").is_file():
        raise UserError(f"--model {name}: no config.json in {folder}; is it a checkpoint folder?")
    config = read_json_object(folder / "config.json") if base is None else {}
    refuse_kernels(config, where=f"--model {name}: config.json")
    weights = weight_files(folder)
    if not weights:
        raise UserError(f"--model {name}: no weight file (*.safetensors, *.bin) in {folder}")
    for file in weights:
        if file.suffix == ".safetensors":
            read_header(file)
    check_shards(folder, weights)
    return Checkpoint(
        name=name,
        kind="adapter" if base else "folder",
        fingerprint=fingerprint(folder, base=base.fingerprint if base else ""),
        folder=folder,
        base=base,
        world=base.world if base else config.get("sfr_eval_world"),
        world_queries=base.world_queries if base else config.get("sfr_eval_world_queries"),
    )


def _base(name: str, *, adapter: Path) -> Checkpoint:
    """Return the base model that an adapter names: a full model, never another adapter."""
    if name == "world" or name.startswith("world:"):
        raise UserError(f"{adapter}: base_model_name_or_path: {name} has no weights")
    folder = find_folder(name)
    if (folder / "adapter_config.json").is_file():  # checked first, since it may name itself
        raise UserError(f"{adapter}: its base {name} is itself an adapter; merge that one")
    return _local(name, folder)


def resolve_base(name: str) -> Checkpoint:
    """Return the checkpoint of --base-model."""
    try:
        base = resolve(name)
    except UserError as error:
        raise UserError(str(error).replace("--model", "--base-model", 1)) from None
    if base.folder is None:
        raise UserError(f"--base-model {name}: has no hidden states; give a checkpoint")
    return base


def resolve_teacher(name: str) -> Checkpoint:
    """Return the checkpoint of --teacher."""
    if name.startswith(("http://", "https://")):
        raise UserError(
            f"--teacher {name}: a server does not tell the probability of a given text; give a "
            "checkpoint"
        )
    try:
        checkpoint = resolve(name)
    except UserError as error:
        raise UserError(str(error).replace("--model", "--teacher", 1)) from None
    if checkpoint.folder is None:
        raise UserError(f"--teacher {name}: has no weights to score with; give a checkpoint")
    return checkpoint
