"""Which problems of a code suite are asked, and how: the settings of a run that suites read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from sfr_eval.errors import UserError


@dataclass(frozen=True, kw_only=True)
class CodeOptions:
    """Each None takes the suite's default. With more than one suite a value may be written
    `suite=value,suite=value`; without a suite's name it holds for all of them."""

    data: str | None = None  # JSONL file instead of the Hub; `small`: the set that ships
    release: str | None = None  # mbpp: full, sanitized; livecodebench: release_v1 .. release_v6
    window: str | None = None  # livecodebench: first:last day or month of the contest
    prompt_form: str | None = None  # mbpp: chat, few-shot; humaneval: chat, completion

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "CodeOptions":
        """From a RunConfig's fields or from a manifest's `config`."""
        return cls(**{f.name: config.get(f.name) for f in fields(cls)})

    def given(self) -> dict[str, str]:
        """Those that are set."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def for_suite(self, suite: str) -> "CodeOptions":
        """What holds for one suite."""
        return replace(self, **{name: _part(text, suite) for name, text in self.given().items()})

    def refuse_all_but(self, known: Iterable[str], *, suite: str) -> None:
        """UserError for a setting that this suite has no use for."""
        for name in self.given():
            if name not in set(known):
                option = f"--{name.replace('_', '-')}"
                raise UserError(f"{option} {self.given()[name]}: suite {suite} has no {name}")


def _part(text: str, suite: str) -> str | None:
    if "=" not in text:
        return text
    parts = dict(part.partition("=")[::2] for part in text.split(","))
    return parts.get(suite)
