"""Turns messages into token ids, once for each prompt and the same way for every engine.

Engines get ids, never text: a template that writes BOS itself would otherwise get a second one.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sfr_eval.errors import UserError
from sfr_eval.types import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Prompter:
    """Applies the chat template of a tokenizer and checks the result."""

    def __init__(
        self,
        tokenizer: "PreTrainedTokenizerBase",
        *,
        name: str,
        system_role: str = "error",
        chat_template: Path | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self._name = name
        self._system_role = system_role
        if chat_template is not None:
            tokenizer.chat_template = read_template(chat_template)
        if not tokenizer.chat_template:
            raise UserError(
                f"--model {name}: its tokenizer has no chat template, and chat prompts need one; "
                "give --chat-template FILE (Jinja)"
            )
        self._ids: dict[tuple[Message, ...], list[int]] = {}

    @property
    def template_hash(self) -> str:
        """Hash of the template in use, for the manifest."""
        return hashlib.sha256(str(self.tokenizer.chat_template).encode()).hexdigest()[:16]

    def token_ids(self, messages: tuple[Message, ...]) -> list[int]:
        """Return the ids of a prompt that ends where the assistant's turn begins."""
        if messages not in self._ids:
            self._ids[messages] = self._render(messages)
        return self._ids[messages]

    def _render(self, messages: Sequence[Message]) -> list[int]:
        from jinja2 import TemplateError

        turns = merged_turns(messages, merge=self._system_role == "merge")
        try:
            text = self.tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=True
            )
        except (TemplateError, TypeError, ValueError) as error:
            raise UserError(
                f"--model {self._name}: its chat template refuses the messages ({error}); "
                "use --system-role merge or --chat-template FILE"
            ) from None
        for turn in turns:
            if turn["content"].strip() not in text:
                raise UserError(
                    f"--model {self._name}: its chat template drops the {turn['role']} message, "
                    "so all personas would be one; use --system-role merge or --chat-template FILE"
                )
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        bos = self.tokenizer.bos_token_id
        adds_bos = self.tokenizer("a")["input_ids"][:1] == [bos]
        if bos is not None and adds_bos and ids[:1] != [bos]:
            ids = [bos, *ids]
        if bos is not None and ids[:2] == [bos, bos]:
            raise UserError(
                f"--model {self._name}: its chat template writes the BOS token twice; correct "
                "the template or give --chat-template FILE"
            )
        return ids


def merged_turns(messages: Sequence[Message], *, merge: bool) -> list[dict[str, str]]:
    """Return messages in the form of templates and servers. `merge` puts the system message into
    the first user turn, for models that have no system role."""
    turns = [{"role": str(message.role), "content": message.content} for message in messages]
    if not merge or turns[0]["role"] != "system":
        return turns
    system, user, *rest = turns
    return [{"role": "user", "content": f"{system['content']}\n\n{user['content']}"}, *rest]


def read_template(file: Path) -> str:
    """Read a chat template from a file."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"--chat-template {file}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"--chat-template {file}: is not UTF-8 text (byte {error.start})") from None
