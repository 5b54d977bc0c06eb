"""Which model is meant by --model, is it whole, and what is its fingerprint.

The fingerprint is the sha256 of the content of every weight file, with config, tokenizer, template
and generation_config. Names, sizes and headers are not enough: two trainings of one architecture
are equal there, and rows of the one would be reused for the other.
"""

import hashlib
import json
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sfr_eval.errors import UserError
from sfr_eval.util.assets import cache_folder

Kind = Literal["folder", "adapter", "world", "served"]
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
)
_CONFIG_FILES = ("config.json", "generation_config.json", "adapter_config.json")
_WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.gguf")
_MAX_SAFETENSORS_HEADER = 100_000_000


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A model that was found whole. `base` is set for a LoRA adapter, `dials` for a world."""

    name: str  # as the user wrote it
    kind: Kind
    fingerprint: str  # "sha256:..." or "world:..."
    folder: Path | None = None
    base: "Checkpoint | None" = None
    world: str | None = None  # suite whose grammar the model was trained on: its truth is known
    world_queries: int | None = None  # it has read about the first so many queries; None: all
    dials: Mapping[str, float] = field(default_factory=dict)

    @property
    def short_name(self) -> str:
        """A file-system safe name for the run folder."""
        path = Path(self.name)
        last = path.name if os.path.exists(path) else self.name.replace("/", "--")
        kept = [c if c.isalnum() or c in "-_.=" else "-" for c in last]
        return "".join(kept).strip("-.") or "model"


def resolve(model: str) -> Checkpoint:
    """Find the model, download it if it is a Hub id, check that it is whole, fingerprint it."""
    if model == "world" or model.startswith("world:"):
        return _world(model)
    return _local(model, _folder(model))


def _folder(model: str) -> Path:
    """The folder of a checkpoint that has one; trained or downloaded now if need be."""
    if model == "demo" or model.startswith("demo:"):
        from sfr_train.demo import demo_checkpoint

        return demo_checkpoint(model.partition(":")[2] or "sft")
    path = os.path.expanduser(model)
    if os.path.exists(path):  # unlike Path.exists it raises for no name, however odd
        return Path(path)
    if model.startswith((".", "/", "~")) or model.count("/") > 1 or model.endswith("/"):
        raise UserError(f"--model {model}: no such folder")
    return _hub_folder(model)


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
                f"--model {model}: `{assignment}` is no dial; write world:cross=0.3,within=0.5 "
                "with both between 0 and 1, or world:solve=0.4,spread=0.3 for code suites"
            )
        dials[name] = number
    fingerprint = "world:" + ",".join(f"{name}={value!r}" for name, value in dials.items())
    return Checkpoint(
        name=model, kind="world", fingerprint=fingerprint, world="persona", dials=dials
    )


def _hub_folder(model: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    name, _, revision = model.partition("@")
    try:
        folder = snapshot_download(
            name,
            revision=revision or None,
            ignore_patterns=["*.msgpack", "*.h5", "*.onnx", "original/*", "*.gguf"],
        )
    except HFValidationError:
        raise UserError(f"--model {model}: neither a folder nor a Hub id") from None
    except LocalEntryNotFoundError:
        offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
        why = "HF_HUB_OFFLINE is set" if offline else "the Hugging Face Hub cannot be reached"
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
    weights = weight_files(folder)
    if not weights:
        raise UserError(f"--model {name}: no weight file (*.safetensors, *.bin) in {folder}")
    for file in weights:
        if file.suffix == ".safetensors":
            check_safetensors(file)
    _check_shards(folder, weights)
    return Checkpoint(
        name=name,
        kind="adapter" if base else "folder",
        fingerprint=fingerprint(folder, base=base),
        folder=folder,
        base=base,
        world=base.world if base else config.get("sfr_eval_world"),
        world_queries=base.world_queries if base else config.get("sfr_eval_world_queries"),
    )


def _base(name: str, *, adapter: Path) -> Checkpoint:
    """The base model that an adapter names: a whole model, never another adapter."""
    if name == "world" or name.startswith("world:"):
        raise UserError(f"{adapter}: base_model_name_or_path: {name} has no weights")
    folder = _folder(name)
    if (folder / "adapter_config.json").is_file():  # before it is followed: it may name itself
        raise UserError(f"{adapter}: its base {name} is an adapter itself; merge that one")
    return _local(name, folder)


def weight_files(folder: Path) -> list[Path]:
    """The weight files of a checkpoint; safetensors alone where both forms lie side by side."""
    for pattern in _WEIGHTS:
        found = sorted(path for path in folder.glob(pattern) if path.name != "training_args.bin")
        if pattern == "*.safetensors":
            found = [path for path in found if path.name != "sfr_head.safetensors"]
        if found:
            return found
    return []


def _check_shards(folder: Path, weights: Sequence[Path]) -> None:
    packed = weights[0].suffix == ".bin"
    index = folder / ("pytorch_model.bin" if packed else "model.safetensors")
    index = index.with_name(f"{index.name}.index.json")
    if not index.is_file():
        return
    shards = read_json_object(index).get("weight_map", {})
    if not isinstance(shards, dict) or not all(isinstance(s, str) for s in shards.values()):
        raise UserError(f"{index}: weight_map: must map tensors to files; copy it again")
    for shard in sorted(set(shards.values())):
        if os.path.basename(shard) != shard:  # it would be loaded, but is in no fingerprint
            raise UserError(f"{index}: names {shard}, which lies outside of this folder")
        if not (folder / shard).is_file():
            raise UserError(f"{index}: names {shard}, which is not there; copy the shard again")


def check_safetensors(file: Path) -> None:
    """Refuse a weight file that is unreadable or torn (its header promises other bytes)."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            start = stream.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if not 2 <= length <= min(size - 8, _MAX_SAFETENSORS_HEADER):
                raise UserError(
                    f"{file}: not a safetensors file, or torn in its header; copy it again"
                )
            header = json.loads(stream.read(length))
            ends = [
                int(tensor["data_offsets"][1])
                for key, tensor in header.items()
                if key != "__metadata__"
            ]
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{file}: its safetensors header is damaged; copy it again") from None
    promised = 8 + length + max(ends, default=0)
    if size != promised:
        raise UserError(
            f"{file}: torn: {size:,} bytes, but its header promises {promised:,}; copy it again"
        )


