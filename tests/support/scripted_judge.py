"""What a scripted judge answers."""

import json
from collections.abc import Mapping
from typing import Any

from tests.support.fake_server import Reply, completion


def scored(score: object) -> Reply:
    return completion(json.dumps({"score": score}))


def reasoning(body: Mapping[str, Any], needs: int = 300, text: str = '{"score": 4}') -> Reply:
    """A judge that thinks, where nobody sees it, for so many tokens."""
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    if limit < needs:
        return completion(None, finish="length", usage=(9, limit))
    return completion(text, usage=(9, needs))
