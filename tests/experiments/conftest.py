"""Fixtures shared by the tests of the experiments."""

from tests.support.training import chats, tokenizer  # noqa: F401