def fingerprint(folder: Path, *, base: Checkpoint | None = None) -> str:
    """sha256 over names and contents of weights, config, tokenizer and template files."""
    names = [*_CONFIG_FILES, *_TOKENIZER_FILES]
    files = [*weight_files(folder), *(folder / name for name in names)]
    remembered = _Remembered(cache_folder() / "fingerprints.json")
    digest = hashlib.sha256(base.fingerprint.encode() if base else b"")
    for file in sorted(path for path in files if path.is_file()):
        digest.update(f"{file.name}\0{remembered.sha256(file)}\0".encode())
    remembered.save()
    return f"sha256:{digest.hexdigest()}"


def file_sha256(file: Path) -> str:
    """sha256 of one file's content, remembered like those of a fingerprint."""
    remembered = _Remembered(cache_folder() / "fingerprints.json")
    digest = remembered.sha256(file)
    remembered.save()
    return digest


class _Remembered:
    """File hashes kept by (path, size, mtime), since hashing runs at about 2 GB/s."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, str] = {}
        self._changed = False
        try:
            known = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return  # a lost memory costs a hash, never an answer
        if isinstance(known, dict):
            self._known = known

    def sha256(self, file: Path) -> str:
        stat = file.stat()
        key = f"{file.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
        if key not in self._known:
            with file.open("rb") as stream:
                self._known[key] = hashlib.file_digest(stream, "sha256").hexdigest()
            self._changed = True
        return self._known[key]

    def save(self) -> None:
        if not self._changed:
            return
        from sfr_eval.util.files import write_atomic

        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self._file, json.dumps(self._known, indent=0))
        except OSError:
            return  # a read-only cache: hash again next time


def read_json_object(file: Path) -> dict[str, Any]:
    """A JSON file of a checkpoint that must hold an object."""
    try:
        loaded = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise UserError(f"{file}: is not valid JSON; copy it again") from None
    if not isinstance(loaded, dict):
        raise UserError(f"{file}: must hold a JSON object")
    return loaded
