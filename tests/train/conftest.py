"""Shared by the tests of the trainer."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # the helpers are a module of this folder

from conftest_train import chats, encoder, tokenizer  # noqa: F401
