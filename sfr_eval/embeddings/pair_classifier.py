"""Whether two replies say the same, by a sequence classifier that reads both.

NoveltyBench (2504.05228) partitions replies this way, with a fine-tuned DeBERTa. It reads the first
128 tokens of each reply and not the prompt; they say the same if p > .102; replies of up to five
words are compared by their words. Here both orders of a pair are read and averaged.
"""

import importlib.util
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sfr_eval.embeddings.cache import EmbeddingStore, text_key
from sfr_eval.embeddings.locate import hub_folder
from sfr_eval.errors import UserError, brief_error
from sfr_eval.models.fingerprint import fingerprint, read_json_object, weight_files
from sfr_eval.models.kernels import refuse_kernels
from sfr_eval.models.stored_weights import stored_weights

if TYPE_CHECKING:
    import torch

THRESHOLD = 0.102
TOKENS = 128
SHORT = 5  # words
_BATCH = 32
_SHARD = 1_024  # pairs between two saves

Pair = tuple[str, str]


class PairClassifier:
    """A Hugging Face sequence classifier of two texts; loads and computes only when needed."""

    def __init__(
        self, name: str, cache: Path, *, on_progress: Callable[[int, int], None] | None = None
    ) -> None:
        """`name`: Hub id or folder. Raises UserError if there is no such classifier of pairs; its
        weights are read later. `on_progress` is called with (done, total)."""
        self._name, self._cache, self._on_progress = name, cache, on_progress
        self._folder = _find(name)
        self._labels = _labels(self._folder, name)
        self._answers: dict[Pair, bool] = {}

    @cached_property
    def signature(self) -> str:
        """What two counts must share to be comparable."""
        return (
            f"pair classifier {self._short_name} ({self._fingerprint[:16]}), p > {THRESHOLD:g}, "
            f"first {TOKENS} tokens, replies of up to {SHORT} words by common words"
        )

    @property
    def _short_name(self) -> str:
        # Where a folder lies says nothing of what it holds.
        return self._folder.name if Path(self._name).expanduser().is_dir() else self._name

    @cached_property
    def _fingerprint(self) -> str:
        return fingerprint(self._folder).removeprefix("sha256:")

    @cached_property
    def _store(self) -> EmbeddingStore:
        return EmbeddingStore(self._cache / "pairs" / f"{self._fingerprint[:16]}-{TOKENS}")

    @cached_property
    def _store_in_order(self) -> EmbeddingStore:
        name = f"{self._fingerprint[:16]}-{TOKENS}-in-order"
        return EmbeddingStore(self._cache / "pairs" / name)

    def same(self, pairs: Sequence[Pair]) -> list[bool]:
        """Return for each pair whether it says the same. The order within a pair does not matter;
        equal texts always do; pairs of an earlier run are not read again."""
        asked = [_sorted(pair) for pair in pairs]
        unknown = [pair for pair in dict.fromkeys(asked) if pair not in self._answers]
        self._answers.update({pair: by_words(*pair) for pair in unknown if _short(pair)})
        unread = [pair for pair in unknown if not _short(pair) and pair[0] != pair[1]]
        self._answers.update({pair: True for pair in unknown if pair[0] == pair[1]})
        for pair, chance in zip(unread, self._chances(unread), strict=True):
            self._answers[pair] = bool(chance > THRESHOLD)
        return [self._answers[pair] for pair in asked]

    def same_in_order(self, pairs: Sequence[Pair]) -> list[bool]:
        """Return for each pair whether it says the same by NoveltyBench's own rule: each is read
        once, in the order given, and equal texts are asked like any other."""
        unread = [pair for pair in dict.fromkeys(pairs) if not _short(pair)]
        chances = dict(zip(unread, self._chances(unread, both_orders=False), strict=True))
        return [chances[p] > THRESHOLD if p in chances else by_words(*p) for p in pairs]

    def _chances(self, pairs: Sequence[Pair], *, both_orders: bool = True) -> Sequence[float]:
        """Return p(same) of each pair, from the store or the model; the mean of both orders, unless
        only the one given is wanted."""
        store = self._store if both_orders else self._store_in_order
        keys = [text_key("\0".join(pair)) for pair in pairs]
        missing = [i for i, key in enumerate(keys) if key not in store]
        missing.sort(key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))  # little padding
        for start in range(0, len(missing), _SHARD):
            part = missing[start : start + _SHARD]
            rows = self.probabilities([pairs[i] for i in part])
            if both_orders:
                rows = (rows + self.probabilities([(pairs[i][1], pairs[i][0]) for i in part])) / 2
            store.add([keys[i] for i in part], rows.astype(np.float32)[:, None])
            if self._on_progress is not None:
                self._on_progress(start + len(part), len(missing))
        return [float(chance) for chance in store.rows(keys)[:, 0]] if keys else []

    def probabilities(self, pairs: Sequence[Pair]) -> Any:
        """Return the probability that each pair, read in this order, says the same: the second of
        two labels, or the sigmoid of the only one. Float64, shape (n,)."""
        import torch

        chances = []
        for start in range(0, len(pairs), _BATCH):
            with torch.inference_mode():
                logits = self._model(**self._features(pairs[start : start + _BATCH])).logits.float()
            one = self._labels == 1
            chances.append(logits[:, 0].sigmoid() if one else logits.softmax(dim=-1)[:, 1])
        return torch.cat(chances).cpu().numpy().astype(np.float64)

    def _features(self, pairs: Sequence[Pair]) -> "dict[str, torch.Tensor]":
        import torch

        backend = self._tokenizer.backend_tokenizer
        rows = []
        for pair in pairs:
            first, second = (backend.encode(text, add_special_tokens=False) for text in pair)
            first.truncate(TOKENS)
            second.truncate(TOKENS)
            rows.append(backend.post_process(first, second))
        width = max(len(row.ids) for row in rows)
        pad = self._tokenizer.pad_token_id or 0
        columns = {
            "input_ids": [row.ids + [pad] * (width - len(row.ids)) for row in rows],
            "token_type_ids": [row.type_ids + [0] * (width - len(row.ids)) for row in rows],
            "attention_mask": [[1] * len(row.ids) + [0] * (width - len(row.ids)) for row in rows],
        }
        names = self._tokenizer.model_input_names
        device = self._model.device
        return {
            name: torch.tensor(column, device=device)
            for name, column in columns.items()
            if name in names
        }

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        # NoveltyBench's classifier, for one, is used with the tokenizer of its base model.
        own = any(self._folder.glob("tokenizer*")) or any(self._folder.glob("*vocab*"))
        base = read_json_object(self._folder / "config.json").get("_name_or_path")
        source = str(self._folder) if own or not base else str(base)
        try:
            tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        except Exception as error:  # noqa: BLE001 (files of any content)
            raise self._not_loaded(error) from None
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
        return tokenizer

    @cached_property
    def _model(self) -> Any:
        import torch
        from transformers import AutoModelForSequenceClassification

        try:
            model, report = AutoModelForSequenceClassification.from_pretrained(
                str(self._folder),
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
            )
        except Exception as error:  # noqa: BLE001 (files of any content)
            raise self._not_loaded(error) from None
        if report["missing_keys"]:
            first = sorted(report["missing_keys"])[0]
            raise UserError(f"--equivalence {self._name}: its weights lack {first}")
        return model.to("cuda" if torch.cuda.is_available() else "cpu").eval()

    def _not_loaded(self, error: Exception) -> UserError:
        return UserError(f"--equivalence {self._name}: cannot be loaded: {brief_error(error)}")


