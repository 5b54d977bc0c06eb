"""Draws replies from a model in memory, and scores given replies, many prompts at a time."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

Chat = list[dict[str, str]]
_KEPT = 0.8  # ended rows leave the batch when a smaller share than this continues


def prompt_ids(tokenizer: Any, prompts: Sequence[Chat]) -> list[list[int]]:
    """The token ids of each prompt, up to the start of the reply."""
    return [
        tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_dict=False)
        for prompt in prompts
    ]


@torch.inference_mode()
def draw(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Chat],
    *,
    temperatures: Sequence[float],
    copies: int,
    max_tokens: int,
    seed: int,
    rows: int = 320,
    min_p: float = 0.0,
    top_p: float = 1.0,
) -> list[list[list[str]]]:
    """Replies by [prompt][temperature][copy], every token from the whole vocabulary unless a filter
    is given, which acts after the temperature. A prompt is encoded once for all its replies; `rows`
    replies are generated together. The random numbers do not depend on the device."""
    model.eval()
    if model.device.type == "cpu":
        _share_key_heads(model)
    generator = torch.Generator().manual_seed(seed)
    each = len(temperatures) * copies
    heat = torch.tensor(temperatures).repeat_interleave(copies)
    ids = prompt_ids(tokenizer, prompts)
    replies = []
    for start in range(0, len(ids), max(1, rows // each)):
        block = ids[start : start + max(1, rows // each)]
        written = _write(
            model,
            block,
            heat=heat,
            end=tokenizer.eos_token_id,
            padding=tokenizer.pad_token_id,
            max_tokens=max_tokens,
            generator=generator,
            keep=partial(_filtered, min_p=min_p, top_p=top_p),
        )
        texts = tokenizer.batch_decode(written, skip_special_tokens=True)
        for i in range(len(block)):
            block_texts = texts[i * each : (i + 1) * each]
            replies.append([block_texts[j : j + copies] for j in range(0, each, copies)])
    return replies


def _write(
    model: Any,
    block: Sequence[list[int]],
    *,
    heat: torch.Tensor,
    end: int,
    padding: int,
    max_tokens: int,
    generator: torch.Generator,
    keep: Callable[[torch.Tensor], torch.Tensor] = lambda chances: chances,
) -> list[list[int]]:
    """len(heat) continuations of each prompt. Ended rows leave the batch, several at a time. keep:
    sets the probabilities (rows, vocabulary) that a filter excludes to 0."""
    width, device = max(map(len, block)), model.device
    ids = torch.tensor([[padding] * (width - len(row)) + row for row in block], device=device)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in block], device=device)
    places = (mask.cumsum(1) - 1).clamp(min=0)
    outputs = model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=places,
        past_key_values=_roomy_cache(model, max_tokens),
        use_cache=True,
        logits_to_keep=1,
    )
    cache, each = outputs.past_key_values, len(heat)
    cache.batch_repeat_interleave(each)
    logits = outputs.logits[:, -1].repeat_interleave(each, dim=0)
    mask = mask.repeat_interleave(each, dim=0)
    place = places[:, -1:].repeat_interleave(each, dim=0)
    heat = heat.to(device).repeat(len(block))
    written: list[list[int]] = [[] for _ in range(len(block) * each)]
    owner = torch.arange(len(written), device=device)
    going = torch.ones(len(written), dtype=torch.bool, device=device)
    for _ in range(max_tokens):
        below = keep(torch.softmax(logits / heat[:, None], dim=-1)).double().cumsum(dim=-1)
        point = torch.rand(len(heat), 1, generator=generator, dtype=torch.float64).to(device)
        token = torch.searchsorted(below, point * below[:, -1:], right=True)
        token = token.clamp(max=logits.shape[-1] - 1)
        going &= token[:, 0] != end
        for row, value in zip(owner[going].tolist(), token[going, 0].tolist(), strict=True):
            written[row].append(value)
        if not going.any():
            break
        if going.sum() < _KEPT * len(going):
            active = going.nonzero()[:, 0]
            cache.batch_select_indices(active)
            owner, going, token, mask, place, heat = (
                part[active] for part in (owner, going, token, mask, place, heat)
            )
        mask = torch.nn.functional.pad(mask, (0, 1), value=1)
        place = place + 1
        logits = model(
            input_ids=token,
            attention_mask=mask,
            position_ids=place,
            past_key_values=cache,
            use_cache=True,
        ).logits[:, -1]
    return written


def _filtered(chances: torch.Tensor, *, min_p: float, top_p: float) -> torch.Tensor:
    """Set excluded tokens to 0: below min_p times the highest probability, then outside the
    smallest set of tokens that holds top_p of the rest."""
    if min_p > 0:
        floor = min_p * chances.amax(dim=-1, keepdim=True)
        chances = chances.where(chances >= floor, 0.0)
    if top_p < 1:
        ordered, order = chances.sort(dim=-1, descending=True)
        before = ordered.cumsum(dim=-1) - ordered
        ordered = ordered.where(before < top_p * ordered.sum(dim=-1, keepdim=True), 0.0)
        chances = torch.zeros_like(chances).scatter(-1, order, ordered)
    return chances


def _roomy_cache(model: Any, room: int) -> Any:
    """A cache that copies its contents once per `room` new tokens instead of once per token."""
    from transformers.cache_utils import Cache, DynamicLayer

    class RoomyLayer(DynamicLayer):
        whole: tuple[torch.Tensor, torch.Tensor] | None = None

        def update(
            self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
        ) -> tuple[torch.Tensor, torch.Tensor]:
            if not self.is_initialized:
                self.lazy_initialization(key_states, value_states)
            start = self.get_seq_length()
            end = start + key_states.shape[-2]
            if start == 0:
                self.keys, self.values = key_states, value_states
                return self.keys, self.values
            if self.whole is None or end > self.whole[0].shape[-2]:
                self.whole = (_with_room(self.keys, room), _with_room(self.values, room))
            for buffer, states in zip(self.whole, (key_states, value_states), strict=True):
                buffer[:, :, start:end] = states
            self.keys, self.values = (buffer[:, :, :end] for buffer in self.whole)
            return self.keys, self.values

        def batch_select_indices(self, indices: torch.Tensor) -> None:
            super().batch_select_indices(indices)
            self.whole = None

    return Cache(layers=[RoomyLayer() for _ in range(model.config.num_hidden_layers)])


def _with_room(states: torch.Tensor, room: int) -> torch.Tensor:
    rows, heads, length, size = states.shape
    buffer = states.new_empty(rows, heads, length + room, size)
    buffer[:, :, :length] = states
    return buffer


def _share_key_heads(model: Any) -> None:
    """Attention of one new token without a copy of the keys per query head, which took half the
    time here."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    def attend(
        module: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        mask: Any,
        **rest: Any,
    ) -> tuple[torch.Tensor, None]:
        rows, heads, new, size = query.shape
        if new > 1:
            output, _ = sdpa_attention_forward(module, query, key, value, mask, **rest)
            return output, None
        grouped = query.view(rows, key.shape[1], -1, size)
        output = torch.nn.functional.scaled_dot_product_attention(
            grouped, key, value, attn_mask=mask, scale=rest["scaling"]
        )
        return output.view(rows, 1, heads, size), None

    AttentionInterface.register("shared_key_heads", attend)
    AttentionMaskInterface.register("shared_key_heads", sdpa_mask)
    model.set_attn_implementation("shared_key_heads")


