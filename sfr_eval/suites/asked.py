"""What of a row of a queries file is asked, and what only says how replies are measured.

A mended answer, law or category must not throw the draws away, since the model has not seen it.
"""

import hashlib
import json
from collections.abc import Iterable

from sfr_eval.suites.spec import QueryRow

MEASURED = ("category", "references", "answers", "law", "aliases", "near_misses")


def asked_part(line: bytes) -> bytes:
    """Return a line without what is only measured; as it is, if it has none of that or is not a
    JSON object."""
    try:
        row = json.loads(line)
    except ValueError:
        return line
    if not isinstance(row, dict) or not set(MEASURED) & set(row):
        return line
    rest = {name: value for name, value in row.items() if name not in MEASURED}
    return json.dumps(rest, sort_keys=True).encode()


def answers_digest(rows: Iterable[QueryRow]) -> str:
    """Return a digest of the answers, laws and spellings of rows: measures of two runs are
    comparable only if it is the same."""
    fields = {"id", "answers", "law", "aliases", "near_misses"}
    text = "\n".join(row.model_dump_json(include=fields) for row in rows if row.answers)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
