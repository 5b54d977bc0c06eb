"""What a checkpoint makes of the replies of a run: one forward pass over prompts and replies.

Kept for each reply: the hidden state at the last prompt token and the mean over the reply's tokens,
for some layers; and for each reply token the entropy of the distribution it was drawn from and its
log-probability, both of the undistorted model (temperature 1). All layers of a batch are in memory
at once, never those of two batches: a batch is as small as `MEMORY` asks for, and what is kept goes
straight to disk (`states.py`).

The text is tokenized again: a reply whose stored text differs from what was sampled (special
tokens are not stored) is read as stored. The end of turn is not part of it.
"""

import hashlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sfr_eval.errors import UserError
from sfr_eval.models.checkpoint import Checkpoint
from sfr_eval.models.loading import has_tokenizer, load_model, load_tokenizer
from sfr_eval.models.prompting import Prompter
from sfr_eval.models.states_on_disk import Readings, States, StatesWriter, read_states
from sfr_eval.util.progress import OnProgress

if TYPE_CHECKING:
    import torch

    from sfr_eval.suites.suite import Suite
    from sfr_eval.types import Message, Sample

# Bytes of hidden states, and again of logits, in a batch. CPU seconds for 252 replies of the demo's
# size on one core: 2.8, 2.2, 2.0, 2.0, 2.1, 2.6 at 2**20, 22, 23, 24, 25, 27.
MEMORY = {"cpu": 2**24, "cuda": 2**32}
LAYERS = 5  # kept when nobody chose: evenly spaced, first and last included


@dataclass(frozen=True, kw_only=True)
class Texts:
    """The different (prompt, reply) pairs of a run as token ids, and where each reply is."""

    prompts: list[list[int]]
    replies: list[list[int]]
    prompt_of: list[int]  # for each of `replies`: its prompt
    leads: list[list[int]]  # for each of `replies`: its thinking, between prompt and reply
    row: npt.NDArray[np.int64]  # for each sample: its place in `replies`

    @cached_property
    def digest(self) -> str:
        """Hash of all token ids."""
        leads = [self.leads] if any(self.leads) else []
        content = repr((self.prompts, self.replies, self.prompt_of, self.row.tolist(), *leads))
        return hashlib.sha256(content.encode()).hexdigest()[:32]


class Forward:
    """The checkpoint of a run, and optionally the one it came from, ready to read replies."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        base: Checkpoint | None,
        folder: Path,
        layers: Sequence[int] | None = None,
        dtype: str = "auto",
        system_role: str = "error",
        chat_template: Path | None = None,
        trust_remote_code: bool = False,
        on_progress: OnProgress | None = None,
    ) -> None:
        """`folder` keeps what was computed; `base` None takes an adapter's own base, if any."""
        self._checkpoint = checkpoint
        self._base = base or checkpoint.base
        self._folder = folder
        self._layers = tuple(sorted(set(layers))) if layers is not None else None
        self._dtype = dtype
        self._template = (system_role, chat_template)
        self._trust = trust_remote_code
        self._on_progress = on_progress
        self._known: dict[str, Readings] = {}

    def over(
        self,
        suite: "Suite",
        replies: Sequence["Sample"],
        *,
        thoughts: Mapping[str, str] | None = None,
    ) -> Readings:
        """All readings of a suite's replies, a row a reply. Each suite is read only once: geometry
        and token statistics share the pass. `thoughts` (sample_id -> text) stood between prompt and
        reply: they are read, but no part of the reply."""
        if suite.id not in self._known:
            texts = self._texts(suite, replies, cards=True, thoughts=thoughts or {})
            base = blind = None
            if self._base is not None:  # a wrong one is found before the work
                self._check_vocabulary(self._base, texts)
            model = self._states(self._checkpoint, f"{suite.id}-model", texts, replies)
            if suite.personas:
                # Thoughts speak of the card, and here only the reply may.
                bare = self._texts(suite, replies, cards=False, thoughts={})
                blind = self._states(self._checkpoint, f"{suite.id}-blind", bare, replies)
            if self._base is not None:
                base = self._states(self._base, f"{suite.id}-base", texts, replies)
            self._known[suite.id] = Readings(model=model, base=base, blind=blind)
        return self._known[suite.id]

    @cached_property
    def _prompter(self) -> Any:
        role, template = self._template
        tokenizer = load_tokenizer(self._checkpoint, trust_remote_code=self._trust)
        return Prompter(
            tokenizer, name=self._checkpoint.name, system_role=role, chat_template=template
        )

    def _texts(
        self,
        suite: "Suite",
        replies: Sequence["Sample"],
        *,
        cards: bool,
        thoughts: Mapping[str, str],
    ) -> Texts:
        """Without `cards` the system messages are left out, so that personas share prompts."""
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
            prompt = prompts.setdefault(messages[reply.query, reply.persona], len(prompts))
            triple = (prompt, thoughts.get(reply.sample_id, ""), reply.text)
            row[place] = triples.setdefault(triple, len(triples))
        return Texts(
            prompts=[self._prompter.token_ids(prompt) for prompt in prompts],
            replies=self._ids([text for _, _, text in triples]),
            prompt_of=[prompt for prompt, _, _ in triples],
            leads=self._ids([lead for _, lead, _ in triples]),
            row=row,
        )

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        if not any(texts):
            return [[] for _ in texts]
        tokenizer = self._prompter.tokenizer
        found: list[list[int]] = tokenizer(list(texts), add_special_tokens=False, verbose=False)[
            "input_ids"
        ]
        return found

    def _check_vocabulary(self, base: Checkpoint, texts: Texts) -> None:
        """The base reads the same token ids, so they must mean the same to it."""
        if base is self._checkpoint.base or not has_tokenizer(base.folder):
            return
        read = (*texts.prompts, *texts.leads, *texts.replies)
        used = sorted({token for ids in read for token in ids})
        theirs = load_tokenizer(base, trust_remote_code=self._trust)
        ours = self._prompter.tokenizer.convert_ids_to_tokens(used)
        if ours != theirs.convert_ids_to_tokens(used):
            raise UserError(
                f"--base-model {base.name}: its tokens are not those of {self._checkpoint.name}; "
                "give the checkpoint that it was trained from"
            )

    def _states(
        self, checkpoint: Checkpoint, name: str, texts: Texts, replies: Sequence["Sample"]
    ) -> States:
        device, dtype = _place(self._dtype)
        signature = {
            "model": checkpoint.fingerprint,
            "dtype": dtype,
            "template": self._prompter.template_hash,
            "layers": list(self._layers) if self._layers is not None else f"{LAYERS} of all",
        }
        key = {**signature, "texts": texts.digest, "samples": _sample_digest(replies)}
        folder = self._folder / name
        known = read_states(folder, key=key)
        if known is not None:
            return known
        model = _load(checkpoint, device=device, dtype=dtype, trust_remote_code=self._trust)
        reader = _Reader(model, checkpoint.name, device=device, layers=self._layers)
        with StatesWriter(
            folder,
            key=key,
            signature=signature,
            layers=reader.layers,
            depth=reader.depth,
            width=reader.width,
            samples=[reply.sample_id for reply in replies],
            row=texts.row,
            prompt_of=texts.prompt_of,
            prompts=len(texts.prompts),
            replies=texts.replies,
        ) as writer:
            done = 0
            for batch in reader.batches(texts):
                if self._on_progress is not None:
                    self._on_progress(f"forward {name}", done, len(texts.replies))
                reader.read(texts, batch, into=writer)
                done += len(batch)
            return writer.finish()


