"""Draws by Transformers' generate loop, for models that vLLM cannot load. Slow, but the same draw:
every sampling field acts as in vLLM, and each sample has its own seed.

`generate` takes unset fields from the checkpoint's generation_config and from its own defaults
(top_k = 50), and has one random stream for a batch. So it runs greedily, and our logits processor
draws each token and masks all others.
"""

import bisect
import importlib.metadata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from sfr_eval.models.architecture import window_of
from sfr_eval.models.checkpoint import Checkpoint
from sfr_eval.models.loading import end_ids, load_model
from sfr_eval.models.prompting import Prompter
from sfr_eval.samplers.rows import error_row, finished_row
from sfr_eval.settings import EngineSettings
from sfr_eval.types import Request, Sample, Sampling

if TYPE_CHECKING:
    import torch

_BATCH = 64


class TransformersSampler:
    """See `sfr_eval.types.Sampler`."""

    _together = False  # whether other processes hold parts of the model and generate with this one

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        prompter: Prompter,
        serving: EngineSettings,
        batch_size: int = _BATCH,
    ) -> None:
        import torch
        from transformers import GenerationConfig

        self._prompter = prompter
        self._batch_size = batch_size
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        on_cpu = self._device == "cpu"
        self._dtype = "float32" if serving.dtype == "auto" and on_cpu else serving.dtype
        self._model = load_model(
            checkpoint, dtype=self._dtype, trust_remote_code=serving.trust_remote_code
        )
        self._model.to(self._device).eval()
        self._ends = end_ids(self._model, prompter.tokenizer)
        # `generate` takes unset fields from the checkpoint's own file: penalties, suppressed
        # tokens, beams. Only its end tokens are used.
        self._model.generation_config = GenerationConfig(eos_token_id=self._ends)
        self._window = serving.max_model_len or window_of(self._model.config) or 2**31

    def describe(self) -> Mapping[str, Any]:
        """Engine, version, device and dtype."""
        return {
            "engine": "transformers",
            "version": importlib.metadata.version("transformers"),
            "device": self._device,
            "dtype": self._dtype,
            "batch_size": self._batch_size,
            "template": self._prompter.template_hash,
        }

    def sample(self, requests: Iterable[Request]) -> Iterator[Sample]:
        """Yield samples batch by batch."""
        waiting = iter(requests)
        while batch := list(islice(waiting, self._batch_size)):
            self._prompter.prepare(request.prompt.messages for request in batch)
            groups: dict[tuple[tuple[str, ...], int], list[Request]] = {}
            for request in batch:
                length = len(self._prompter.token_ids(request.prompt.messages))
                if length >= self._window:
                    yield error_row(request, f"prompt of {length} tokens, window {self._window}")
                    continue
                max_tokens = min(request.sampling.max_tokens, self._window - length)
                groups.setdefault((request.sampling.stop, max_tokens), []).append(request)
            for (_, max_tokens), group in groups.items():
                yield from self._generate(group, max_tokens=max_tokens)

    def close(self) -> None:
        """Drop the model."""
        self._model = None

    def _without_gradients(self) -> Any:
        import torch

        return torch.inference_mode()

    def _generate(self, requests: Sequence[Request], *, max_tokens: int) -> Iterator[Sample]:
        import torch
        from transformers import GenerationConfig, LogitsProcessorList

        tokenizer = self._prompter.tokenizer
        prompts = [self._prompter.token_ids(r.prompt.messages) for r in requests]
        width = max(map(len, prompts))
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
        ids = torch.tensor([[pad] * (width - len(p)) + p for p in prompts], device=self._device)
        mask = torch.tensor(
            [[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=self._device
        )
        stops = requests[0].sampling.stop
        draw = SeededDraw(requests, prompt_mask=mask)
        with self._without_gradients():
            output = self._model.generate(
                input_ids=ids,
                attention_mask=mask,
                generation_config=GenerationConfig(
                    do_sample=False,
                    top_k=None,
                    max_new_tokens=max_tokens,
                    eos_token_id=self._ends,
                    pad_token_id=pad,
                    stop_strings=list(stops) or None,
                ),
                tokenizer=tokenizer if stops else None,
                logits_processor=LogitsProcessorList([draw]),
                synced_gpus=self._together,
            )
        for request, prompt, row in zip(requests, prompts, output[:, width:].tolist(), strict=True):
            cut = next((i for i, token in enumerate(row) if token in self._ends), None)
            tokens = row if cut is None else row[: cut + 1]
            text = tokenizer.decode(tokens, skip_special_tokens=True)
            stop_places = [text.find(stop) for stop in stops if stop in text]
            if stop_places:  # after the stop string comes padding to the length of the batch
                tokens = tokens[: _first_with(stops, tokens, tokenizer)]
            yield finished_row(
                request,
                text=text[: min(stop_places)] if stop_places else text,
                finish_reason="length" if cut is None and not stop_places else "stop",
                prompt_tokens=len(prompt),
                completion_tokens=len(tokens),
            )


class SeededDraw:
    """A logits processor that draws one token for each row from the row's own generator, after
    penalties, temperature, min_p, top_k and top_p in vLLM's order, and masks all others."""

    def __init__(self, requests: Sequence[Request], *, prompt_mask: "torch.Tensor") -> None:
        import torch

        self._samplings = [request.sampling for request in requests]
        self._prompt_mask = prompt_mask.bool()
        self._generators = [torch.Generator().manual_seed(request.seed) for request in requests]

    def __call__(self, ids: "torch.Tensor", scores: "torch.Tensor") -> "torch.Tensor":
        """Map ids (rows, tokens so far) and scores (rows, vocabulary) to scores with one finite
        entry in each row."""
        import torch

        drawn = []
        width = self._prompt_mask.shape[1]
        for row, sampling in enumerate(self._samplings):
            prompt = ids[row, :width][self._prompt_mask[row]]
            logits = penalised(
                scores[row].float(), sampling, prompt=prompt, output=ids[row, width:]
            )
            if sampling.temperature == 0:
                drawn.append(int(logits.argmax()))
                continue
            p = filtered(logits / sampling.temperature, sampling).softmax(-1).cpu()
            drawn.append(int(torch.multinomial(p, 1, generator=self._generators[row])))
        tokens = torch.tensor(drawn, device=scores.device).unsqueeze(1)
        return torch.full_like(scores, -torch.inf).scatter_(1, tokens, 0.0)


def penalised(
    logits: "torch.Tensor", sampling: Sampling, *, prompt: "torch.Tensor", output: "torch.Tensor"
) -> "torch.Tensor":
    """Apply the repetition penalty over prompt and output, the presence and frequency penalties
    over the output."""
    import torch

    logits = logits.clone()
    if sampling.repetition_penalty != 1:
        seen = torch.cat([prompt, output]).unique()
        before = logits[seen]
        penalty = sampling.repetition_penalty
        logits[seen] = torch.where(before > 0, before / penalty, before * penalty)
    if (sampling.presence_penalty or sampling.frequency_penalty) and output.numel():
        tokens, counts = output.unique(return_counts=True)
        logits[tokens] -= sampling.presence_penalty + sampling.frequency_penalty * counts
    return logits


def filtered(logits: "torch.Tensor", sampling: Sampling) -> "torch.Tensor":
    """Apply min_p, top_k and top_p to tempered logits, shape (vocabulary,); off values change
    nothing."""
    import torch

    if sampling.min_p > 0:
        p = logits.softmax(-1)
        logits = logits.masked_fill(p < sampling.min_p * p.max(), -torch.inf)
    if 0 < sampling.top_k < logits.numel():
        logits = logits.masked_fill(logits < logits.topk(sampling.top_k).values[-1], -torch.inf)
    if sampling.top_p < 1:
        ordered, order = logits.sort(descending=True)
        before = ordered.softmax(-1).cumsum(-1) - ordered.softmax(-1)
        logits = logits.index_fill(0, order[before >= sampling.top_p], -torch.inf)
    return logits


def _first_with(stops: Sequence[str], tokens: Sequence[int], tokenizer: Any) -> int:
    """Return the least number of leading tokens whose text contains a stop string."""

    def contains_stop(count: int) -> bool:
        text = tokenizer.decode(tokens[:count], skip_special_tokens=True)
        return any(stop in text for stop in stops)

    return bisect.bisect_left(range(len(tokens) + 1), True, key=contains_stop)
