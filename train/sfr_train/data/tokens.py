"""Chats as tokens and labels: what TRL's SFTTrainer makes of the same rows, in one pass.

TRL maps the rows four or five times, each time into new files, while all other ranks wait in a
collective operation. Here one pass makes tokens, labels, and the counts from which the report about
`max_length` follows. A test holds its rows equal to TRL's.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from datasets import Features, List, Value
from trl.data_utils import common_prefix_length

from sfr_eval.errors import UserError
from sfr_train.data.chat_texts import Refused, Turns, marked_tokens, rendering_ended, texts_of
from sfr_train.data.pieces import key_of, mapped
from sfr_train.loop.row_lengths import Cut
from sfr_train.targets.segments import IGNORED

_FORMAT = "1"
_TOKENS = Features({"input_ids": List(Value("int32")), "labels": List(Value("int32"))})
_ASKING = {"add_generation_prompt": True}
_COUNTS = Features({name: Value("int32") for name in ("length", "last_learned", "learned")})


@dataclass(frozen=True, kw_only=True)
class Tokenization:
    """How chats become tokens, as the settings of a trainer say it. limit: tokens of a row that are
    kept or counted as too many; cut: whether rows are cut there."""

    tokenizer: Any
    chat_template: str | None
    completion_only: bool
    assistant_only: bool
    limit: int | None
    keep_end: bool = False
    cut: bool = True

    @property
    def key(self) -> str:
        """A digest of all that decides the tokens of a row."""
        import transformers

        template = self.chat_template or self.tokenizer.chat_template
        choices = (self.completion_only, self.assistant_only, self.limit, self.keep_end, self.cut)
        return key_of(_FORMAT, transformers.__version__, vocabulary(self.tokenizer), template,
                      *choices)  # fmt: skip


def vocabulary(tokenizer: Any) -> str:
    """Return all that decides the tokens of a text, without the padding and truncation that a
    trainer may have set meanwhile."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        words = sorted(tokenizer.get_vocab().items())
        return json.dumps([type(tokenizer).__name__, words, tokenizer.all_special_tokens])
    parts = json.loads(backend.to_str())
    return json.dumps({**parts, "truncation": None, "padding": None}, sort_keys=True)


def is_chats(dataset: Any) -> bool:
    """Return whether rows are chats as `tokenized` reads them."""
    names = set(getattr(dataset, "column_names", None) or ())
    if not hasattr(dataset, "__len__") or len(dataset) == 0 or {"image", "images"} & names:
        return False
    row = dataset[0]
    turns = row.get("messages", row.get("prompt"))
    if "prompt" in names and not isinstance(row.get("completion"), list):
        return False
    return bool(isinstance(turns, list) and turns and isinstance(turns[0], dict)
                and "role" in turns[0])  # fmt: skip


def tokenized(
    dataset: Any, how: Tokenization, *, what: str, processes: int | None = None
) -> tuple[Any, Cut]:
    """Return tokens and labels of chats, and what `how.limit` does to them. Rows that it leaves
    without a label are dropped if rows are cut. Raises UserError for a chat that the template
    refuses."""
    with rendering_ended():
        tokens = mapped(
            dataset,
            _tokens,
            key=key_of(dataset._fingerprint, how.key),
            what=f"tokenize {what} rows",
            features=Features({**_TOKENS, **_COUNTS}),
            arguments={"how": how},
            processes=processes,
        )
    counts = tokens.select_columns(list(_COUNTS)).with_format("numpy")[:]
    length, learned = counts["length"], counts["learned"]
    long = length > how.limit if how.limit is not None else np.zeros(len(length), dtype=bool)
    unfinished = long & (counts["last_learned"] >= (how.limit or 0)) & (not how.keep_end)
    cut = Cut(
        rows=len(length),
        cut=int(long.sum()),
        unfinished=int(unfinished.sum()),
        empty=int((learned == 0).sum()),
        longest=int(length.max(initial=0)),
    )
    tokens = tokens.select_columns(list(_TOKENS))
    if how.cut and how.limit is not None and cut.empty:
        kept = np.flatnonzero(learned)
        tokens = tokens.select(kept, new_fingerprint=key_of(tokens._fingerprint, "learned"))
    return tokens, cut


