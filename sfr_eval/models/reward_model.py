"""Reads prompts and replies with a reward model: any Hugging Face sequence classifier of text.

One logit is the reward itself. Of several labels it is the log-odds of the one called "positive",
else of the last, so 0 means as likely as not. The tokenizer's chat template puts prompt and reply
together; without one they are a pair of texts, the messages of the prompt joined by blank lines.
"""

import hashlib
import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.models.checkpoint import Checkpoint, resolve
from sfr_eval.models.fingerprint import read_json_object, weight_files
from sfr_eval.models.kernels import refuse_kernels
from sfr_eval.models.prompting import merged_turns
from sfr_eval.models.rendering import rendered
from sfr_eval.models.safetensors_file import read_header
from sfr_eval.models.stored_weights import stored_weights
from sfr_eval.types import Message
from sfr_eval.util.files import write_atomic
from sfr_eval.util.untrusted import plain_bytes

HEAD = "ForSequenceClassification"
TOKENS = {"cpu": 2**13, "cuda": 2**16}  # in a batch
SAVED = 2**12  # replies read between two saves
POSITIVE = "positive"
TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt"),
    *("spm.model", "spiece.model", "sentencepiece.bpe.model"),
)
"""Without any of these, transformers makes an empty tokenizer, to which every word is unknown."""

Conversation = tuple[tuple[Message, ...], str]
"""The messages of a prompt, and the reply."""


def find_reward_model(name: str) -> Checkpoint:
    """Find a reward model by Hub id or folder and check everything but its weights' values. Raises
    UserError if it is missing, incomplete, or no sequence classifier of text with trained head."""
    where = f"--reward-model {name}"
    if importlib.util.find_spec("transformers") is None:
        raise UserError(f"{where}: needs transformers: pip install 'sfr-eval[hf]'")
    try:
        checkpoint = resolve(name)
    except UserError as error:
        raise UserError(str(error).replace("--model", "--reward-model")) from None
    if checkpoint.folder is None or checkpoint.base is not None:
        what = "is an adapter; merge it" if checkpoint.base else "has no weights; give a checkpoint"
        raise UserError(f"{where}: {what}")
    architectures = read_json_object(checkpoint.folder / "config.json").get("architectures")
    names = ", ".join(map(str, architectures)) if isinstance(architectures, list) else ""
    if not names.endswith(HEAD):
        raise UserError(
            f"{where}: is {names or 'of no known architecture'}, not a sequence classifier "
            f"(...{HEAD}); give a reward model"
        )
    _check_files(checkpoint.folder, where)
    return checkpoint


