"""Turns messages into token ids, once for each prompt and the same way for every engine.

Engines get ids, never text: a template that writes BOS itself would otherwise get a second one.
"""

import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from sfr_eval.errors import UserError
from sfr_eval.models.rendering import rendered
from sfr_eval.models.templates import clock, reads_clock, template_hash
from sfr_eval.settings import TEMPLATE_DATE
from sfr_eval.types import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ASKED_TWICE = 2
_ASKED_OFTEN = 24  # of a template that draws: two choices agree by chance once in eight million


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """How messages become the text of a prompt. `template` None: the tokenizer's own."""

    template: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)  # --chat-template-kwargs
    date: str = TEMPLATE_DATE  # on the clock of templates that read it
    format: Literal["chat", "completion"] = "chat"
    system_role: Literal["error", "merge"] = "error"


class Prompter:
    """Applies the chat template of a tokenizer, or none, and checks the result."""

    def __init__(
        self,
        tokenizer: "PreTrainedTokenizerBase",
        *,
        name: str,
        rendering: Rendering | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self._name = name
        self._rendering = rendering = rendering or Rendering()
        self.template = ""  # the text in use; empty for completions
        if rendering.format == "chat":
            self.template = self._chosen_template(rendering.template)
            tokenizer.chat_template = self.template
            _check_variables(tokenizer, rendering.variables)
        self._ids: dict[tuple[Message, ...], list[int]] = {}
        self._tested = False

    @property
    def template_hash(self) -> str:
        """Hash of the template in use, for the manifest."""
        return template_hash(self.template) if self.template else "none"

    def token_ids(self, messages: tuple[Message, ...]) -> list[int]:
        """Return the ids of a prompt that ends where the assistant's turn begins."""
        self.prepare([messages])
        return self._ids[messages]

    def prepare(self, prompts: Iterable[tuple[Message, ...]]) -> None:
        """Render and tokenize prompts at once, which is faster than one by one."""
        new = [messages for messages in dict.fromkeys(prompts) if messages not in self._ids]
        for messages, text in zip(new, self._texts(new), strict=True):
            self._ids[messages] = self._encode(text)

    def prompt_hash(self, messages: tuple[Message, ...]) -> str:
        """Hash of a prompt's ids, by which another session knows whether it asks the same."""
        ids = ",".join(map(str, self.token_ids(messages)))
        return hashlib.sha256(ids.encode()).hexdigest()[:16]

    def render(self, messages: Sequence[Message], **variables: Any) -> str:
        """Return the text of a chat prompt; `variables` overrule those of the settings."""
        (text,) = self._rendered([messages], partial(self._render, **variables))
        return text

    def _render(self, messages: Sequence[Message], **variables: Any) -> str:
        """Render here, whatever it takes."""
        from jinja2 import TemplateError

        rendering = self._rendering
        turns = merged_turns(messages, merge=rendering.system_role == "merge")
        given = dict(clock(rendering.date)) if reads_clock(self.template) else {}
        given |= {**rendering.variables, **variables}
        try:
            text: str = self.tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=True, **given
            )
        except (
            *(TemplateError, TypeError, ValueError, ArithmeticError, AttributeError),
            *(LookupError, RecursionError),
        ) as error:
            raise UserError(
                f"--model {self._name}: its chat template refuses the messages "
                f"({' '.join(str(error).split())[:300]}); use --system-role merge, "
                "--chat-template FILE or --prompt-format completion"
            ) from None
        return text

    def _rendered(
        self, prompts: Sequence[Sequence[Message]], render: Callable[[Sequence[Message]], str]
    ) -> list[str]:
        return rendered(
            [partial(render, messages) for messages in prompts],
            sizes=[sum(len(message.content) for message in messages) for messages in prompts],
            name=f"--model {self._name}",
            remedy="give --chat-template FILE",
        )

    def _texts(self, prompts: Sequence[tuple[Message, ...]]) -> list[str]:
        if not prompts:
            return []
        if self._rendering.format == "completion":
            return ["\n\n".join(message.content for message in each) for each in prompts]
        if self._tested:
            return self._rendered(prompts, self._checked)
        first = self._rendered(prompts[:1], self._steady)
        self._tested = True
        return [*first, *self._texts(prompts[1:])]

    def _checked(self, messages: Sequence[Message]) -> str:
        """Render. Raises UserError if a message is lost."""
        text = self._render(messages)
        for message in messages:
            if not _occurs(message, text):
                role = message.role
                loss = "all personas would be one" if role == "system" else "it would not be read"
                raise UserError(
                    f"--model {self._name}: its chat template drops the {role} message, so "
                    f"{loss}; use --system-role merge or --chat-template FILE"
                )
        return text

    def _steady(self, messages: Sequence[Message]) -> str:
        """Render. Raises UserError if the template, asked again, writes another prompt."""
        text = self._render(messages)
        draws = "random" in self.template or "lipsum" in self.template
        for _ in range(_ASKED_OFTEN if draws else _ASKED_TWICE):
            if self._render(messages) != text:
                raise UserError(
                    f"--model {self._name}: its chat template writes another prompt each time, so "
                    "that replies to one prompt would answer several; give --chat-template FILE "
                    "without what it draws"
                )
        return self._checked(messages)

    def _encode(self, text: str) -> list[int]:
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

    def _chosen_template(self, given: str | None) -> str:
        template: Any = self.tokenizer.chat_template if given is None else given
        if isinstance(template, dict):
            if "default" not in template:
                raise UserError(
                    f"--model {self._name}: has chat templates {', '.join(sorted(template))} and "
                    "no default; give --chat-template FILE"
                )
            template = template["default"]
        if not template:
            raise UserError(
                f"--model {self._name}: its tokenizer has no chat template, as base models have "
                "none; give --prompt-format completion, or --chat-template FILE or MODEL"
            )
        return str(template)


def _check_variables(tokenizer: "PreTrainedTokenizerBase", given: Mapping[str, Any]) -> None:
    parameters = set(inspect.signature(tokenizer.apply_chat_template).parameters)
    ours = parameters - {"tools", "documents", "kwargs", "self"} | {"messages"}
    for name in sorted(ours & set(given)):
        raise UserError(f"--chat-template-kwargs: {name}: is not for templates to read; drop it")


def _occurs(message: Message, text: str) -> bool:
    """Return whether a prompt shows a message. Templates leave the thoughts of earlier turns
    out."""
    content = message.content
    if message.role == "assistant":
        content = content.rpartition("</think>")[2]
    return content.strip() in text


def merged_turns(messages: Sequence[Message], *, merge: bool) -> list[dict[str, str]]:
    """Return messages in the form of templates and servers. `merge` puts the system message into
    the first user turn, for models that have no system role."""
    turns = [{"role": str(message.role), "content": message.content} for message in messages]
    if not merge or turns[0]["role"] != "system":
        return turns
    system, user, *rest = turns
    return [{"role": "user", "content": f"{system['content']}\n\n{user['content']}"}, *rest]