def _tokens(rows: Mapping[str, Any], numbers: list[int], *, how: Tokenization) -> dict[str, Any]:
    names = list(rows)
    columns: dict[str, list[Any]] = {name: [] for name in (*_TOKENS, *_COUNTS)}
    chats = [dict(zip(names, values, strict=True)) for values in zip(*rows.values(), strict=True)]
    for ids, labels in chat_tokens(chats, how, numbers=numbers):
        learned = np.flatnonzero(labels != IGNORED)
        limit = len(ids) if how.limit is None else how.limit
        span = slice(max(len(ids) - limit, 0), None) if how.keep_end else slice(limit)
        columns["length"].append(len(ids))
        columns["last_learned"].append(learned[-1] if len(learned) else -1)
        columns["learned"].append(int((labels[span] != IGNORED).sum()))
        columns["input_ids"].append(ids[span] if how.cut else ids)
        columns["labels"].append(labels[span] if how.cut else labels)
    return columns


def chat_tokens(
    rows: Sequence[Mapping[str, Any]], how: Tokenization, *, numbers: Sequence[int]
) -> Iterator[tuple[Any, Any]]:
    """Yield what `row_tokens` makes of each chat; of a few dozen, faster."""
    yield from _together(rows, how) or (
        row_tokens(row, how, number=number) for row, number in zip(rows, numbers, strict=True)
    )


def _together(rows: Sequence[Mapping[str, Any]], how: Tokenization) -> list[tuple[Any, Any]]:
    """Return what `row_tokens` makes of plain chats, tokenized in one call, which costs half as
    much and uses all cores. Empty if a row has tools or options of its own, or the template refuses
    one."""
    if not getattr(how.tokenizer, "is_fast", False) or how.assistant_only:
        return []
    if any(row.get("tools") or row.get("chat_template_kwargs") for row in rows):
        return []
    prompts = [row["prompt"] for row in rows if row.get("prompt")]
    if len(prompts) < len(rows):
        return []
    chats = [[*prompt, *row["completion"]] for prompt, row in zip(prompts, rows, strict=True)]
    turns = [Turns(turns=chat) for chat in chats]
    if how.completion_only:
        turns += [Turns(turns=prompt, options=_ASKING) for prompt in prompts]
    try:
        texts = texts_of(how.tokenizer, turns, template=how.chat_template)
    except Refused:
        return []  # one by one says which chat
    ids = how.tokenizer(texts, add_special_tokens=False)
    whole, alone = ids["input_ids"][: len(rows)], ids["input_ids"][len(rows) :]
    if not how.completion_only:
        return [(ids, ids) for ids in map(_array, whole)]
    pairs = zip(whole, alone, strict=True)
    return [_labelled(_array(ids), common_prefix_length(prompt, ids)) for ids, prompt in pairs]


def _array(ids: Sequence[int]) -> Any:
    return np.asarray(ids, dtype=np.int32)


def _labelled(ids: Any, prompt: int) -> tuple[Any, Any]:
    labels = ids.copy()
    labels[:prompt] = IGNORED
    return ids, labels


def row_tokens(row: Mapping[str, Any], how: Tokenization, *, number: int) -> tuple[Any, Any]:
    """Return tokens and labels of a chat, int32, before it is cut: labels are -100 outside of what
    is learned. `number` is the row's, from 0, for messages."""
    tools = row.get("tools")
    options = {
        "tools": json.loads(tools) if isinstance(tools, str) else tools,
        **(row.get("chat_template_kwargs") or {}),
    }
    prompt = row.get("prompt") or []
    chat = [*prompt, *row["completion"]] if "prompt" in row else row["messages"]
    turns = [Turns(turns=chat, options=options)]
    if "prompt" in row and how.completion_only:
        turns.append(Turns(turns=prompt, options={**options, **_ASKING}))
    try:
        if how.assistant_only:
            chosen = replace(turns.pop(0), marked=True)
            whole, mask = marked_tokens(how.tokenizer, chosen, template=how.chat_template)
            alone = _ids(turns, how)
        else:
            whole, *alone = _ids(turns, how)
            mask = [1] * len(whole)
    except Refused as error:
        raise UserError(
            f"model {how.tokenizer.name_or_path}: its chat template refuses a chat (row "
            f"{number + 1:,} of those to train on): {error}"
        ) from None
    if how.assistant_only and not any(mask):
        raise UserError(
            f"model {how.tokenizer.name_or_path}: its chat template marks no reply in some chat "
            f"({{% generation %}}; row {number + 1:,} of those to train on); give rows of prompt "
            "and completion, one a reply"
        )
    learned = np.asarray(mask, dtype=bool)
    for ids in alone:
        learned[: common_prefix_length(ids, whole)] = False
    return _array(whole), np.where(learned, _array(whole), np.int32(IGNORED))


def _ids(turns: Sequence[Turns], how: Tokenization) -> list[list[int]]:
    texts = texts_of(how.tokenizer, turns, template=how.chat_template)
    return [how.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
