"""The command that makes a run again, written from the settings that its manifest has."""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from sfr_eval.config import FIELDS, RunConfig, with_preset
from sfr_eval.errors import UserError
from sfr_eval.settings import OUTPUT
from sfr_eval.store.manifest import Manifest


def run_command(manifest: Manifest) -> str:
    """Return the command with every setting that is not as it is by default; "" where the manifest
    does not say whose replies these are. Where results go (--output, --track) is left out: that is
    the machine's and not the run's."""
    if manifest.imported is not None:
        return shlex.join(_score_words(manifest))
    settings = manifest.config.stored()
    if not settings.get("model"):
        return ""
    return shlex.join(("sfr-eval", "run", *_options(settings, _defaults(settings))))


def _score_words(manifest: Manifest) -> Iterator[str]:
    """Yield the words of the command that imported the generations and measured them."""
    assert manifest.imported is not None
    yield from ("sfr-eval", "score", *manifest.imported.files)
    for option, field in manifest.imported.fields.items():
        yield from (option, field)
    settings = manifest.config.stored()
    yield from _options(settings, _defaults(settings))


def _defaults(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what settings have that nobody gives, those of the run's preset included."""
    given: dict[str, Any] = {"model": "", "preset": settings.get("preset")}
    try:
        with_preset(given)
        return {**RunConfig.model_validate(given).flat(), "model": None, "preset": None}
    except UserError:  # a preset that this version does not have: every setting is written
        return {**RunConfig(model="").flat(), "model": None, "preset": None}


def _options(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[str]:
    first = ("model", "suite", "prompts")
    for name in (*first, *(name for name in FIELDS if name not in first)):
        field, kind = FIELDS[name]
        extra: Any = field.json_schema_extra
        value = settings.get(name)
        if value is None or value == defaults[name] or (extra["group"] or kind.group) == OUTPUT:
            continue
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            yield option if value else option.replace("--", "--no-", 1)
        elif isinstance(value, list | tuple) and extra["whole"]:
            for item in value:
                yield from (option, str(item))
        else:
            yield from (option, _text(value))


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    if isinstance(value, Mapping):
        return json.dumps(value)
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value)
