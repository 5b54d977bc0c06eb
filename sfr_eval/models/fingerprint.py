"""Checks that the weight files of a checkpoint are complete, and computes its fingerprint."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.util.assets import cache_folder
from sfr_eval.util.files import write_atomic
from sfr_eval.util.untrusted import open_plain, plain_text

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
_OTHERS = ("training_args.bin", "sfr_head.safetensors")  # not weights of the model


def weight_files(folder: Path) -> list[Path]:
    """Return the weight files of a checkpoint; only safetensors where other formats lie beside."""
    for pattern in _WEIGHTS:
        files = sorted(path for path in folder.glob(pattern) if path.name not in _OTHERS)
        if files:
            return files
    return []


def check_shards(folder: Path, weights: Sequence[Path]) -> None:
    """Raise UserError if the index of the weights names a file that is missing or elsewhere."""
    packed = weights[0].suffix == ".bin"
    index = folder / ("pytorch_model.bin" if packed else "model.safetensors")
    index = index.with_name(f"{index.name}.index.json")
    if not index.is_file():
        return
    shards = read_json_object(index).get("weight_map", {})
    if not isinstance(shards, dict) or not all(isinstance(s, str) for s in shards.values()):
        raise UserError(f"{index}: weight_map: must map tensors to files; copy the file again")
    for shard in sorted(set(shards.values())):
        if (
            os.path.basename(shard) != shard or len(shard) > 200 or "\0" in shard
        ):  # loaded, but not in the fingerprint
            raise UserError(f"{index}: names {shard[:200]!r}, which lies outside this folder")
        if not (folder / shard).is_file():
            raise UserError(f"{index}: names {shard}, which is missing; copy the shard again")


def fingerprint(folder: Path, *, base: str = "") -> str:
    """Return the sha256 over names and contents of weights, config, tokenizer and template files,
    and over the fingerprint of the `base` that an adapter changes."""
    names = [*_CONFIG_FILES, *_TOKENIZER_FILES]
    files = [*weight_files(folder), *(folder / name for name in names)]
    digest = hashlib.sha256(base.encode())
    with _cached_sha256() as sha256:
        for file in sorted(path for path in files if path.is_file()):
            digest.update(f"{file.name}\0{sha256(file)}\0".encode())
    return f"sha256:{digest.hexdigest()}"


def file_sha256(file: Path) -> str:
    """Return the sha256 of one file's content, cached like those of a fingerprint."""
    with _cached_sha256() as sha256:
        return sha256(file)


@contextmanager
def _cached_sha256() -> Iterator[Callable[[Path], str]]:
    """Yield a function that hashes a file. Hashes are kept, since hashing runs at about 2 GB/s, by
    path, size, and times of the content and of the inode: `touch -r`, `cp -p` and `rsync -t` set
    the first back, nothing sets the second."""
    cache = cache_folder() / "fingerprints.json"
    hashes: dict[str, str] = {}
    with suppress(OSError, ValueError):  # a lost cache costs time only
        loaded = json.loads(plain_text(cache))
        hashes = loaded if isinstance(loaded, dict) else {}
    before = len(hashes)

    def sha256(file: Path) -> str:
        stat = file.stat()
        times = f"{stat.st_mtime_ns}|{stat.st_ctime_ns}|{stat.st_ino}"
        key = f"{file.resolve()}|{stat.st_size}|{times}"
        if key not in hashes:
            with open_plain(file) as stream:
                hashes[key] = hashlib.file_digest(stream, "sha256").hexdigest()
        return hashes[key]

    yield sha256
    if len(hashes) > before:
        with suppress(OSError):  # a read-only cache: hash again next time
            cache.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(cache, json.dumps(hashes, indent=0))


def read_json_object(file: Path) -> dict[str, Any]:
    """Read a JSON file of a checkpoint. Raises UserError unless it holds an object."""
    try:
        loaded = json.loads(plain_text(file))
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None
    except UserError:  # which is a ValueError
        raise
    except (ValueError, RecursionError):
        raise UserError(f"{file}: is not valid JSON; copy it again") from None
    if not isinstance(loaded, dict):
        raise UserError(f"{file}: must hold a JSON object")
    return loaded
