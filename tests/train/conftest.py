"""Fixtures shared by the tests of the trainer."""

from tests.support.training import chats, tokenizer  # noqa: F401