class _Reader:
    """One model at work."""

    def __init__(self, model: Any, name: str, *, device: str, layers: Sequence[int] | None) -> None:
        self._model, self._name, self._device = model, name, device
        config = model.config.get_text_config()
        self._vocabulary = int(config.vocab_size)
        self._window = int(getattr(config, "max_position_embeddings", 2**31))
        plain = model.get_base_model() if hasattr(model, "peft_config") else model
        self._keeps = "logits_to_keep" in inspect.signature(plain.forward).parameters
        states = self._forward([[0]], keep=range(1)).hidden_states
        if not states:
            raise UserError(
                f"--model {name}: {type(plain).__name__} gives no hidden states, which the metrics "
                "geometry and tokens need; leave them out"
            )
        self.depth = len(states) - 1
        self.width = int(states[0].shape[-1])
        self._bytes = self.width * states[0].element_size() * len(states)
        self.layers = tuple(layers) if layers is not None else spread(self.depth)
        for layer in self.layers:
            if not 0 <= layer <= self.depth:
                raise UserError(
                    f"--layers {layer}: {name} has layers 0 (embedding) to {self.depth} (last)"
                )

    def batches(self, texts: Texts) -> Iterator[list[int]]:
        """Rows of like lengths, as many as the memory holds; at least one."""
        lengths = [
            (len(texts.prompts[prompt]) + len(lead), len(reply))
            for prompt, lead, reply in zip(texts.prompt_of, texts.leads, texts.replies, strict=True)
        ]
        memory = MEMORY[self._device]
        batch: list[int] = []
        least = longest = 0
        for row in sorted(range(len(lengths)), key=lengths.__getitem__):
            prompt, reply = lengths[row]
            if not batch:
                least, longest = prompt, 0
            longest = max(longest, reply)
            states = (len(batch) + 1) * (prompt + longest) * self._bytes
            logits = (len(batch) + 1) * (prompt - least + longest) * self._vocabulary * 4
            if batch and max(states, logits) > memory:
                yield batch
                batch, least, longest = [], prompt, reply
            batch.append(row)
        if batch:
            yield batch

    def read(self, texts: Texts, batch: Sequence[int], *, into: StatesWriter) -> None:
        """One batch through the model, what is kept of it onto disk."""
        import torch

        asked = [len(texts.prompts[texts.prompt_of[row]]) for row in batch]
        prompts = [texts.prompts[texts.prompt_of[row]] + texts.leads[row] for row in batch]
        replies = [texts.replies[row] for row in batch]
        ids = [prompt + reply for prompt, reply in zip(prompts, replies, strict=True)]
        longest = max(map(len, ids))
        if longest > self._window:
            raise UserError(
                f"--model {self._name}: a prompt with its reply has {longest:,} tokens, its window "
                f"is {self._window:,}"
            )
        if max(map(max, ids)) >= self._vocabulary:
            raise UserError(
                f"--base-model {self._name}: knows {self._vocabulary:,} tokens, which is too few "
                "for the run's tokenizer; give the checkpoint that the run's was trained from"
            )
        first = min(map(len, prompts)) - 1  # its logits are those of the first reply token
        output = self._forward(ids, keep=range(first, longest - 1))
        starts = torch.tensor([len(prompt) for prompt in prompts], device=self._device)
        ends = torch.tensor([len(each) for each in ids], device=self._device)
        places = torch.arange(longest, device=self._device)
        inside = (places >= starts[:, None]) & (places < ends[:, None])
        share = inside / inside.sum(dim=1, keepdim=True)  # 0/0: a reply without a token has no mean
        rows = torch.arange(len(batch), device=self._device)
        ask = torch.tensor(asked, device=self._device)  # the last token of the prompt itself
        last, mean = [], []
        for layer in self.layers:
            state = output.hidden_states[layer].float()
            last.append(state[rows, ask - 1])
            mean.append(torch.einsum("bt,btd->bd", share, state))
        into.write_states(
            batch,
            prompt=self._checked(torch.stack(last, dim=1)),
            reply=torch.stack(mean, dim=1).cpu().numpy(),
        )
        for place, (row, prompt, reply) in enumerate(zip(batch, prompts, replies, strict=True)):
            start = len(prompt) - 1 - first
            logits = output.logits[place, start : start + len(reply)]
            drawn = torch.tensor(reply, device=self._device, dtype=torch.long)
            into.write_tokens(row, *token_statistics(logits, drawn))

    def _checked(self, states: "torch.Tensor") -> npt.NDArray[np.float32]:
        found: npt.NDArray[np.float32] = states.cpu().numpy()
        if not np.isfinite(found).all():
            raise UserError(
                f"--model {self._name}: hidden states overflow; use --dtype bfloat16 or float32"
            )
        return found

    def _forward(self, ids: Sequence[Sequence[int]], *, keep: range) -> Any:
        """The model's output; logits only at the positions `keep`, hidden states at all."""
        import torch

        width = max(map(len, ids))
        # Padded on the right: causal attention never looks there, so a mask of ones is exact, and
        # the fast path of attention stays open.
        padded = torch.tensor([[*row, *[0] * (width - len(row))] for row in ids])
        padded = padded.to(self._device)
        kept = torch.tensor(keep, dtype=torch.long, device=self._device)
        with torch.inference_mode():
            output = self._model(
                input_ids=padded,
                attention_mask=torch.ones_like(padded),
                output_hidden_states=True,
                use_cache=False,
                return_dict=True,
                **({"logits_to_keep": kept} if self._keeps else {}),
            )
        if not self._keeps:
            output["logits"] = output["logits"][:, keep.start : keep.stop]
        return output


