"""What the doctor finds."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "missing"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's table. `missing` ends a run that needs it; `note` does not."""

    what: str
    state: State
    found: str
    remedy: str = ""
