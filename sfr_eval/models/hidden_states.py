"""Reads the replies of a run through its checkpoint, and optionally through its base model.

Each reply yields the hidden state at the last prompt token and the mean over the reply's tokens,
for some layers; each reply token yields the entropy of the distribution it was drawn from and its
log-probability, both under the unmodified model (temperature 1).

The text is tokenized again: a reply whose stored text differs from what was sampled (special
tokens are not stored) is read as stored. The end of turn is not part of it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sfr_eval.errors import UserError
from sfr_eval.models.checkpoint import Checkpoint
from sfr_eval.models.forward_pass import LAYERS, ForwardPass
from sfr_eval.models.loading import has_tokenizer, load_model, load_prompter, load_tokenizer
from sfr_eval.models.prompting import Prompter
from sfr_eval.models.states_on_disk import (
    Readings,
    States,
    StatesWriter,
    TokenizedReplies,
    read_states,
)
from sfr_eval.settings import EngineSettings
from sfr_eval.util.progress import OnProgress

if TYPE_CHECKING:
    from sfr_eval.suites.suite import Suite
    from sfr_eval.types import Message, Sample

NO_CHECKPOINT = (
    "--metrics geometry, tokens: need the checkpoint that wrote the replies, which is not known; "
    "give it with --model, or leave them out"
)


class Forward:
    """The checkpoint of a run, and optionally its base model, ready to read replies."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        base: Checkpoint | None,
        folder: Path,
        serving: EngineSettings,
        layers: Sequence[int] | None = None,
        blind: bool = True,
        on_progress: OnProgress | None = None,
    ) -> None:
        """`folder` keeps the states; `base` None takes an adapter's own base, if any. `blind`: the
        replies of personas are read without their cards as well, which only geometry needs."""
        self._checkpoint = checkpoint
        self._base = base or checkpoint.base
        self._folder = folder
        self._blind = blind
        self._layers = tuple(sorted(set(layers))) if layers is not None else None
        self._serving = serving
        self._on_progress = on_progress
        self._readings: dict[str, Readings] = {}

    def over(
        self,
        suite: "Suite",
        replies: Sequence["Sample"],
        *,
        thoughts: Mapping[str, str] | None = None,
    ) -> Readings:
        """Return all readings of a suite's replies, one row for each reply. A suite is read only
        once: geometry and token statistics share the pass. `thoughts` (sample_id -> text) stood
        between prompt and reply: the model reads them, but they are not part of the reply."""
        if suite.id not in self._readings:
            texts = self._texts(suite, replies, cards=True, thoughts=thoughts or {})
            base = blind = None
            if self._base is not None:  # a wrong base model is reported before the work
                self._check_vocabulary(self._base, texts)
            model = self._states(self._checkpoint, f"{suite.id}-model", texts)
            if suite.personas and self._blind:
                # Thoughts mention the card, and here only the reply may reveal it.
                without_cards = self._texts(suite, replies, cards=False, thoughts={})
                blind = self._states(self._checkpoint, f"{suite.id}-blind", without_cards)
            if self._base is not None:
                base = self._states(self._base, f"{suite.id}-base", texts)
            self._readings[suite.id] = Readings(model=model, base=base, blind=blind)
        return self._readings[suite.id]

    @cached_property
    def _prompter(self) -> Prompter:
        return load_prompter(self._checkpoint, self._serving)

    def _texts(
        self,
        suite: "Suite",
        replies: Sequence["Sample"],
        *,
        cards: bool,
        thoughts: Mapping[str, str],
    ) -> TokenizedReplies:
        """Tokenize. Without `cards`, system messages are left out, so that personas share
        prompts."""
        messages = {
            (prompt.query, prompt.persona): tuple(
                message for message in prompt.messages if cards or message.role != "system"
            )
            for prompt in suite.prompts()
        }
        prompts: dict[tuple[Message, ...], int] = {}
        triples: dict[tuple[int, str, str], int] = {}
        row = np.empty(len(replies), np.int64)
        for place, reply in enumerate(replies):
            prompt = prompts.setdefault(messages[reply.prompt_key], len(prompts))
            triple = (prompt, thoughts.get(reply.sample_id, ""), reply.text)
            row[place] = triples.setdefault(triple, len(triples))
        self._prompter.prepare(prompts)
        return TokenizedReplies(
            samples=[reply.sample_id for reply in replies],
            row=row,
            prompts=[self._prompter.token_ids(prompt) for prompt in prompts],
            replies=self._ids([text for _, _, text in triples]),
            prompt_of=[prompt for prompt, _, _ in triples],
            leads=self._ids([lead for _, lead, _ in triples]),
        )

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        if not any(texts):
            return [[] for _ in texts]
        tokenizer = self._prompter.tokenizer
        encoding = tokenizer(list(texts), add_special_tokens=False, verbose=False)
        ids: list[list[int]] = encoding["input_ids"]
        return ids

    def _check_vocabulary(self, base: Checkpoint, texts: TokenizedReplies) -> None:
        """Raise UserError unless the token ids mean the same to the base model, which reads
        them too."""
        if base is self._checkpoint.base or not has_tokenizer(base.folder):
            return
        sequences = (*texts.prompts, *texts.leads, *texts.replies)
        used = sorted({token for ids in sequences for token in ids})
        theirs = load_tokenizer(base, trust_remote_code=self._serving.trust_remote_code)
        ours = self._prompter.tokenizer.convert_ids_to_tokens(used)
        if ours != theirs.convert_ids_to_tokens(used):
            raise UserError(
                f"--base-model {base.name}: its tokens are not those of {self._checkpoint.name}; "
                "give the checkpoint that it was trained from"
            )

    def _states(self, checkpoint: Checkpoint, name: str, texts: TokenizedReplies) -> States:
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
        default = "float32" if device == "cpu" else "bfloat16"
        dtype = default if self._serving.dtype == "auto" else self._serving.dtype
        signature = {
            "model": checkpoint.fingerprint,
            "dtype": dtype,
            "template": self._prompter.template_hash,
            "layers": list(self._layers) if self._layers is not None else f"{LAYERS} of all",
        }
        samples = hashlib.sha256("\n".join(texts.samples).encode()).hexdigest()[:32]
        key = {**signature, "texts": texts.digest, "samples": samples}
        folder = self._folder / name
        states = read_states(folder, key=key)
        if states is not None:
            return states
        from transformers.utils import logging

        logging.disable_progress_bar()
        model = load_model(
            checkpoint, dtype=dtype, trust_remote_code=self._serving.trust_remote_code
        )
        model = model.to(device).eval()
        forward_pass = ForwardPass(model, checkpoint.name, device=device, layers=self._layers)
        with StatesWriter(
            folder,
            key=key,
            signature=signature,
            layers=forward_pass.layers,
            depth=forward_pass.depth,
            width=forward_pass.width,
            texts=texts,
        ) as writer:
            done = 0
            for batch in forward_pass.batches(texts):
                if self._on_progress is not None:
                    self._on_progress(f"forward {name}", done, len(texts.replies))
                forward_pass.read(texts, batch, into=writer)
                done += len(batch)
            if self._on_progress is not None:
                self._on_progress(f"forward {name}", done, len(texts.replies))
            return writer.finish()
