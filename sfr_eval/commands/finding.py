"""What the doctor finds."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the doctor's table. `missing` ends a run that needs it; `note` does not."""

    what: str
    state: Literal["ok", "note", "missing"]
    found: str
    remedy: str = ""
