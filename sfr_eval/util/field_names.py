"""What the fields of rows that somebody else wrote may be called, once for all readers.

Where several fields of a row could be meant, each reader says which counts, or refuses the row.
"""

from collections.abc import Mapping
from typing import Any

CHATS = ("messages", "conversations", "conversation", "chat", "chat_history")
"""A whole chat, whose last turn may be the reply."""
PROMPTS = (
    *("prompt", "prompts", "question", "instruction", "instructions", "input", "inputs"),
    *("problem", *CHATS, "user", "user_prompt", "prompt_text"),
    *("question_content", "query_text", "request"),
)
REPLIES = (
    *("text", "texts", "reply", "replies", "response", "responses", "completion", "completions"),
    *("generation", "generations", "generated_text", "output", "outputs", "output_list", "answer"),
    *("model_output", "model_response", "model_answer", "prediction", "predictions", "resps"),
    *("choices", "assistant", "continuation", "continuations", "generated_code"),
    *("generated_codes", "generated_texts", "model_outputs", "samples"),
)
IDS = ("query_id", "task_id", "question_id", "prompt_id", "id", "uid")
PERSONAS = ("persona", "persona_id")
SYSTEMS = ("system", "system_prompt", "system_message")
CATEGORIES = ("category", "type", "subject", "topic", "difficulty", "level")
REFERENCES = ("references", "reference")
"""Replies of people or of another model, beside a prompt."""
ANSWERS = "answers"

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "model": "assistant",
    "bot": "assistant",
}
"""What the speakers of a chat may be called, in lower case."""


def role_of(name: str) -> str:
    """Return the role of a speaker; the name itself if it is not known."""
    return ROLES.get(name.strip().casefold(), name)


def system_of(row: Mapping[str, Any]) -> str:
    """Return the system message that stands beside a prompt; "" without one."""
    stated = (row.get(name) for name in SYSTEMS)
    return next((text for text in stated if isinstance(text, str) and text), "")


def is_alpaca(row: Mapping[str, Any]) -> bool:
    """Return whether a row is of Alpaca's form, whose other fields repeat these."""
    return "instruction" in row and ("output" in row or bool(row.get("input")))


def alpaca_question(instruction: str, extra: str | None) -> str:
    """Return what an Alpaca row asks: the input, if there is one, belongs to the instruction."""
    return f"{instruction}\n\n{extra}" if extra and extra.strip() else instruction
