"""The settings of a run that code suites read: which problems to ask, and how."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from sfr_eval.errors import UserError


@dataclass(frozen=True, kw_only=True)
class CodeOptions:
    """None takes the suite's default. With more than one suite, a value may be written
    `suite=value,suite=value`; without the name of a suite it applies to all."""

    data: str | None = None  # JSONL file instead of the Hub; `small`: the bundled set
    release: str | None = None  # mbpp: full, sanitized; livecodebench: release_v1 .. release_v6
    window: str | None = None  # livecodebench: first:last day or month of the contest
    prompt_form: str | None = None  # mbpp: chat, few-shot; humaneval: chat, completion

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "CodeOptions":
        """Read the options from the fields of a RunConfig or of a manifest's `config`."""
        return cls(**{f.name: config.get(f.name) for f in fields(cls)})

    def given(self) -> dict[str, str]:
        """Return the options that are set."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def for_suite(self, suite: str) -> "CodeOptions":
        """Return the options that apply to one suite."""
        return replace(self, **{name: _part(text, suite) for name, text in self.given().items()})

    def refuse_all_but(self, names: Iterable[str], *, suite: str) -> None:
        """Raise UserError for a setting that this suite does not use."""
        for name in self.given():
            if name not in set(names):
                option = f"--{name.replace('_', '-')}"
                raise UserError(f"{option} {self.given()[name]}: suite {suite} has no {name}")


def _part(text: str, suite: str) -> str | None:
    if "=" not in text:
        return text
    parts = dict(part.partition("=")[::2] for part in text.split(","))
    return parts.get(suite)
