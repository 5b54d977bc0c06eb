"""Whether a chat template renders what the chats hold beside the texts of their turns.

A template silently leaves out what it does not know: reasoning, tools, or an option with a typing
mistake. Each part is rendered once in a small chat and looked for in the text.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sfr_eval.errors import UserError, did_you_mean
from sfr_train.data.chat_texts import Refused, Turns, rendering_ended, texts_of

_SIGN = "zq7signzq7"
_ASK = {"role": "user", "content": "Is it?"}
_SAY = {"role": "assistant", "content": "Yes."}
_FUNCTION = {"name": _SIGN, "description": "", "parameters": {"type": "object", "properties": {}}}
_TOOL = {"type": "function", "function": _FUNCTION}
_CALL = {"type": "function", "id": "abcdefghi", "function": {"name": _SIGN, "arguments": {}}}
_OPTION = "chat_template_kwargs."
_UNCHECKED = {"name", "tool_call_id"}  # they tie turns together; many templates do not print them


def check_template(
    tokenizer: Any, *, parts: Mapping[str, str], options: Iterable[str], name: str
) -> None:
    """Raise UserError for a part of the chats that the template leaves out, or an option that it
    does not read. parts: of `Chat.parts`, each with the first place where it occurs."""
    template = str(tokenizer.chat_template)
    places = dict.fromkeys(options, "data.template")
    with rendering_ended():
        for part, where in parts.items():
            if part.startswith(_OPTION):
                places.setdefault(part.removeprefix(_OPTION), f"{where}: chat_template_kwargs")
            elif part not in _UNCHECKED and not _renders(tokenizer, part):
                raise UserError(
                    f"{where}: has {part}, which the chat template of model {name} leaves out; "
                    "take it out of the rows, or set training.chat_template_path"
                )
    for option, place in places.items():
        if not re.search(rf"\b{re.escape(option)}\b", template):
            names = sorted(set(re.findall(r"\b[a-z]\w+_\w+\b", template)))
            raise UserError(
                f"{place}: {option}: the chat template of model {name} has no such option; "
                f"{did_you_mean(option, names)}"
            )


def _renders(tokenizer: Any, part: str) -> bool:
    turns: list[dict[str, Any]] = [_ASK, _SAY]
    tools = [_TOOL] if part == "tools" else None
    if part == "tool_calls":
        turns = [_ASK, {"role": "assistant", "content": "", "tool_calls": [_CALL]}]
    elif part == "tool":
        answer = {"role": "tool", "name": "f", "tool_call_id": "abcdefghi", "content": _SIGN}
        call = {**_CALL, "function": {"name": "f", "arguments": {}}}
        turns = [_ASK, {"role": "assistant", "content": "", "tool_calls": [call]}, answer]
    elif part != "tools":
        turns = [_ASK, {**_SAY, part: _SIGN}]
    try:
        (text,) = texts_of(tokenizer, [Turns(turns=turns, options={"tools": tools})])
    except Refused:
        return False
    return _SIGN in text
