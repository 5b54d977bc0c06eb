"""Chat templates as text: where they come from, what they read, and what identifies them.

Nothing here loads a tokenizer: a run is identified, and resumed, without one.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.models.checkpoint import find_folder
from sfr_eval.models.fingerprint import read_json_object
from sfr_eval.util.untrusted import plain_text

FILES = ("tokenizer_config.json", "chat_template.jinja", "adapter_config.json", "config.json")
"""What is downloaded of a Hub model whose template alone is wanted."""

_SUFFIXES = frozenset({".jinja", ".jinja2", ".j2", ".txt", ".json"})
_GIVEN = frozenset({"messages", "add_generation_prompt", "tools", "documents"})
_OUR_CLOCK = "strftime_now"


def template_hash(text: str) -> str:
    """Hash of a template. A newline at its end is not part of it: Jinja drops it."""
    return hashlib.sha256(text.removesuffix("\n").encode()).hexdigest()[:16]


def own_template(folder: Path) -> str | None:
    """Return the template that the tokenizer in this folder would use; None if it has none."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return _read(file)
    config = folder / "tokenizer_config.json"
    found = read_json_object(config).get("chat_template") if config.is_file() else None
    if isinstance(found, list):  # several, by name
        named = [entry for entry in found if isinstance(entry, Mapping)]
        defaults = [entry.get("template") for entry in named if entry.get("name") == "default"]
        found = defaults[-1] if defaults else None
    return found if isinstance(found, str) and found else None


def read_template(source: str) -> str:
    """Return the template that --chat-template names: a Jinja file, or a model whose own it is."""
    path = Path(source).expanduser()
    if path.is_file():
        return _read(path)
    looks_local = path.suffix in _SUFFIXES or source.startswith((".", "/", "~"))
    if looks_local and not path.exists():
        raise UserError(f"--chat-template {source}: cannot be read (No such file or directory)")
    try:
        folder = find_folder(source, only=FILES)
        base = None
        if own_template(folder) is None and (folder / "adapter_config.json").is_file():
            base = read_json_object(folder / "adapter_config.json").get("base_model_name_or_path")
        if isinstance(base, str):
            folder = find_folder(base, only=FILES)
    except UserError as error:
        raise UserError(str(error).replace("--model", "--chat-template", 1)) from None
    template = own_template(folder)
    if template is None:
        raise UserError(
            f"--chat-template {source}: that model has no chat template; name a Jinja file, or a "
            "model that has one"
        )
    return template


def reads_clock(template: str) -> bool:
    """Return whether a template writes the date or the time into the prompt."""
    return _OUR_CLOCK in template


def clock(date: str) -> Mapping[str, Any]:
    """Return what stops the clock of a template: noon of this day, whenever it is rendered."""
    noon = datetime.fromisoformat(date).replace(hour=12)
    return {_OUR_CLOCK: noon.strftime}


def variables(template: str) -> frozenset[str] | None:
    """Return the names of the values that a template reads and a caller may set, such as
    `enable_thinking`; None if it cannot be parsed here."""
    from jinja2 import TemplateError, meta, nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.parser import Parser
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """Reads transformers' `generation` block, which marks the assistant's tokens."""

        tags = {"generation"}  # noqa: RUF012 (as the base class declares it)

        def parse(self, parser: Parser) -> list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    environment = ImmutableSandboxedEnvironment(extensions=[Generation, loopcontrols])
    try:
        names = meta.find_undeclared_variables(environment.parse(template))
    except TemplateError:
        return None
    known = {*_GIVEN, *environment.globals, "raise_exception", _OUR_CLOCK}
    return frozenset(name for name in names - known if not name.endswith("_token"))


def _read(file: Path) -> str:
    try:
        return plain_text(file)
    except OSError as error:
        raise UserError(f"--chat-template {file}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"--chat-template {file}: is not UTF-8 text (byte {error.start})") from None