def _find(name: str) -> Path:
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    what = f"--equivalence {name}"
    if name.startswith((".", "/", "~")) or name.count("/") != 1 or name.endswith("/"):
        raise UserError(
            f"{what}: neither `cut`, a cosine distance between 0 and 1, nor the folder or Hub id "
            "of a pair classifier"
        )
    if importlib.util.find_spec("transformers") is None:
        raise UserError(f"{what}: needs transformers: pip install 'sfr-eval[hf]'")
    return hub_folder(name, what=what, remedy="give a folder, or a cosine distance like 0.2")


def _labels(folder: Path, name: str) -> int:
    """Return the number of labels, 1 or 2. Raises UserError if the model does not classify."""
    if not (folder / "config.json").is_file():
        raise UserError(f"--equivalence {name}: no config.json in this folder")
    if not weight_files(folder):
        raise UserError(f"--equivalence {name}: no weight file (*.safetensors, *.bin) there")
    config = read_json_object(folder / "config.json")
    refuse_kernels(config, where=f"--equivalence {name}", only_plain=True)
    stored_weights(folder)  # raises for pickles that are more than weights
    architectures = config.get("architectures") or ["no architecture"]
    kind = str(architectures[0]) if isinstance(architectures, list) else str(architectures)
    if not kind.endswith("ForSequenceClassification"):
        raise UserError(f"--equivalence {name}: is a {kind[:60]}, not a sequence classifier")
    named = config.get("id2label")
    labels = len(named) if isinstance(named, dict) and named else config.get("num_labels", 2)
    if labels not in (1, 2):
        raise UserError(
            f"--equivalence {name}: has {labels} labels; a classifier of pairs has one logit or two"
        )
    return labels


def _sorted(pair: Pair) -> Pair:
    first, second = pair
    return (first, second) if first <= second else (second, first)


def _short(pair: Pair) -> bool:
    return max(len(text.split()) for text in pair) <= SHORT


def by_words(first: str, second: str) -> bool:
    """Return whether two short replies say the same, by NoveltyBench's rule: the words that they
    share, in any case, are at least half as many as the longer one has. Two empty ones do."""
    words = [text.lower().split() for text in (first, second)]
    return 2 * len(set(words[0]) & set(words[1])) >= max(map(len, words))
