"""What a base model must have before it is trained: settings that can be saved, a token that ends a
reply, a template that marks replies. A fault found after training costs the training."""

import re
from collections.abc import Iterator
from typing import Any

from sfr_eval.errors import UserError
from sfr_train.data.chat_texts import Refused, Turns, rendering_ended, texts_of

_SAMPLING = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "top_h",
    "typical_p",
    "epsilon_cutoff",
    "eta_cutoff",
)
_REPLY = "Yes indeed"


def prepare_base(model: Any, tokenizer: Any, *, name: str, adapter: bool = False) -> Iterator[str]:
    """Make the generation settings of a model ones that can be saved, and let them end a reply as
    its chat template does. Yields a line about each change. Raises UserError if they cannot be
    mended. An `adapter` is saved without them."""
    yield from _mend_settings(model, name=name)
    yield from _add_end_of_turn(model, tokenizer, name=name, adapter=adapter)


def check_reply_marks(tokenizer: Any, *, name: str) -> None:
    """Raise UserError unless a mask over whole chats can be made: the chat template marks replies,
    or is one for which TRL has such a version."""
    from trl.chat_template_utils import get_training_chat_template, has_generation_markers

    if has_generation_markers(tokenizer.chat_template):
        return
    try:
        get_training_chat_template(tokenizer)
    except (ValueError, TypeError):
        raise UserError(
            f"model {name}: its chat template does not mark replies ({{% generation %}}), so chats "
            "with several replies cannot be trained on whole; give rows of prompt and completion, "
            "one a reply, or training.chat_template_path"
        ) from None


def end_of_turn(tokenizer: Any) -> tuple[int | None, str]:
    """Return the token that the chat template writes after a reply, if it is one of the special
    tokens, and the text that it writes there."""
    turns = [{"role": "user", "content": "Is it?"}, {"role": "assistant", "content": _REPLY}]
    try:
        with rendering_ended():
            (text,) = texts_of(tokenizer, [Turns(turns=turns)])
    except Refused:
        return None, ""
    rest = text.rpartition(_REPLY)[2].strip()
    tokens = tokenizer(rest, add_special_tokens=False)["input_ids"] if rest else []
    special = {*tokenizer.added_tokens_decoder, *tokenizer.all_special_ids}
    return (tokens[0] if tokens and tokens[0] in special else None), rest


def _mend_settings(model: Any, *, name: str) -> Iterator[str]:
    settings = getattr(model, "generation_config", None)
    if settings is None:
        return
    changes = []
    reason = _invalid(settings)
    if reason and not settings.do_sample:
        given = [field for field in _SAMPLING if f"`{field}`" in reason]
        if given:
            settings.do_sample = True
            changes.append(f"do_sample is now true, as {', '.join(given)} ask for")
            reason = _invalid(settings)
    for field in re.findall(r"- `(\w+)`:", reason):
        setattr(settings, field, None)
        changes.append(f"{field} is left out")
    if reason and (reason := _invalid(settings)):
        first = " ".join(reason.split())
        raise UserError(
            f"model {name}: its generation_config.json cannot be saved with the trained model: "
            f"{first}; mend it"
        )
    if changes:
        yield (
            f"model {name}: its generation_config.json is not valid; in the trained model "
            f"{'; '.join(changes)}"
        )


def _invalid(settings: Any) -> str:
    """Return why transformers would refuse to save these settings; "" if it would not."""
    try:
        settings.validate(strict=True)
    except (ValueError, TypeError) as error:
        return str(error) or type(error).__name__
    return ""


def _add_end_of_turn(model: Any, tokenizer: Any, *, name: str, adapter: bool) -> Iterator[str]:
    settings = getattr(model, "generation_config", None)
    declared = getattr(settings, "eos_token_id", None)
    ends = list(declared) if isinstance(declared, list | tuple) else [declared]
    ends = [end for end in ends if end is not None]
    token, text = end_of_turn(tokenizer)
    if token is None:
        why = (
            f"ends a reply with the text {text[:40]!r}" if text else "writes nothing after a reply"
        )
        stop = f"; give --stop {text.split()[0]!r} when it is sampled" if text else ""
        yield (f"model {name}: its chat template {why}, and no token ends one{stop}")
        return
    if settings is None or token in (tokenizer.eos_token_id, *ends):
        return
    word = tokenizer.convert_ids_to_tokens(token)
    if adapter:
        yield (
            f"model {name}: its chat template ends a reply with {word}, which is none of its end "
            "tokens; an adapter cannot add it: give it as --stop when you sample"
        )
        return
    own = [tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else []
    settings.eos_token_id = list(dict.fromkeys([token, *ends, *own]))
    yield (
        f"model {name}: its chat template ends a reply with {word}, which was none of its end "
        "tokens; the trained model's generation_config.json names it"
    )