@torch.inference_mode()
def log_probabilities(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Chat],
    replies: Sequence[str],
    *,
    temperatures: Sequence[float],
    rows: int = 32,
) -> tuple[torch.Tensor, torch.Tensor]:
    """log q(reply, end of turn | prompt) at each temperature, (N, len(temperatures)), nats, and the
    number of tokens of each reply with its end, (N,)."""
    model.eval()
    starts = prompt_ids(tokenizer, prompts)
    ends = [
        tokenizer(reply + tokenizer.eos_token, add_special_tokens=False)["input_ids"]
        for reply in replies
    ]
    order = sorted(range(len(starts)), key=lambda i: len(starts[i]) + len(ends[i]))
    log_q = torch.zeros(len(starts), len(temperatures), dtype=torch.float64)
    for first in range(0, len(order), rows):
        block = order[first : first + rows]
        width = max(len(starts[i]) + len(ends[i]) for i in block)
        ids = torch.full((len(block), width), tokenizer.pad_token_id)
        mask, in_reply = torch.zeros_like(ids), torch.zeros_like(ids, dtype=torch.bool)
        for row, i in enumerate(block):
            whole = starts[i] + ends[i]
            ids[row, : len(whole)] = torch.tensor(whole)
            mask[row, : len(whole)] = 1
            in_reply[row, len(starts[i]) : len(whole)] = True
        ids, mask, in_reply = (part.to(model.device) for part in (ids, mask, in_reply))
        states = model.get_decoder()(input_ids=ids, attention_mask=mask).last_hidden_state
        predicted = in_reply[:, 1:]
        logits = model.get_output_embeddings()(states[:, :-1][predicted]).float()
        token = ids[:, 1:][predicted]
        owner = torch.tensor(block)[predicted.nonzero()[:, 0].cpu()]
        for column, temperature in enumerate(temperatures):
            scaled = logits / temperature
            log_p = scaled.gather(1, token[:, None])[:, 0] - scaled.logsumexp(dim=-1)
            log_q[:, column].index_add_(0, owner, log_p.double().cpu())
    return log_q, torch.tensor([len(end) for end in ends])
