"""How far a checkpoint was trained: its step, and the training that it belongs to.

The first that knows the step says it: what the user states (`--step PATTERN=N`), a regular
expression of the user's (`--step-regex`), the manifest, the Trainer's trainer_state.json beside
the weights, the name of the run folder, the name of the model.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.store.manifest import Manifest
from sfr_eval.util.untrusted import open_plain

TRAINER_STATE = "trainer_state.json"

_NAMED = re.compile(
    r"(?<![a-z0-9])(?:epoch[=_-]?\d+[-_,])?"
    r"(?:global[_-]?steps?|checkpoint|ckpt|steps?|iterations?|iters?)[=_-]?"
    r"0*(\d+)([km]?)(?![a-z0-9.])",
    re.IGNORECASE,
)
"""checkpoint-500, step_1000, global_step400, iter-0002000, epoch=3-step=1200, step-10k; not
step1.5 or step-7b."""
_FACTOR = {"": 1, "k": 1_000, "m": 1_000_000}
_STATE_STEP = re.compile(rb'"global_step":\s*(\d{1,15})\b')
_STATE_BYTES = 2**16  # the Trainer writes its keys sorted, the long log after global_step
_EDGES = "/ -_=@.,:"


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of a training. Runs with the same series are checkpoints of one training."""

    number: int
    series: str


@dataclass(frozen=True, kw_only=True)
class StepRules:
    """What a user says of steps."""

    stated: tuple[tuple[str, int], ...] = ()  # pattern of a folder or model, step
    regex: re.Pattern[str] | None = None  # its first group is the step

    @classmethod
    def parse(cls, stated: Sequence[str] = (), regex: str | None = None) -> "StepRules":
        """Read `--step base=0` and `--step-regex 'tokens-(\\d+)B'`. Raises UserError."""
        pairs = []
        for text in stated:
            pattern, equals, number = text.rpartition("=")
            if not equals or not pattern or not re.fullmatch(r"\d{1,15}", number):
                raise UserError(f"--step {text}: not PATTERN=N, such as --step 'base*=0'")
            pairs.append((pattern, int(number)))
        if regex is None:
            return cls(stated=tuple(pairs))
        try:
            compiled = re.compile(regex)
        except re.error as error:
            raise UserError(f"--step-regex {regex}: {error}") from None
        if compiled.groups < 1:
            raise UserError(f"--step-regex {regex}: has no group; write step(\\d+)")
        return cls(stated=tuple(pairs), regex=compiled)

    def step_of(self, place: str, manifest: Manifest) -> Step | None:
        """Return the step of a run at `place`, its folder seen from the root of the index; None if
        nothing says it."""
        model = manifest.config.model or manifest.model.folder or manifest.name
        names = (place, model, manifest.name)
        above = place.rpartition("/")[0] or _training(model)
        for pattern, number in self.stated:
            if any(_fits(name, pattern) for name in names):
                return Step(number=number, series=above)
        if self.regex is not None:
            for name in names:
                if found := self.regex.search(name):
                    digits = found[1] or ""
                    if re.fullmatch(r"\d{1,15}", digits):
                        return Step(number=int(digits), series=_without(name, found) or above)
        trained = _recorded(manifest)
        if trained is None:
            trained = _trainer_step(manifest.model.folder or manifest.config.model)
        by_name = next((step for step in map(named_step, names) if step), None)
        if trained is not None:
            return Step(number=trained, series=by_name.series if by_name else above)
        if by_name is not None and not by_name.series:
            return Step(number=by_name.number, series=_training(model))
        return by_name


def named_step(name: str) -> Step | None:
    """Return the step that a name tells, by its last part that looks like one; the series is the
    rest of the name."""
    matches = list(_NAMED.finditer(name))
    if not matches:
        return None
    last = matches[-1]
    number = int(last[1]) * _FACTOR[last[2].lower()]
    return Step(number=number, series=_without(name, last))


def _without(name: str, match: "re.Match[str]") -> str:
    before, after = name[: match.start()].rstrip(_EDGES), name[match.end() :].lstrip(_EDGES)
    return "/".join(filter(None, (before, after)))


def _training(model: str) -> str:
    """Return the name of a training from that of its model: `sft` of ckpt/sft/checkpoint-100."""
    step = named_step(model)
    return (step.series if step and step.series else model).rstrip("/").rpartition("/")[2]


def _fits(name: str, pattern: str) -> bool:
    """Whether a pattern names the whole, or its last part."""
    return fnmatch(name, pattern) or fnmatch(name.rstrip("/").rpartition("/")[2], pattern)


def _recorded(manifest: Manifest) -> int | None:
    """Return the step that the manifest itself states, as imports may."""
    for part in (manifest.model, manifest):
        extra: dict[str, Any] = part.model_extra or {}
        for key in ("step", "global_step"):
            if isinstance(extra.get(key), int) and not isinstance(extra[key], bool):
                return max(0, int(extra[key]))
    return None


def _trainer_step(folder: str | None) -> int | None:
    """Return global_step of the Trainer's state beside the weights; None without one."""
    if not folder or "\0" in folder:
        return None
    file = Path(folder) / TRAINER_STATE
    try:
        if not file.is_file():
            return None
        with open_plain(file) as stream:
            found = _STATE_STEP.search(stream.read(_STATE_BYTES))
    except OSError:
        return None
    return int(found[1]) if found else None
