"""Published protocols: `presets/*.yaml`, each with its source and what that does not say.

A preset is a set of settings of a run, below everything that the user sets and above the suite's.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.util.assets import available
from sfr_eval.util.reading import read_model, read_yaml_mapping


class Preset(BaseModel):
    """A protocol as it was published. `settings` are those of a run, by their names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    source: str = Field(description="where the fields below can be read")
    date: str = Field(description="of that source")
    settings: Mapping[str, Any]
    unknown: tuple[str, ...] = Field((), description="settings that the source does not state")
    notes: tuple[str, ...] = Field((), description="what a run with it does differently")


def find_preset(name: str) -> Preset:
    """Return a preset by name. Raises UserError if there is none."""
    files = available("presets")
    if name not in files:
        raise UserError(f"--preset {name}: unknown; {did_you_mean(name, files)}")
    return read_preset(files[name])


def read_preset(file: Path) -> Preset:
    """Read a preset's file. Raises UserError that names file and field."""
    return read_model(Preset, read_yaml_mapping(file), where=str(file))


def preset_line(file: Path) -> str:
    """Return a preset in one line: what it is, its settings, what its source does not say."""
    preset = read_preset(file)
    values = ", ".join(f"{name} {_written(value)}" for name, value in preset.settings.items())
    unknown = f"; not stated: {', '.join(preset.unknown)}" if preset.unknown else ""
    return f"{preset.title}: {values}{unknown} ({preset.source})"


def _written(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
