"""The base of everything that a recipe may set."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Immutable settings, in which an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
