"""A teacher's replies as training chats: the prompt that the student will see, and the reply."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from sfr_eval.suites.suite import Suite
from sfr_eval.types import Sample


def teacher_chats(suite: Suite, replies: Sequence[Sample]) -> Iterator[dict[str, Any]]:
    """Yield a chat {messages} for each reply that ended by itself, under the line that only names
    the persona in a teacher suite, and as it was asked in any other.

    Replies that were cut off are left out: a model would learn to stop where the limit was.
    """
    if suite.has_teacher:
        suite = replace(suite, sees="name")
    prompts = {(p.query, p.persona): p.messages for p in suite.prompts()}
    for reply in replies:
        if reply.status == "ok" and reply.text.strip():
            turns = [(m.role, m.content) for m in prompts[reply.prompt_key]]
            turns.append(("assistant", reply.text))
            yield {"messages": [{"role": role, "content": text} for role, text in turns]}