def token_statistics(
    logits: "torch.Tensor", drawn: "torch.Tensor"
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """(entropy, log-probability of the drawn token) at each position, in nats; logits have shape
    (tokens, vocabulary), `drawn` (tokens,). In float32 whatever the model computes in."""
    import torch

    logs = torch.log_softmax(logits.float(), dim=-1)
    entropy = torch.special.entr(logs.exp()).sum(dim=-1)
    chosen = logs.gather(1, drawn[:, None])[:, 0]
    return entropy.cpu().numpy(), chosen.cpu().numpy()


def spread(depth: int) -> tuple[int, ...]:
    """Up to `LAYERS` of the layers 0 (embedding) to `depth`, evenly spaced, both ends in."""
    return tuple(sorted({round(step * depth / (LAYERS - 1)) for step in range(LAYERS)}))


def _place(dtype: str) -> tuple[str, str]:
    """(device, dtype) of the forward pass."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    if dtype == "auto":
        dtype = "float32" if device == "cpu" else "bfloat16"
    return device, dtype


def _load(checkpoint: Checkpoint, *, device: str, dtype: str, trust_remote_code: bool) -> Any:
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = load_model(checkpoint, dtype=dtype, trust_remote_code=trust_remote_code)
    return model.to(device).eval()


def _sample_digest(replies: Sequence["Sample"]) -> str:
    ids = "\n".join(reply.sample_id for reply in replies)
    return hashlib.sha256(ids.encode()).hexdigest()[:32]


NO_CHECKPOINT = (
    "--metrics geometry, tokens: look into the checkpoint that wrote the replies, and none is "
    "known; give it with --model, or leave them out"
)