def _check_files(folder: Path, where: str) -> None:
    """Raise UserError without a tokenizer, or if the weights lack the head, which transformers
    would fill at random."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise UserError(f"{where}: no tokenizer in this folder; copy it there")
    stored_weights(folder)  # raises for pickles that are more than weights
    refuse_kernels(read_json_object(folder / "config.json"), where=where, only_plain=True)
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        with torch.device("meta"):
            model = AutoModelForSequenceClassification.from_config(config)
        _load_tokenizer(folder)
    except Exception as error:  # noqa: BLE001 (files of any content)
        raise UserError(f"{where}: transformers cannot load it ({_first_line(error)})") from None
    files = weight_files(folder)
    if any(file.suffix != ".safetensors" for file in files):
        return  # names in other formats are known only once they are loaded
    there = {name for file in files for name in read_header(file)}
    body = f"{model.base_model_prefix}."
    head = [name for name in model.state_dict() if not name.startswith(body)]
    if lacking := [name for name in head if name not in there]:
        raise UserError(f"{where}: its weights lack the head ({lacking[0]}); give a trained one")


def _load_tokenizer(folder: Path | None) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


class RewardModel:
    """Rewards of replies; loads and reads only what is not in the cache."""

    def __init__(
        self,
        name: str,
        cache: Path,
        *,
        threshold: float | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """`threshold`: the reward from which a reply is good; None: 0 where the reward is log-odds,
        else unknown. `on_progress` is called with (done, total)."""
        self._name, self._on_progress = name, on_progress
        self._checkpoint = find_reward_model(name)
        self._given = threshold
        digest = self._checkpoint.fingerprint.removeprefix("sha256:")[:16]
        self._cache = cache / "rewards" / f"{digest}-{self._dtype}"

    @property
    def threshold(self) -> float | None:
        """The reward from which a reply is good; None if nobody said so and the model has a single
        logit, whose zero means nothing."""
        return 0.0 if self._given is None and len(self._labels) > 1 else self._given

    @property
    def signature(self) -> Mapping[str, Any]:
        """What two rewards must share to be comparable."""
        labels = self._labels
        return {
            "reward_model": self._checkpoint.fingerprint,
            "dtype": self._dtype,
            "reward": "logit" if len(labels) == 1 else f"log-odds of {labels[self._positive]}",
        }

    def is_called(self, name: str) -> bool:
        """Return whether this is the published model of a name, by the Hub id or the folder."""
        return name.casefold() in f"{self._name}/{self._checkpoint.folder}".casefold()

    @cached_property
    def _labels(self) -> list[str]:
        from transformers import AutoConfig

        config = AutoConfig.from_pretrained(self._checkpoint.folder, trust_remote_code=False)
        return [str(config.id2label[number]) for number in range(config.num_labels)]

    @cached_property
    def _positive(self) -> int:
        names = [label.casefold() for label in self._labels]
        return names.index(POSITIVE) if POSITIVE in names else len(names) - 1

    @cached_property
    def _device(self) -> str:
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    @property
    def _dtype(self) -> str:
        return "float32" if self._device == "cpu" else "bfloat16"

    @cached_property
    def _tokenizer(self) -> Any:
        return _load_tokenizer(self._checkpoint.folder)

    @cached_property
    def _model(self) -> Any:
        from transformers import AutoModelForSequenceClassification
        from transformers.utils import logging

        logging.disable_progress_bar()
        try:
            model, report = AutoModelForSequenceClassification.from_pretrained(
                self._checkpoint.folder,
                dtype=self._dtype,
                trust_remote_code=False,
                output_loading_info=True,
            )
        except Exception as error:  # noqa: BLE001 (files of any content)
            why = _first_line(error)
            raise UserError(f"--reward-model {self._name}: cannot be loaded ({why})") from None
        if lacking := sorted(report["missing_keys"]):
            raise UserError(f"--reward-model {self._name}: its weights lack {lacking[0]}")
        config = model.config.get_text_config()
        if config.pad_token_id is None:
            config.pad_token_id = -1  # rows of a batch are equally long: there is no padding
        return model.to(self._device).eval()

    @cached_property
    def window(self) -> int:
        """Tokens that the model can read: prompt, reply and what the template adds."""
        config = self._model.config.get_text_config()
        own = int(getattr(config, "max_position_embeddings", 0) or 2**31)
        return min(own, int(self._tokenizer.model_max_length))

    def rewards(self, conversations: Sequence[Conversation]) -> list[float | None]:
        """Return the reward of each reply, higher is better; None where prompt and reply are longer
        than the model's window. Equal conversations are read once, those in the cache not at
        all."""
        keys = [_key(conversation) for conversation in conversations]
        known = self._known
        unread = {key: c for key, c in zip(keys, conversations, strict=True) if key not in known}
        todo = list(unread)
        for start in range(0, len(todo), SAVED):
            part = todo[start : start + SAVED]
            read = dict(zip(part, self.read([unread[key] for key in part]), strict=True))
            known.update(read)
            self._save(read)
            if self._on_progress is not None:
                self._on_progress(start + len(part), len(todo))
        return [known[key] for key in keys]

    @cached_property
    def _known(self) -> dict[str, float | None]:
        known: dict[str, float | None] = {}
        for file in sorted(self._cache.glob("*.json")):
            with suppress(OSError, ValueError, TypeError):  # torn or foreign: read again
                known |= {str(key): reward for key, reward in json.loads(plain_bytes(file)).items()}
        return known

    def _save(self, rewards: Mapping[str, float | None]) -> None:
        content = json.dumps(rewards, allow_nan=False)
        name = hashlib.sha256(content.encode()).hexdigest()[:16]
        with suppress(OSError):  # a full or read-only cache: read again next time
            self._cache.mkdir(parents=True, exist_ok=True)
            write_atomic(self._cache / f"{name}.json", content)

    def load(self) -> None:
        """Load the weights now. Raises UserError if they cannot be loaded."""
        _ = self._model

    def read(self, conversations: Sequence[Conversation]) -> list[float | None]:
        """Return the rewards without the cache, for replies that never come again. Batches hold
        conversations of equal lengths, so that each gets what it would alone."""
        rows = self._tokens(conversations)
        groups: dict[int, list[int]] = {}
        for place, row in enumerate(rows):
            groups.setdefault(len(row["input_ids"]), []).append(place)
        rewards: list[float | None] = [None] * len(rows)
        for length, places in sorted(groups.items()):
            size = max(1, TOKENS[self._device] // max(1, length))
            for start in range(0, len(places) if 0 < length <= self.window else 0, size):
                batch = places[start : start + size]
                for place, reward in zip(batch, self._batch([rows[i] for i in batch]), strict=True):
                    rewards[place] = reward
        return rewards

    def _batch(self, rows: Sequence[Mapping[str, list[int]]]) -> list[float]:
        import torch

        columns = {
            name: torch.tensor([row[name] for row in rows], device=self._device) for name in rows[0]
        }
        with torch.inference_mode():
            logits = self._model(**columns).logits.float()
        if logits.shape[1] > 1:
            others = [label for label in range(logits.shape[1]) if label != self._positive]
            logits = logits[:, self._positive] - logits[:, others].logsumexp(dim=1)
        rewards: list[float] = logits.reshape(len(rows)).cpu().tolist()
        if not all(abs(reward) < float("inf") for reward in rewards):
            raise UserError(f"--reward-model {self._name}: a reward is not finite; its weights?")
        return rewards

    def _tokens(self, conversations: Sequence[Conversation]) -> list[dict[str, list[int]]]:
        if not self._tokenizer.chat_template:
            asked = ["\n\n".join(m.content for m in messages) for messages, _ in conversations]
            return [
                dict(self._tokenizer(prompt, reply, truncation=False, verbose=False))
                for prompt, (_, reply) in zip(asked, conversations, strict=True)
            ]
        texts = rendered(
            [partial(self._chat, messages, reply) for messages, reply in conversations],
            sizes=[sum(len(m.content) for m in ms) + len(reply) for ms, reply in conversations],
            name=f"--reward-model {self._name}",
            remedy="name another model",
        )
        return [
            dict(self._tokenizer(text, add_special_tokens=False, truncation=False, verbose=False))
            for text in texts
        ]

    def _chat(self, messages: Sequence[Message], reply: str) -> str:
        """Render a chat that ends with the reply; a template without a system role gets the system
        message in the user's turn."""
        from jinja2 import TemplateError

        why = ""
        for merge in (False, True):
            turns = merged_turns(messages, merge=merge)
            try:
                text: str = self._tokenizer.apply_chat_template(
                    [*turns, {"role": "assistant", "content": reply}], tokenize=False
                )
            except (TemplateError, TypeError, ValueError) as error:
                why = _first_line(error)
                continue
            if all(turn["content"].strip() in text for turn in turns):
                return text
            why = "it drops a message"
        raise UserError(f"--reward-model {self._name}: its chat template fails ({why})")


def _key(conversation: Conversation) -> str:
    messages, reply = conversation
    parts = [[message.role, message.content] for message in messages]
    return hashlib.sha256(json.dumps([parts, reply]).encode()).hexdigest()[:32]
